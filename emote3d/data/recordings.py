"""Clips of real speech: aligned where the words are known, untimed where they are not.

Sources: Debian's Asterisk prompts (with the texts that Debian ships), LJSpeech, EmoDB, one recording with
a TextGrid (`mfa`) and FACEGOOD. Italian, Russian and the English `demo-*` prompts are never trained on.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final, Literal

import av
import numpy as np

from emote3d.data.alignment import Aligner, Alignment, spoken_words
from emote3d.data.corpus import SpeechClip, SpeechEntry
from emote3d.data.espeak import Espeak
from emote3d.data.labels import emodb_speech, textgrid_speech
from emote3d.data.phones import SILENCE
from emote3d.data.timed import SPEECH_RATE, TimedSpeech, build_timed, to_speech_rate

ASTERISK: Final = Path("/usr/share/asterisk/sounds")
ALIGNER_DELAY_S: Final = 0.006
"""Median lead of the aligner over EmoDB's hand labels."""
ASTERISK_TEXTS: Final = Path("/usr/share/doc")
"""Where asterisk-core-sounds-{en,es,fr,it,ru} put the texts of the prompts."""
VOICES: Final = {
    "en": ("en_US_f_Allison", "en-us"),
    "es": ("es_MX_f_Allison", "es-419"),
    "fr": ("fr_CA_f_June", "fr-fr"),
    "it": ("it_IT_m_Carlo", "it"),
    "ru": ("ru_RU_f_IvrvoiceRU", "ru"),
}
"""Folder of each voice and espeak-ng's code of its language."""
_MEASURED_LANGUAGES: Final = frozenset({"it", "ru"})
_LOWEST_SCORE: Final = -33.0
"""Of an English alignment (98% of the prompts lie above)."""
_LOWEST_FOREIGN_SCORE: Final = -55.0
"""With mapped phones; EmoDB's lie between -67 and -21, all right within 25 ms."""
_LONGEST_PHONE_S: Final = 0.6
_EMODB_EMOTIONS: Final = {
    "W": "anger",
    "E": "disgust",
    "A": "fear",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
    "L": None,
}
_EMODB_HELDOUT: Final = frozenset({"09", "12"})
_FACEGOOD_HELDOUT: Final = frozenset({"1114_3_15"})
_DIGIT: Final = re.compile(r"(?<![\d.])\d(?![\d.]?\d)")
"""A digit alone: longer numbers may be read in several ways."""
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def read_sound(sound: Path | BytesIO) -> np.ndarray:
    """A recording as mono int16 at SPEECH_RATE; any format PyAV decodes."""
    with av.open(str(sound) if isinstance(sound, Path) else sound, "r") as container:
        rate = container.streams.audio[0].rate
        mono = av.AudioResampler(format="s16", layout="mono")
        blocks = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in mono.resample(frame)]
    return to_speech_rate(np.concatenate(blocks or [np.zeros(0, np.int16)]), rate)


def untimed(waveform: np.ndarray) -> TimedSpeech:
    """A clip whose phones are unknown: one pause over all of it."""
    return build_timed(waveform, [(0.0, (SILENCE,), 0)])


@cache
def _aligner(language: str) -> Aligner:
    """The aligner of a language in this process."""
    return Aligner(_espeak(), language)


@cache
def _espeak() -> Espeak:
    """The one synthesiser of this process."""
    return Espeak()


def trusted(alignment: Alignment, language: str) -> bool:
    """Whether an alignment is good enough to teach from."""
    lowest = _LOWEST_SCORE if language.startswith("en") else _LOWEST_FOREIGN_SCORE
    return alignment.score >= lowest and alignment.longest_phone_s <= _LONGEST_PHONE_S


def recorded_clip(
    source: str, stem: str, speech: TimedSpeech, *, speaker: str, language: str, timed: bool,
    emotion: str | None = None, heldout: bool = False,
) -> SpeechClip:  # fmt: skip
    """A clip of a recording."""
    split: Literal["train", "heldout"] = "heldout" if heldout else "train"
    entry = SpeechEntry(
        id=stem,
        source=source,
        speaker=speaker,
        language=language,
        emotion=emotion,
        split=split,
        duration_s=round(speech.duration_s, 4),
        timed=timed,
    )
    return SpeechClip(entry=entry, speech=speech)


def align_or_leave(waveform: np.ndarray, words: list[str], language: str) -> tuple[TimedSpeech, bool]:
    """The clip with phones when they can be trusted, else without."""
    alignment = _aligner(language).align(waveform, words, ALIGNER_DELAY_S)
    if alignment is None or not trusted(alignment, language):
        return untimed(waveform), False
    return alignment.speech, True


