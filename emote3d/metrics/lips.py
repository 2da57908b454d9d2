"""Whether the lips do what the phones need: closures, openings and their timing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from emote3d.data.phones import PHONES
from emote3d.data.timed import TimedSpeech

CLOSED_SHARE = 0.1
"""Lips are closed where the inner-lip gap is under this share of the clip's 95th percentile."""
REACH_FRAMES = 2
"""Frames before and after a phone in which its closure still counts."""


@dataclass(frozen=True, kw_only=True)
class LipReport:
    """Closures of one recording."""

    closures: int
    """p, b, m phones."""
    closed: int
    """Of those, how many reach closed lips within two frames of the phone."""
    vowels: int
    """Open vowels (openness 0.6 or more)."""
    closed_vowels: int
    """Of those, how many are closed at every frame of the vowel."""
    lag_frames: int
    """Frames by which the lip gap follows the loudness, at the best correlation."""
    correlation: float
    """That correlation."""

    @property
    def recall(self) -> float:
        """Share of p, b, m with closed lips."""
        return self.closed / max(1, self.closures)

    @property
    def false_closures(self) -> float:
        """Share of open vowels that stay closed."""
        return self.closed_vowels / max(1, self.vowels)


def closed_frames(gap: Float[np.ndarray, "frames"]) -> np.ndarray:
    """Frames with closed lips."""
    return gap < CLOSED_SHARE * np.percentile(gap, 95)


def audio_lag(
    gap: Float[np.ndarray, "frames"], loudness: Float[np.ndarray, "frames"], reach: int = 8
) -> tuple[int, float]:
    """Lag of the gap behind the loudness (frames, positive = later) with the best correlation, and that correlation."""
    inner = slice(reach, len(gap) - reach)
    scores = {
        lag: float(np.corrcoef(np.roll(gap, -lag)[inner], loudness[inner])[0, 1]) for lag in range(-reach, reach + 1)
    }
    best = max(scores, key=lambda lag: scores[lag])
    return best, scores[best]


def lip_report(
    gap: Float[np.ndarray, "frames"], clip: TimedSpeech, loudness: Float[np.ndarray, "frames"], fps: float
) -> LipReport:
    """Hold the lip gap of a performance (any unit) against the phones of its recording."""
    closed = closed_frames(gap)
    counts = {"closures": 0, "closed": 0, "vowels": 0, "closed_vowels": 0}
    for symbol, start_s, end_s in zip(clip.phone, clip.start_s, clip.end_s, strict=True):
        phone = PHONES[symbol]
        first, last = int(np.ceil(start_s * fps)), int(np.floor(end_s * fps))
        if phone.lip_closure == 1:
            counts["closures"] += 1
            counts["closed"] += bool(closed[max(0, first - REACH_FRAMES) : last + REACH_FRAMES + 1].any())
        elif phone.is_vowel and phone.openness >= 0.6 and first <= last:
            counts["vowels"] += 1
            counts["closed_vowels"] += bool(closed[first : last + 1].all())
    lag, correlation = audio_lag(gap, loudness)
    return LipReport(lag_frames=lag, correlation=correlation, **counts)
