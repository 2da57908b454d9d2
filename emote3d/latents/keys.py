"""Key frames of a direction: `2.5:sad`, `75%:happy:0.4,gaze=left`, `@never:anger,articulation=1.4`, `1..2.5:surprise`.

Imports no torch and no numpy, so that the command line stays quick.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emote3d.errors import Emote3DError
from emote3d.latents.emotions import MAX_INTENSITY, parse_feeling

RANGES: dict[str, tuple[float, float]] = {
    "intensity": (0.0, MAX_INTENSITY),
    "asymmetry": (-1.0, 1.0),
    "articulation": (0.3, 2.0),
    "jaw": (0.0, 2.0),
    "lips": (0.0, 2.0),
    "smoothing_s": (0.0, 0.3),
    "head_motion": (0.0, 2.0),
    "brow_motion": (0.0, 2.0),
    "blink_rate": (0.0, 3.0),
    "gesture_size": (0.5, 2.0),
    "gesture_rate": (0.5, 2.0),
    "gesture_speed": (0.5, 2.0),
    "gesture_openness": (0.5, 2.0),
    "handedness": (-1.0, 1.0),
    "attack_s": (0.1, 10.0),
    "decay_s": (0.1, 10.0),
}
"""Numbers of a direction and where they must lie."""
REGIONS = ("emotion", "upper", "mouth")
"""Settings that are feelings."""
GAZES: dict[str, tuple[float, float]] = {
    "camera": (0.0, 0.0),
    "left": (22.0, 0.0),
    "right": (-22.0, 0.0),
    "up": (0.0, 14.0),
    "down": (0.0, -18.0),
    "away": (20.0, -9.0),
}
"""Gaze targets by name: degrees to the avatar's left and up, relative to the camera."""
_WORD = re.compile(r"@(?P<word>[^#.\s][^#\s]*?)(?:#(?P<nth>\d+))?$")


@dataclass(frozen=True, kw_only=True)
class SpokenWord:
    """A word of a transcript and when it is said."""

    text: str
    """Lower case."""
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A point in time of a recording: exactly one of the three is set."""

    seconds: float | None = None
    """From the start; negative: before the end."""
    share: float | None = None
    """Of the recording's length, 0..1."""
    word: str | None = None
    """The onset of a word of the transcript, or its end where the moment ends a range."""
    nth: int = 1
    """Which time the word is said."""

    def at(self, duration_s: float, words: Sequence[SpokenWord] | None, *, end: bool = False) -> float:
        """Seconds from the start of the recording.

        Raises:
            Emote3DError: a word, but no transcript; or one that is not said.
        """
        if self.seconds is not None:
            return self.seconds if self.seconds >= 0 else max(0.0, duration_s + self.seconds)
        if self.share is not None:
            return self.share * duration_s
        said = [word for word in words or () if word.text == self.word]
        if words is None:
            raise Emote3DError(
                f"'@{self.word}' needs the words of the recording: give animate --transcript TEXT or FILE.txt"
            )
        if len(said) < self.nth:
            known = ", ".join(dict.fromkeys(word.text for word in words))
            raise Emote3DError(f"'@{self.word}#{self.nth}': the transcript says it {len(said)} times; it has {known}")
        return said[self.nth - 1].end_s if end else said[self.nth - 1].start_s


@dataclass(frozen=True, kw_only=True)
class Key:
    """Settings from a moment on, or from one moment to another."""

    start: Moment
    end: Moment | None
    """Where the settings from before return; None: they hold."""
    settings: Mapping[str, str | float]
    text: str
    """As the user wrote it."""

    @property
    def words(self) -> bool:
        """Whether a transcript is needed."""
        return self.start.word is not None or (self.end is not None and self.end.word is not None)


def parse_key(text: str) -> Key:
    """Read `TIME:SETTINGS` or `TIME..TIME:SETTINGS`; a setting is an emotion or `name=value`, several joined by commas.

    Raises:
        Emote3DError: what of it cannot be read.
    """
    when, colon, rest = text.partition(":")
    if not colon or not rest.strip():
        raise Emote3DError(f"a key is TIME:SETTINGS, e.g. 2.5:sad or 75%:happy:0.4,gaze=left; got '{text}'")
    start, dots, end = when.partition("..")
    moments = [_moment(part, text) for part in ([start, end] if dots else [start])]
    return Key(start=moments[0], end=moments[1] if dots else None, settings=parse_settings(rest, text), text=text)


def parse_word(text: str) -> tuple[str, Mapping[str, str | float]]:
    """Read `WORD:SETTINGS`: settings while a word is said, each time; raises `Emote3DError`."""
    word, colon, rest = text.partition(":")
    if not colon or not rest.strip() or not word.strip():
        raise Emote3DError(f"a word is directed by WORD:SETTINGS, e.g. never:anger,articulation=1.4; got '{text}'")
    return word.strip().lower(), parse_settings(rest, text)


def _moment(text: str, key: str) -> Moment:
    text = text.strip().lower()
    word = _WORD.match(text)
    if word:
        return Moment(word=word["word"], nth=int(word["nth"] or 1))
    if text == "end":
        return Moment(share=1.0)
    try:
        value = float(text.removeprefix("end-").removesuffix("%").removesuffix("s"))
    except ValueError:
        value = math.nan
    limit = 100.0 if text.endswith("%") else math.inf
    if not 0.0 <= value <= limit or math.isinf(value):
        raise Emote3DError(
            f"expected a time in seconds, end-SECONDS, in percent of the recording or @word, got '{text}' in '{key}'"
        )
    if text.endswith("%"):
        return Moment(share=value / 100)
    return Moment(seconds=-value if text.startswith("end-") else value)


def parse_settings(text: str, key: str) -> dict[str, str | float]:
    """Read `happy:0.4,gaze=left,articulation=1.3`; raises `Emote3DError` naming what cannot be set."""
    settings: dict[str, str | float] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            name, value = "emotion", name
        settings[name.replace("-", "_")] = check_setting(name.replace("-", "_"), value, key)
    return settings


def check_setting(name: str, value: str, key: str) -> str | float:
    """A setting's value, as a number where it is one; raises `Emote3DError`."""
    if name in REGIONS:
        parse_feeling(value)
        return value
    if name == "gaze":
        parse_gaze(value)
        return value
    if name not in RANGES:
        near = difflib.get_close_matches(name, [*RANGES, *REGIONS, "gaze"], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Emote3DError(
            f"'{key}': there is no setting '{name}'{hint} (known: {', '.join([*REGIONS, *RANGES])}, gaze)"
        )
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    problem = out_of_range(name, number)
    if problem:
        raise Emote3DError(f"'{key}': {problem}")
    return number


def out_of_range(name: str, value: float) -> str | None:
    """What is wrong with a number, or None."""
    low, high = RANGES[name]
    return None if low <= value <= high else f"{name} must lie in {low} to {high}, got {value}"


def parse_gaze(text: str) -> tuple[float, float] | None:
    """Degrees to the avatar's left and up of a gaze target; None for `free`.

    Raises:
        Emote3DError: neither a name nor LEFT/UP within 45 and 30 degrees.
    """
    text = text.strip().lower()
    if text == "free":
        return None
    if text in GAZES:
        return GAZES[text]
    parts = text.split("/")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) != 2 or not abs(values[0]) <= 45 or not abs(values[1]) <= 30:
        raise Emote3DError(
            f"a gaze is free, {', '.join(GAZES)} (left and right are the avatar's own) or LEFT/UP in degrees "
            f"up to 45 and 30, e.g. 15/-5; got '{text}'"
        )
    return values[0], values[1]
