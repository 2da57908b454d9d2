"""MakeHuman's 163 bones as SMPL-X's 55 joints: positions, skinning weights, T-pose."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from avatar.source import Floats, Source

PARENTS = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15, 20, 25, 26, 20, 28, 29, 20, 31, 32,
    20, 34, 35, 20, 37, 38, 21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53,
)  # fmt: skip
"""Parent of each SMPL-X joint (kintree_table)."""

_SIDED = {
    1: "upperleg01", 4: "lowerleg01", 7: "foot", 10: "toe2-1", 13: "clavicle", 16: "upperarm01", 18: "lowerarm01",
    20: "wrist", 25: "finger2-1", 28: "finger3-1", 31: "finger5-1", 34: "finger4-1", 37: "finger1-1",
}  # fmt: skip
_MIDDLE = {0: "root", 3: "spine04", 6: "spine03", 9: "spine02", 12: "neck01", 15: "head", 22: "jaw"}
_LEFT_TO_RIGHT = {1: 2, 4: 5, 7: 8, 10: 11, 13: 14, 16: 17, 18: 19, 20: 21, 23: 24} | {j: j + 15 for j in range(25, 40)}
_ARM = {"left": (16, 18, 20, 28), "right": (17, 19, 21, 43)}


def joint_bones() -> dict[int, str]:
    """MakeHuman bone whose head is each SMPL-X joint."""
    left = dict(_SIDED) | {23: "eye"}
    for first in (25, 28, 31, 34, 37):
        finger = left[first][: -len("-1")]
        left |= {first + 1: f"{finger}-2", first + 2: f"{finger}-3"}
    bones = dict(_MIDDLE) | {joint: f"{bone}.L" for joint, bone in left.items()}
    return bones | {_LEFT_TO_RIGHT[joint]: f"{bone}.R" for joint, bone in left.items()}


def _head_position(source: Source, bone: str, stack: Floats) -> Floats:
    """Head of a bone for each row of a stack of meshes, (rows, 3)."""
    head = source.bones[bone]["head"]
    if head["strategy"] == "CUBE":
        return stack[:, source.group_vertices(head["cube_name"])].mean(1)
    indices = [head["vertex_index"]] if head["strategy"] == "VERTEX" else head["vertex_indices"]
    return stack[:, indices].mean(1)


def joint_positions(source: Source, stack: Floats) -> Floats:
    """The 55 joints for each row of a stack of meshes (linear in them), (rows, 55, 3)."""
    joints = np.zeros((len(stack), 55, 3))
    for joint, bone in joint_bones().items():
        joints[:, joint] = _head_position(source, bone, stack)
    hips = joints[:, [1, 2]].mean(1)
    joints[:, 0] = 0.6 * hips + 0.4 * joints[:, 3]
    return joints


def skinning_weights(source: Source) -> Floats:
    """Weights of the 55 joints on the base mesh: each bone's go to its nearest SMPL-X ancestor, (verts, 55)."""
    owner = {bone: joint for joint, bone in joint_bones().items()}
    owner |= {"spine05": 0, "spine01": 9, "shoulder01.L": 13, "shoulder01.R": 14, "toe1-1.L": 10, "toe1-1.R": 11}
    owner |= {f"toe{n}-1.{s}": 10 if s == "L" else 11 for n in range(1, 6) for s in "LR"}
    weights = np.zeros((len(source.vertices), 55))
    for bone, pairs in source.bone_weights.items():
        while bone not in owner:
            bone = source.bones[bone]["parent"]
        if pairs:
            table = np.array(pairs)
            weights[table[:, 0].astype(int), owner[bone]] += table[:, 1]
    total = weights.sum(1, keepdims=True)
    weights = np.where(total > 1e-6, weights / np.maximum(total, 1e-6), 0.0)
    weights[total[:, 0] <= 1e-6, 0] = 1.0
    return weights


def _between(a: Floats, b: Floats) -> Rotation:
    """Smallest rotation that turns direction a into b."""
    axis = np.cross(a, b)
    sine = float(np.linalg.norm(axis))
    angle = np.arctan2(sine, float(a @ b))
    return Rotation.from_rotvec(axis / max(sine, 1e-12) * angle)


def t_pose_rotations(joints: Floats) -> list[Rotation]:
    """Global rotation of each joint that brings the arms into SMPL-X's T-pose, joints (55, 3)."""
    rotations = [Rotation.identity() for _ in range(55)]
    for side, chain in _ARM.items():
        across = np.array([1.0 if side == "left" else -1.0, 0.0, 0.0])
        for here, there in zip(chain[:-1], chain[1:], strict=True):
            base = rotations[PARENTS[here]]
            bone = base.apply(joints[there] - joints[here])
            rotations[here] = _between(bone / np.linalg.norm(bone), across) * base
            _hand_down(rotations, here)
        _level_palm(rotations, joints, chain, across)
    _legs_down(rotations, joints)
    return rotations


def _legs_down(rotations: list[Rotation], joints: Floats) -> None:
    """Bring the feet nearly under the hips, soles level."""
    for hip, ankle in ((1, 7), (2, 8)):
        side = np.sign(joints[hip, 0])
        spread = (joints[ankle, 0] - joints[hip, 0]) * side - 0.022
        angle = -side * np.arctan2(spread, joints[hip, 1] - joints[ankle, 1])
        rotations[hip] = Rotation.from_rotvec([0.0, 0.0, angle])
        _hand_down(rotations, hip)
        rotations[ankle] = Rotation.identity()
        _hand_down(rotations, ankle)


def _level_palm(rotations: list[Rotation], joints: Floats, chain: tuple[int, ...], across: Floats) -> None:
    """Turn the forearm about its axis until the palm looks down."""
    wrist = chain[2]
    index, pinky = (25, 31) if wrist == 20 else (40, 46)
    width = rotations[wrist].apply(joints[index] - joints[pinky])
    roll = np.arctan2(width[1], width[2])
    for joint, share in ((chain[1], 0.5), (wrist, 1.0)):
        rotations[joint] = Rotation.from_rotvec(np.abs(across) * roll * share) * rotations[joint]
    _hand_down(rotations, wrist)


def _hand_down(rotations: list[Rotation], root: int) -> None:
    """Let every descendant of a joint turn with it."""
    moved = {root}
    for joint, parent in enumerate(PARENTS):
        if parent in moved:
            moved.add(joint)
            rotations[joint] = rotations[root]


def pose(stack: Floats, joints: Floats, weights: Floats, rotations: list[Rotation]) -> tuple[Floats, Floats]:
    """Skin every row of a stack with the same rotations; linear in its rows, so that shapes stay shapes.

    Row 0 is a mesh and the others are displacements of it; joints likewise.
    """
    matrices = np.stack([rotation.as_matrix() for rotation in rotations])
    moved = np.zeros_like(joints)
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            moved[:, joint] = joints[:, joint]
            continue
        moved[:, joint] = moved[:, parent] + (joints[:, joint] - joints[:, parent]) @ matrices[parent].T
    offset = moved - np.einsum("jab,rjb->rja", matrices, joints)
    blended = np.einsum("vj,jab->vab", weights, matrices)
    return np.einsum("vab,rvb->rva", blended, stack) + np.einsum("vj,rja->rva", weights, offset), moved
