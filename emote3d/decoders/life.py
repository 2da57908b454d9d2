"""What a voice leaves open: blinks, nods and raised brows on its accents, gaze, breath and the slow drift of the head, from a seed.

Drawn frame by frame from what went before, so a live stream gets the same as a recording in one go.

Distributions are those of people in conversation: about 17 blinks a minute, 0.2 s each, closing faster than they open
(Bentivoglio 1997; Trutoiu 2011), rather in pauses and after accents (`blinks.py`); nods and brows (`beats.py`); fixations of 0.5 to 3 s, mostly on the partner, averted in pauses (Lee, Badler 2002).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from emote3d.decoders.beats import LEAD_S, Beats, blend_factors
from emote3d.decoders.blinks import Blinks, Occasions

_BLINK_RATE = {"sad": 0.8, "fear": 1.5, "anger": 0.7, "surprise": 0.6}
_AVERSION = {"sad": 2.0, "fear": 1.8, "anger": 0.3, "contempt": 1.3}
_SACCADE_S = 0.022
"""Width of a saccade: 10 degrees take about 50 ms (Bahill, Clark, Stark 1975)."""
_HEAD_SHARE = 0.4
"""Share of an asked gaze shift that the head makes (Freedman 2008: eyes do most of those under 20 degrees)."""
_DRIFTS = ((2.6, 1.0), (1.0, 0.45))
"""Period (s) and size of the parts of the head's drift."""
_BREATH_HZ, _BREATH_RAD = 0.24, math.radians(0.3)
"""14 breaths a minute move the head a little."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """Where the gaze is asked to be."""

    gaze_rad: Float[np.ndarray, "frames 2"]
    """Yaw (to the avatar's left) and pitch (down) relative to the camera."""
    held: Float[np.ndarray, "frames"]
    """1 where it is asked for, 0 where the gaze wanders by itself."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """Random motion to be added to what the voice determines."""

    blink: Float[np.ndarray, "frames"]
    """Closure of the lids, 0..1."""
    gaze_rad: Float[np.ndarray, "frames 2"]
    """Yaw (to the avatar's left) and pitch (down) of the gaze relative to the camera."""
    head_rad: Float[np.ndarray, "frames 3"]
    """Drift and nods of the head: pitch, yaw, roll."""
    brow: Float[np.ndarray, "frames"]
    """How far the brows are raised, 0..1."""


class LifeStream:
    """Draws blinks, gaze and head motion frame by frame."""

    def __init__(self, fps: float, rng: np.random.Generator, lead_s: float = LEAD_S) -> None:
        self.fps, self.frame = fps, 0
        self._speaking = 0.0
        blink_rng, gaze_rng, head_rng, beat_rng = rng.spawn(4)
        self._blinks, self._occasions = Blinks(blink_rng), Occasions(fps)
        self._gaze, self._beats = _Gaze(gaze_rng, fps), Beats(beat_rng, lead_s)
        self._drifts = [(size, _Drift(head_rng, period_s / 2.5 * fps)) for period_s, size in _DRIFTS]
        self._breath = float(head_rng.uniform(0, 2 * math.pi))
        self._follows, self._turned = _Filter(0.3 * fps, 2), _Filter(_SACCADE_S * fps, 2)
        self._before = 0.0

    def step(
        self,
        emotion: Float[np.ndarray, "8"],
        loudness: float,
        blink_rate: float = 1.0,
        aim_rad: Float[np.ndarray, "2"] | None = None,
        held: float = 0.0,
        accent: float = 0.0,
    ) -> Life:
        """Draw the next frame.

        Args:
            loudness: 0..1, says whether the person speaks.
            accent: prominence of an accent that comes in `lead_s`, or 0.
            aim_rad: where the gaze is asked to be, as far as it is `held` (0..1).
        """
        self._speaking += (loudness - self._speaking) / (0.3 * self.fps)
        time_s = self.frame / self.fps
        self.frame += 1
        wandering = self._gaze.step(emotion, self._speaking) * (1 - 0.85 * held)
        turned = self._turned.step((np.zeros(2) if aim_rad is None else aim_rad) * held)
        gaze = wandering + turned
        shifted = self.frame > 1 and abs(gaze[0] - self._before) > math.radians(4)
        self._before = float(gaze[0])
        follows = 0.25 * gaze + (_HEAD_SHARE - 0.25) * turned
        drift = sum((size * part.step() for size, part in self._drifts), np.zeros(3))
        head = drift * np.radians([1.1, 1.9, 1.2]) * (0.55 + 0.6 * min(1.0, self._speaking))
        head = head + self._follows.step(follows[[1, 0, 0]] * [1, 1, 0])
        head[0] += _BREATH_RAD * math.sin(2 * math.pi * _BREATH_HZ * time_s + self._breath)
        beat = self._beats.step(time_s, accent, emotion)
        reach_s = self._occasions.step(time_s, loudness, accent, shifted=bool(shifted))
        blink = self._blinks.step(time_s, reach_s, blink_rate * blend_factors(emotion, _BLINK_RATE))
        return Life(
            blink=np.array([blink]),
            gaze_rad=gaze[None],
            head_rad=(head + beat.nod_rad)[None],
            brow=np.array([beat.brow]),
        )


def draw_life(
    emotion: Float[np.ndarray, "frames 8"],
    loudness: Float[np.ndarray, "frames"],
    fps: float,
    rng: np.random.Generator,
    blink_rate: float | Float[np.ndarray, "frames"] = 1.0,
    aim: Aim | None = None,
    accents: Float[np.ndarray, "frames"] | None = None,
    lead_s: float = LEAD_S,
) -> Life:
    """Draw blinks, gaze, head and brows for a clip; `loudness` in 0..1 says when the person speaks.

    Args:
        aim: where the gaze has to be, in the frames that say so.
        accents: prominence of an accent that comes `lead_s` after its frame, 0 in the others (`beats.announced`).
    """
    stream, frames = LifeStream(fps, rng, lead_s), []
    rates = np.broadcast_to(blink_rate, len(emotion)).astype(np.float64)
    for frame, felt in enumerate(emotion):
        target, held = (None, 0.0) if aim is None else (aim.gaze_rad[frame], float(aim.held[frame]))
        accent = 0.0 if accents is None else float(accents[frame])
        frames.append(stream.step(felt, float(loudness[frame]), float(rates[frame]), target, held, accent))
    return join_lives(frames)


def aimed(life: Life, aim: Aim, fps: float) -> Life:
    """A drawn life with its gaze where it is asked to be; the head takes its share of the shift."""
    turns, follows = _Filter(_SACCADE_S * fps, 2), _Filter(0.3 * fps, 2)
    gaze, head = life.gaze_rad.copy(), life.head_rad.copy()
    for frame, held in enumerate(aim.held):
        turned = turns.step(aim.gaze_rad[frame] * held)
        kept = -0.85 * held * life.gaze_rad[frame]
        gaze[frame] += kept + turned
        head[frame] += follows.step((0.25 * kept + _HEAD_SHARE * turned)[[1, 0, 0]] * [1, 1, 0])
    return replace(life, gaze_rad=gaze, head_rad=head)


def join_lives(lives: list[Life]) -> Life:
    """Lives one after the other as one."""
    members = ("blink", "gaze_rad", "head_rad", "brow")
    return Life(**{name: np.concatenate([getattr(life, name) for life in lives]) for name in members})


class _Filter:
    """Exponential smoothing `order` times over, with the spread of a Gaussian of `sigma` frames."""

    def __init__(self, sigma: float, order: int) -> None:
        tau = sigma / math.sqrt(order)
        self.share = 1 - math.exp(-1 / max(tau, 1e-3))
        self.state: list[np.ndarray | float] = [0.0] * order

    def step(self, x: np.ndarray) -> np.ndarray:
        """Smooth the next value."""
        for index, value in enumerate(self.state):
            x = value + self.share * (x - value)
            self.state[index] = x
        return x


class _Drift:
    """Smooth noise of unit variance that has been going on for ever."""

    def __init__(self, rng: np.random.Generator, sigma: float) -> None:
        self.rng, self.filter = rng, _Filter(sigma, 3)
        pulse = _Filter(sigma, 3)
        response = [float(pulse.step(np.full(1, 1.0 if frame == 0 else 0.0))[0]) for frame in range(int(8 * sigma) + 2)]
        self.gain = 1 / math.sqrt(sum(value * value for value in response))
        for _ in range(int(6 * sigma) + 1):
            self.step()

    def step(self) -> np.ndarray:
        """Pitch, yaw and roll of the next frame."""
        return self.gain * self.filter.step(self.rng.normal(size=3))


class _Gaze:
    """Fixations, mostly on the partner, with quick shifts between them and a little jitter."""

    def __init__(self, rng: np.random.Generator, fps: float) -> None:
        self.rng, self.fps = rng, fps
        self.target, self.left = np.zeros(2), 0
        self.quick, self.jitter = _Filter(_SACCADE_S * fps, 2), _Filter(0.05 * fps, 1)

    def step(self, emotion: np.ndarray, speaking: float) -> np.ndarray:
        """Yaw and pitch of the next frame."""
        if self.left <= 0:
            self.target, length_s = self._fixate(blend_factors(emotion, _AVERSION) * (1.0 if speaking > 0.25 else 0.6))
            self.left = max(4, int(length_s * self.fps))
        self.left -= 1
        noise = np.radians(0.45) * self.rng.normal(size=2)
        return self.quick.step(self.target) + self.jitter.step(noise)

    def _fixate(self, aversion: float) -> tuple[np.ndarray, float]:
        rng = self.rng
        if rng.random() < 0.22 * aversion:
            point = np.array([rng.choice([-1, 1]) * rng.uniform(6, 14), rng.uniform(-5, 9)])
            return np.radians(point), rng.uniform(0.4, 1.1)
        return np.radians(rng.normal(0, [1.8, 1.2])), rng.uniform(0.5, 2.8)
