"""How an emotion and a style change the gestures: size, speed, frequency, place, posture and the choice of forms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from emote3d.names import EMOTIONS

_TRAITS = {
    #           neutral happy   sad  surprise fear disgust anger contempt
    "size":     (1.00,  1.22,  0.58,  1.15,  0.75,  0.88,  1.25,  0.80),
    "tempo":    (1.00,  1.15,  0.66,  1.15,  1.18,  0.92,  1.38,  0.80),
    "rate":     (1.00,  1.10,  0.70,  1.00,  0.85,  0.88,  1.15,  0.78),
    "height":   (0.00,  0.05, -0.07,  0.07,  0.06,  0.00,  0.03, -0.03),
    "spread":   (1.00,  1.22,  0.66,  1.18,  0.60,  0.80,  1.05,  0.95),
    "lean":     (0.0,  -3.5,  10.0,  -5.5,  -5.0,  -6.0,   8.0,  -4.5),
    "twist":    (0.0,   0.0,   0.0,   0.0,   7.0,  10.0,   0.0,  -9.0),
    "shrug":    (0.0,   1.0,  -3.0,   5.0,   9.0,   3.0,   3.5,   0.0),
    "hunch":    (0.0,  -3.0,   8.0,  -2.0,   7.0,   2.0,  -2.0,  -4.0),
    "head":     (0.0,  -2.5,   7.0,  -3.0,   3.0,  -3.0,   2.0,  -6.0),
    "elbow":    (0.00,  0.06, -0.06,  0.06, -0.12,  0.00,  0.16,  0.02),
    "sway":     (1.0,   1.35,  0.75,  0.9,   1.1,   0.8,   0.85,  0.8),
    "tremble":  (0.0,   0.0,   0.0,   0.0,   1.0,   0.0,   0.25,  0.0),
    "open":     (0.0,   0.5,  -0.3,   0.9,   0.2,   0.0,  -0.4,   0.0),
    "fist":     (0.0,   0.0,   0.0,   0.0,   0.25,  0.1,   0.65,  0.0),
    "stance":   (0.0,   0.1,  -0.35,  0.0,  -0.5,  -0.1,   0.7,   0.2),
}  # fmt: skip
"""Per emotion: factors on size, tempo and frequency; metres of height; factor of spread; degrees of posture (forward lean,
turn, raised and forward shoulders, chin down); elbows out; and 0..1 of tremble, open hands, fists, feet apart."""


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
