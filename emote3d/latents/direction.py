"""What a user asks of a performance. Imports no torch, so that the command line stays quick."""

from __future__ import annotations

import math
from dataclasses import dataclass

from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS

MAX_INTENSITY = 1.5
STYLE_NAMES = ("articulation", "head_motion", "brow_motion")
"""Dimensions of the style latent; each is a factor on the average speaker, given to the networks as its logarithm."""

_ALIASES = {"angry": "anger", "surprised": "surprise", "disgusted": "disgust", "afraid": "fear", "sadness": "sad"}


@dataclass(frozen=True, kw_only=True)
class Direction:
    """How the speech is to be performed."""

    emotion: str = "neutral"
    """neutral, happy, sad, surprise, fear, disgust, anger or contempt, with an optional weight and blended by +
    (happy:0.8, happy:0.6+surprise:0.4), or auto: what the voice sounds like."""
    intensity: float = 1.0
    """Strength of the emotion, 0 to 1.5."""
    articulation: float = 1.0
    """Size of the jaw and lip movements, 0.5 (mumbling) to 1.5 (declaiming)."""
    head_motion: float = 1.0
    """Size of the head movements, 0 to 2."""
    brow_motion: float = 1.0
    """Size of the eyebrow movements that follow the voice, 0 to 2."""
    blink_rate: float = 1.0
    """Blinks relative to the usual 17 a minute, 0 to 3."""

    def __post_init__(self) -> None:
        """Refuse what cannot be performed, naming every problem at once."""
        problems = [
            f"{name} must lie in {low} to {high}, got {getattr(self, name)}"
            for name, low, high in (
                ("intensity", 0.0, MAX_INTENSITY),
                ("articulation", 0.5, 1.5),
                ("head_motion", 0.0, 2.0),
                ("brow_motion", 0.0, 2.0),
                ("blink_rate", 0.0, 3.0),
            )
            if not low <= getattr(self, name) <= high
        ]
        try:
            self.emotion_weights()
        except Emote3DError as error:
            problems.append(str(error))
        if problems:
            raise Emote3DError("; ".join(problems))

    @property
    def is_auto(self) -> bool:
        """Whether the emotion is taken from the voice."""
        return self.emotion.strip().lower() == "auto"

    def emotion_weights(self) -> tuple[float, ...]:
        """Weight of each of the eight emotions times intensity; what is left of 1 is neutral. Zeros for auto."""
        if self.is_auto:
            return (0.0,) * len(EMOTIONS)
        weights: dict[str, float] = {name: 0.0 for name in EMOTIONS}
        for term in self.emotion.split("+"):
            name, weight = _parse_term(term)
            weights[name] += weight * (1.0 if name == "neutral" else self.intensity)
        felt = sum(weight for name, weight in weights.items() if name != "neutral")
        if felt > MAX_INTENSITY + 1e-9:
            raise Emote3DError(
                f"the emotions of '{self.emotion}' at intensity {self.intensity:g} add up to {felt:g}; at most {MAX_INTENSITY:g} is possible"
            )
        weights["neutral"] = max(0.0, 1.0 - felt)
        return tuple(weights.values())

    def style(self) -> tuple[float, ...]:
        """The style latent: logarithms of the factors, limited to what the networks were trained on."""
        return tuple(math.log(max(0.5, min(2.0, getattr(self, name)))) for name in STYLE_NAMES)


def _parse_term(term: str) -> tuple[str, float]:
    name, _, weight = (part.strip().lower() for part in term.partition(":"))
    name = _ALIASES.get(name, name)
    if name not in EMOTIONS:
        raise Emote3DError(f"unknown emotion '{name}'; known are {', '.join(EMOTIONS)} and auto, e.g. happy:0.8")
    try:
        value = float(weight) if weight else 1.0
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= MAX_INTENSITY:
        raise Emote3DError(f"the weight of an emotion is a number from 0 to {MAX_INTENSITY:g}, got '{term.strip()}'")
    return name, value
