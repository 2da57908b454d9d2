"""Which emotion a face shows: the action units that last, explained as a blend of FACS' prototypes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d, median_filter, percentile_filter
from scipy.optimize import nnls

from emote3d.metrics.action_units import ACTION_UNITS, SPEECH_UNITS, UnitCurves
from emote3d.names import EMOTIONS

PROTOTYPES: dict[str, dict[str, float]] = {
    "happy": {"12": 0.7, "6": 0.5, "7": 0.2},
    "sad": {"1": 0.7, "4": 0.2, "15": 0.6, "17": 0.3},
    "surprise": {"1": 0.7, "2": 0.8, "5": 0.7, "26": 0.15},
    "fear": {"1": 0.75, "2": 0.35, "4": 0.35, "5": 0.6, "20": 0.5},
    "disgust": {"9": 0.8, "10": 0.4, "4": 0.4, "6": 0.3, "7": 0.3, "15": 0.25, "17": 0.2},
    "anger": {"4": 0.9, "5": 0.2, "7": 0.3, "9": 0.25, "24": 0.25, "15": 0.2, "29": 0.15},
    "contempt": {"14": 0.6, "U14": 0.55, "12": 0.4, "U12": 0.4},
}
"""Unit and coefficient at full strength; U = one side stronger than the other by this much. After the prototypes of the FACS
Investigator's Guide (Ekman, Friesen, Hager 2002, table 10-1) and EMFACS, which have no strengths: those are ours, and so are 7 in happy,
4, 6 and 7 in disgust, 9, 15 and 29 in anger."""
_WINDOW_S = 0.9
"""Longer than a syllable: what lasts through it is not speech."""
_SPEECH_PERCENTILE = 35
_SHOWN = 0.2
"""Weaker emotions are not called shown."""
_SHORTEST_S = 0.5
_SETTLED_S = 0.3
FEATURES = tuple(dict.fromkeys(feature for prototype in PROTOTYPES.values() for feature in prototype))
_ATOMS = np.array([[PROTOTYPES[name].get(feature, 0.0) for feature in FEATURES] for name in EMOTIONS[1:]])
_STEP_S = 0.1


def lasting(curves: UnitCurves, fps: float) -> dict[str, Float[np.ndarray, "frames"]]:
    """What of each feature outlasts a syllable: a running median, lower for the units that speech moves."""
    size = max(1, round(_WINDOW_S * fps))
    held: dict[str, np.ndarray] = {}
    for feature in FEATURES:
        unit = int(feature.lstrip("U"))
        curve = curves.difference(unit) if feature.startswith("U") else curves.stronger(unit)
        percentile = _SPEECH_PERCENTILE if unit in SPEECH_UNITS else 50
        held[feature] = percentile_filter(curve.astype(np.float64), percentile, size=size, mode="nearest")
    return held


def shown_emotions(curves: UnitCurves, fps: float) -> Float[np.ndarray, "frames 8"]:
    """Strength of each emotion over time; neutral is what is left of 1.

    Non-negative least squares of what lasts on `PROTOTYPES`, every 0.1 s, linear between, smoothed by a Gaussian of 0.15 s.
    """
    held = np.stack(list(lasting(curves, fps).values()), axis=1)
    step = max(1, round(_STEP_S * fps))
    at = np.unique(np.append(np.arange(0, len(held), step), len(held) - 1))
    weights = np.array([nnls(_ATOMS.T, held[frame])[0] for frame in at])
    felt = np.stack([np.interp(np.arange(len(held)), at, column) for column in weights.T], axis=1)
    felt = gaussian_filter1d(felt, 0.15 * fps, axis=0, mode="nearest")
    return np.concatenate([np.maximum(0.0, 1.0 - felt.sum(axis=1, keepdims=True)), felt], axis=1)


def label_frames(emotion: Float[np.ndarray, "frames 8"], fps: float) -> np.ndarray:
    """Index of the emotion that each frame shows: the strongest from 0.2 on, else neutral, smoothed over 0.3 s.

    Flicker goes by the majority of the 0.5 s around a frame; where no label has one, the frame keeps its own.
    """
    felt = gaussian_filter1d(emotion[:, 1:], _SETTLED_S * fps, axis=0, mode="nearest")
    label = np.where(felt.max(axis=1) >= _SHOWN, 1 + felt.argmax(axis=1), 0)
    window = max(1, round(_SHORTEST_S * fps)) | 1
    votes = np.stack(
        [median_filter((label == index).astype(np.int8), window, mode="nearest") for index in range(len(EMOTIONS))]
    )
    return np.where(votes.any(axis=0), votes.argmax(axis=0), label)


def runs(label: np.ndarray) -> list[tuple[int, int]]:
    """First frame and end of each stretch of one label."""
    edges = np.flatnonzero(np.diff(label)) + 1
    return list(zip([0, *edges.tolist()], [*edges.tolist(), len(label)], strict=True))


def evidence(name: str, held: dict[str, Float[np.ndarray, "frames"]], first: int, end: int) -> list[tuple[int, float]]:
    """Units of an emotion's prototype that act in a stretch (mean 0.05 or more), with that mean; the largest mean times weight first."""
    if name not in PROTOTYPES:
        return []
    means = {
        int(feature): float(held[feature][first:end].mean())
        for feature in PROTOTYPES[name]
        if not feature.startswith("U")
    }
    telling = sorted(means, key=lambda unit: -means[unit] * PROTOTYPES[name][str(unit)])
    return [(unit, means[unit]) for unit in telling if means[unit] >= 0.05 and unit in ACTION_UNITS]
