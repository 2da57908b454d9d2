"""Real Mandarin: single syllables of two people, from Debian's `gcin-voice` (LGPL-3 and CC-BY-3), joined to phrases.

One folder a syllable, named in bopomofo with the number of its tone; in it one recording a person.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from emote3d.data.corpus import SpeechClip
from emote3d.data.recordings import align_or_leave, read_sound, recorded_clip
from emote3d.data.timed import TimedSpeech, join, trimmed

GCIN: Final = Path("/usr/share/gcin-voice/ogg")
PEOPLE: Final = {"3": "der-hua", "5": "chu-lo"}
"""Name of a person's files, and whose voice it is."""
LANGUAGE: Final = "cmn-latn-pinyin"
"""espeak-ng's Mandarin that reads Latin letters."""
_TONES: Final = str.maketrans({"ˊ": "2", "ˇ": "3", "ˋ": "4", "˙": "1"})
"""pypinyin's marks, and the folders' numbers (the first tone has none)."""
_PHRASE: Final = 8
_PAUSE_S: Final = 0.03
"""Before and after a syllable: room for the closure of a stop."""


@cache
def pinyin_names() -> dict[str, str]:
    """Pinyin with the number of the tone, by the name of a syllable's folder."""
    from pypinyin import Style
    from pypinyin.pinyin_dict import pinyin_dict
    from pypinyin.style import convert

    syllables = sorted({syllable for found in pinyin_dict.values() for syllable in found.split(",")})
    return {
        convert(syllable, Style.BOPOMOFO, strict=True).translate(_TONES): convert(syllable, Style.TONE3, strict=True)
        for syllable in syllables
    }


def syllables(folder: Path, file: str) -> Iterator[TimedSpeech]:
    """The syllables of a person that can be aligned, in an order drawn by a fixed seed."""
    names = pinyin_names()
    sounds = sorted(path for path in folder.glob(f"*/{file}.ogg") if path.parent.name in names)
    random.Random(0).shuffle(sounds)
    for sound in sounds:
        speech, timed = align_or_leave(read_sound(sound), [names[sound.parent.name]], LANGUAGE)
        if timed:
            yield trimmed(speech, _PAUSE_S)


def gcin_clips(file: str) -> Iterator[SpeechClip]:
    """Phrases of one of `PEOPLE`: syllables one after the other."""
    speaker = f"gcin-{PEOPLE[file]}"
    spoken = syllables(GCIN, file)
    for number in itertools.count():
        phrase = list(itertools.islice(spoken, _PHRASE))
        if not phrase:
            return
        yield recorded_clip(
            "gcin", f"{speaker}-{number:03}", join(phrase), speaker=speaker, language=LANGUAGE, timed=True
        )
