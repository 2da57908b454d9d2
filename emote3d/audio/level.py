"""The level of a voice as it goes on: what `speech_level` is to a whole recording, from the past alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import SILENCE_LEVEL

USUAL_LEVEL = -10.5
"""Level of speech at about -20 dBFS: what is assumed before anything was heard."""
_RISE, _FALL = 0.1, 0.004
"""Share of the excess by which a louder frame raises the level; what every other frame of the voice lowers it by."""
_EAGER, _EAGER_FRAMES = 7.0, 100.0
"""How much quicker the level moves at first, and frames of voice in which that fades."""
_FLOOR_RISE, _FLOOR_FALL = 0.002, 0.2
_OVER_FLOOR, _FAINTEST = 3.5, SILENCE_LEVEL - 3.5
"""A frame counts as voice if it lies so far over the floor of the noise, and over this; fully from one unit further up."""


@dataclass
class RunningLevel:
    """Follows the 95th percentile of the voice's mean log-mel, frame by frame; holds still in pauses.

    Every step is a continuous function of what is heard, so that rounding is not magnified.
    """

    level: Float[np.ndarray, "batch"] = field(default_factory=lambda: np.full(1, USUAL_LEVEL))
    """The level now."""
    floor: Float[np.ndarray, "batch"] = field(default_factory=lambda: np.full(1, USUAL_LEVEL - 6.0))
    """The noise between words."""
    voiced: Float[np.ndarray, "batch"] = field(default_factory=lambda: np.zeros(1))
    """Frames of voice heard so far."""

    def step(self, loudness: Float[np.ndarray, "batch"]) -> Float[np.ndarray, "batch"]:
        """Take the mean log-mel of the next frame; gives the level that frame is to be judged by."""
        sinking = _FLOOR_FALL * np.minimum(loudness - self.floor, 0.0)
        self.floor = self.floor + sinking + _FLOOR_RISE
        voice = np.clip(loudness - np.maximum(self.floor + _OVER_FLOOR, _FAINTEST), 0.0, 1.0)
        eager = 1.0 + _EAGER * np.exp(-self.voiced / _EAGER_FRAMES)
        rise = np.minimum(_RISE * eager, 0.5) * np.maximum(loudness - self.level, 0.0)
        self.level = np.maximum(self.level + voice * (rise - _FALL * eager), SILENCE_LEVEL)
        self.voiced = self.voiced + voice
        return self.level

    def run(self, mel: Float[Tensor, "batch mel_frames mels"]) -> Float[Tensor, "batch mel_frames mels"]:
        """Subtract the level from log-mel frames, one after the other."""
        if not mel.shape[1]:
            return mel
        loudness = mel.mean(dim=2).double().numpy()
        levels = [self.step(loudness[:, frame]) for frame in range(loudness.shape[1])]
        return mel - torch.from_numpy(np.stack(levels, axis=1)).to(mel)[:, :, None]
