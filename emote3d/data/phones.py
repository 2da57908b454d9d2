"""The common phone alphabet of the training sets: base IPA symbols with what lips, jaw and tongue do for each.

Stress, length, tone, nasality and secondary articulations are not part of a phone; affricates and diphthongs are
two phones.
Vowel places follow the IPA chart; degrees are rest-relative targets in 0..1, not geometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Manner = Literal["silence", "vowel", "stop", "nasal", "fricative", "approximant", "lateral", "tap", "trill"]
Place = Literal[
    "none",
    "bilabial",
    "labiodental",
    "dental",
    "alveolar",
    "postalveolar",
    "retroflex",
    "alveolopalatal",
    "palatal",
    "labiovelar",
    "labiopalatal",
    "velar",
    "uvular",
    "pharyngeal",
    "glottal",
]

SILENCE: Final = "sil"
"""The phone of a pause."""


@dataclass(frozen=True, kw_only=True)
class Phone:
    """How one phone is articulated; every degree is in [0, 1]."""

    symbol: str
    """IPA base symbol, or `sil`."""
    manner: Manner
    """How the air is let through."""
    place: Place
    """Where a consonant is made; `none` for vowels and silence."""
    voiced: bool
    """Whether the vocal folds vibrate."""
    openness: float = 0.0
    """Vowel height: 0 close (i u) to 1 open (a); 0 for consonants."""
    backness: float = 0.0
    """0 front, 0.5 central, 1 back; of the tongue body for consonants."""
    rounding: float = 0.0
    """How far the lips are rounded (smaller opening between the corners)."""
    protrusion: float = 0.0
    """How far the lips are pushed forward."""
    spread: float = 0.0
    """How far the mouth corners are drawn apart."""
    lip_closure: float = 0.0
    """1 where both lips must meet (p b m)."""
    labiodental: float = 0.0
    """1 where the lower lip must touch the upper teeth (f v)."""
    interdental: float = 0.0
    """1 where the tongue tip shows between the teeth."""
    tongue_tip: float = 0.0
    """How far the tip or blade is raised to the teeth or the ridge behind them."""
    tongue_dorsum: float = 0.0
    """How far the tongue's back is raised to the palate."""
    jaw: float = 0.0
    """Typical jaw opening in clear speech, 1 = the most open vowel."""
    jaw_firmness: float = 0.0
    """How little neighbours may change the jaw: sibilants 1, glottals 0."""
    sibilant: bool = False
    """Hissing: teeth nearly shut."""

    @property
    def is_vowel(self) -> bool:
        """Whether it can be the nucleus of a syllable."""
        return self.manner == "vowel"

    @property
    def needs_open_mouth(self) -> bool:
        """Whether shut lips are a fault in it: in all but pauses, p, b, m, f, v and w."""
        return (
            self.manner != "silence"
            and self.lip_closure != 1
            and not self.labiodental
            and self.symbol not in ("w", "ʍ")
        )


_VOWELS: Final = """
i 0 0 0|y 0 0 1|ɨ 0 .5 0|ʉ 0 .5 1|ɯ 0 1 0|u 0 1 1|ɪ .2 .15 0|ʏ .2 .15 .8|ʊ .2 .85 .8|e .33 0 0
ø .33 0 .9|ɘ .33 .5 0|ɵ .33 .5 .8|ɤ .33 1 0|o .4 1 .85|ə .45 .5 0|ɚ .4 .5 .3|ɛ .6 0 0|œ .6 .1 .7
ɜ .55 .5 0|ɝ .45 .5 .35|ɞ .6 .5 .6|ʌ .65 .8 0|ɔ .65 1 .65|æ .85 .1 0|ɐ .85 .5 0|a 1 .3 0|ɶ 1 .2 .5
ɑ 1 .9 0|ɒ .95 1 .4
"""
"""Symbol, openness, backness, rounding."""

_CONSONANTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stop": "p b bilabial|t d alveolar|ʈ ɖ retroflex|c ɟ palatal|k ɡ velar|q ɢ uvular|ʔ - glottal",
        "nasal": "- m bilabial|- ɱ labiodental|- n alveolar|- ɳ retroflex|- ɲ palatal|- ŋ velar|- ɴ uvular",
        "fricative": "ɸ β bilabial|f v labiodental|θ ð dental|s z alveolar|ʃ ʒ postalveolar|ʂ ʐ retroflex"
        "|ɕ ʑ alveolopalatal|ç ʝ palatal|x ɣ velar|χ ʁ uvular|ħ ʕ pharyngeal|h ɦ glottal|ɧ - postalveolar",
        "approximant": "- ʋ labiodental|- ɹ postalveolar|- ɻ retroflex|- j palatal|- ɥ labiopalatal"
        "|ʍ w labiovelar|- ɰ velar",
        "lateral": "ɬ ɮ alveolar|- l alveolar|- ɭ retroflex|- ʎ palatal",
        "tap": "- ɾ alveolar|- ɽ retroflex",
        "trill": "- ʙ bilabial|- r alveolar|- ʀ uvular",
    }
)
"""Manner to voiceless-voiced pairs with their place (`-` = none)."""

