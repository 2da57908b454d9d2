"""Blinks in their time, drawn from a seed: rather where the speech pauses, after an accent, or when the eyes move.

People's blinks gather at the ends of phrases and in pauses (Condon, Ogston 1967; Nakano, Kitazawa 2010) and at shifts of the gaze
(Evinger et al. 1994). So a blink that is due waits a little for such a moment, and comes before its time if there is one.
"""

from __future__ import annotations

import math

import numpy as np

BLINK_INTERVAL_S = 4.6
"""Drawn mean, before good moments hasten them."""
_NO_BLINKS = 0.05
"""Below this rate the eyes stay open."""
_PATIENCE_S = 0.7
"""How long a blink that is due waits for a good moment."""
_CLOSE_S, _HOLD_S, _OPEN_S = 0.075, 0.035, 0.17
_LASTS_S = 0.4
_PAUSE_REACH_S, _ACCENT_REACH_S, _SHIFT_REACH_S = 2.2, 0.5, 0.4
"""How long before its time a blink comes at such a moment."""
_QUIET, _QUIET_S, _SPOKEN = 0.12, 0.1, 0.35
"""A pause is where nothing is louder for so long after something was as loud as speech."""
_ACCENT_OVER_S = (0.26, 0.42)
"""An accented syllable ends so long after it was announced."""


class Occasions:
    """Tells good moments for a blink; knows no more than the past."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._quiet_s, self._spoke = 0.0, False
        self._accent_s = -math.inf

    def step(self, time_s: float, loudness: float, accent: float, *, shifted: bool) -> float:
        """How many seconds before its time a blink may come now; 0: none.

        Args:
            shifted: whether the gaze jumps.
        """
        if accent > 0:
            self._accent_s = time_s
        self._spoke |= loudness > _SPOKEN
        self._quiet_s = 0.0 if loudness > _QUIET else self._quiet_s + 1 / self._fps
        pauses = self._spoke and self._quiet_s >= _QUIET_S
        if pauses:
            self._spoke = False
        ended = _ACCENT_OVER_S[0] <= time_s - self._accent_s < _ACCENT_OVER_S[1]
        return max(pauses * _PAUSE_REACH_S, ended * _ACCENT_REACH_S, shifted * _SHIFT_REACH_S)


class Blinks:
    """Draws when; one in ten is double."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.due_s = rng.uniform(0.4, 0.6 * BLINK_INTERVAL_S)
        self.going: list[tuple[float, float]] = []
        """Start (s) and slowness of the blinks of now and soon."""

    def step(self, time_s: float, reach_s: float, hurry: float) -> float:
        """Closure of the lids at a time, 0..1.

        Args:
            reach_s: how long before its time a blink may come (`Occasions`).
            hurry: factor on the usual rate.
        """
        if hurry < _NO_BLINKS:
            self.due_s = max(self.due_s, time_s + 0.4)
        elif time_s >= self.due_s + _PATIENCE_S or 0 < reach_s > self.due_s - time_s:
            self._blink(time_s, hurry)
        self.going = [(start, slowness) for start, slowness in self.going if time_s - start < _LASTS_S]
        return max((_blink_curve(time_s - start, slowness) for start, slowness in self.going), default=0.0)

    def _blink(self, time_s: float, hurry: float) -> None:
        rng = self.rng
        self.going.append((time_s, rng.uniform(0.9, 1.15)))
        if rng.random() < 0.1:
            self.going.append((time_s + 0.38, 1.0))
        wait = BLINK_INTERVAL_S * rng.lognormal(-0.18, 0.6)
        self.due_s = time_s + max(0.7, wait / max(0.1, hurry))


def _blink_curve(t: float, slowness: float) -> float:
    closing = t / (_CLOSE_S * slowness)
    opening = 1 - (t - (_CLOSE_S + _HOLD_S) * slowness) / (_OPEN_S * slowness)
    x = min(1.0, max(0.0, min(closing, opening)))
    return x * x * (3 - 2 * x)
