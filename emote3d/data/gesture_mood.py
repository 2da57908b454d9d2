"""How an emotion and a style change the gestures: size, speed, frequency, place, posture and the choice of forms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from emote3d.body.legs import FEET_APART
from emote3d.names import EMOTIONS

_TRAITS = {
    #           neutral happy   sad  surprise fear disgust anger contempt
    "size":     (1.00,  1.32,  0.46,  1.22,  0.66,  0.82,  1.38,  0.74),
    "tempo":    (1.00,  1.18,  0.60,  1.18,  1.20,  0.90,  1.42,  0.78),
    "rate":     (1.00,  1.15,  0.60,  1.00,  0.82,  0.84,  1.20,  0.72),
    "height":   (0.00,  0.08, -0.11,  0.10,  0.09,  0.01,  0.05, -0.03),
    "spread":   (1.00,  1.38,  0.55,  1.30,  0.52,  0.76,  1.28,  0.95),
    "lean":     (0.0,  -5.5,  17.0,  -8.5,  -9.0,  -9.5,  15.0,  -7.0),
    "twist":    (0.0,   0.0,   0.0,   0.0,  11.0,  17.0,   0.0, -14.0),
    "shrug":    (0.0,   2.5,  -5.0,   8.0,  14.0,   4.0,   8.0,   0.0),
    "hunch":    (0.0,  -8.0,  14.0,  -4.0,  11.0,   5.0,   3.0,  -8.0),
    "head":     (0.0,  -4.0,  11.0,  -5.0,   1.0,  -2.0,   6.0, -10.0),
    "elbow":    (0.00,  0.12, -0.10,  0.12, -0.18, -0.04,  0.26,  0.02),
    "sway":     (1.0,   1.45,  0.65,  0.9,   1.1,   0.8,   0.85,  0.8),
    "tremble":  (0.0,   0.0,   0.0,   0.0,   1.0,   0.0,   0.25,  0.0),
    "open":     (0.0,   0.7,  -0.3,   1.0,   0.2,   0.0,  -0.4,   0.0),
    "fist":     (0.0,   0.0,   0.0,   0.0,   0.30,  0.15,  1.0,   0.0),
    "stance":   tuple(FEET_APART.get(name, 0.0) for name in EMOTIONS),
}  # fmt: skip
"""Per emotion: factors on size, tempo and frequency; metres of height; factor of spread; degrees of posture (forward lean,
turn, raised and forward shoulders, chin down); elbows out; and 0..1 of tremble, open hands, fists, feet apart.

The directions are those that Wallbott (1998), Coulson (2004) and Dael et al. (2012) found in actors and in judged postures; how far
is ours. Anger: trunk and head forward, shoulders up, arms away from the body, fists. Sadness: collapsed, head down, arms hanging, small
and slow. Joy: upright, chest out, arms out and up. Fear: back, shoulders up, arms close. Disgust: back and turned away. Surprise:
upright and back, arms up. Contempt: head back, turned away."""


@dataclass(frozen=True, kw_only=True)
class Mood:
    """Traits at one moment, by the names of the table."""

    values: dict[str, float]
    weights: Float[np.ndarray, "8"]
    """The emotion itself."""

    def __getattr__(self, name: str) -> float:
        """A trait."""
        try:
            return self.__dict__["values"][name]
        except KeyError as error:
            raise AttributeError(name) from error


def trait(name: str, emotion: Float[np.ndarray, "frames 8"]) -> Float[np.ndarray, "frames"]:
    """One trait over time; emotions blend by their weights, and a strong one counts beyond its table value."""
    row = np.array(_TRAITS[name])
    return row[0] + emotion[:, 1:] @ (row[1:] - row[0])


def mood_at(emotion: Float[np.ndarray, "8"], style: Float[np.ndarray, "5"]) -> Mood:
    """All traits under an emotion and a style."""
    values = {name: float(trait(name, emotion[None])[0]) for name in _TRAITS}
    size, rate, tempo, openness, _ = style
    values["size"] = float(np.clip(values["size"], 0.3, 1.8) * 1.45**size)
    values["rate"] = float(np.clip(values["rate"], 0.3, 1.5) * 1.4**rate)
    values["tempo"] = float(np.clip(values["tempo"], 0.5, 1.7) * 1.25**tempo)
    values["spread"] = float(np.clip(values["spread"], 0.45, 1.6) * 1.3**openness)
    values["height"] += 0.025 * float(openness)
    return Mood(values=values, weights=emotion)


def emotion_share(mood: Mood, name: str) -> float:
    """How much of an emotion is felt, 0..1."""
    return float(np.clip(mood.weights[EMOTIONS.index(name)], 0, 1))