_TIP: Final = {"dental": 1.0, "alveolar": 1.0, "postalveolar": 0.85, "retroflex": 0.9, "alveolopalatal": 0.7}
_DORSUM: Final = {
    "alveolopalatal": 0.8,
    "palatal": 0.9,
    "labiopalatal": 0.9,
    "labiovelar": 0.7,
    "velar": 1.0,
    "uvular": 0.8,
    "postalveolar": 0.3,
    "retroflex": 0.2,
    "pharyngeal": 0.2,
}
_BACK: Final = {"velar": 0.8, "labiovelar": 0.9, "uvular": 1.0, "pharyngeal": 1.0, "glottal": 0.5, "palatal": 0.1}
_ROUNDING: Final = {
    "w": 1.0,
    "ʍ": 1.0,
    "ɥ": 1.0,
    "ʃ": 0.45,
    "ʒ": 0.45,
    "ɹ": 0.4,
    "ɧ": 0.5,
    "ʂ": 0.35,
    "ʐ": 0.4,
    "ɻ": 0.35,
    "ɕ": 0.1,
    "ʑ": 0.1,
}
_PROTRUSION: Final = {
    "ʃ": 0.7,
    "ʒ": 0.7,
    "ɹ": 0.4,
    "ɧ": 0.6,
    "ʂ": 0.5,
    "ʐ": 0.5,
    "ɻ": 0.4,
    "w": 0.9,
    "ʍ": 0.9,
    "ɥ": 0.9,
}
_LIP_CLOSURE: Final = {"p": 1.0, "b": 1.0, "m": 1.0, "ʙ": 0.9, "ɸ": 0.6, "β": 0.6}
_LABIODENTAL: Final = {"f": 1.0, "v": 1.0, "ɱ": 1.0, "ʋ": 0.7}
_JAW: Final = {
    "stop": 0.15,
    "nasal": 0.15,
    "fricative": 0.12,
    "approximant": 0.2,
    "lateral": 0.25,
    "tap": 0.2,
    "trill": 0.2,
}
_SIBILANTS: Final = frozenset("szʃʒʂʐɕʑ")


def _silence() -> Phone:
    """The rest position."""
    return Phone(symbol=SILENCE, manner="silence", place="none", voiced=False, backness=0.5, jaw_firmness=0.2)


def _vowel(symbol: str, openness: float, backness: float, rounding: float) -> Phone:
    """A vowel from its place on the IPA chart."""
    front = 1.0 - backness
    return Phone(
        symbol=symbol,
        manner="vowel",
        place="none",
        voiced=True,
        openness=openness,
        backness=backness,
        rounding=rounding,
        protrusion=0.85 * rounding * (1.0 - 0.4 * openness),
        spread=max(0.0, front * (1.0 - openness) * (1.0 - rounding)),
        tongue_tip=0.3 if symbol in "ɚɝ" else 0.0,
        tongue_dorsum=0.7 * (1.0 - openness),
        jaw=0.2 + 0.8 * openness,
        jaw_firmness=0.5 + 0.4 * openness,
    )


def _firmness(symbol: str, manner: Manner, place: Place) -> float:
    """How strictly a consonant holds the jaw."""
    if symbol in _SIBILANTS:
        return 1.0
    if place in ("glottal", "pharyngeal", "uvular"):
        return 0.0
    if place in ("velar", "labiovelar"):
        return 0.2
    return 0.7 if manner in ("stop", "nasal", "fricative") else 0.4


def _consonant(symbol: str, manner: Manner, place: Place, *, voiced: bool) -> Phone:
    """A consonant from its place and manner."""
    sibilant = symbol in _SIBILANTS
    if sibilant:
        jaw = 0.04
    elif place in ("bilabial", "labiodental"):
        jaw = 0.1
    elif place == "glottal":
        jaw = 0.35
    else:
        jaw = _JAW[manner]
    return Phone(
        symbol=symbol,
        manner=manner,
        place=place,
        voiced=voiced,
        backness=_BACK.get(place, 0.2),
        rounding=_ROUNDING.get(symbol, 0.0),
        protrusion=_PROTRUSION.get(symbol, 0.0),
        spread={"s": 0.5, "z": 0.5, "j": 0.6, "ç": 0.5, "ʝ": 0.5, "ɕ": 0.5, "ʑ": 0.5}.get(symbol, 0.0),
        lip_closure=_LIP_CLOSURE.get(symbol, 0.0),
        labiodental=_LABIODENTAL.get(symbol, 0.0),
        interdental=1.0 if place == "dental" else 0.0,
        tongue_tip=_TIP.get(place, 0.0),
        tongue_dorsum=_DORSUM.get(place, 0.0),
        jaw=jaw,
        jaw_firmness=_firmness(symbol, manner, place),
        sibilant=sibilant,
    )


def _table() -> Mapping[str, Phone]:
    """All phones by symbol, silence first."""
    phones = [_silence()]
    for entry in _VOWELS.replace("\n", "|").strip("|").split("|"):
        symbol, openness, backness, rounding = entry.split()
        phones.append(_vowel(symbol, float(openness), float(backness), float(rounding)))
    for manner, rows in _CONSONANTS.items():
        for row in rows.split("|"):
            voiceless, voiced, place = row.split()
            for symbol, is_voiced in ((voiceless, False), (voiced, True)):
                if symbol != "-":
                    phones.append(_consonant(symbol, manner, place, voiced=is_voiced))  # pyright: ignore[reportArgumentType]
    return MappingProxyType({phone.symbol: phone for phone in phones})


PHONES: Final[Mapping[str, Phone]] = _table()
"""The alphabet: symbol to articulation, in a fixed order, `sil` first."""

SYMBOLS: Final[tuple[str, ...]] = tuple(PHONES)
"""Phone symbols in index order (0 is silence)."""
