"""Real speech of many voices and languages with its texts, from two games in Debian (GPL-2).

`tuxpaint-stamps-default`: the names of the stamps, spoken by one person a language. `fillets-ng-data-{cs,nl}`: dialogues of Fish Fillets
played by actors. These voices are others than those of the Asterisk prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from av.error import FFmpegError

from emote3d.data.alignment import spoken_words
from emote3d.data.corpus import SpeechClip
from emote3d.data.recordings import align_or_leave, read_sound, recorded_clip
from emote3d.data.timed import SPEECH_RATE

TUXPAINT: Final = Path("/usr/share/tuxpaint/stamps")
FILLETS: Final = Path("/usr/share/games/fillets-ng")
TUXPAINT_LANGUAGES: Final = {
    "bg": "bg", "ca": "ca", "da": "da", "el": "el", "es": "es", "fr": "fr-fr", "ro": "ro", "ru": "ru"
}  # fmt: skip
"""Tux Paint's code of a language, and espeak-ng's; it has no pronunciation of Belarusian, which is spoken too."""
HELD_OUT: Final = frozenset({"el"})
"""Greek: to choose checkpoints and thresholds by, so never trained on."""
FILLETS_LANGUAGES: Final = ("cs", "nl")
_DIALOGUE: Final = re.compile(r'dialogId\("([^"]+)"[^\n]*\n+dialogStr\("((?:[^"\\]|\\.)*)"\)')
_SHORTEST_S: Final = 0.35


def tuxpaint_texts(folder: Path, language: str) -> dict[Path, str]:
    """Sound files of a language under a folder of stamps, and what they say."""
    found = {}
    for sound in sorted(folder.rglob(f"*_desc_{language}.ogg")):
        page = sound.with_name(sound.name.removesuffix(f"_desc_{language}.ogg") + ".txt")
        if page.exists():
            rows = [line.partition("=") for line in page.read_text(encoding="utf-8", errors="replace").splitlines()]
            texts = {name: text for name, _, text in rows}
            if text := texts.get(f"{language}.utf8"):
                found[sound] = text
    return found


def fillets_texts(folder: Path, language: str) -> dict[Path, str]:
    """Sound files of a language in Fish Fillets' folder, and what they say."""
    found = {}
    for page in sorted((folder / "script").glob(f"*/dialogs_{language}.lua")):
        for name, text in _DIALOGUE.findall(page.read_text(encoding="utf-8", errors="replace")):
            sound = folder / "sound" / page.parent.name / language / f"{name}.ogg"
            if sound.exists():
                found[sound] = text.replace("\\", "")
    return found


def clip_of_text(
    source: str, stem: str, waveform: np.ndarray, text: str, speaker: str, language: str, *, heldout: bool = False
) -> Iterator[SpeechClip]:
    """The clip of a recording where it can be aligned to its text, else nothing; held out where asked, or by its language."""
    words = spoken_words(text)
    if any(letter.isdigit() for letter in text) or not words or len(waveform) < _SHORTEST_S * SPEECH_RATE:
        return
    speech, timed = align_or_leave(waveform, words, language)
    if timed:
        heldout = heldout or language in HELD_OUT
        yield recorded_clip(source, stem, speech, speaker=speaker, language=language, timed=True, heldout=heldout)


def clips_of_texts(source: str, texts: dict[Path, str], root: Path, language: str) -> Iterator[SpeechClip]:
    """Those clips of a game that can be aligned: the others teach nothing."""
    for sound, text in texts.items():
        try:
            waveform = read_sound(sound)
        except FFmpegError:
            continue
        stem = f"{source}-{'_'.join(sound.relative_to(root).with_suffix('').parts)}"
        yield from clip_of_text(source, stem, waveform, text, f"{source}-{language}", language)


def tuxpaint_clips(language: str) -> Iterator[SpeechClip]:
    """The stamps' names in a language of `TUXPAINT_LANGUAGES`."""
    yield from clips_of_texts("tuxpaint", tuxpaint_texts(TUXPAINT, language), TUXPAINT, TUXPAINT_LANGUAGES[language])


def fillets_clips(language: str) -> Iterator[SpeechClip]:
    """The fishes' dialogues in a language of `FILLETS_LANGUAGES`."""
    yield from clips_of_texts("fillets", fillets_texts(FILLETS, language), FILLETS / "sound", language)
