"""Cutting, mixing and joining motions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.errors import Emote3DError
from emote3d.motion import resample_motion
from emote3d.records import BodyMotion, FaceMotion, Motion
from emote3d.rotations import axis_angle_to_quaternion, quaternion_to_axis_angle, slerp
from emote3d.windows import joined

_SLACK = 1e-3
"""Part of a frame by which a time may miss it and still mean it."""
_STRETCH_FRAMES = 1800
RecordT = TypeVar("RecordT", FaceMotion, BodyMotion)


def map_frames(motion: Motion, change: Callable[[Tensor], Tensor]) -> Motion:
    """Apply a function to every tensor of a motion; all of them have the frames first. Its origin does not fit any more."""
    return dataclasses.replace(
        motion, face=_mapped(motion.face, change), body=_mapped(motion.body, change), origin=None
    )


def frames_of(motion: Motion, frames: slice) -> Motion:
    """Cut frames out of a motion by their index."""
    return map_frames(motion, lambda x: x[frames])


def by_stretches(
    motion: Motion, of: Callable[[Motion], Float[Tensor, "stretch *rest"]]
) -> Float[Tensor, "frames *rest"]:
    """The same as `of(motion)`, where each frame's result depends on that frame alone; in stretches, for little memory."""
    frames = motion.frames
    places = (slice(start, min(start + _STRETCH_FRAMES, frames)) for start in range(0, frames, _STRETCH_FRAMES))
    return joined((of(frames_of(motion, place)) for place in places), frames)


def slice_motion(motion: Motion, start_s: float, end_s: float | None = None) -> Motion:
    """Cut out the frames with start_s <= k / fps < end_s; the first of them becomes frame 0.

    Raises:
        Emote3DError: no frame lies in that time.
    """
    duration_s = motion.frames / motion.fps
    end_s = duration_s if end_s is None else end_s
    first, last = (math.ceil(max(time_s, 0.0) * motion.fps - _SLACK) for time_s in (start_s, end_s))
    if not first < min(last, motion.frames):
        raise Emote3DError(f"no frame lies from {start_s:g} to {end_s:g} s; the motion lasts {duration_s:g} s")
    return frames_of(motion, slice(first, last))


def blend_motions(motion: Motion, other: Motion, weight: float | Float[Tensor, "frames"]) -> Motion:
    """Mix two motions: weight 0 is `motion`, 1 is `other`; rotations take the shorter way.

    The result has the length and the rate of `motion`; `other` is resampled, and held or cut at its end. A face or body
    that only one of them has stays as it is.

    Args:
        weight: one number, or one per frame of `motion`, in [0, 1].

    Raises:
        Emote3DError: the faces are in different bases, or the weight is outside [0, 1] or of another length.
    """
    share = torch.as_tensor(weight, dtype=torch.float32)
    if share.shape not in ((), (motion.frames,)):
        raise Emote3DError(f"expected one weight or {motion.frames} (one per frame), got {tuple(share.shape)}")
    if not ((share >= 0) & (share <= 1)).all():
        raise Emote3DError(f"expected weights in 0..1, got {share.min():g} to {share.max():g}")
    _check_faces([motion, other])
    other = resample_motion(other, motion.fps, motion.frames / motion.fps)
    share = share.expand(motion.frames)
    return Motion(
        face=_blended(motion.face, other.face, share), body=_blended(motion.body, other.body, share), fps=motion.fps
    )


def concatenate_motions(motions: Sequence[Motion], overlap_s: float = 0.0) -> Motion:
    """Join motions one after the other at the rate of the first.

    Args:
        overlap_s: each motion starts this much before the last one ends, faded over; 0 is a hard cut.

    Raises:
        Emote3DError: no motion, other parts or bases, or one is not longer than the overlap.
    """
    if not motions:
        raise Emote3DError("expected at least one motion to concatenate, got none")
    _check_faces(motions)
    first = motions[0]
    if any((m.face is None, m.body is None) != (first.face is None, first.body is None) for m in motions):
        raise Emote3DError("some motions have a face or a body that others lack; expected the same parts in all")
    parts = [resample_motion(motion, first.fps) for motion in motions]
    overlap = round(overlap_s * first.fps)
    if not 0 <= overlap < min(part.frames for part in parts):
        raise Emote3DError(f"an overlap of {overlap_s:g} s does not fit into motions that short; make it shorter")
    joined = parts[0]
    for part in parts[1:]:
        joined = _joined(joined, part, overlap)
    return joined


def _joined(before: Motion, after: Motion, overlap: int) -> Motion:
    pieces = [before, after]
    if overlap:
        start = before.frames - overlap
        share = torch.arange(1, overlap + 1) / (overlap + 1)
        middle = blend_motions(frames_of(before, slice(start, None)), frames_of(after, slice(0, overlap)), share)
        pieces = [frames_of(before, slice(0, start)), middle, frames_of(after, slice(overlap, None))]
    return Motion(
        face=_concatenated([p.face for p in pieces if p.face is not None]),
        body=_concatenated([p.body for p in pieces if p.body is not None]),
        fps=before.fps,
    )


def _mapped(record: RecordT | None, change: Callable[[Tensor], Tensor]) -> RecordT | None:
    if record is None:
        return None
    changes = {name: change(value) for name, value in vars(record).items() if isinstance(value, Tensor)}
    return dataclasses.replace(record, **changes)  # pyright: ignore[reportArgumentType]


def _concatenated(records: Sequence[RecordT]) -> RecordT | None:
    if not records:
        return None
    names = [name for name, value in vars(records[0]).items() if isinstance(value, Tensor)]
    changes = {name: torch.cat([getattr(record, name) for record in records]) for name in names}
    return dataclasses.replace(records[0], **changes)  # pyright: ignore[reportArgumentType]


def _blended(record: RecordT | None, other: RecordT | None, share: Float[Tensor, "frames"]) -> RecordT | None:
    if record is None or other is None:
        return record if other is None else other
    changes = {}
    for name, start in vars(record).items():
        if isinstance(start, Tensor):
            mix = _slerped if name.endswith("axis_angle") else _mixed
            changes[name] = mix(start, getattr(other, name), share)
    return dataclasses.replace(record, **changes)  # pyright: ignore[reportArgumentType]


def _mixed(start: Tensor, end: Tensor, share: Float[Tensor, "frames"]) -> Tensor:
    return torch.lerp(start, end, share.to(start).reshape(-1, *[1] * (start.ndim - 1)))


def _slerped(
    start: Float[Tensor, "frames *rest 3"], end: Float[Tensor, "frames *rest 3"], share: Float[Tensor, "frames"]
) -> Float[Tensor, "frames *rest 3"]:
    shares = share.to(start).reshape(-1, *[1] * (start.ndim - 2)).expand(start.shape[:-1])
    return quaternion_to_axis_angle(slerp(axis_angle_to_quaternion(start), axis_angle_to_quaternion(end), shares))


def _check_faces(motions: Sequence[Motion]) -> None:
    """All faces must speak of the same coefficients."""
    faces = [motion.face for motion in motions if motion.face is not None]
    kinds = sorted({f"{face.basis} with {face.expression.shape[1]} coefficients" for face in faces})
    if len(kinds) > 1:
        raise Emote3DError(f"the motions' faces differ ({', '.join(kinds)}); retarget them to one basis first")
