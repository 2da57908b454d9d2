"""The adult at rest and its identity shapes, composed from MakeHuman's macro and detail targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from avatar.source import Floats, Source


@dataclass(frozen=True, kw_only=True)
class Macro:
    """MakeHuman's macro sliders, 0..1; 0.5 is the average."""

    gender: float = 0.5
    age: float = 0.5
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5
    cup: float = 0.5


DEFAULT = Macro(gender=0.22, age=0.52, muscle=0.52, weight=0.45, height=0.5, proportions=0.85, cup=0.42)
"""A pleasant adult of about 27 years, rather female."""
RACES = {"caucasian": 0.5, "asian": 0.25, "african": 0.25}


def _levels(value: float, low: str, middle: str, high: str) -> dict[str, float]:
    """Weights of three anchors at 0, 0.5 and 1, extrapolated outside."""
    if value < 0.5:
        return {low: 1 - 2 * value, middle: 2 * value}
    return {middle: 2 - 2 * value, high: 2 * value - 1}


def _macro_targets(macro: Macro) -> dict[str, float]:
    """Weight of every macro target."""
    genders = {"female": 1 - macro.gender, "male": macro.gender}
    ages = _levels((macro.age - 0.1875) / 0.625, "child", "young", "old") if macro.age < 0.5 else {}
    ages = ages or {"young": 2 - 2 * macro.age, "old": 2 * macro.age - 1}
    muscles = _levels(macro.muscle, "minmuscle", "averagemuscle", "maxmuscle")
    weights = _levels(macro.weight, "minweight", "averageweight", "maxweight")
    heights = _levels(macro.height, "minheight", "", "maxheight")
    proportions = _levels(macro.proportions, "uncommonproportions", "", "idealproportions")
    cups = _levels(macro.cup, "mincup", "averagecup", "maxcup")
    targets: dict[str, float] = {}
    for (gender, a), (age, b) in product(genders.items(), ages.items()):
        for race, c in RACES.items():
            targets[f"macrodetails/{race}-{gender}-{age}"] = a * b * c
        for (muscle, c), (weight, d) in product(muscles.items(), weights.items()):
            body, share = f"{gender}-{age}-{muscle}-{weight}", a * b * c * d
            targets[f"macrodetails/universal-{body}"] = share
            targets |= {f"macrodetails/height/{body}-{name}": share * e for name, e in heights.items() if name}
            targets |= {f"macrodetails/proportions/{body}-{name}": share * e for name, e in proportions.items() if name}
            if gender == "female":
                targets |= {f"breast/{body}-{cup}-averagefirmness": share * e for cup, e in cups.items()}
    return {name: value for name, value in targets.items() if abs(value) > 1e-9}


class Identity:
    """Evaluates MakeHuman's sliders on the base mesh."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._cache: dict[str, Floats] = {}

    def _target(self, name: str) -> Floats:
        if name not in self._cache:
            path = self.source.root / "mpfb2/targets" / f"{name}.target.gz"
            known_average = not path.exists()
            self._cache[name] = np.zeros_like(self.source.vertices) if known_average else self.source.target(name)
        return self._cache[name]

    def body(self, macro: Macro) -> Floats:
        """The base mesh with macro sliders, (verts, 3) metres."""
        return self.source.vertices + sum(w * self._target(name) for name, w in _macro_targets(macro).items())

    def template(self) -> Floats:
        """The default adult, (verts, 3) metres."""
        return self.body(DEFAULT) + sum(w * self._detail(*pair) for pair, w in DEFAULT_DETAILS.items())

    def _detail(self, plus: str, minus: str) -> Floats:
        """Half the way from one end of a slider to the other."""
        return 0.5 * (self._both_sides(plus) - (self._both_sides(minus) if minus else 0.0))

    def _both_sides(self, name: str) -> Floats:
        if "/l-" in name:
            return self._target(name) + self._target(name.replace("/l-", "/r-"))
        return self._target(name)

    def shapes(self) -> dict[str, Floats]:
        """Identity shapes by name; 1 is one end of MakeHuman's slider and -1 the other, (verts, 3) metres."""
        here = self.body(DEFAULT)
        macros = {
            "gender": self.body(replace(DEFAULT, gender=1.0)) - here,
            "age": self.body(replace(DEFAULT, age=0.9)) - here,
            "child": self.body(replace(DEFAULT, age=0.3, cup=0.0)) - here,
            "weight": 0.5 * (self.body(replace(DEFAULT, weight=1.0)) - self.body(replace(DEFAULT, weight=0.0))),
            "muscle": 0.5 * (self.body(replace(DEFAULT, muscle=1.0)) - self.body(replace(DEFAULT, muscle=0.0))),
            "height": 0.16 * (self.body(replace(DEFAULT, height=1.0)) - self.body(replace(DEFAULT, height=0.0))),
        }
        return macros | {name: self._detail(*pair) for name, pair in DETAILS.items()}


