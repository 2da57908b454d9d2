"""Real speech of actors with its texts, English and Spanish, from the game "Drascula: The Vampire Strikes Back" (1996).

Debian's `drascula` is spoken in English (its German, French and Italian are subtitles of that), `drascula-spanish` in Spanish.
Their licence lets the game be modified and given away.
Texts stand in `drascula.dat` and sounds in files of their own, 8 bits at 11025 Hz: line 7 of Igor's table is spoken in `I7.ALS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from emote3d.data.corpus import SpeechClip
from emote3d.data.game_speech import clip_of_text
from emote3d.data.timed import to_speech_rate
from emote3d.errors import Emote3DError, existing

SHARE: Final = Path("/usr/share/scummvm/drascula")
LANGUAGES: Final = {"en": "en-us", "es": "es"}
"""Languages that are spoken, in the order of their texts, and espeak-ng's codes."""
SOUND_RATE: Final = 11025
_HEAD: Final = b"DRASCULA\x06"
"""Mark and version."""
_WIDTHS: Final = (4, 4, 4, 2, 4, 2, 4, 2, 2, 20, 20, 10, 8)
"""Bytes of a row in each of the tables before the texts."""
_SPEAKERS: Final = {
    "": "hacker", "D": "drascula", "B": "drunk", "BJ": "billie", "E": "desiderio", "I": "igor", "L": "werewolf", "P": "pianist",
    "T": "bartender", "VB": "vonbraun",
}  # fmt: skip
"""Who speaks the lines of a table, by the letters its sounds begin with, in the order of the tables."""
_GUESTS: Final = (
    *((f"D{number}", "hacker") for number in range(56, 68)),
    *((f"D{number}", "blind") for number in range(68, 79)),
    ("D82", "bartender"),
)
"""Lines of others in Drascula's table."""
_MARGIN: Final = 48
"""Samples at either end that may be the remains of a header."""
_NOISE: Final = "("
"""Begins what is no word."""
_ION: Final = re.compile(r"(?<=[cgsx])ion\b")
"""The game's Spanish has lost its accents; this one says where the stress is in many words."""


class Line(NamedTuple):
    """A spoken line."""

    sound: str
    """Name of its sound file, without ending."""
    text: str
    """What is said."""
    samples: np.ndarray
    """int16 at SPEECH_RATE."""


def _take(file: BytesIO, size: int) -> bytes:
    """The next bytes."""
    taken = file.read(size)
    if len(taken) < size:
        raise Emote3DError(
            f"expected {size} more bytes in drascula.dat, got {len(taken)}: install Debian's drascula again"
        )
    return taken


def _number(file: BytesIO) -> int:
    """The next number, of two bytes."""
    return int.from_bytes(_take(file, 2), "big")


def _rows(block: bytes, count: int) -> list[str]:
    """A table's texts in one language: each its size, the text and zeros."""
    file = BytesIO(block)
    _take(file, 2)
    return [_take(file, max(_number(file) - 2, 0)).split(b"\0")[0].decode("cp437") for _ in range(count)]


def drascula_texts(data: bytes, language: str) -> dict[str, str]:
    """Names of sounds and what they say in a language of `LANGUAGES`, from the bytes of `drascula.dat`.

    Raises:
        Emote3DError: they are not those of a whole drascula.dat of version 6.
    """
    file = BytesIO(data)
    if (head := file.read(len(_HEAD))) != _HEAD:
        raise Emote3DError(
            f"expected a drascula.dat of version 6, got one that begins with {head!r}: take Debian's drascula"
        )
    for width in _WIDTHS:
        _take(file, width * _number(file))
    languages = range(_number(file))
    found: dict[str, str] = {}
    for letters in _SPEAKERS:
        count = _number(file)
        blocks = [_take(file, _number(file)) for _ in languages]
        if len(blocks) < len(LANGUAGES):
            raise Emote3DError(f"expected texts in {len(LANGUAGES)} languages in drascula.dat, got {len(blocks)}")
        rows = _rows(blocks[list(LANGUAGES).index(language)], count)
        found |= {f"{letters}{place}": row.replace("º", " ") for place, row in enumerate(rows) if row}
    return found


def sound_samples(data: bytes) -> np.ndarray:
    """The samples of a sound file at SPEECH_RATE."""
    levels = np.frombuffer(data, np.uint8)[_MARGIN : max(len(data) - _MARGIN, _MARGIN)]
    return to_speech_rate((levels.astype(np.float32) - 128.0) / 128.0, SOUND_RATE)


def drascula_lines(share: Path, language: str) -> Iterator[Line]:
    """The spoken lines of a language under the game's folder."""
    texts = existing(share / "en" / "drascula.dat", "the texts of Debian's package drascula")
    sounds = existing(share / language, f"the sounds of Drascula in '{language}' from Debian's packages")
    for name, text in drascula_texts(texts.read_bytes(), language).items():
        if (path := sounds / f"{name}.ALS").exists():
            yield Line(name, text, sound_samples(path.read_bytes()))


def drascula_clips(language: str) -> Iterator[SpeechClip]:
    """Those lines of a language of `LANGUAGES` that can be aligned: the others teach nothing."""
    guests, code = dict(_GUESTS), LANGUAGES[language]
    for name, text, samples in drascula_lines(SHARE, language):
        if _NOISE not in text:
            person = guests.get(name) or _SPEAKERS[name.rstrip("0123456789")]
            said = _ION.sub("ión", text.lower()) if language == "es" else text
            stem, speaker = f"drascula-{language}-{name.lower()}", f"drascula-{language}-{person}"
            yield from clip_of_text("drascula", stem, samples, said, speaker, code)
