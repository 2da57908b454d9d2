"""Turns the bones of anyone's skeleton as a motion turns the joints of SMPL-X, whatever their rest pose and axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.transform import Rotation

from emote3d.body import open_avatar
from emote3d.names import SMPLX_JOINTS
from emote3d.posing import joint_rotations
from emote3d.records import Motion

_HEAD = ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")
_STRAIGHT = ("pelvis", "spine1", "spine2", "spine3", *_HEAD, "left_foot", "right_foot", "left_ankle", "right_ankle")
"""Joints that are taken as they rest; all others are first laid along SMPL-X's T-pose."""


@dataclass(frozen=True)
class Skeleton:
    """The nodes of a file and which of them follow which joint."""

    parents: Sequence[int]
    local: Float[ndarray, "nodes 4 4"]
    """Rest matrix of each node relative to its parent."""
    turns: Float[ndarray, "nodes 3 3"]
    """Its axes' directions alone (`GlbFile.turn`)."""
    mirrors: Float[ndarray, "nodes 3"]
    """-1 for the axes that a node's own scale turns round."""
    joints: Mapping[int, str]
    """SMPL-X joint of a node."""

    @cached_property
    def order(self) -> list[int]:
        """Nodes, parents before children."""
        depth = [0] * len(self.parents)
        for node in range(len(self.parents)):
            above = self.parents[node]
            while above >= 0 and depth[node] <= len(self.parents):
                depth[node] += 1
                above = self.parents[above]
        return sorted(range(len(self.parents)), key=lambda node: depth[node])

    @cached_property
    def world(self) -> Float[ndarray, "nodes 4 4"]:
        """Rest matrix of each node in the file's world."""
        world = self.local.copy()
        for node in self.order:
            if self.parents[node] >= 0:
                world[node] = world[self.parents[node]] @ self.local[node]
        return world

    def rest_turns(self) -> Float[ndarray, "nodes 3 3"]:
        """Rest directions of each node's axes in the world."""
        turns = self.turns.copy()
        for node in self.order:
            if self.parents[node] >= 0:
                turns[node] = turns[self.parents[node]] @ self.turns[node]
        return turns


def animate_bones(skeleton: Skeleton, motion: Motion) -> dict[int, Float[ndarray, "frames 4"]]:
    """Local rotations (xyzw) of the nodes that follow a joint; without a body, neck, head, eyes and jaw alone move."""
    chosen = {node: joint for node, joint in skeleton.joints.items() if motion.body is not None or joint in _HEAD}
    if not chosen:
        return {}
    turned = _joint_turns(motion)
    rest, laid = skeleton.rest_turns(), {}
    if motion.body is not None:
        laid = _corrections(skeleton)
    current: dict[int, ndarray] = {}
    found: dict[int, ndarray] = {}
    frames = motion.frames
    for node in skeleton.order:
        parent = skeleton.parents[node]
        above_rest = rest[parent] if parent >= 0 else np.eye(3)
        above = current[parent] if parent >= 0 else np.broadcast_to(np.eye(3), (frames, 3, 3))
        if node in chosen:
            current[node] = turned[:, SMPLX_JOINTS.index(chosen[node])] @ laid.get(node, np.eye(3)) @ rest[node]
            local = above.transpose(0, 2, 1) @ current[node] * skeleton.mirrors[node]
            found[node] = _steady(Rotation.from_matrix(local).as_quat())
        else:
            current[node] = above @ above_rest.T @ rest[node]
    return found


def hip_positions(skeleton: Skeleton, motion: Motion) -> tuple[int, Float[ndarray, "frames 3"]] | None:
    """The node of the pelvis and its local translation, scaled to the skeleton's size; None without body or pelvis."""
    node = next((node for node, joint in skeleton.joints.items() if joint == "pelvis"), None)
    if node is None or motion.body is None:
        return None
    feet = [n for n, joint in skeleton.joints.items() if joint in ("left_ankle", "right_ankle")]
    avatar = open_avatar()
    own = float(
        avatar.joints_m[0, 1] - avatar.joints_m[[SMPLX_JOINTS.index(f"{s}_ankle") for s in ("left", "right")], 1].mean()
    )
    size = skeleton.world[node, 1, 3] - np.mean([skeleton.world[foot, 1, 3] for foot in feet]) if feet else own
    moved = motion.body.translation_m.double().numpy() * (size / own)
    parent = skeleton.parents[node]
    into = np.linalg.pinv(skeleton.world[parent][:3, :3]) if parent >= 0 else np.eye(3)
    return node, skeleton.local[node][:3, 3] + moved @ into.T


def _joint_turns(motion: Motion) -> Float[ndarray, "frames 55 3 3"]:
    """Rotation of each joint in the world relative to the T-pose; the jaw follows the motion's own jaw rotation."""
    zeros = torch.zeros(len(SMPLX_JOINTS), 3)
    local = joint_rotations(motion, zeros, zeros).double().numpy()
    if motion.face is not None:
        jaw = Rotation.from_rotvec(motion.face.jaw_axis_angle.double().numpy())
        local[:, SMPLX_JOINTS.index("jaw")] = jaw.as_matrix()
    world = local.copy()
    for joint, parent in enumerate(open_avatar().parents):
        if parent >= 0:
            world[:, joint] = world[:, parent] @ local[:, joint]
    return world


def _corrections(skeleton: Skeleton) -> dict[int, Float[ndarray, "3 3"]]:
    """Turns that lay the rig's limbs along those of SMPL-X's T-pose, so that an A-pose rig lifts its arms first."""
    avatar = open_avatar()
    rest_m = avatar.joints_m.double().numpy()
    place = {joint: node for node, joint in skeleton.joints.items()}
    laid: dict[int, ndarray] = {}
    for node, joint in skeleton.joints.items():
        index = SMPLX_JOINTS.index(joint)
        children = [
            child for child, parent in enumerate(avatar.parents) if parent == index and SMPLX_JOINTS[child] in place
        ]
        if joint in _STRAIGHT or not children:
            continue
        middle = [child for child in children if "middle" in SMPLX_JOINTS[child]]
        child = (middle or children)[0]
        own = rest_m[child] - rest_m[index]
        theirs = skeleton.world[place[SMPLX_JOINTS[child]], :3, 3] - skeleton.world[node, :3, 3]
        if min(np.linalg.norm(own), np.linalg.norm(theirs)) > 1e-6:
            laid[node] = _between(theirs, own)
    for node, joint in skeleton.joints.items():  # ends of chains go with the bone above
        if node not in laid and joint not in _STRAIGHT:
            above = avatar.parents[SMPLX_JOINTS.index(joint)]
            laid[node] = laid.get(place.get(SMPLX_JOINTS[above], -1), np.eye(3))
    return laid


def _between(start: Float[ndarray, "3"], end: Float[ndarray, "3"]) -> Float[ndarray, "3 3"]:
    """The smallest rotation from one direction to another."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, a @ b)).as_matrix()


def _steady(xyzw: Float[ndarray, "frames 4"]) -> Float[ndarray, "frames 4"]:
    """Signs that do not flip from frame to frame."""
    flips = np.sign((xyzw[1:] * xyzw[:-1]).sum(axis=1))
    xyzw[1:] *= np.where(flips == 0, 1, flips).cumprod()[:, None]
    return xyzw
