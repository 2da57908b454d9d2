"""Words of an instruction to feelings, regions and settings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from emote3d.latents import vocabulary
from emote3d.latents.emotions import COMPOUNDS, parse_feeling
from emote3d.latents.keys import RANGES, parse_settings

_WORD = re.compile(r"[\w'’%-]+")


class Group:
    """The words between two "and"s: their degree holds for their feelings."""

    def __init__(self) -> None:
        self.degree = 1.0
        self.region: str | None = None
        self.felt: list[tuple[str, str]] = []
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
        if phrase in _DEGREES:
            self.degree *= _DEGREES[phrase]
            return True
        if phrase in COMPOUNDS:
            self.felt.append(("emotion", phrase))
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
                self.felt.append(("emotion", _FEELINGS[form]))
                known = True
            if form in _SETTINGS:
                self._apply(_SETTINGS[form])
                self.implied |= parse_settings(_SETTINGS[form], form).keys() if known else set()
                known = True
            if known:
                return True
        return False

    def _apply(self, meaning: str) -> None:
        for name, value in parse_settings(meaning, meaning).items():
            if name in ("emotion", "upper", "mouth"):
                self.felt.append((name, str(value)))
            else:
                self.set[name] = f"{value:g}" if isinstance(value, float) else str(value)

    def feelings(self) -> dict[str, tuple[float, ...]]:
        """Weights by region."""
        found: dict[str, tuple[float, ...]] = {}
        for name, text in self.felt:
            place = self.region if self.region and name == "emotion" else name
            weights = tuple(weight * self.degree for weight in parse_feeling(text))
            found[place] = weights if place not in found else _both(found[place], weights)
        return found

    def numbers(self) -> dict[str, str]:
        """Settings that are no feelings; a degree holds for them where there is no feeling."""
        if self.felt or self.degree == 1.0:
            return self.set
        return {
            name: value if name in ("gaze", "attack_s", "decay_s") else _graded(name, float(value), self.degree)
            for name, value in self.set.items()
        }


def _both(first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    """A gentle smile is between the two; a sad smile is both, each a little weaker."""
    same = [bool(value) for value in first] == [bool(value) for value in second]
    return tuple((0.5 if same else 0.7) * (a + b) for a, b in zip(first, second, strict=True))


def _graded(name: str, value: float, degree: float) -> str:
    rest = 0.0 if name in ("asymmetry", "smoothing_s") else 1.0
    low, high = RANGES[name]
    return f"{min(high, max(low, rest + (value - rest) * degree)):g}"


def suggest(word: str) -> str:
    """A word that is not understood, with those it may be meant for."""
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
_VERBS = {phrase.split()[0] for phrase in _PHRASES if " " in phrase}
