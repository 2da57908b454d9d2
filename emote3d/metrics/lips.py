"""Whether the lips do what the phones need: closures, openings, lip on teeth, and their timing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from emote3d.data.phones import PHONES
from emote3d.data.timed import TimedSpeech
from emote3d.metrics.curves import best_lag

CLOSED_SHARE = 0.1
"""Lips are closed where the inner-lip gap is under this share of the clip's 95th percentile."""
REACH_FRAMES = 2
"""Frames before and after a phone in which its closure still counts."""
TIMING_REACH_S = 0.25
"""How far from a phone's middle the middle of its closure is looked for."""


@dataclass(frozen=True, kw_only=True)
class LipReport:
    """Lips and phones of one recording; reports add up with +."""

    closures: int = 0
    """p, b, m phones."""
    closed: int = 0
    """Of those, how many reach closed lips within two frames of the phone."""
    vowels: int = 0
    """Open vowels (openness 0.6 or more)."""
    closed_vowels: int = 0
    """Of those, how many are closed at every frame of the vowel."""
    other_frames: int = 0
    """Frames inside all phones but pauses, p, b, m, f, v, w."""
    closed_other_frames: int = 0
    """Of those, how many have closed lips."""
    lip_teeth: int = 0
    """f, v phones, where teeth on lip were measured."""
    on_teeth: int = 0
    """Of those, in how many the teeth lie on the lip in a frame of the phone (one frame of grace)."""
    timing_errors_s: tuple[float, ...] = ()
    """Distance of the middle of each closure from the middle of its phone; runs of p, b, m count as one."""
    lags_frames: tuple[int, ...] = ()
    """Frames by which the lip gap follows the loudness, at the best correlation; one for each recording."""
    correlations: tuple[float, ...] = ()
    """That correlation."""

    @property
    def recall(self) -> float:
        """Share of p, b, m with closed lips."""
        return self.closed / max(1, self.closures)

    @property
    def false_closures(self) -> float:
        """Share of open vowels that stay closed."""
        return self.closed_vowels / max(1, self.vowels)

    @property
    def closed_elsewhere(self) -> float:
        """Share of the frames inside other phones with closed lips."""
        return self.closed_other_frames / max(1, self.other_frames)

    @property
    def teeth_share(self) -> float:
        """Share of f, v with teeth on lip."""
        return self.on_teeth / max(1, self.lip_teeth)

    @property
    def timing_error_s(self) -> float:
        """Median distance of closures from their phones, seconds; NaN without any."""
        return float(np.median(self.timing_errors_s)) if self.timing_errors_s else float("nan")

    @property
    def lag_frames(self) -> float:
        """Median lag of the lip gap behind the loudness."""
        return float(np.median(self.lags_frames)) if self.lags_frames else float("nan")

    @property
    def correlation(self) -> float:
        """Mean correlation of lip gap and loudness at that lag."""
        return float(np.mean(self.correlations)) if self.correlations else float("nan")

    def __add__(self, other: LipReport) -> LipReport:
        return LipReport(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def closed_frames(gap: Float[np.ndarray, "frames"]) -> Bool[np.ndarray, "frames"]:
    """Frames with closed lips."""
    return gap < CLOSED_SHARE * np.percentile(gap, 95)


def audio_lag(
    gap: Float[np.ndarray, "frames"], loudness: Float[np.ndarray, "frames"], reach: int = 8
) -> tuple[int, float]:
    """Lag of the gap behind the loudness (frames, positive = later) with the best correlation, and that correlation."""
    return best_lag(gap, loudness, reach)


def lip_report(
    gap: Float[np.ndarray, "frames"],
    clip: TimedSpeech,
    loudness: Float[np.ndarray, "frames"],
    fps: float,
    teeth_on_lip: Bool[np.ndarray, "frames"] | None = None,
) -> LipReport:
    """Hold the lip gap of a performance (any unit) against the phones of its recording."""
    closed = closed_frames(gap)
    counts = dict.fromkeys(("closures", "closed", "vowels", "closed_vowels", "lip_teeth", "on_teeth"), 0)
    counts |= {"other_frames": 0, "closed_other_frames": 0}
    for symbol, start_s, end_s in zip(clip.phone, clip.start_s, clip.end_s, strict=True):
        phone = PHONES[symbol]
        first, last = int(np.ceil(start_s * fps)), int(np.floor(end_s * fps))
        if phone.lip_closure == 1:
            counts["closures"] += 1
            counts["closed"] += _any(closed, first - REACH_FRAMES, last + REACH_FRAMES)
        elif phone.labiodental:
            if teeth_on_lip is not None:
                counts["lip_teeth"] += 1
                counts["on_teeth"] += _any(teeth_on_lip, first - 1, last + 1)
        elif phone.needs_open_mouth:
            counts["other_frames"] += len(closed[first : last + 1])
            counts["closed_other_frames"] += int(closed[first : last + 1].sum())
        if phone.is_vowel and phone.openness >= 0.6 and first <= last:
            counts["vowels"] += 1
            counts["closed_vowels"] += bool(closed[first : last + 1].all())
    lag, correlation = audio_lag(gap, loudness)
    return LipReport(
        timing_errors_s=timing_errors(closed, clip, fps), lags_frames=(lag,), correlations=(correlation,), **counts
    )


def _any(frames: Bool[np.ndarray, "frames"], first: int, last: int) -> bool:
    return bool(frames[max(0, first) : last + 1].any())


def timing_errors(closed: Bool[np.ndarray, "frames"], clip: TimedSpeech, fps: float) -> tuple[float, ...]:
    """Distance in seconds of each spoken closure's middle from the middle of the nearest run of closed frames.

    p, b, m in a row are one closure. Closures beside a pause are left out, where the mouth may rest closed, and so are
    those without a run within `TIMING_REACH_S`, which `recall` counts. Frame k stands for the time k / fps.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closed.astype(np.int8), [0]])))
    middles_s = 0.5 * (edges[::2] + edges[1::2] - 1) / fps
    errors = []
    for start_s, end_s in _spoken_closures(clip):
        distances = np.abs(middles_s - 0.5 * (start_s + end_s))
        if len(distances) and distances.min() <= TIMING_REACH_S:
            errors.append(float(distances.min()))
    return tuple(errors)


def _spoken_closures(clip: TimedSpeech) -> list[tuple[float, float]]:
    """Start and end of runs of p, b, m with a sounding phone on either side."""
    closing = [PHONES[symbol].lip_closure == 1 for symbol in clip.phone]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.array(closing, np.int8), [0]])))
    found = []
    for first, after in list(pairwise(edges.tolist()))[::2]:
        sides = [clip.phone[index] for index in (first - 1, after) if 0 <= index < len(clip.phone)]
        if len(sides) == 2 and all(PHONES[symbol].manner != "silence" for symbol in sides):
            found.append((float(clip.start_s[first]), float(clip.end_s[after - 1])))
    return found
