"""Real speech of many more voices: the letters and syllables of KLettres and the objects of KTuberling, from Debian (GPL-2).

`klettres-data` and `ktuberling-data`: short recordings, one person a language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from emote3d.data.corpus import SpeechClip
from emote3d.data.game_speech import clips_of_texts

KLETTRES: Final = Path("/usr/share/klettres")
KTUBERLING: Final = Path("/usr/share/ktuberling/sounds")
KLETTRES_LANGUAGES: Final = {
    "cs": "cs", "de": "de", "en": "en-us", "en_GB": "en-gb", "es": "es", "fr": "fr-fr", "hu": "hu", "it": "it", "lt": "lt",
    "nb": "nb", "pt_BR": "pt-br", "ru": "ru", "tn": "tn", "uk": "uk",
}  # fmt: skip
"""KLettres' code of a language, and espeak-ng's. Left out: Arabic and Hebrew, written without vowels; Danish, Malayalam and Dutch, whose
alignments seldom hold."""
KTUBERLING_LANGUAGES: Final = {
    "en": "en-us", "es": "es", "fi": "fi", "fr": "fr-fr", "ga": "ga", "it": "it", "nl": "nl", "pt": "pt", "ro": "ro"
}  # fmt: skip
"""Those whose files are named by what they say, and whose alignments hold."""
_SOUND: Final = re.compile(r'<sound name="([^"]+)"\s+file="([^"]+)"')


def klettres_texts(folder: Path, language: str) -> dict[Path, str]:
    """Sound files of a language in KLettres' folder, and what they say."""
    page = folder / language / "sounds.xml"
    rows = _SOUND.findall(page.read_text(encoding="utf-8", errors="replace")) if page.exists() else []
    return {folder / file: text.lower() for text, file in rows if (folder / file).exists()}


def ktuberling_texts(folder: Path, language: str) -> dict[Path, str]:
    """Sound files of a language in KTuberling's folder, and what their names say."""
    sounds = sorted(path for path in (folder / language).glob("*.*") if path.suffix in (".ogg", ".wav", ".opus"))
    return {sound: re.sub(r"[-_]", " ", sound.stem.partition("_")[2] or sound.stem) for sound in sounds}


def klettres_clips(language: str) -> Iterator[SpeechClip]:
    """Letters and syllables in a language of `KLETTRES_LANGUAGES`."""
    texts = klettres_texts(KLETTRES, language)
    yield from clips_of_texts("klettres", texts, KLETTRES, KLETTRES_LANGUAGES[language])


def ktuberling_clips(language: str) -> Iterator[SpeechClip]:
    """Names of objects in a language of `KTUBERLING_LANGUAGES`."""
    texts = ktuberling_texts(KTUBERLING, language)
    yield from clips_of_texts("ktuberling", texts, KTUBERLING, KTUBERLING_LANGUAGES[language])
