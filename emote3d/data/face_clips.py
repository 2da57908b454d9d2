"""Speech with tracked faces, whatever set it comes from: the record, and windows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from emote3d.errors import Emote3DError

CLIP_FPS = 25
"""Frame rate of the processed sets (MEAD re-encoded)."""
CLIP_RATE = 16000
SAMPLES_PER_FRAME = CLIP_RATE // CLIP_FPS


@dataclass(frozen=True, kw_only=True)
class FaceClip:
    """A recording with the face that was tracked in its film."""

    waveform: Float[np.ndarray, "samples"]
    """At 16 kHz, in [-1, 1]; as long as the frames."""
    expression: Float[np.ndarray, "frames coefficients"]
    jaw_axis_angle: Float[np.ndarray, "frames 3"]
    shape: Float[np.ndarray, "shape"]
    """Identity coefficients, averaged over the valid frames."""
    valid: Bool[np.ndarray, "frames"]
    """Frames that were tracked."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.expression)


@dataclass(frozen=True, kw_only=True)
class ClipEntry:
    """Where a clip lies and what is known about it; it is read when it is needed."""

    name: str
    """Unique in the set."""
    sound: Path
    track: Path
    frame_list: Path | None = None
    """Which frames were tracked, where the set has such a file."""
    emotion: int
    """Index into EMOTIONS."""
    intensity: int
    """0 weak to 2 strong."""
    subject: str


@runtime_checkable
class ClipSet(Protocol):
    """A set of clips."""

    @property
    def entries(self) -> Sequence[ClipEntry]:
        """The clips that can be used."""
        ...

    @property
    def skipped(self) -> Sequence[str]:
        """One line for each clip that cannot, with the reason."""
        ...

    def read(self, entry: ClipEntry) -> FaceClip:
        """Read a clip."""
        ...


def checked_clip(clip: FaceClip, name: str) -> FaceClip:
    """Cut sound and frames to the same length.

    Raises:
        Emote3DError: they are not those of one recording, nothing was tracked, or a value is not finite.
    """
    frames = min(clip.frames, len(clip.waveform) // SAMPLES_PER_FRAME)
    problems = []
    if len(clip.jaw_axis_angle) != clip.frames or len(clip.valid) != clip.frames:
        problems.append(
            f"{clip.frames} frames of expression, {len(clip.jaw_axis_angle)} of jaw, {len(clip.valid)} of mask"
        )
    if abs(clip.frames - len(clip.waveform) / SAMPLES_PER_FRAME) > CLIP_FPS / 2:
        problems.append(f"{len(clip.waveform) / CLIP_RATE:.2f} s of sound but {clip.frames / CLIP_FPS:.2f} s of frames")
    if not clip.valid[:frames].any():
        problems.append("no frame was tracked")
    if not all(np.isfinite(array).all() for array in (clip.expression, clip.jaw_axis_angle, clip.shape)):
        problems.append("values that are not finite")
    if problems:
        raise Emote3DError(f"{name}: {'; '.join(problems)}")
    return replace(
        clip,
        waveform=clip.waveform[: frames * SAMPLES_PER_FRAME].astype(np.float32),
        expression=clip.expression[:frames].astype(np.float32),
        jaw_axis_angle=clip.jaw_axis_angle[:frames].astype(np.float32),
        shape=clip.shape.astype(np.float32),
        valid=clip.valid[:frames],
    )


def window(clip: FaceClip, start: int, frames: int) -> FaceClip:
    """A window of a clip; where the clip ends too soon, silence and invalid frames follow."""

    def cut(array: np.ndarray, rate: int) -> np.ndarray:
        part = array[start * rate : (start + frames) * rate]
        return np.pad(part, [(0, frames * rate - len(part)), *[(0, 0)] * (array.ndim - 1)])

    return replace(
        clip,
        waveform=cut(clip.waveform, SAMPLES_PER_FRAME),
        expression=cut(clip.expression, 1),
        jaw_axis_angle=cut(clip.jaw_axis_angle, 1),
        valid=cut(clip.valid, 1),
    )


def at_rate(seen: Float[Tensor, "frames *rest"], fps: float, frame_rate: float) -> Float[Tensor, "new_frames *rest"]:
    """Linear interpolation to another frame rate."""
    if fps == frame_rate:
        return seen
    count = max(1, round(len(seen) / fps * frame_rate))
    position = (torch.arange(count) * (fps / frame_rate)).clamp(max=len(seen) - 1)
    low = position.long()
    share = (position - low).reshape(-1, *[1] * (seen.ndim - 1)).to(seen)
    return torch.lerp(seen[low], seen[(low + 1).clamp(max=len(seen) - 1)], share)
