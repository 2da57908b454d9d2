"""What head and brows hold, frame by frame, without what they do on accents: beats are drawn in its place (`decoders/beats.py`)."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders.operators import BEATING
from emote3d.stream.directing import LIVE_FPS

_HELD_S = 0.8
"""How slowly a posture follows where the emotion stays."""
_HURRY, _FASTEST, _STIR = 4.0, 0.3, 0.3
"""How much of the way it goes in a frame per change of the emotion's weights in that frame, at most, and how soon it does."""


class Posture:
    """Lets head and brows follow the emotion as quickly as it comes, and the voice hardly at all."""

    def __init__(self) -> None:
        self._held = torch.zeros(0)
        self._emotion, self._changing = np.zeros(0), 0.0

    def step(self, pose: Float[Tensor, "1 channels"], emotion: Float[np.ndarray, "8"]) -> Float[Tensor, "1 channels"]:
        """The next pose, its head and brows as the posture has them."""
        if not len(self._emotion):
            self._held, self._emotion = pose, emotion
        changed = float(np.abs(emotion - self._emotion).sum())
        self._changing += _STIR * (changed - self._changing)
        share = min(_FASTEST, 1 / (_HELD_S * LIVE_FPS) + _HURRY * self._changing)
        self._held, self._emotion = torch.lerp(self._held, pose, share), emotion
        return torch.where(BEATING, self._held, pose)
