"""What a user asks of a performance. Imports no torch and no numpy, so that the command line stays quick."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from emote3d.errors import Emote3DError
from emote3d.latents.emotions import AUTO, FEELINGS, MAX_INTENSITY, felt, parse_feeling
from emote3d.latents.keys import RANGES, Key, out_of_range, parse_gaze, parse_key, parse_word

STYLE_NAMES = ("articulation", "head_motion", "brow_motion")
"""Dimensions of the style latent; each is a factor on the average speaker, given to the networks as its logarithm."""
STYLE_LIMITS = {"articulation": (0.5, 1.5), "head_motion": (1.0, 1.0), "brow_motion": (1.0, 1.0)}
"""What the networks are asked for; operators on the motion do the rest. They do all of head and brows: the first checkpoint hardly
followed those two (measured: brows 0% and the head 30% of the factor asked for)."""

GESTURE_STYLES = {
    "gesture_size": ("size", 1.45), "gesture_rate": ("rate", 1.4), "gesture_speed": ("tempo", 1.25),
    "gesture_openness": ("openness", 1.3),
}  # fmt: skip
"""Factors on the gestures: the number of the body's style (`BODY_STYLES`) that each is, and the factor at which that number is 1."""
GESTURES = (*GESTURE_STYLES, "handedness")
"""Settings of the body alone."""


