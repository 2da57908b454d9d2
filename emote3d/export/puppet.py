"""What the formats with a skeleton share: a mesh with bones and face shapes, and the motion that drives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, UInt8
from numpy import ndarray
from torch import Tensor

from emote3d.body import BodyModel
from emote3d.errors import Emote3DError
from emote3d.export.morphs import BOUNDED_BASES, choose_shapes, fit_weights
from emote3d.export.registry import Export
from emote3d.names import SMPLX_JOINTS
from emote3d.posing import check_motion, joint_rotations
from emote3d.records import Motion, Surface
from emote3d.render.geometry import prepare, vertex_normals
from emote3d.rotations import matrix_to_quaternion
from emote3d.timeline import by_stretches
from emote3d.visemes import viseme_recipes

STILL_M = 2e-6
"""A face shape leaves out vertices that it moves less."""
STILL_NORMAL = 2e-3
INFLUENCES = 8
"""Bones that may carry a vertex; the open avatar has no vertex with more."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A face shape at full strength: what it adds to the vertices that it moves."""

    name: str
    verts: Int32[ndarray, " moved"]
    """Rising vertex indices."""
    offsets_m: Float32[ndarray, "moved 3"]
    normal_offsets: Float32[ndarray, "moved 3"]


@dataclass(frozen=True, kw_only=True)
class Puppet:
    """A rigged mesh with its motion. Metres, +y up; the rest pose is the model's own (T-pose)."""

    surface: Surface
    vertices_m: Float32[ndarray, "verts 3"]
    normals: Float32[ndarray, "verts 3"]
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    joints_m: Float32[ndarray, "joints 3"]
    """Joints of the rest pose."""
    skin_joints: UInt8[ndarray, "verts influences"]
    """The bones that carry each vertex, the heaviest first."""
    skin_weights: Float32[ndarray, "verts influences"]
    """Their shares; each row adds up to 1."""
    shapes: tuple[Shape, ...]
    shape_weights: Float32[ndarray, "frames shapes"]
    rotations_wxyz: Float32[ndarray, "frames joints 4"]
    """Local rotation of each joint; neighbouring frames lie on one half of the sphere."""
    translation_m: Float32[ndarray, "frames 3"]
    """Displacement of the root."""
    fps: float
    licence: str

    @property
    def times_s(self) -> Float32[ndarray, " frames"]:
        """When each frame is shown."""
        return (np.arange(len(self.rotations_wxyz)) / self.fps).astype(np.float32)

    @property
    def bones_m(self) -> Float32[ndarray, "joints 3"]:
        """Each joint of the rest pose relative to its parent; the root relative to the origin."""
        return bones_of(self.joints_m, self.parents)


def bones_of(joints_m: Float32[ndarray, "joints 3"], parents: tuple[int, ...]) -> Float32[ndarray, "joints 3"]:
    """Each joint relative to its parent; the root relative to the origin."""
    above = np.array(parents)
    return joints_m - np.where(above[:, None] < 0, 0, joints_m[above]).astype(np.float32)


def build_puppet(job: Export) -> Puppet:
    """Take a body model and a motion apart into what a game engine animates.

    Pose correctives of SMPL-X files, and the little that their expressions move joints, have no place there.

    Raises:
        Emote3DError: the motion does not fit the avatar.
    """
    avatar, motion = job.avatar, job.played
    check_motion(motion, avatar.basis, len(avatar.expression_names))
    chosen, weights = kept_shapes(avatar, motion, job.options.morphs)
    vertices_m = np.ascontiguousarray(avatar.template_m.T.numpy(), np.float32)
    geometry = prepare(avatar.surface)
    normals = vertex_normals(vertices_m, geometry.faces, geometry.first_incidence, geometry.incident_faces)
    joints, shares = _influences(avatar)
    dirs = _wanted_dirs(avatar, chosen, job.options.visemes)
    return Puppet(
        surface=avatar.surface,
        vertices_m=vertices_m,
        normals=_unit(normals),
        joint_names=avatar.joint_names,
        parents=avatar.parents,
        joints_m=avatar.joints_m.numpy().astype(np.float32),
        skin_joints=joints,
        skin_weights=shares,
        shapes=_shapes(avatar, dirs, vertices_m, normals),
        shape_weights=np.pad(weights, ((0, 0), (0, len(dirs) - len(chosen)))),
        rotations_wxyz=local_rotations(avatar, motion),
        translation_m=root_moves(avatar, motion),
        fps=motion.fps,
        licence=avatar.licence,
    )


def _unit(normals: Float32[ndarray, "verts 3"]) -> Float32[ndarray, "verts 3"]:
    """Vertices of no face, or of faces without area, look up."""
    lost = np.linalg.norm(normals, axis=1) < 0.5
    return np.where(lost[:, None], np.array([0, 1, 0], np.float32), normals)


