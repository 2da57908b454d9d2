"""How loud the speech is in each motion frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.records import Speech

_RANGE_DB = 26.0
"""Frames this far under the level of the speech count as silent (6 nepers of power, as `hearing`)."""
_FLOOR = 1e-3
"""Root mean square of a recording (-60 dBFS) below which it is not raised to the level of speech."""


def frame_loudness(speech: Speech, frame_rate: float, frames: int) -> Float[Tensor, "frames"]:
    """Root mean square around each frame, in dB under the 95th percentile of the recording: 0 (silence) to 1."""
    half = round(0.02 * speech.sample_rate)
    energy = torch.nn.functional.pad(speech.waveform.double().square().cumsum(0), (1, 0))
    centre = torch.arange(frames) * speech.sample_rate / frame_rate
    first, last = ((centre + side * half).long().clamp(0, len(energy) - 1) for side in (-1, 1))
    mean = (energy[last] - energy[first]).clamp_min(0) / (last - first).clamp_min(1)
    level = mean.sqrt()
    reference = torch.quantile(level, 0.95).clamp_min(_FLOOR)
    decibels = 20 * torch.log10(level.clamp_min(1e-9) / reference)
    return (1 + decibels / _RANGE_DB).clamp(0, 1).float()