DETAILS: dict[str, tuple[str, str]] = {
    "headFat": ("head/head-fat-incr", "head/head-fat-decr"),
    "headRound": ("head/head-round", "head/head-rectangular"),
    "headOval": ("head/head-oval", "head/head-square"),
    "headWidth": ("head/head-scale-horiz-incr", "head/head-scale-horiz-decr"),
    "headHeight": ("head/head-scale-vert-incr", "head/head-scale-vert-decr"),
    "foreheadHeight": ("forehead/forehead-scale-vert-incr", "forehead/forehead-scale-vert-decr"),
    "jawWidth": ("chin/chin-bones-incr", "chin/chin-bones-decr"),
    "chinWidth": ("chin/chin-width-incr", "chin/chin-width-decr"),
    "chinHeight": ("chin/chin-height-incr", "chin/chin-height-decr"),
    "chinProminence": ("chin/chin-prominent-incr", "chin/chin-prominent-decr"),
    "cheekBones": ("cheek/l-cheek-bones-incr", "cheek/l-cheek-bones-decr"),
    "cheekVolume": ("cheek/l-cheek-volume-incr", "cheek/l-cheek-volume-decr"),
    "noseWidth": ("nose/nose-scale-horiz-incr", "nose/nose-scale-horiz-decr"),
    "noseLength": ("nose/nose-scale-vert-incr", "nose/nose-scale-vert-decr"),
    "noseDepth": ("nose/nose-scale-depth-incr", "nose/nose-scale-depth-decr"),
    "noseTip": ("nose/nose-point-up", "nose/nose-point-down"),
    "noseHump": ("nose/nose-hump-incr", "nose/nose-hump-decr"),
    "mouthWidth": ("mouth/mouth-scale-horiz-incr", "mouth/mouth-scale-horiz-decr"),
    "lipUpperVolume": ("mouth/mouth-upperlip-volume-incr", "mouth/mouth-upperlip-volume-decr"),
    "lipLowerVolume": ("mouth/mouth-lowerlip-volume-incr", "mouth/mouth-lowerlip-volume-decr"),
    "eyeSize": ("eyes/l-eye-scale-incr", "eyes/l-eye-scale-decr"),
    "eyeDistance": ("eyes/l-eye-trans-out", "eyes/l-eye-trans-in"),
    "eyeTilt": ("eyes/l-eye-corner2-up", "eyes/l-eye-corner2-down"),
    "eyeFold": ("eyes/l-eye-epicanthus-in", "eyes/l-eye-epicanthus-out"),
    "browHeight": ("eyebrows/eyebrows-trans-up", "eyebrows/eyebrows-trans-down"),
    "earSize": ("ears/l-ear-scale-incr", "ears/l-ear-scale-decr"),
    "neckWidth": ("neck/neck-scale-horiz-incr", "neck/neck-scale-horiz-decr"),
}
"""Facial sliders: target at 1 and target at -1."""

DEFAULT_DETAILS: dict[tuple[str, str], float] = {
    DETAILS["eyeSize"]: 0.35, DETAILS["noseWidth"]: -0.30, DETAILS["chinWidth"]: -0.30, DETAILS["jawWidth"]: -0.30,
    DETAILS["mouthWidth"]: 0.25, DETAILS["lipUpperVolume"]: -0.25, DETAILS["headHeight"]: -0.30,
    ("mouth/mouth-angles-up", "mouth/mouth-angles-down"): 0.55,
}  # fmt: skip
"""Detail sliders that make the default face more pleasant."""
