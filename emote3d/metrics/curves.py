"""Measures of one curve beside another: correlation, lag, jerk."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def correlation(a: Float[np.ndarray, "frames"], b: Float[np.ndarray, "frames"]) -> float:
    """Pearson's r, sum((a - mean a)(b - mean b)) / (n sd(a) sd(b)); 0 where one of them does not move."""
    if min(np.ptp(a), np.ptp(b)) < 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def best_lag(
    moved: Float[np.ndarray, "frames"], reference: Float[np.ndarray, "frames"], reach: int = 8
) -> tuple[int, float]:
    """Frames by which `moved` follows `reference` (positive = later) at the best correlation, and that correlation.

    Every lag up to `reach` is correlated over the frames that both still have; shorter curves reach less far.
    """
    assert len(moved) == len(reference), (len(moved), len(reference))
    reach = min(reach, max(0, (len(moved) - 3) // 2))
    scores = {}
    for lag in range(-reach, reach + 1):
        later = moved[max(0, lag) : len(moved) + min(0, lag)]
        scores[lag] = correlation(later, reference[max(0, -lag) : len(reference) - max(0, lag)])
    best = max(scores, key=lambda lag: (scores[lag], -abs(lag)))
    return best, scores[best]


def jerk(curves: Float[np.ndarray, "frames *rest"], fps: float) -> Float[np.ndarray, "*rest"]:
    """Mean absolute third time derivative, mean |x[t+3] - 3 x[t+2] + 3 x[t+1] - x[t]| fps^3, unit of x per s^3.

    Papers also give the mean over joints of the norm of this vector for positions in m/s^3 (see `body.jitter`), and some
    leave the factor fps^3 out, which makes figures at 25 and 30 fps differ by 1.7x.
    """
    if len(curves) < 4:
        return np.zeros(curves.shape[1:])
    return np.abs(np.diff(curves, n=3, axis=0)).mean(axis=0) * fps**3