def kept_shapes(avatar: BodyModel, motion: Motion, limit: int) -> tuple[list[int], Float32[ndarray, "frames shapes"]]:
    """Which of an avatar's face shapes are kept (index, rising), and their weights per frame."""
    wanted = np.zeros((motion.frames, len(avatar.expression_names)), np.float32)
    if motion.face is not None:
        wanted[:, : motion.face.expression.shape[1]] = motion.face.expression.numpy()
    if wanted.shape[1] <= limit:
        return list(range(wanted.shape[1])), wanted
    flat = avatar.expression_dirs.flatten(1)
    gram = (flat @ flat.T).double().numpy()
    chosen = choose_shapes(gram, wanted, limit)
    return chosen, fit_weights(gram, wanted, chosen, bounded=avatar.basis in BOUNDED_BASES)


def _wanted_dirs(avatar: BodyModel, chosen: list[int], visemes: bool) -> dict[str, Float[Tensor, "3 moving_verts"]]:
    """What each shape of the puppet adds: the chosen ones, and the Oculus visemes mixed from ARKit's."""
    dirs = {avatar.expression_names[index]: avatar.expression_dirs[index] for index in chosen}
    if not visemes:
        return dirs
    if avatar.basis != "arkit52":
        raise Emote3DError(f"expected an avatar with ARKit shapes for --visemes; this one has {avatar.basis}")
    for viseme, recipe in viseme_recipes().items():
        mixed = torch.zeros_like(avatar.expression_dirs[0])
        for name, weight in recipe.items():
            mixed += weight * avatar.expression_dirs[avatar.expression_names.index(name)]
        dirs[f"viseme_{viseme}"] = mixed
    return dirs


def _shapes(
    avatar: BodyModel,
    dirs: dict[str, Float[Tensor, "3 moving_verts"]],
    vertices_m: Float32[ndarray, "verts 3"],
    normals: Float32[ndarray, "verts 3"],
) -> tuple[Shape, ...]:
    geometry = prepare(avatar.surface)
    moving = avatar.moving_verts.numpy()
    shapes = []
    for name, added in dirs.items():
        offsets_m = np.zeros_like(vertices_m)
        offsets_m[moving] = added.T.numpy()
        turned = vertex_normals(
            vertices_m + offsets_m, geometry.faces, geometry.first_incidence, geometry.incident_faces
        )
        normal_offsets = turned - normals
        changed = (np.abs(offsets_m).max(1) > STILL_M) | (np.abs(normal_offsets).max(1) > STILL_NORMAL)
        verts = np.flatnonzero(changed).astype(np.int32)
        shapes.append(Shape(name=name, verts=verts, offsets_m=offsets_m[verts], normal_offsets=normal_offsets[verts]))
    return tuple(shapes)


def _influences(avatar: BodyModel) -> tuple[UInt8[ndarray, "verts influences"], Float32[ndarray, "verts influences"]]:
    dense = avatar.skin_weights.T.numpy()
    count = min(INFLUENCES, dense.shape[1])
    order = np.argsort(-dense, axis=1, kind="stable")[:, :count]
    shares = np.take_along_axis(dense, order, 1).clip(min=0)
    joints = np.where(shares > 0, avatar.skin_joints.numpy()[order], 0)
    padding = ((0, 0), (0, INFLUENCES - count))
    shares = shares / shares.sum(1, keepdims=True)
    return np.pad(joints.astype(np.uint8), padding), np.pad(shares.astype(np.float32), padding)


def local_rotations(avatar: BodyModel, motion: Motion) -> Float32[ndarray, "frames joints 4"]:
    """Local rotation of each joint as wxyz; neighbouring frames lie on one half of the sphere."""
    wxyz = by_stretches(
        motion, lambda part: matrix_to_quaternion(joint_rotations(part, avatar.still, avatar.pose_offset))
    ).numpy()
    flips = np.where((wxyz[1:] * wxyz[:-1]).sum(-1) < 0, -1.0, 1.0)
    signs = np.concatenate([np.where(wxyz[:1, :, 0] < 0, -1.0, 1.0), flips]).cumprod(0)
    return (wxyz * signs[..., None]).astype(np.float32)


def root_moves(avatar: BodyModel, motion: Motion) -> Float32[ndarray, "frames 3"]:
    """Displacement of the root, metres; none where a motion has no body."""
    if motion.body is None or len(avatar.joint_names) != len(SMPLX_JOINTS):
        return np.zeros((motion.frames, 3), np.float32)
    return motion.body.translation_m.to(torch.float32).numpy()
