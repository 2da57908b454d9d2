"""A direction that may change at any moment: what each frame is asked for, approached without jumps."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction
from emote3d.latents.emotions import parse_feeling
from emote3d.latents.keys import parse_gaze
from emote3d.latents.timeline import spring, voiced
from emote3d.names import EMOTIONS

LIVE_FPS = 30
"""Frame rate of the live checkpoint."""
_NUMBER_S = 0.4
"""Time in which style, head motion and blink rate reach a new value."""
LIVE_SETTINGS = (
    "emotion", "intensity", "articulation", "head_motion", "brow_motion", "blink_rate", "gaze", "attack_s", "decay_s", "at",
)  # fmt: skip
"""What of a direction can be asked for live; `at` in seconds since the stream began."""
_IGNORED = ("language", "curve")


@dataclass(frozen=True, kw_only=True)
class Steered:
    """What one frame is asked for."""

    condition: Float[Tensor, "1 condition_d"]
    """Emotion weights, then style."""
    emotion: Float[np.ndarray, "8"]
    head_motion: float
    brow_motion: float
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
    for key in direction.key_frames():
        moments = [key.start, *([key.end] if key.end else [])]
        if any(moment.seconds is None or moment.seconds < 0 for moment in moments):
            asked.append(f"the key '{key.text}' (live, keys are in seconds since the stream began)")
        asked += [f"{name} in the key '{key.text}'" for name in key.settings if name not in LIVE_SETTINGS]
    if direction.at and direction.curve != "hold":
        asked.append(f"curve {direction.curve}")
    if asked:
        raise Emote3DError(
            f"a live stream cannot do {', '.join(asked)}; it takes {', '.join(LIVE_SETTINGS)} and may be directed anew at any time"
        )


class Score:
    """A direction with key frames: what it asks for at each time."""

    def __init__(self, direction: Direction) -> None:
        """Take a direction.

        Raises:
            Emote3DError: it needs the whole recording, or its keys together cannot be performed.
        """
        check_live(direction)
        self._base = replace(direction, at=())
        spans = [
            (key.start.seconds or 0.0, np.inf if key.end is None else key.end.seconds or 0.0, key)
            for key in direction.key_frames()
        ]
        wrong = [key.text for start_s, end_s, key in spans if start_s >= end_s]
        if wrong:
            raise Emote3DError(f"the range '{wrong[0]}' ends before it begins")
        held = sorted((span for span in spans if span[1] == np.inf), key=lambda span: span[0])
        self._spans = [*held, *(span for span in spans if span[1] < np.inf)]
        for time_s in {time_s for start_s, end_s, _ in self._spans for time_s in (start_s, end_s)}:
            self.at(time_s)

    def running(self, time_s: float) -> tuple[int, ...]:
        """Which keys count at a time."""
        return tuple(
            index
            for index, (start_s, end_s, _) in enumerate(self._spans)
            if start_s <= time_s + 1e-9 and time_s < end_s
        )

    def at(self, time_s: float) -> Direction:
        """What is asked for at a time."""
        settings: dict[str, Any] = {}
        for index in self.running(time_s):
            settings |= self._spans[index][2].settings
        return replace(self._base, **settings)


class Steering:
    """Approaches the latest direction as muscles do: critically damped, emotions within attack and decay."""

    def __init__(self, direction: Direction) -> None:
        self._frame = 0
        self._voice = np.zeros(len(EMOTIONS))
        self.aim(direction)
        self._place, self._speed = self._target.copy(), np.zeros_like(self._target)

    def aim(self, direction: Direction) -> None:
        """Head for another direction from the next frame on.

        Raises:
            Emote3DError: it asks for what needs the whole recording.
        """
        self._score = Score(direction)
        self._head_for(self._frame / LIVE_FPS)

    @property
    def listens(self) -> bool:
        """Whether the emotion is that of the voice (`auto`)."""
        return self._direction.is_auto

    def hear(self, voice: Float[np.ndarray, "8"]) -> None:
        """Take what the voice sounds like now: the probability of each emotion."""
        self._voice = voice
        self._retarget()

    def _head_for(self, time_s: float) -> None:
        """Take what the score asks for at a time."""
        self._running, self._direction = self._score.running(time_s), self._score.at(time_s)
        gaze = parse_gaze(self._direction.gaze)
        self._aim_rad, self._held = np.radians(np.array(gaze or (0.0, 0.0)) * [1, -1]), float(gaze is not None)
        self._retarget()

    def _retarget(self) -> None:
        direction = self._direction
        felt = direction.intensity * np.array([parse_feeling(direction.base_emotion)])
        weights = voiced(felt, self._voice[None])[0, 1:]
        numbers = [*np.exp(direction.style()), direction.head_motion, direction.brow_motion, direction.blink_rate]
        self._target = np.array([*weights, *numbers])

    @property
    def settles_ms(self) -> float:
        """Until 95% of a new emotion show."""
        return 1000 * self._direction.attack_s

    def step(self) -> Steered:
        """What the next frame is asked for."""
        if self._score.running(self._frame / LIVE_FPS) != self._running:
            self._head_for(self._frame / LIVE_FPS)
        self._frame += 1
        emotions = len(EMOTIONS) - 1
        settle_s = np.full_like(self._target, _NUMBER_S)
        rising = self._target[:emotions] >= self._place[:emotions]
        settle_s[:emotions] = np.where(rising, self._direction.attack_s, self._direction.decay_s)
        self._place, self._speed = spring(self._place, self._speed, self._target, settle_s, LIVE_FPS)
        felt, style = self._place[:emotions], np.log(self._place[emotions:-3])
        emotion = np.array([max(0.0, 1.0 - felt.sum()), *felt])
        return Steered(
            condition=torch.from_numpy(np.concatenate([emotion, style])).float()[None],
            emotion=emotion,
            head_motion=float(self._place[-3]),
            brow_motion=float(self._place[-2]),
            blink_rate=float(self._place[-1]),
            aim_rad=self._aim_rad,
            held=self._held,
        )