def _asterisk_words(language: str) -> dict[str, list[str]]:
    """Words by prompt name, from the texts that Debian ships beside the prompts."""
    packed = ASTERISK_TEXTS / f"asterisk-core-sounds-{language}" / f"core-sounds-{language}.txt.gz"
    lines = gzip.decompress(packed.read_bytes()).decode("utf-8-sig").splitlines()
    rows = [line.partition(":") for line in lines if not line.startswith(";")]
    plain = {name: text for name, _, text in rows if text and not set("[(<") & set(text)}
    if language == "en":
        plain = {name: _DIGIT.sub(lambda digit: f" {_DIGITS[int(digit[0])]} ", text) for name, text in plain.items()}
    return {name: spoken_words(text) for name, text in plain.items() if not any(c.isdigit() for c in text)}


def asterisk_clips(language: str) -> Iterator[SpeechClip]:
    """The prompts of one of Debian's Asterisk voices; Italian, Russian and the English `demo-*` only measure."""
    voice, code = VOICES[language]
    folder, texts = ASTERISK / voice, _asterisk_words(language)
    for path in sorted(folder.rglob("*.g722")):
        name = str(path.relative_to(folder).with_suffix(""))
        if name.startswith("silence/") or "tone" in name or "beep" in name:
            continue
        waveform = read_sound(path)
        if len(waveform) < 0.3 * SPEECH_RATE:
            continue
        speech, timed = align_or_leave(waveform, texts[name], code) if texts.get(name) else (untimed(waveform), False)
        stem = f"asterisk-{language}-{name.replace('/', '_')}"
        heldout = language in _MEASURED_LANGUAGES or (language == "en" and name.startswith("demo-"))
        yield recorded_clip("asterisk", stem, speech, speaker=voice, language=code, timed=timed, heldout=heldout)


def ljspeech_clips(data: Path) -> Iterator[SpeechClip]:
    """The LJSpeech clips."""
    rows = [
        line.split("|") for line in (data / "ljspeech" / "text.csv").read_text(encoding="utf-8").splitlines() if line
    ]
    texts = {row[0]: row[-1] for row in rows}
    for path in sorted((data / "ljspeech").glob("*.wav")):
        waveform = read_sound(path)
        words = spoken_words(texts.get(path.stem, ""))
        speech, timed = align_or_leave(waveform, words, "en-us") if words else (untimed(waveform), False)
        yield recorded_clip("ljspeech", path.stem, speech, speaker="lj", language="en-us", timed=timed)


def emodb_clips(data: Path) -> Iterator[SpeechClip]:
    """EmoDB with its hand labels; clips that were cut are untimed."""
    folder = data / "emodb"
    intact = set((folder / "intact.txt").read_text(encoding="utf-8").split())
    for path in sorted((folder / "wav").glob("*.wav")):
        waveform, speaker, timed = read_sound(path), path.stem[:2], path.stem in intact
        speech = emodb_speech(waveform, folder / "phones" / f"{path.stem}.lablaut") if timed else untimed(waveform)
        emotion = _EMODB_EMOTIONS[path.stem[5]]
        heldout = speaker in _EMODB_HELDOUT
        stem = f"emodb-{path.stem}"
        yield recorded_clip(
            "emodb",
            stem,
            speech,
            speaker=f"emodb{speaker}",
            language="de",
            timed=timed,
            emotion=emotion,
            heldout=heldout,
        )


def mfa_clips(data: Path) -> Iterator[SpeechClip]:
    """The recording with a TextGrid, for measuring."""
    waveform = read_sound(data / "mfa" / "acoustic_corpus.wav")
    speech = textgrid_speech(waveform, data / "mfa" / "acoustic_corpus.TextGrid")
    yield recorded_clip("mfa", "mfa-acoustic_corpus", speech, speaker="mfa", language="en-us", timed=True, heldout=True)


def facegood_clips(data: Path) -> Iterator[SpeechClip]:
    """The Mandarin takes, whose face curves lie beside them; without text."""
    for path in sorted((data / "facegood" / "wav").glob("*.wav")):
        speech, heldout = untimed(read_sound(path)), path.stem in _FACEGOOD_HELDOUT
        yield recorded_clip(
            "facegood", path.stem, speech, speaker="facegood", language="cmn", timed=False, heldout=heldout
        )
