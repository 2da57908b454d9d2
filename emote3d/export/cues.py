"""Mouth cues as Rhubarb Lip Sync writes them: which of its shapes A-H, X is shown from when to when."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from emote3d.names import OCULUS_VISEMES

_SHAPES = {
    "X": ("sil",), "A": ("PP",), "B": ("DD", "kk", "CH", "SS", "nn", "I"), "C": ("E",), "D": ("aa",), "E": ("O", "RR"),
    "F": ("U",), "G": ("FF",), "H": ("TH",),
}  # fmt: skip
"""Rhubarb's mouth shapes by the visemes that look so (A closed, B teeth together, C open, D wide, E rounded, F puckered,
G teeth on lip, H tongue visible, X rest)."""
_CHANGE_COST_S = 0.025
"""Seconds of full weight that a change of shape must bring; keeps cues from flickering."""


def mouth_cues(weights: Float[ndarray, "frames 15"], fps: float) -> list[dict[str, object]]:
    """The sequence of shapes that fits the visemes best, few changes preferred (Viterbi); seconds, gapless."""
    member = np.array([[name in visemes for name in OCULUS_VISEMES] for visemes in _SHAPES.values()], dtype=np.float64)
    path = _best_path(weights @ member.T, _CHANGE_COST_S * fps)
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    ends = np.append(starts[1:], len(path))
    shapes = list(_SHAPES)
    return [
        {"start": round(start / fps, 2), "end": round(end / fps, 2), "value": shapes[path[start]]}
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _best_path(scores: Float[ndarray, "frames shapes"], cost: float) -> np.ndarray:
    best, back = scores[0], np.zeros(scores.shape, dtype=np.int64)
    stay = np.arange(scores.shape[1])
    for frame in range(1, len(scores)):
        leader = int(best.argmax())
        changed = best[leader] - cost > best
        back[frame] = np.where(changed, leader, stay)
        best = np.maximum(best, best[leader] - cost) + scores[frame]
    path = np.empty(len(scores), dtype=np.int64)
    path[-1] = best.argmax()
    for frame in range(len(scores) - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return path
