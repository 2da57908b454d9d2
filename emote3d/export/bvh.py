"""Writes BVH: the skeleton with all fingers, and its motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.transform import Rotation

from emote3d.body import BodyModel
from emote3d.export.puppet import bones_of, local_rotations, root_moves
from emote3d.export.registry import Export
from emote3d.files import atomic_path

CENTIMETRES = 100.0
"""BVH files count in centimetres."""
ORDER = "ZXY"
"""Angles of a joint as its channels list them: about z, then about the turned x, then about the turned y."""
_TIP_M = 0.02
"""Length of the last bone of a limb where it has none to follow."""


def write_bvh(job: Export, path: Path) -> list[str]:
    """Write the rest pose (T-pose) as offsets and the motion as angles in degrees; the root's place is absolute.

    A motion without a body stands still but for its head and eyes. Face shapes have no place in BVH.
    """
    avatar, motion = job.avatar, job.motion
    order = _depth_first(avatar.parents)
    lines = ["HIERARCHY", *_joint(avatar, order[0], 0), "MOTION"]
    lines += [f"Frames: {motion.frames}", f"Frame Time: {1 / motion.fps:.8f}"]
    lines += _rows(avatar, job, order)
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
    return _notes(job)


def _notes(job: Export) -> list[str]:
    if job.motion.body is None:
        return ["the motion has no body: in the .bvh only head and eyes move; face shapes need .glb, .usd or .fbx"]
    return ["a .bvh holds no face shapes; they need .glb, .usd or .fbx"] if job.motion.face is not None else []


def _depth_first(parents: tuple[int, ...]) -> list[int]:
    """Joints in the order in which their channels follow."""
    order: list[int] = []
    waiting = [joint for joint, parent in enumerate(parents) if parent < 0]
    while waiting:
        joint = waiting.pop()
        order.append(joint)
        waiting += [child for child in reversed(range(len(parents))) if parents[child] == joint]
    return order


def _joint(avatar: BodyModel, joint: int, depth: int) -> list[str]:
    """The block of a joint and of all below it."""
    tab, inner = "\t" * depth, "\t" * (depth + 1)
    bones_m = bones_of(avatar.joints_m.numpy(), avatar.parents)
    angles = " ".join(f"{axis}rotation" for axis in ORDER)
    children = [child for child, parent in enumerate(avatar.parents) if parent == joint]
    name = avatar.joint_names[joint]
    if depth:
        lines = [
            f"{tab}JOINT {name}",
            f"{tab}{{",
            f"{inner}OFFSET {_place(bones_m[joint])}",
            f"{inner}CHANNELS 3 {angles}",
        ]
    else:
        channels = f"{inner}CHANNELS 6 Xposition Yposition Zposition {angles}"
        lines = [f"ROOT {name}", "{", f"{inner}OFFSET {_place(np.zeros(3))}", channels]
    for child in children:
        lines += _joint(avatar, child, depth + 1)
    if not children:
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {_place(_tip(bones_m[joint]))}", f"{inner}}}"]
    return [*lines, f"{tab}}}"]


def _place(metres: Float[ndarray, "3"]) -> str:
    return " ".join(f"{value * CENTIMETRES:.6f}" for value in metres)


def _tip(bone_m: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    length = float(np.linalg.norm(bone_m))
    return bone_m * (_TIP_M / length) if length > 1e-6 else np.array([0.0, 0.0, _TIP_M])


def _rows(avatar: BodyModel, job: Export, order: list[int]) -> list[str]:
    """A line per frame: the root's place, then the angles of every joint, continuous over time."""
    motion = job.motion
    wxyz = local_rotations(avatar, motion)[:, order]
    flat = Rotation.from_quat(np.roll(wxyz, -1, -1).reshape(-1, 4)).as_matrix()
    degrees = np.unwrap(_angles(flat).reshape(motion.frames, -1), axis=0, period=360)
    place = (avatar.joints_m[order[0]].numpy() + root_moves(avatar, motion)) * CENTIMETRES
    table = np.column_stack([place, degrees])
    template = " ".join(["%.6f"] * table.shape[1])
    return [template % tuple(row) for row in table]


def _angles(matrix: Float[ndarray, "count 3 3"]) -> Float[ndarray, "count 3"]:
    """Degrees about z, x, y in `ORDER`; straight up (x at 90), y is taken as zero."""
    x = np.arcsin(matrix[:, 2, 1].clip(-1, 1))
    locked = np.abs(matrix[:, 2, 1]) > 1 - 1e-9
    z = np.where(locked, np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0]), np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-matrix[:, 2, 0], matrix[:, 2, 2]))
    return np.degrees(np.column_stack([z, x, y]))
