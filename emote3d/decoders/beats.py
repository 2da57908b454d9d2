"""Nods and raised brows on the accents of the speech, drawn from a seed.

Three accents in four go with a movement of the head, fewer with the brows (Graf, Cosatto, Strom, Huang 2002); a nod is lowest on the
accented syllable (Hadar, Steiner, Grant, Rose 1983), brows rise on it or just before (Flecha-Garcia 2010). Stronger accents have more of both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from emote3d.names import EMOTIONS

LEAD_S = 0.13
"""Beats are at their height about so long after the accent was announced."""
_RISE, _NOD_BACK_S, _BROW_BACK_S = (0.8, 1.2), (0.22, 0.34), (0.35, 0.65)
"""Time to rise relative to the lead, and to come back."""
_NOD_RAD, _BROW = (math.radians(1.8), math.radians(4.2)), (0.18, 0.42)
"""Usual sizes of a nod, and of a raise as a share of the brows' whole way."""
_NOD_REST_S, _BROW_REST_S = 0.5, 0.8
"""No two begin closer than that."""
_NOD_CHANCE, _BROW_CHANCE = 0.85, 0.5
"""Of a strong accent of a lively speaker."""
_USUAL_ACCENT, _LEARNT, _SPREAD = 1.4, 0.15, 0.8
"""Size of an accent that is expected at first, how much each one changes that, and how much more makes it a strong one."""
_MOOD_S = 4.0
"""How soon a speaker becomes livelier or calmer."""
_VIGOUR = {"happy": 1.1, "sad": 0.6, "surprise": 1.1, "fear": 0.9, "anger": 1.25, "contempt": 0.8}


def blend_factors(emotion: Float[np.ndarray, "8"], table: dict[str, float]) -> float:
    """Blend the factors of the emotions by their weights; 1 where the table has none."""
    factors = np.array([table.get(name, 1.0) for name in EMOTIONS])
    return float(emotion @ factors / max(float(emotion.sum()), 1e-6))


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What beats add to a frame."""

    brow: float
    """How far the brows are raised, 0..1."""
    nod_rad: Float[np.ndarray, "3"]
    """Pitch, yaw and roll of the head."""


@dataclass(frozen=True, kw_only=True)
class _Pulse:
    start_s: float
    rise_s: float
    back_s: float
    size: Float[np.ndarray, "n"]

    def at(self, time_s: float) -> np.ndarray:
        since = time_s - self.start_s
        share = since / self.rise_s if since < self.rise_s else 1 - (since - self.rise_s) / self.back_s
        share = min(1.0, max(0.0, share))
        return self.size * (share * share * (3 - 2 * share))

    def over(self, time_s: float) -> bool:
        return time_s > self.start_s + self.rise_s + self.back_s


def announced(accents: Float[np.ndarray, "frames"], fps: float) -> Float[np.ndarray, "frames"]:
    """Accents of a recording moved to the frames in which they have to be announced, `LEAD_S` before."""
    lead, out = round(LEAD_S * fps), np.zeros_like(accents)
    for frame in np.flatnonzero(accents):
        at = max(0, frame - lead)
        out[at] = max(out[at], accents[frame])
    return out


class Beats:
    """Draws which accents get a nod, raised brows, both or nothing."""

    def __init__(self, rng: np.random.Generator, lead_s: float = LEAD_S) -> None:
        self._rng, self._lead_s = rng, lead_s
        self._usual, self._mood = _USUAL_ACCENT, float(rng.uniform(0.6, 1.0))
        self._nods: list[_Pulse] = []
        self._raises: list[_Pulse] = []
        self._nodded_s = self._raised_s = self.accent_s = -math.inf
        """When the last nod and raise began, and the last accent was announced."""

    def step(self, time_s: float, accent: float, emotion: Float[np.ndarray, "8"]) -> Beat:
        """The next frame.

        Args:
            accent: size of an accent that is due `lead_s` later, or 0.
        """
        if accent > 0:
            self._announce(time_s, accent, blend_factors(emotion, _VIGOUR))
        self._nods = [pulse for pulse in self._nods if not pulse.over(time_s)]
        self._raises = [pulse for pulse in self._raises if not pulse.over(time_s)]
        nod = sum((pulse.at(time_s) for pulse in self._nods), np.zeros(3))
        return Beat(brow=max((float(pulse.at(time_s)[0]) for pulse in self._raises), default=0.0), nod_rad=nod)

    def _announce(self, time_s: float, accent: float, vigour: float) -> None:
        strength = float(np.clip(0.5 + (accent - self._usual) / _SPREAD, 0.1, 1.0))
        self._usual += _LEARNT * (accent - self._usual)
        rng = self._rng
        self._mood = float(np.clip(self._mood + rng.normal(0, 0.5 / _MOOD_S), 0.5, 1.0))
        chance = min(1.0, 0.25 + strength) * self._mood
        nods, raises = rng.random() < _NOD_CHANCE * chance, rng.random() < _BROW_CHANCE * chance
        rise, nod_back_s, brow_back_s = rng.uniform(*np.transpose([_RISE, _NOD_BACK_S, _BROW_BACK_S])).tolist()
        rise_s = rise * self._lead_s
        size = vigour * (0.5 + 0.5 * strength)
        aside = np.array([1.0, *rng.normal(0, [0.22, 0.16])])
        nod, brow = rng.uniform(*np.transpose([_NOD_RAD, _BROW])) * size
        self.accent_s = time_s
        if nods and time_s - self._nodded_s >= _NOD_REST_S:
            self._nodded_s = time_s
            self._nods.append(_Pulse(start_s=time_s, rise_s=rise_s, back_s=nod_back_s, size=nod * aside))
        if raises and time_s - self._raised_s >= _BROW_REST_S:
            self._raised_s = time_s
            self._raises.append(_Pulse(start_s=time_s, rise_s=rise_s, back_s=brow_back_s, size=np.array([brow])))
