"""Words of an instruction to feelings, regions and settings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from emote3d.latents import vocabulary
from emote3d.latents.emotions import COMPOUNDS, MAX_INTENSITY, parse_feeling
from emote3d.latents.keys import GAZES, RANGES, parse_settings

_WORD = re.compile(r"\d+(?:\.\d+)?%?|[\w'’-]+")
_PERCENT = re.compile(r"\d+(?:\.\d+)?%")


class Group:
    """The words between two "and"s: their degree holds for their feelings."""

    def __init__(self) -> None:
        self.degree = 1.0
        self.percent: float | None = None
        """Share of the feeling that comes next, as `30% sad` says."""
        self.region: str | None = None
        self.felt: list[tuple[str, str, float | None]] = []
        """Region, feeling, share where it was said."""
        self.gazes: list[str] = []
        self.set: dict[str, str] = {}
        self.implied: set[str] = set()

    def read(self, text: str) -> list[str]:
        """Take in the longest known phrases from left to right; returns what is unknown."""
        words = _WORD.findall(text)
        unknown, at = [], 0
        while at < len(words):
            taken = next(
                (n for n in range(min(6, len(words) - at), 0, -1) if self._take(" ".join(words[at : at + n]), n)), 0
            )
            if not taken and words[at] not in vocabulary.FILLERS:
                unknown.append(" ".join(words[at : at + 2]) if words[at] in vocabulary.NEGATIONS else words[at])
                at += words[at] in vocabulary.NEGATIONS
            at += max(1, taken)
        return unknown

    def _take(self, phrase: str, count: int) -> bool:
        if phrase in vocabulary.UPPER_WORDS or phrase in vocabulary.MOUTH_WORDS:
            self.region = "upper" if phrase in vocabulary.UPPER_WORDS else "mouth"
            return True
        if _PERCENT.fullmatch(phrase):
            self.percent = float(phrase[:-1]) / 100
            return True
        if phrase in _DEGREES:
            degree = _DEGREES[phrase]
            self.degree = degree / self.degree if degree < 1 < self.degree else degree * self.degree  # very slightly
            return True
        if phrase in COMPOUNDS:
            self._feel("emotion", phrase)
            return True
        meaning = _PHRASES.get(phrase) or (_PHRASES.get(_base(phrase)) if count > 1 else None)
        if meaning:
            self._apply(meaning)
            return True
        return count == 1 and self._take_word(phrase)

    def _take_word(self, word: str) -> bool:
        known = False
        for form in _forms(word):
            if form in _FEELINGS:
                self._feel("emotion", _FEELINGS[form])
                known = True
            if form in _SETTINGS:
                self._apply(_SETTINGS[form], implied=known)
                self.implied |= parse_settings(_SETTINGS[form], form).keys() if known else set()
                known = True
            if known:
                return True
        return False

    def _feel(self, name: str, feeling: str) -> None:
        self.felt.append((name, feeling, self.percent))
        self.percent = None

    def _apply(self, meaning: str, *, implied: bool = False) -> None:
        for name, value in parse_settings(meaning, meaning).items():
            if name in ("emotion", "upper", "mouth"):
                self._feel(name, str(value))
            elif name == "gaze" and not implied:
                self.gazes.append(str(value))
            else:
                self.set[name] = f"{value:g}" if isinstance(value, float) else str(value)

    def feelings(self) -> dict[str, tuple[float, ...]]:
        """Weights by region."""
        found: dict[str, tuple[float, ...]] = {}
        for name, text, share in self.felt:
            place = self.region if self.region and name == "emotion" else name
            weights = tuple(weight * self.degree * (1.0 if share is None else share) for weight in parse_feeling(text))
            if place in found:
                weights = _both(found[place], weights) if share is None else _sum(found[place], weights)
            found[place] = weights
        return found

    @property
    def exact(self) -> bool:
        """Whether shares were said, which are to be taken as they are."""
        return any(share is not None for _, _, share in self.felt)

    def numbers(self) -> dict[str, str]:
        """Settings that are no feelings; a degree holds for them where there is no feeling."""
        if self.percent is not None:
            self.set["intensity"] = f"{min(MAX_INTENSITY, self.percent):g}"
        if self.felt or self.degree == 1.0:
            return self.set
        return {
            name: value if name in ("attack_s", "decay_s") else _graded(name, float(value), self.degree)
            for name, value in self.set.items()
        }


def _sum(first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(first, second, strict=True))


def _both(first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    """A gentle smile is between the two; a sad smile is both, each a little weaker."""
    same = [bool(value) for value in first] == [bool(value) for value in second]
    return tuple((0.5 if same else 0.7) * (a + b) for a, b in zip(first, second, strict=True))


def _graded(name: str, value: float, degree: float) -> str:
    rest = 0.0 if name in ("asymmetry", "smoothing_s") else 1.0
    low, high = RANGES[name]
    return f"{min(high, max(low, rest + (value - rest) * degree)):g}"


def joined_gaze(gazes: list[str]) -> str | None:
    """One gaze of several said at once: up and to the left is both; None where they contradict each other."""
    said = list(dict.fromkeys(gazes))
    if len(said) == 1:
        return said[0]
    points = [GAZES.get(name, (0.0, 0.0)) for name in said]
    across, along = ([point[axis] for point in points if point[axis]] for axis in (0, 1))
    if not {"camera", "free", "away"} & set(said) and len(across) == len(along) == 1:
        return f"{across[0]:g}/{along[0]:g}"
    return None


def impossible(text: str) -> Iterator[str]:
    """What of a text no direction can do, with the reason."""
    for pattern, reason in _IMPOSSIBLE:
        yield from (f"'{match[0]}' ({reason})" for match in pattern.finditer(text))


def suggest(word: str) -> str:
    """A word that is not understood, with those it may be meant for; what is explained already stays as it is."""
    if word.endswith(")"):
        return word
    if word.split(maxsplit=1)[0] in vocabulary.NEGATIONS:
        return f"'{word}' (say what the face does, not what it does not)"
    near = difflib.get_close_matches(word, [*_FEELINGS, *_SETTINGS, *_DEGREES, *_PHRASES], n=3, cutoff=0.7)
    return f"'{word}'" + (f" (did you mean {', '.join(near)}?)" if near else "")


def _forms(word: str) -> Iterator[str]:
    """A word and what it may be derived from: smiles, smiling, grinning, happily, happier, happiness."""
    yield word
    for suffix, replacements in (
        ("ically", ("ic",)), ("ily", ("y",)), ("iness", ("y",)), ("ier", ("y",)), ("ies", ("y",)), ("ied", ("y",)), ("ly", ("", "le")), ("ness", ("",)),
        ("ing", ("", "e")), ("ed", ("", "e")), ("es", ("", "e")), ("er", ("", "e")), ("s", ("",)),
    ):  # fmt: skip
        if word.endswith(suffix) and len(word) > len(suffix) + 1:
            stem = word[: -len(suffix)]
            yield from (stem + replacement for replacement in replacements)
            yield from (stem + ending for ending in ("ed", "d", "ful", "ing") if suffix in ("s", "ly", "ness"))
            if len(stem) > 3 and stem[-1] == stem[-2]:
                yield stem[:-1]


def _base(phrase: str) -> str:
    """A phrase with its verb as the table has it: `blinking a lot` and `blink a lot` are `blinks a lot`."""
    first, _, rest = phrase.partition(" ")
    stem = next((form for form in _forms(first) if form + "s" in _VERBS), None)
    return f"{stem}s {rest}" if stem else phrase


_FEELINGS = dict(vocabulary.rows(vocabulary.FEELINGS_TABLE, None))
_SETTINGS = dict(vocabulary.rows(vocabulary.SETTINGS_TABLE, None))
_PHRASES = dict(vocabulary.rows(vocabulary.PHRASES_TABLE, "|"))
_DEGREES = {phrase: float(value) for phrase, value in vocabulary.rows(vocabulary.DEGREES_TABLE, "|")}
_IMPOSSIBLE = [
    (re.compile(rf"\b(?:{words})\b"), reason)
    for reason, words in (line.split(": ", 1) for line in vocabulary.IMPOSSIBLE_TABLE.strip().splitlines())
]
_VERBS = {phrase.split()[0] for phrase in _PHRASES if " " in phrase}
