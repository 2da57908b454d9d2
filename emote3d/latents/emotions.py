"""The language of emotions: labels, synonyms, compounds, blends, valence-arousal-dominance points and `auto`.

Imports no torch and no numpy, so that the command line stays quick.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS

MAX_INTENSITY = 1.5
AUTO = "auto"
"""What the voice sounds like."""
FEELINGS = (*EMOTIONS, AUTO)
"""Names of the components of a feeling: the eight emotions, then the share of the voice's own."""

SYNONYMS = {
    "angry": "anger", "surprised": "surprise", "disgusted": "disgust", "afraid": "fear", "sadness": "sad", "happiness": "happy",
    "joy": "happy", "joyful": "happy", "fearful": "fear", "scared": "fear", "contemptuous": "contempt", "calm": "neutral",
    "none": "neutral", "voice": "auto",
}  # fmt: skip
"""Other words for one of the eight emotions or auto."""
COMPOUNDS: dict[str, dict[str, float]] = {
    "happily surprised": {"happy": 0.55, "surprise": 0.55},
    "happily disgusted": {"happy": 0.55, "disgust": 0.5},
    "sadly fearful": {"sad": 0.55, "fear": 0.5},
    "sadly angry": {"sad": 0.55, "anger": 0.5},
    "sadly surprised": {"sad": 0.55, "surprise": 0.5},
    "sadly disgusted": {"sad": 0.5, "disgust": 0.5},
    "fearfully angry": {"fear": 0.5, "anger": 0.5},
    "fearfully surprised": {"fear": 0.5, "surprise": 0.55},
    "fearfully disgusted": {"fear": 0.5, "disgust": 0.5},
    "angrily surprised": {"anger": 0.5, "surprise": 0.5},
    "angrily disgusted": {"anger": 0.55, "disgust": 0.5},
    "disgustedly surprised": {"disgust": 0.5, "surprise": 0.5},
    "appalled": {"disgust": 0.6, "fear": 0.35},
    "hatred": {"anger": 0.6, "disgust": 0.4},
    "awed": {"surprise": 0.6, "fear": 0.25},
}  # fmt: skip
"""Compound expressions of Du, Tao, Martinez (PNAS 2014): the action units of both emotions at once, each a little weaker."""
VAD: dict[str, tuple[float, float, float]] = {
    "happy": (0.76, 0.48, 0.35),
    "sad": (-0.63, -0.27, -0.33),
    "surprise": (0.40, 0.67, -0.13),
    "fear": (-0.64, 0.60, -0.43),
    "disgust": (-0.60, 0.35, 0.11),
    "anger": (-0.51, 0.59, 0.25),
    "contempt": (-0.30, -0.10, 0.40),
}
"""Valence, arousal, dominance, each -1..1: the means of Russell, Mehrabian (J. Res. Personality 11, 1977) for joyful, sad, surprised,
fearful, disgusted, angry; contempt is their octant "disdainful" at ALMA's reproach (Gebhard 2005). Neutral is the origin."""


def parse_feeling(text: str) -> tuple[float, ...]:
    """Weights of `FEELINGS` in a text such as `happy`, `happy:0.6+surprise:0.4`, `happily surprised`, `vad:0.6/0.2/-0.4`, `auto`.

    Raises:
        Emote3DError: an unknown name (with the nearest known ones), or a weight outside of 0 to 1.5.
    """
    weights: dict[str, float] = {name: 0.0 for name in FEELINGS}
    for term in text.split("+"):
        for name, weight in _parse_term(term).items():
            weights[name] += weight
    if felt(tuple(weights.values())) > MAX_INTENSITY + 1e-9:
        raise Emote3DError(
            f"the emotions of '{text}' add up to {felt(tuple(weights.values())):g}; at most {MAX_INTENSITY:g} is possible"
        )
    return tuple(weights.values())


def felt(weights: Sequence[float]) -> float:
    """Sum of all weights but that of neutral."""
    return sum(weights[1:])


def write_feeling(weights: Sequence[float]) -> str:
    """The shortest text that `parse_feeling` reads as these weights."""
    terms = [
        name if value == 1 else f"{name}:{round(value, 3):g}"
        for name, value in zip(FEELINGS, weights, strict=True)
        if value and name != "neutral"
    ]
    return "+".join(terms) or "neutral"


def _parse_term(term: str) -> dict[str, float]:
    name, _, weight = (part.strip().lower() for part in term.partition(":"))
    if name == "vad":
        return from_vad(_point(weight, term))
    name = " ".join(name.replace("_", " ").split())
    name = SYNONYMS.get(name, name)
    if name not in FEELINGS and name not in COMPOUNDS:
        raise Emote3DError(unknown_emotion(name))
    value = _number(weight) if weight else 1.0
    if not 0.0 <= value <= MAX_INTENSITY:
        raise Emote3DError(f"the weight of an emotion is a number from 0 to {MAX_INTENSITY:g}, got '{term.strip()}'")
    parts = COMPOUNDS.get(name, {name: 1.0})
    return {part: share * value for part, share in parts.items()}


def unknown_emotion(name: str) -> str:
    """What to say of a name that is no emotion."""
    near = difflib.get_close_matches(name, [*FEELINGS, *SYNONYMS, *COMPOUNDS], n=2)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"unknown emotion '{name}'; known are {', '.join(FEELINGS)}, compounds such as 'happily surprised', vad:V/A/D{hint}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _point(text: str, term: str) -> tuple[float, float, float]:
    values = tuple(_number(part) for part in text.split("/"))
    if len(values) != 3 or not all(-1.0 <= value <= 1.0 for value in values):
        raise Emote3DError(
            f"a valence-arousal-dominance point is three numbers from -1 to 1, as vad:0.6/0.2/-0.4, got '{term.strip()}'"
        )
    return values[0], values[1], values[2]


@lru_cache(maxsize=256)
def _solve(point: tuple[float, float, float], names: tuple[str, ...]) -> tuple[float, ...] | None:
    """Least-squares weights of a few emotions whose blend lies at a point; None when one would be negative."""
    rows = [VAD[name] for name in names]
    gram = [[sum(a * b for a, b in zip(left, right, strict=True)) for right in rows] for left in rows]
    side = [sum(a * b for a, b in zip(row, point, strict=True)) for row in rows]
    if len(names) == 1:
        solution = (side[0] / gram[0][0],)
    else:
        determinant = gram[0][0] * gram[1][1] - gram[0][1] * gram[1][0]
        solution = (
            (side[0] * gram[1][1] - side[1] * gram[0][1]) / determinant,
            (side[1] * gram[0][0] - side[0] * gram[1][0]) / determinant,
        )
    return solution if all(value >= 0 for value in solution) else None


def from_vad(point: tuple[float, float, float]) -> dict[str, float]:
    """The blend of at most two emotions that lies nearest to a valence-arousal-dominance point (non-negative least squares).

    The strength follows from the distance from the origin, limited to a sum of 1.5; the origin is neutral.
    """
    best: dict[str, float] = {"neutral": 1.0}
    error = sum(value * value for value in point)
    for count in (1, 2):
        for names in combinations(VAD, count):
            weights = _solve(point, names)
            if weights is None:
                continue
            blend = [sum(w * VAD[n][axis] for n, w in zip(names, weights, strict=True)) for axis in range(3)]
            miss = sum((a - b) ** 2 for a, b in zip(blend, point, strict=True))
            if miss < error - 1e-9:
                error, best = miss, dict(zip(names, weights, strict=True))
    excess = max(1.0, sum(value for name, value in best.items() if name != "neutral") / MAX_INTENSITY)
    return {name: value / excess for name, value in best.items()}
