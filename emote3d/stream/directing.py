"""A direction that may change at any moment: what each frame is asked for, approached without jumps."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction
from emote3d.latents.keys import parse_gaze
from emote3d.latents.timeline import spring
from emote3d.names import EMOTIONS

LIVE_FPS = 30
"""Frame rate of the live checkpoint."""
_NUMBER_S = 0.4
"""Time in which style, head motion and blink rate reach a new value."""
LIVE_SETTINGS = (
    "emotion", "intensity", "articulation", "head_motion", "brow_motion", "blink_rate", "gaze", "attack_s", "decay_s",
)  # fmt: skip
"""What of a direction can be asked for live."""
_IGNORED = ("language", "curve")


@dataclass(frozen=True, kw_only=True)
class Steered:
    """What one frame is asked for."""

    condition: Float[Tensor, "1 condition_d"]
    """Emotion weights, then style."""
    emotion: Float[np.ndarray, "8"]
    head_motion: float
    blink_rate: float
    aim_rad: Float[np.ndarray, "2"]
    """Yaw and pitch (down) of the gaze asked for."""
    held: float
    """1 where a gaze is asked for."""


def check_live(direction: Direction) -> None:
    """Refuse what needs the recording as a whole.

    Raises:
        Emote3DError: names every setting that cannot be had live.
    """
    default = Direction()
    names = [field.name for field in fields(Direction) if field.name not in (*LIVE_SETTINGS, *_IGNORED)]
    asked = [name for name in names if getattr(direction, name) != getattr(default, name)]
    if direction.is_auto:
        asked.append("emotion auto")
    if asked:
        raise Emote3DError(
            f"a live stream cannot do {', '.join(asked)}; it takes {', '.join(LIVE_SETTINGS)} and may be directed anew at any time"
        )


class Steering:
    """Approaches the latest direction as muscles do: critically damped, emotions within attack and decay."""

    def __init__(self, direction: Direction) -> None:
        self.aim(direction)
        self._place, self._speed = self._target.copy(), np.zeros_like(self._target)

    def aim(self, direction: Direction) -> None:
        """Head for another direction from the next frame on.

        Raises:
            Emote3DError: it asks for what needs the whole recording.
        """
        check_live(direction)
        self._direction = direction
        numbers = [*np.exp(direction.style()), direction.head_motion, direction.blink_rate]
        self._target = np.array([*direction.emotion_weights()[1:], *numbers])
        gaze = parse_gaze(direction.gaze)
        self._aim_rad, self._held = np.radians(np.array(gaze or (0.0, 0.0)) * [1, -1]), float(gaze is not None)

    @property
    def settles_ms(self) -> float:
        """Until 95% of a new emotion show."""
        return 1000 * self._direction.attack_s

    def step(self) -> Steered:
        """What the next frame is asked for."""
        emotions = len(EMOTIONS) - 1
        settle_s = np.full_like(self._target, _NUMBER_S)
        rising = self._target[:emotions] >= self._place[:emotions]
        settle_s[:emotions] = np.where(rising, self._direction.attack_s, self._direction.decay_s)
        self._place, self._speed = spring(self._place, self._speed, self._target, settle_s, LIVE_FPS)
        felt, style = self._place[:emotions], np.log(self._place[emotions:-2])
        emotion = np.array([max(0.0, 1.0 - felt.sum()), *felt])
        return Steered(
            condition=torch.from_numpy(np.concatenate([emotion, style])).float()[None],
            emotion=emotion,
            head_motion=float(self._place[-2]),
            blink_rate=float(self._place[-1]),
            aim_rad=self._aim_rad,
            held=self._held,
        )