@dataclass(frozen=True, kw_only=True)
class Direction:
    """How the speech is to be performed. `docs/direction.md` explains every part."""

    emotion: str = "neutral"
    """neutral, happy, sad, surprise, fear, disgust, anger or contempt, with an optional weight and blended by +
    (happy:0.8, happy:0.6+surprise:0.4); a compound (happily surprised); a valence-arousal-dominance point
    (vad:0.6/0.2/-0.4); or auto: what the voice sounds like."""
    intensity: float = 1.0
    """Strength of the emotion, 0 to 1.5."""
    at: tuple[str, ...] = ()
    """Key frames, repeatable: TIME:SETTINGS, where TIME is seconds, percent of the recording or @word, and TIME..TIME a
    range: 2.5:sad, 75%:happy:0.4,gaze=left, 1..2.5:surprise."""
    word: tuple[str, ...] = ()
    """Settings while a word is said, repeatable, needs a transcript: never:anger,articulation=1.4."""
    curve: Literal["hold", "linear"] = "hold"
    """hold: a key's settings begin at its time; linear: they are approached all the way from the key before."""
    attack_s: float = 0.5
    """Time an emotion takes to rise, 0.1 to 10 (surprise is quicker, sadness slower)."""
    decay_s: float = 0.8
    """Time an emotion takes to fade, 0.1 to 10."""
    upper: str | None = None
    """Emotion of brows, eyes and cheeks where it is another one."""
    mouth: str | None = None
    """Emotion of nose, mouth and jaw where it is another one."""
    asymmetry: float = 0.0
    """Emotion on the avatar's left half of the face only (1), on both (0: one side a few percent more, as
    people have it; the seed decides), on the right only (-1)."""
    articulation: float = 1.0
    """Size of all movements of jaw and lips, 0.3 (whisper) to 2 (shout)."""
    jaw: float = 1.0
    """Size of the jaw movements by themselves, 0 to 2 (JALI)."""
    lips: float = 1.0
    """Size of the lip movements by themselves, 0 to 2 (JALI)."""
    smoothing_s: float = 0.0
    """Width over which speech movements are smoothed, 0 to 0.3 s; lips still close."""
    head_motion: float = 1.0
    """Size of the head movements, 0 to 2."""
    brow_motion: float = 1.0
    """Size of the eyebrow movements that follow the voice, 0 to 2."""
    blink_rate: float = 1.0
    """Blinks relative to the usual 17 a minute, 0 to 3."""
    gaze: str = "free"
    """free, camera, left, right (the avatar's own), up, down, away, or LEFT/UP in degrees (15/-5)."""
    gesture_size: float = 1.0
    """Size of the gestures relative to what goes with the voice, 0.5 to 2."""
    gesture_rate: float = 1.0
    """How often the hands gesture, likewise, 0.5 to 2."""
    gesture_speed: float = 1.0
    """How quick the strokes are, likewise, 0.5 to 2."""
    gesture_openness: float = 1.0
    """How far from the body the hands are, likewise, 0.5 to 2."""
    handedness: float = 0.0
    """Which hand leads: the left (1), the right (-1), or as the voice's rhythm has it (0)."""
    sample: bool = False
    """Draw brows, nods, blinks, gaze and head from the seed by latent diffusion; the lips stay with the voice."""
    emotion_from: Path | None = None
    """Take the emotion, scaled by the intensity, from another recording or a motion file (npz)."""
    style_from: Path | None = None
    """Take the style (articulation, head, brows, blinks) from another recording or a motion file (npz)."""
    transcript: str | None = None
    """What is said, or the text file with it; @word and --word need it."""
    language: str = "en-us"
    """Language of the transcript (espeak-ng's code)."""
    subject: str | None = None
    """Whose way of moving, for checkpoints that know several people (EMOTE: M003 ... W029; default: the first)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be performed, naming every problem at once."""
        problems = [problem for name in RANGES if (problem := out_of_range(name, getattr(self, name)))]
        for check in (
            self._check_emotions,
            lambda: parse_gaze(self.gaze),
            self.key_frames,
            self.words,
            self._check_files,
        ):
            try:
                check()
            except Emote3DError as error:
                problems.append(str(error))
        if problems:
            raise Emote3DError("; ".join(dict.fromkeys(problems)))

    def _check_emotions(self) -> None:
        self.emotion_weights()
        for text in (self.upper, self.mouth):
            if text is not None:
                _weigh(text, self.intensity)

    def _check_files(self) -> None:
        """Refuse references that are not there, and two sources of one thing."""
        for name in ("emotion_from", "style_from"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise Emote3DError(f"{name}: there is no file {path}; expected a recording or a motion npz")
        if self.emotion_from is not None and self.emotion != "neutral":
            raise Emote3DError(f"give either emotion '{self.emotion}' or emotion_from, not both")

    def key_frames(self) -> tuple[Key, ...]:
        """The key frames, read."""
        return tuple(parse_key(text) for text in self.at)

    def words(self) -> tuple[tuple[str, dict[str, str | float]], ...]:
        """The directed words with their settings."""
        return tuple((word, dict(settings)) for word, settings in map(parse_word, self.word))

    @property
    def needs_words(self) -> bool:
        """Whether something is bound to a word of the transcript."""
        return bool(self.word) or any(key.words for key in self.key_frames())

    @property
    def base_emotion(self) -> str:
        """`emotion`, or auto where it is taken from a reference."""
        return AUTO if self.emotion_from is not None else self.emotion

    @property
    def is_auto(self) -> bool:
        """Whether the emotion is taken from a voice: this recording's or the reference's."""
        return parse_feeling(self.base_emotion)[FEELINGS.index(AUTO)] > 0

    def emotion_weights(self) -> tuple[float, ...]:
        """Weight of each of the eight emotions times intensity; what is left of 1 is neutral. Zeros for auto."""
        weights = _weigh(self.base_emotion, self.intensity)
        if weights[FEELINGS.index(AUTO)]:
            return (0.0,) + weights[1:-1]
        return (max(0.0, 1.0 - felt(weights)),) + weights[1:-1]

    def style(self) -> tuple[float, ...]:
        """The style latent: logarithms of the factors, limited to what the networks were trained on."""
        limits = {name: STYLE_LIMITS[name] for name in STYLE_NAMES}
        return tuple(math.log(max(low, min(high, getattr(self, name)))) for name, (low, high) in limits.items())

    def merged(self, other: Direction) -> Direction:
        """This direction with every part that `other` sets to something else than its default."""
        default = Direction()
        changes = {
            field.name: getattr(other, field.name)
            for field in fields(self)
            if getattr(other, field.name) != getattr(default, field.name)
        }
        return Direction(**{field.name: getattr(self, field.name) for field in fields(self)} | changes)


def _weigh(text: str, intensity: float) -> tuple[float, ...]:
    """A feeling times an intensity; raises where it adds up to more than is possible."""
    weights = parse_feeling(text)
    scaled = tuple(weight * intensity for weight in weights)
    if felt(scaled) > MAX_INTENSITY + 1e-9:
        raise Emote3DError(
            f"the emotions of '{text}' at intensity {intensity:g} add up to {felt(scaled):g}; at most {MAX_INTENSITY:g} is possible"
        )
    return scaled
