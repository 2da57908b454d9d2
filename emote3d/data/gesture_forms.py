"""The vocabulary of the gesture teacher: where hands go, how they are turned and shaped, before and at the stroke.

Kinds follow McNeill (1992) and Kendon (2004): beats, metaphorics (container, open palm), deictics, emblems, rests. Places are in
metres beside (out), above and before the point between the shoulders, for an arm of 0.46 m; angles in degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from emote3d.data.gesture_hands import SHAPES, shape_weights

PLACE = slice(0, 3)
ELBOW, SUPINATION, FLEXION, DEVIATION = 3, 4, 5, 6
SHAPE = slice(7, 7 + len(SHAPES))
STATE_D = SHAPE.stop
"""An arm's state: place of the wrist, elbow, supination, flexion, deviation (degrees), weights of the hand shapes."""

Hands = Literal["one", "both", "base"]
"""Whether one hand gestures, both do, or the other is held up as a base."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """A state of one arm."""

    place: tuple[float, float, float]
    elbow: float = 0.1
    supination: float = 0.0
    flexion: float = 0.0
    deviation: float = 0.0
    shape: str = "relaxed"

    def state(self) -> Float[np.ndarray, "state"]:
        """As a vector."""
        angles = (self.elbow, self.supination, self.flexion, self.deviation)
        return np.concatenate([self.place, angles, shape_weights(**{self.shape: 1.0})])


@dataclass(frozen=True, kw_only=True)
class Form:
    """A gesture: the hand gets ready, then makes its stroke."""

    ready: Pose
    stroke: Pose
    hands: Hands = "one"
    weight: float = 1.0
    """How often it is chosen."""
    repeats: tuple[int, int] = (1, 3)
    """Strokes in a row, from and to."""
    moods: dict[str, float] | None = None
    """Factors on the weight under emotions."""


FORMS: dict[str, Form] = {
    "beat": Form(
        ready=Pose(place=(0.17, -0.17, 0.27), supination=12, flexion=-16, shape="relaxed"),
        stroke=Pose(place=(0.18, -0.27, 0.30), supination=-4, flexion=12, shape="relaxed"),
        weight=2.4, repeats=(2, 4), moods={"sad": 1.5, "fear": 1.3},
    ),
    "beat_out": Form(
        ready=Pose(place=(0.11, -0.20, 0.25), supination=-18, flexion=6, shape="loose"),
        stroke=Pose(place=(0.24, -0.22, 0.31), supination=48, flexion=-12, deviation=-6, shape="open"),
        weight=2.2, repeats=(1, 3), moods={"happy": 1.3},
    ),
    "palm_up": Form(
        ready=Pose(place=(0.14, -0.18, 0.24), supination=18, shape="loose"),
        stroke=Pose(place=(0.20, -0.20, 0.36), elbow=0.12, supination=76, flexion=-14, shape="open"),
        weight=1.8, repeats=(1, 2), moods={"happy": 1.4, "anger": 0.6},
    ),
    "sweep": Form(
        ready=Pose(place=(0.04, -0.16, 0.30), elbow=0.25, supination=-45, flexion=10, shape="blade"),
        stroke=Pose(place=(0.34, -0.18, 0.27), elbow=0.3, supination=-52, flexion=-14, deviation=-10, shape="open"),
        weight=1.0, repeats=(1, 2), moods={"disgust": 1.8, "contempt": 1.8, "sad": 0.4},
    ),
    "brush": Form(
        ready=Pose(place=(0.10, -0.12, 0.26), elbow=0.2, supination=-30, flexion=40, shape="relaxed"),
        stroke=Pose(place=(0.27, -0.16, 0.33), elbow=0.25, supination=-20, flexion=-24, shape="open"),
        weight=0.5, repeats=(1, 1), moods={"disgust": 4.0, "contempt": 3.5},
    ),
    "point": Form(
        ready=Pose(place=(0.16, -0.14, 0.24), supination=-10, flexion=-8, shape="point"),
        stroke=Pose(place=(0.15, -0.10, 0.40), elbow=0.15, supination=-25, flexion=6, shape="point"),
        weight=0.6, repeats=(1, 2), moods={"anger": 3.0, "contempt": 1.5, "sad": 0.2},
    ),
    "wag": Form(
        ready=Pose(place=(0.18, -0.05, 0.24), elbow=0.15, supination=-8, flexion=-18, shape="point"),
        stroke=Pose(place=(0.19, -0.12, 0.31), elbow=0.15, supination=-8, flexion=18, shape="point"),
        weight=0.35, repeats=(2, 4), moods={"anger": 3.0, "sad": 0.1},
    ),
    "count": Form(
        ready=Pose(place=(0.17, -0.08, 0.24), elbow=0.1, supination=22, flexion=-10, shape="fist"),
        stroke=Pose(place=(0.18, -0.10, 0.28), elbow=0.1, supination=22, flexion=-2, shape="point"),
        weight=0.35, repeats=(2, 3), moods={"anger": 0.5, "sad": 0.2},
    ),
    "pinch": Form(
        ready=Pose(place=(0.14, -0.12, 0.27), supination=-8, flexion=-12, shape="pinch"),
        stroke=Pose(place=(0.15, -0.20, 0.30), supination=-14, flexion=10, shape="pinch"),
        weight=1.1, repeats=(2, 4), moods={"anger": 0.6},
    ),
    "purse": Form(
        ready=Pose(place=(0.15, -0.16, 0.26), supination=62, flexion=-6, shape="purse"),
        stroke=Pose(place=(0.17, -0.22, 0.30), supination=70, flexion=10, shape="purse"),
        weight=0.5, repeats=(2, 3),
    ),
    "chop": Form(
        ready=Pose(place=(0.13, -0.10, 0.27), elbow=0.1, supination=4, flexion=-4, deviation=12, shape="blade"),
        stroke=Pose(place=(0.15, -0.24, 0.31), elbow=0.1, supination=8, flexion=2, deviation=-14, shape="blade"),
        weight=0.9, repeats=(1, 3), moods={"anger": 2.5, "sad": 0.3}, hands="base",
    ),
    "fist": Form(
        ready=Pose(place=(0.16, -0.08, 0.22), elbow=0.15, supination=10, flexion=-12, shape="fist"),
        stroke=Pose(place=(0.17, -0.22, 0.29), elbow=0.15, supination=4, flexion=12, shape="fist"),
        weight=0.15, repeats=(1, 3), moods={"anger": 12.0, "happy": 1.5, "sad": 0.1},
    ),
    "self": Form(
        ready=Pose(place=(0.13, -0.16, 0.26), elbow=0.2, supination=10, shape="open"),
        stroke=Pose(place=(0.035, -0.10, 0.185), elbow=0.28, supination=-8, flexion=22, shape="open"),
        weight=0.45, repeats=(1, 1), moods={"sad": 2.5, "happy": 1.4, "fear": 2.0, "anger": 0.5},
    ),
    "raise": Form(
        ready=Pose(place=(0.16, -0.20, 0.24), supination=8, shape="relaxed"),
        stroke=Pose(place=(0.24, 0.00, 0.29), elbow=0.2, supination=28, flexion=-22, shape="spread"),
        weight=0.45, repeats=(1, 2), moods={"surprise": 3.0, "happy": 1.5, "sad": 0.1},
    ),
    "both_open": Form(
        ready=Pose(place=(0.09, -0.20, 0.25), supination=8, shape="relaxed"),
        stroke=Pose(place=(0.25, -0.21, 0.31), elbow=0.12, supination=66, flexion=-12, shape="open"),
        weight=1.9, hands="both", repeats=(1, 2), moods={"happy": 1.6, "surprise": 1.5, "sad": 0.8},
    ),
    "both_beat": Form(
        ready=Pose(place=(0.14, -0.15, 0.26), supination=22, flexion=-14, shape="relaxed"),
        stroke=Pose(place=(0.15, -0.26, 0.29), supination=10, flexion=10, shape="relaxed"),
        weight=1.7, hands="both", repeats=(2, 4), moods={"anger": 1.4},
    ),
    "container": Form(
        ready=Pose(place=(0.12, -0.15, 0.27), elbow=0.2, supination=4, flexion=4, shape="claw"),
        stroke=Pose(place=(0.135, -0.22, 0.31), elbow=0.22, supination=6, flexion=-2, shape="claw"),
        weight=1.2, hands="both", repeats=(1, 3),
    ),
    "grow": Form(
        ready=Pose(place=(0.07, -0.20, 0.28), elbow=0.2, supination=6, flexion=8, shape="claw"),
        stroke=Pose(place=(0.27, -0.12, 0.29), elbow=0.3, supination=10, flexion=-12, shape="spread"),
        weight=0.7, hands="both", repeats=(1, 1), moods={"happy": 1.8, "surprise": 2.0, "sad": 0.2},
    ),
    "shrug": Form(
        ready=Pose(place=(0.15, -0.26, 0.22), supination=24, shape="relaxed"),
        stroke=Pose(place=(0.29, -0.20, 0.24), elbow=0.05, supination=84, flexion=-16, shape="open"),
        weight=0.5, hands="both", repeats=(1, 1), moods={"contempt": 2.5, "surprise": 1.5, "fear": 1.2},
    ),
    "push": Form(
        ready=Pose(place=(0.13, -0.16, 0.20), elbow=0.2, supination=-35, flexion=-40, shape="open"),
        stroke=Pose(place=(0.15, -0.12, 0.34), elbow=0.2, supination=-42, flexion=-52, shape="spread"),
        weight=0.3, hands="both", repeats=(1, 2), moods={"fear": 5.0, "disgust": 3.0, "surprise": 1.5},
    ),
    "smooth": Form(
        ready=Pose(place=(0.07, -0.21, 0.29), elbow=0.25, supination=-56, flexion=4, shape="blade"),
        stroke=Pose(place=(0.24, -0.24, 0.28), elbow=0.25, supination=-60, flexion=-8, shape="open"),
        weight=0.6, hands="both", repeats=(1, 2), moods={"anger": 0.6},
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rest:
    """Where the hands rest: the leading and the other one."""

    lead: Pose
    other: Pose
    weight: float = 1.0
    moods: dict[str, float] | None = None


RESTS: dict[str, Rest] = {
    "sides": Rest(
        lead=Pose(place=(0.235, -0.435, 0.045), elbow=0.05, supination=-8, flexion=4),
        other=Pose(place=(0.235, -0.435, 0.045), elbow=0.05, supination=-8, flexion=4),
        weight=1.2, moods={"sad": 4.0, "anger": 0.7, "contempt": 1.3, "fear": 0.5},
    ),
    "folded": Rest(
        lead=Pose(place=(0.075, -0.285, 0.225), elbow=0.12, supination=-34, flexion=14, shape="relaxed"),
        other=Pose(place=(0.085, -0.315, 0.195), elbow=0.12, supination=-8, flexion=18, shape="relaxed"),
        weight=1.8, moods={"fear": 1.5, "sad": 1.2, "anger": 0.15},
    ),
    "steepled": Rest(
        lead=Pose(place=(0.085, -0.215, 0.25), elbow=0.14, supination=-2, flexion=10, shape="claw"),
        other=Pose(place=(0.085, -0.215, 0.25), elbow=0.14, supination=-2, flexion=10, shape="claw"),
        weight=0.9, moods={"sad": 0.2, "anger": 0.3},
    ),
    "one_up": Rest(
        lead=Pose(place=(0.13, -0.235, 0.24), elbow=0.08, supination=-14, flexion=12),
        other=Pose(place=(0.235, -0.435, 0.045), elbow=0.05, supination=-8, flexion=4),
        weight=1.2,
    ),
    "ready": Rest(
        lead=Pose(place=(0.16, -0.27, 0.24), elbow=0.06, supination=-6, flexion=8),
        other=Pose(place=(0.17, -0.29, 0.22), elbow=0.06, supination=-10, flexion=10),
        weight=1.5, moods={"happy": 2.0, "sad": 0.3},
    ),
    "braced": Rest(
        lead=Pose(place=(0.27, -0.36, 0.12), elbow=0.2, supination=-6, flexion=6, shape="fist"),
        other=Pose(place=(0.28, -0.38, 0.10), elbow=0.2, supination=-10, flexion=6, shape="fist"),
        weight=0.06, moods={"anger": 60.0},
    ),
    "guarded": Rest(
        lead=Pose(place=(0.105, -0.13, 0.235), elbow=0.0, supination=-12, flexion=4, shape="claw"),
        other=Pose(place=(0.11, -0.18, 0.215), elbow=0.0, supination=-6, flexion=8, shape="loose"),
        weight=0.06, moods={"fear": 60.0, "surprise": 2.0},
    ),
    "warding": Rest(
        lead=Pose(place=(0.17, -0.11, 0.30), elbow=0.2, supination=-38, flexion=-46, shape="open"),
        other=Pose(place=(0.10, -0.27, 0.20), elbow=0.1, supination=-20, flexion=12, shape="loose"),
        weight=0.06, moods={"disgust": 80.0},
    ),
    "startled": Rest(
        lead=Pose(place=(0.25, -0.10, 0.24), elbow=0.15, supination=14, flexion=-24, shape="spread"),
        other=Pose(place=(0.26, -0.14, 0.23), elbow=0.15, supination=10, flexion=-20, shape="spread"),
        weight=0.06, moods={"surprise": 80.0},
    ),
}  # fmt: skip
BASE = Pose(place=(0.10, -0.29, 0.28), elbow=0.1, supination=72, flexion=-4, shape="blade")
"""The other hand under a chop."""
