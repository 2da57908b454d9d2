"""ARKit coefficients as FACS action units, with intensities and sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from emote3d.names import ARKIT_52

ACTION_UNITS: dict[int, tuple[str, str]] = {
    1: ("browInnerUp", "inner brow raiser"),
    2: ("browOuterUp*", "outer brow raiser"),
    4: ("browDown*", "brow lowerer"),
    5: ("eyeWide*", "upper lid raiser"),
    6: ("cheekSquint*", "cheek raiser"),
    7: ("eyeSquint*", "lid tightener"),
    9: ("noseSneer*", "nose wrinkler"),
    10: ("mouthUpperUp*", "upper lip raiser"),
    12: ("mouthSmile*", "lip corner puller"),
    14: ("mouthDimple*", "dimpler"),
    15: ("mouthFrown*", "lip corner depressor"),
    16: ("mouthLowerDown*", "lower lip depressor"),
    17: ("mouthShrugLower", "chin raiser"),
    18: ("mouthPucker", "lip pucker"),
    19: ("tongueOut", "tongue show"),
    20: ("mouthStretch*", "lip stretcher"),
    22: ("mouthFunnel", "lip funneler"),
    24: ("mouthPress*", "lip pressor"),
    26: ("jawOpen", "jaw drop"),
    28: ("mouthRollLower", "lip suck"),
    29: ("jawForward", "jaw thrust"),
    34: ("cheekPuff", "cheek puff"),
    43: ("eyeBlink*", "eye closure"),
}
"""Action unit: ARKit shape (`*` = Left and Right) and FACS name. After the FACS manual (Ekman, Friesen, Hager 2002) and the ARKit to
FACS sheet of M. Ozel (facetheface.com); ARKit's browDown is AU4 without the part that draws the brows together."""
SPEECH_UNITS = frozenset({10, 12, 14, 16, 17, 18, 19, 20, 22, 24, 26, 28})
"""Units that speech moves too: only what lasts beyond a syllable is expression."""
LEVELS = ((0.9, "E"), (0.65, "D"), (0.3, "C"), (0.12, "B"), (0.05, "A"))
"""Least coefficient of FACS' five intensities: trace, slight, marked, severe, maximum; C and D are the widest, as there."""


@dataclass(frozen=True, kw_only=True)
class UnitCurves:
    """Action units over time."""

    left: dict[int, Float[np.ndarray, "frames"]]
    right: dict[int, Float[np.ndarray, "frames"]]
    """The same as left where a unit has no sides."""

    def stronger(self, unit: int) -> Float[np.ndarray, "frames"]:
        """The stronger side."""
        return np.maximum(self.left[unit], self.right[unit])

    def difference(self, unit: int) -> Float[np.ndarray, "frames"]:
        """How much one side is stronger than the other."""
        return np.abs(self.left[unit] - self.right[unit])


def unit_curves(arkit: Float[np.ndarray, "frames 52"]) -> UnitCurves:
    """Read the action units off ARKit's coefficients."""
    sides: list[dict[int, np.ndarray]] = []
    for side in ("Left", "Right"):
        sides.append(
            {unit: arkit[:, ARKIT_52.index(shape.replace("*", side))] for unit, (shape, _) in ACTION_UNITS.items()}
        )
    return UnitCurves(left=sides[0], right=sides[1])


def level(value: float) -> str | None:
    """FACS' letter of a coefficient, A to E; None below a trace."""
    return next((letter for least, letter in LEVELS if value >= least), None)


def score(unit: int, left: float, right: float) -> str | None:
    """A unit in FACS notation: `12C`, `L12D` where one side is clearly stronger; None where it does not act."""
    letter = level(max(left, right))
    if letter is None:
        return None
    lopsided = abs(left - right) > max(0.08, 0.4 * max(left, right))
    return f"{('L' if left > right else 'R') if lopsided else ''}{unit}{letter}"
