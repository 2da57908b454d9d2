"""Real speech of some thirty people, nearly a language each, from GCompris 15 (GPL): words, colours and names of places.

Debian has dropped its sounds, Ubuntu 16.04 keeps them: unpack `gcompris-data` and the packages `gcompris-sound-*` of
http://archive.ubuntu.com/ubuntu/pool/universe/g/gcompris/ with `dpkg -x PACKAGE.deb /` (nothing needs to be installed).
"""

from __future__ import annotations

import gettext
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from emote3d.data.corpus import SpeechClip
from emote3d.data.game_speech import clips_of_texts
from emote3d.errors import existing

SHARE: Final = Path("/usr/share")
LANGUAGES: Final = {
    "af": "af", "ar": "ar", "bg": "bg", "cs": "cs", "da": "da", "el": "el", "en": "en-us", "eo": "eo", "es": "es", "eu": "eu", "fi": "fi",
    "fr": "fr-fr", "gd": "gd", "hi": "hi", "hu": "hu", "lt": "lt", "mr": "mr", "nb": "nb", "nl": "nl", "pt": "pt",
    "pt_BR": "pt-br", "sk": "sk", "sl": "sl", "sr": "sr", "sv": "sv", "tr": "tr", "ur": "ur",
}  # fmt: skip
"""GCompris' code of a language that can be aligned, and espeak-ng's. Greek is held out (`game_speech.HELD_OUT`), Italian and Russian are left out."""


def _translations(share: Path, language: str) -> dict[str, str]:
    """Texts of the program by their English ones in lower case."""
    with (share / "locale" / language / "LC_MESSAGES" / "gcompris.mo").open("rb") as file:
        catalog: dict[object, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {text.lower(): said for text, said in catalog.items() if isinstance(text, str) and text}


def gcompris_texts(share: Path, language: str) -> dict[Path, str]:
    """Sound files of a language of `LANGUAGES`, and what they say: named in English, or listed beside them."""
    voice = share / "gcompris" / "boards" / "voices" / language
    existing(voice, "GCompris' sounds (emote3d/data/gcompris_speech.py says where from)")
    named = {
        path: path.stem.replace("_", " ")
        for folder in ("geography", "colors")
        for path in voice.glob(f"{folder}/*.ogg")
    }
    if language != "en":
        translations = _translations(share, language)
        named = {path: translations[name] for path, name in named.items() if name in translations}
    listed = voice / "words" / "content.json"
    rows = json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else []
    return dict(sorted(named.items())) | {listed.with_name(name): text for row in rows for name, text in row.items()}


def gcompris_clips(language: str) -> Iterator[SpeechClip]:
    """What GCompris says in a language of `LANGUAGES`."""
    texts = {sound: text for sound, text in gcompris_texts(SHARE, language).items() if sound.exists()}
    return clips_of_texts("gcompris", texts, SHARE / "gcompris" / "boards" / "voices", LANGUAGES[language])
