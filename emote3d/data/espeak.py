"""espeak-ng through its C API: speech with sample-exact phone times, and text to phones.

The library is a process-wide singleton: use one `Espeak` a process. Debian: `apt-get install libespeak-ng1`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, Final

import numpy as np
from jaxtyping import Int8

from emote3d.data.phone_maps import ipa_stress, to_common
from emote3d.data.phones import PHONES, SILENCE
from emote3d.data.timed import Span, TimedSpeech, build_timed, to_speech_rate
from emote3d.errors import Emote3DError

_LIBRARY: Final = "libespeak-ng.so.1"
_SYNCHRONOUS: Final = 2
_PHONEME_EVENTS_IPA: Final = 3
_EVENT_PHONEME: Final = 7
_UTF8: Final = 1
_ZERO_LEVEL: Final = 3
"""espeak-ng writes digital zeros in the closure before a stop's event."""
_SHORTEST_PAUSE_S: Final = 0.05
"""Shorter pauses are glottal onsets or closures and belong to the phone before."""
_LONGEST_CLOSURE_S: Final = 0.12
_CLOSURE_AFTER_PAUSE_S: Final = 0.05
_CONSONANT_LATENESS_S: Final = 0.012
"""Measured: nasals and fricatives sound this much before their event when a vowel goes before."""


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("padding", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, kw_only=True)
class EspeakVoice:
    """How espeak-ng shall speak."""

    language: str = "en-us"
    """Name as in `espeak-ng --voices`."""
    variant: str = ""
    """A file of its `voices/!v` folder, for example f3; empty for the plain voice."""
    rate_wpm: int = 175
    """80 to 450 words a minute."""
    pitch: int = 50
    """0 to 100."""
    pitch_range: int = 50
    """0 (monotone) to 100."""
    volume: int = 100
    """0 to 200; 100 is full scale."""

    @property
    def name(self) -> str:
        """Voice and variant as espeak-ng takes it."""
        return f"{self.language}+{self.variant}" if self.variant else self.language


class Espeak:
    """The synthesiser; raises Emote3DError when the library is not installed."""

    def __init__(self) -> None:
        """Load and start the library."""
        try:
            self._library: Any = ctypes.CDLL(_LIBRARY)
        except OSError as error:
            raise Emote3DError(f"expected the library {_LIBRARY}, not found: apt-get install espeak-ng") from error
        self.sample_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS_IPA))
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self.languages: dict[str, str] = dict(self._list_languages())
        self._chosen = ""
        self._blocks: list[np.ndarray] = []
        self._events: list[tuple[int, str]] = []
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def _list_languages(self) -> Iterator[tuple[str, str]]:
        """Language codes and voice files; the C struct holds a priority byte before each code."""
        voices = self._library.espeak_ListVoices(None)
        index = 0
        while voices[index]:
            voice = voices[index].contents
            yield voice.languages[1:].split(b"\0")[0].decode(), voice.identifier.decode()
            index += 1

    def _receive(self, wave: Any, count: int, events: Any) -> int:
        """Collect a block of samples and its phone events."""
        if wave and count:
            self._blocks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type:
            if events[index].type == _EVENT_PHONEME:
                self._events.append((events[index].sample, bytes(events[index].id.string).decode("utf-8", "ignore")))
            index += 1
        return 0

    def _choose(self, name: str) -> None:
        """Select a voice by its file: by language alone espeak-ng would ignore the variant."""
        if name == self._chosen:
            return
        language, plus, variant = name.partition("+")
        file = self.languages.get(language, "")
        if not file or self._library.espeak_SetVoiceByName(f"{file}{plus}{variant}".encode()) != 0:
            raise Emote3DError(f"expected a voice of espeak-ng, got '{name}': see espeak-ng --voices")
        self._chosen = name

    def speak(self, text: str, voice: EspeakVoice) -> TimedSpeech:
        """Synthesise text; stops own their closure, diphthongs and affricates are split.

        Raises:
            Emote3DError: the voice says nothing of the text.
        """
        self._choose(voice.name)
        for parameter, value in ((1, voice.rate_wpm), (2, voice.volume), (3, voice.pitch), (4, voice.pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._blocks.clear()
        self._events.clear()
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        if not self._blocks:
            raise Emote3DError(f"expected text that espeak-ng can speak in '{voice.name}', got '{text[:40]}'")
        wave = np.concatenate(self._blocks)
        spans = _pull_closures(wave, self._spans(), self.sample_rate)
        clip = build_timed(to_speech_rate(wave, self.sample_rate), spans)
        return replace(clip, stress=_stress_like(self.phones_of(text, voice.language), clip.phone))

    def _spans(self) -> list[Span]:
        """Phone events as (start, common phones, stress)."""
        spans: list[Span] = []
        for sample, label in self._events:
            phones = to_common(label, "ipa")
            if phones:
                late = (
                    spans and PHONES[spans[-1][1][-1]].is_vowel and PHONES[phones[0]].manner in ("nasal", "fricative")
                )
                if (
                    spans
                    and spans[-1][1] == (SILENCE,)
                    and sample / self.sample_rate - spans[-1][0] < _SHORTEST_PAUSE_S
                ):
                    spans.pop()
                spans.append((sample / self.sample_rate - (_CONSONANT_LATENESS_S if late else 0.0), phones, 0))
        return spans

    def phones_of(self, text: str, language: str) -> list[tuple[str, int]]:
        """Common phones and stress of a text in citation form, without pauses."""
        self._choose(language)
        mode = 2 | (ord("_") << 8)  # IPA, phones separated by _
        pointer = ctypes.c_char_p(text.encode())
        phones: list[tuple[str, int]] = []
        while pointer.value:
            line = self._library.espeak_TextToPhonemes(ctypes.byref(pointer), _UTF8, mode)
            for label in line.decode("utf-8", "ignore").replace(" ", "_").split("_"):
                if label:
                    phones += [(phone, ipa_stress(label)) for phone in to_common(label, "ipa")]
        return phones


def _stress_like(spoken: Sequence[tuple[str, int]], phones: Sequence[str]) -> Int8[np.ndarray, "phones"]:
    """Stress for the phones of a clip from its citation form; zeros where the two do not agree."""
    stress = np.zeros(len(phones), dtype=np.int8)
    matcher = SequenceMatcher(None, [phone for phone, _ in spoken], phones, autojunk=False)
    for first, second, count in matcher.get_matching_blocks():
        for step in range(count):
            if PHONES[phones[second + step]].is_vowel:
                stress[second + step] = spoken[first + step][1]
    return stress


def _pull_closures(wave: np.ndarray, spans: Sequence[Span], sample_rate: int) -> list[Span]:
    """Give each stop the silence before its burst, which espeak-ng counts to the phone before."""
    quiet = np.abs(wave) <= _ZERO_LEVEL
    result = [spans[0]] if spans else []
    for (before_s, before, _), (start_s, phones, stress) in pairwise(spans):
        closed_s = start_s
        if PHONES[phones[0]].manner == "stop":
            if before == (SILENCE,):
                closed_s = start_s - min(_CLOSURE_AFTER_PAUSE_S, 0.8 * (start_s - before_s))
            else:
                last = round(start_s * sample_rate)
                first = max(round((before_s + 0.02) * sample_rate), last - round(_LONGEST_CLOSURE_S * sample_rate))
                loud = np.flatnonzero(~quiet[first:last])
                closed_s = (first + (int(loud[-1]) + 1 if len(loud) else 0)) / sample_rate if last > first else start_s
        result.append((closed_s, phones, stress))
    return result
