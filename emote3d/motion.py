"""Motion at another frame rate; saving and loading it."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.bounded import read_npz
from emote3d.errors import Emote3DError
from emote3d.files import atomic_path
from emote3d.origin import origin_from_members, origin_members
from emote3d.records import Basis, BodyMotion, FaceMotion, Motion
from emote3d.rotations import axis_angle_to_quaternion, quaternion_to_axis_angle, slerp

RecordT = TypeVar("RecordT", FaceMotion, BodyMotion)
_SHAPES: dict[str, tuple[int | None, ...]] = {
    "expression": (None, None),
    "basis": (),
    "jaw_axis_angle": (None, 3),
    "neck_axis_angle": (None, 3),
    "eyes_axis_angle": (None, 2, 3),
    "joints_axis_angle": (None, 55, 3),
    "translation_m": (None, 3),
}


def _neighbours(frames: int, position: Float[Tensor, "new_frames"]) -> tuple[Tensor, Tensor]:
    """Index of the frame before each new frame, and how far beyond it the new one lies."""
    position = position.clamp(0, frames - 1)
    index = position.floor().long()
    return index, (position - index).float()


def _cubic(x: Float[Tensor, "frames *rest"], index: Tensor, weight: Tensor) -> Float[Tensor, "new_frames *rest"]:
    """Catmull-Rom interpolation."""
    last = len(x) - 1
    before, left, right, after = (x[(index + offset).clamp(0, last)] for offset in (-1, 0, 1, 2))
    t = weight.reshape(-1, *[1] * (x.ndim - 1))
    slope_left, slope_right = (right - before) / 2, (after - left) / 2
    a, b = left - right, slope_left + slope_right
    return left + t * (slope_left + t * (-3 * a - slope_left - b + t * (2 * a + b)))


def _slerp(x: Float[Tensor, "frames *rest 3"], index: Tensor, weight: Tensor) -> Float[Tensor, "new_frames *rest 3"]:
    start, end = (axis_angle_to_quaternion(x[(index + offset).clamp(max=len(x) - 1)]) for offset in (0, 1))
    share = weight.reshape(-1, *[1] * (x.ndim - 2)).expand(start.shape[:-1])
    return quaternion_to_axis_angle(slerp(start, end, share))


def resample_motion(motion: Motion, fps: float, duration_s: float | None = None) -> Motion:
    """Motion at another frame rate: slerp for rotations, cubic for the rest; frame k stays at k / fps.

    Args:
        duration_s: length of the result (default: as now); the last pose is held.
    """
    frames = motion.frames
    duration_s = frames / motion.fps if duration_s is None else duration_s
    if fps == motion.fps and round(duration_s * fps) == frames:
        return motion
    count = max(1, round(duration_s * fps))
    moved = resample_at(motion, torch.arange(count, dtype=torch.float64) * (motion.fps / fps))
    return dataclasses.replace(moved, fps=fps, origin=motion.origin)


def resample_at(motion: Motion, position: Float[Tensor, "new_frames"]) -> Motion:
    """Motion at other times, given in frames (1.5 is between the second and the third); the rate is kept."""
    index, weight = _neighbours(motion.frames, position)
    face, body = motion.face, motion.body
    if face is not None:
        expression = _cubic(face.expression, index, weight)
        face = FaceMotion(
            expression=expression.clamp(0, 1) if face.basis == "arkit52" else expression,
            basis=face.basis,
            jaw_axis_angle=_slerp(face.jaw_axis_angle, index, weight),
            neck_axis_angle=_slerp(face.neck_axis_angle, index, weight),
            eyes_axis_angle=_slerp(face.eyes_axis_angle, index, weight),
        )
    if body is not None:
        body = BodyMotion(
            joints_axis_angle=_slerp(body.joints_axis_angle, index, weight),
            translation_m=_cubic(body.translation_m, index, weight),
        )
    return Motion(face=face, body=body, fps=motion.fps)


def motion_members(motion: Motion) -> dict[str, np.ndarray]:
    """What an npz of a motion holds: the fields of its records, `fps` and the coefficient names."""
    members: dict[str, np.ndarray] = {"fps": np.array(float(motion.fps))}
    if motion.face is not None:
        members["basis"] = np.array(motion.face.basis)
        members["expression_names"] = np.array(motion.face.names)
    for record in (motion.face, motion.body):
        if record is not None:
            members |= {name: value.numpy() for name, value in vars(record).items() if isinstance(value, Tensor)}
    if motion.origin is not None:
        members |= origin_members(motion.origin)
    return members


def save_motion(motion: Motion, path: str | Path) -> None:
    """Write a motion as npz (`motion_members`). Same motion, same bytes.

    Raises:
        Emote3DError: the path cannot be written.
    """
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **motion_members(motion))


def load_motion(path: str | Path) -> Motion:
    """Read what `save_motion` wrote; nothing in the file is executed.

    Raises:
        Emote3DError: no such file, not a motion, or its arrays do not fit each other.
    """
    arrays = read_npz(path, "a motion; make one with emote3d animate")
    if "fps" not in arrays or not arrays.keys() & {"expression", "joints_axis_angle"}:
        raise Emote3DError(f"{path} holds no motion of emote3d (fps with expression or joints_axis_angle)")
    lengths = {len(arrays[name]) for name, shape in _SHAPES.items() if shape and name in arrays and arrays[name].ndim}
    fps = float(arrays["fps"]) if arrays["fps"].shape == () and arrays["fps"].dtype.kind == "f" else 0.0
    if len(lengths) != 1 or 0 in lengths or not 1 <= fps <= 1000:
        raise Emote3DError(f"{path}: its arrays have {sorted(lengths)} frames at {fps:g} fps; expected one length")
    face = _record(FaceMotion, arrays, path) if "expression" in arrays else None
    body = _record(BodyMotion, arrays, path) if "joints_axis_angle" in arrays else None
    return Motion(face=face, body=body, fps=fps, origin=origin_from_members(arrays, path))


def _record(cls: type[RecordT], arrays: dict[str, np.ndarray], path: str | Path) -> RecordT:
    """Build a record from the members that carry its fields' names, or say what is missing or misshapen."""
    values: dict[str, Any] = {}
    problems = []
    for field in dataclasses.fields(cls):
        array, shape = arrays.get(field.name), _SHAPES[field.name]
        if array is None:
            problems.append(f"{field.name} is missing")
        elif field.name == "basis":
            values["basis"] = str(array)
            if values["basis"] not in typing.get_args(Basis):
                problems.append(f"unknown basis '{array}'")
        elif array.dtype.kind != "f" or not _fits(array.shape, shape) or not np.isfinite(array).all():
            problems.append(
                f"{field.name}: expected finite floats {shape} (None = any), got {array.dtype} {array.shape}"
            )
        else:
            values[field.name] = torch.from_numpy(array.astype(np.float32))
    if problems:
        raise Emote3DError(f"{path}: {'; '.join(problems)}")
    return cls(**values)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(want in (None, got) for want, got in zip(wanted, shape, strict=True))
