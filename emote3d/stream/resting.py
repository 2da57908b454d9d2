"""Whether the voice speaks, frame by frame: what stands out of the noise of the room wakes the mouth, in silence it comes to rest."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders.operators import MOUTH

_NOISE_S, _NOISE_SHARE = 4.0, 0.2
"""A band's noise is as loud as this share of the last seconds was at most."""
_NOISY = 1.2
"""So far (log power) noise goes over that by itself."""
_VOICE, _CLEAR = 0.12, 0.12
"""Mean over the bands of what goes further: here a voice begins, and so much more is one for sure."""
_FAINTEST = -20.0
"""Log power: no band below it counts, however quiet the room (speech at -20 dBFS has about -10)."""
_HOLD_S, _WAKE_S, _TIRE_S = 0.35, 0.03, 0.15
"""How long the mouth waits in silence; time constants of waking, which the look-ahead leaves time for, and of coming to rest."""
_FIRST_S = 0.3
"""So long anything is a voice: the noise is not known yet."""


class Waking:
    """Every step is a continuous function of what is heard, so that rounding is not magnified."""

    def __init__(self, fps: float) -> None:
        self._fps, self._frame, self._awake = fps, 0, 1.0
        self._heard: deque[np.ndarray] = deque(maxlen=round(_NOISE_S * fps))
        self._voice: deque[float] = deque(maxlen=round(_HOLD_S * fps))

    def step(self, mel: Float[np.ndarray, "mel_frames mels"]) -> float:
        """How far the mouth is awake in the next frame, 0..1.

        Args:
            mel: log-mel of what is heard since the last frame, look-ahead included.
        """
        self._frame += 1
        if len(mel):
            now = np.maximum(mel.mean(axis=0), _FAINTEST)
            self._heard.append(now)
            place = int(_NOISE_SHARE * len(self._heard))
            noise = np.partition(np.stack(self._heard), place, axis=0)[place]
            over = float(np.maximum(now - noise - _NOISY, 0.0).mean())
            self._voice.append(float(np.clip((over - _VOICE) / _CLEAR, 0.0, 1.0)))
        wanted = 1.0 if self._frame <= _FIRST_S * self._fps else max(self._voice, default=0.0)
        time_s = _WAKE_S if wanted > self._awake else _TIRE_S
        self._awake += (1 - np.exp(-1 / (time_s * self._fps))) * (wanted - self._awake)
        return self._awake


class Resting:
    """Lets the mouth go to how it rests in silence where nobody speaks; it needs no sound later than the networks do.

    Args:
        silent: the pose in silence under each emotion alone, neutral first.
    """

    def __init__(self, silent: Float[Tensor, "8 channels"], fps: float) -> None:
        self._neutral, self._moods = silent[:1], silent[1:] - silent[:1]
        self._waking = Waking(fps)

    def step(
        self,
        pose: Float[Tensor, "1 channels"],
        emotion: Float[np.ndarray, "8"],
        mel: Float[Tensor, "mel_frames mels"],
    ) -> Float[Tensor, "1 channels"]:
        """The next pose, as far as it is awake as the networks have it; `mel` as `Waking.step` takes it."""
        awake = self._waking.step(mel.double().numpy())
        still = self._neutral + torch.from_numpy(emotion[1:]).to(pose)[None] @ self._moods
        return torch.where(MOUTH, torch.lerp(still, pose, awake), pose)
