"""Phone times of real speech whose words are known: forced alignment with pocketsphinx.

The acoustic model is English; words of other languages come with espeak-ng's phones, mapped to the nearest
ARPAbet phone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from emote3d.data.espeak import Espeak
from emote3d.data.phone_maps import to_arpabet, to_common
from emote3d.data.phones import PHONES, SILENCE
from emote3d.data.timed import SPEECH_RATE, Span, TimedSpeech, build_timed
from emote3d.errors import Emote3DError

_FRAME_S: Final = 0.01
_MARGIN_S: Final = 0.3
"""Noise put before and after the clip: the aligner needs it to settle."""
_NOISE_LEVEL: Final = 20.0
_CLOSURE_AFTER_PAUSE_S: Final = 0.05
_LENITED: Final = {"b": "β", "d": "ð", "ɡ": "ɣ"}
_LENITING: Final = ("es", "es-419", "ca")
"""Languages that soften voiced stops between words too; espeak-ng, asked for one word at a time, does so within it alone."""
_PAUSE_S: Final = 0.1
"""A shorter silence between words is none to the speaker."""
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """An aligned clip and how far to trust it."""

    speech: TimedSpeech
    """The clip with its phones."""
    score: float
    """Mean over the phones of their log-likelihood per frame, in the aligner's own unit: higher is better."""
    longest_phone_s: float
    """Length of the longest phone: a misfit stretches one."""
    word_times_s: tuple[tuple[float, float], ...]
    """Start and end of each word."""


class _Heard(NamedTuple):
    """A phone found by the aligner."""

    name: str
    """ARPAbet."""
    start_s: float
    """Onset, the margin included."""
    length_s: float
    """Duration."""
    score: float
    """Log-likelihood per frame."""


@dataclass(frozen=True, kw_only=True)
class _Word:
    """A word of the transcript."""

    key: str
    """Its name in the aligner's dictionary."""
    phones: tuple[tuple[str, int], ...]
    """Common phones and stress in citation form."""


def spoken_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation and digits."""
    return [word.replace("’", "'").lower() for word in _WORD.findall(text)]


class Aligner:
    """A pocketsphinx decoder that keeps its dictionary between clips."""

    def __init__(self, espeak: Espeak, language: str = "en-us") -> None:
        """`language` is espeak-ng's; only in English are pocketsphinx's own pronunciations used."""
        from pocketsphinx import Decoder

        self._espeak = espeak
        self._language = language
        self._decoder: Any = Decoder(lm=None, bestpath=False, beam=1e-80, pbeam=1e-80, wbeam=1e-80, loglevel="FATAL")
        self._known: dict[str, _Word] = {}

    def _word(self, word: str) -> _Word:
        """The dictionary entry of a word, added when missing."""
        if word not in self._known:
            phones = tuple(self._espeak.phones_of(word, self._language))
            if not phones:
                raise Emote3DError(f"expected a word that espeak-ng can read in '{self._language}', got '{word}'")
            english = self._language.startswith("en") and self._decoder.lookup_word(word) is not None
            key = word if english else f"word{len(self._known)}_"
            if not english:
                self._decoder.add_word(key, " ".join(to_arpabet(phone) for phone, _ in phones), True)
            self._known[word] = _Word(key=key, phones=phones)
        return self._known[word]

    def align(self, waveform: np.ndarray, words: Sequence[str], delay_s: float = 0.0) -> Alignment | None:
        """Phone times of a clip (int16 at SPEECH_RATE) that speaks `words`; None when no path fits.

        `delay_s` moves all boundaries later.
        """
        if not words:
            return None
        entries = [self._word(word) for word in words]
        noise = (
            np.random.default_rng(0).normal(0.0, _NOISE_LEVEL, size=2 * round(_MARGIN_S * SPEECH_RATE)).astype(np.int16)
        )
        before, after = np.split(noise, 2)
        data = np.concatenate([before, waveform, after]).tobytes()
        self._decoder.set_align_text(" ".join(entry.key for entry in entries))
        try:
            self._decode(data)
            self._decoder.set_alignment()
            self._decode(data)
            aligned = self._decoder.get_alignment()
        except RuntimeError:
            return None
        if aligned is None:
            return None
        lenite = self._language in _LENITING
        return _collect(waveform, _heard(aligned), entries, delay_s - _MARGIN_S, lenite=lenite)

    def _decode(self, data: bytes) -> None:
        """Run one pass over a whole clip."""
        self._decoder.start_utt()
        self._decoder.process_raw(data, full_utt=True)
        self._decoder.end_utt()


def _heard(aligned: Iterable[Any]) -> list[tuple[str, list[_Heard]]]:
    """Words and phones of pocketsphinx's alignment, copied while it is walked: its entries do not outlive a step."""
    words: list[tuple[str, list[_Heard]]] = []
    for word in aligned:
        name = str(word.name)
        phones = [
            _Heard(
                str(phone.name), phone.start * _FRAME_S, phone.duration * _FRAME_S, phone.score / max(phone.duration, 1)
            )
            for phone in word
        ]
        words.append((name, phones))
    return words


def _collect(
    waveform: np.ndarray,
    aligned: Sequence[tuple[str, list[_Heard]]],
    entries: Sequence[_Word],
    shift_s: float,
    *,
    lenite: bool,
) -> Alignment | None:
    """The aligner's words and phones as a clip."""
    spans: list[Span] = []
    scores: list[float] = []
    lengths: list[float] = []
    times: list[tuple[float, float]] = []
    waiting = iter(entries)
    for name, phones in aligned:
        if name.startswith(("<", "[", "+")):
            spans.append((phones[0].start_s + shift_s, (SILENCE,), 0))
            continue
        entry = next(waiting, None)
        if entry is None:
            return None
        spans += _word_spans(phones, entry, shift_s)
        times.append((phones[0].start_s + shift_s, phones[-1].start_s + phones[-1].length_s + shift_s))
        scores += [phone.score for phone in phones]
        lengths += [phone.length_s for phone in phones]
    if next(waiting, None) is not None or not scores:
        return None
    spans.append((len(waveform) / SPEECH_RATE, (SILENCE,), 0))
    spans = _lenited(spans) if lenite else spans
    clip = build_timed(waveform.astype(np.int16), _closed_after_pauses(spans))
    return Alignment(speech=clip, score=float(np.mean(scores)), longest_phone_s=max(lengths), word_times_s=tuple(times))


def _word_spans(phones: Sequence[_Heard], entry: _Word, shift_s: float) -> list[Span]:
    """Spans of one word: its own phones where they are the aligner's one for one, else the dictionary's."""
    own = [phone for phone, _ in entry.phones]
    if [to_arpabet(phone) for phone in own] == [phone.name for phone in phones]:
        labels = [((phone,), stress) for phone, stress in entry.phones]
    else:
        vowel_stress = _vowel_stress(
            entry, sum(PHONES[to_common(phone.name, "arpabet")[0]].is_vowel for phone in phones)
        )
        labels = []
        for phone in phones:
            common = to_common(phone.name, "arpabet")
            stress = next(vowel_stress) if PHONES[common[0]].is_vowel else 0
            labels.append((("ə",) if phone.name == "AH" and not stress else common, stress))
    return [(phone.start_s + shift_s, common, stress) for phone, (common, stress) in zip(phones, labels, strict=True)]


def _vowel_stress(entry: _Word, count: int) -> Iterator[int]:
    """Stress of a word's vowels in order from espeak-ng; primary for all when it hears another number of vowels."""
    syllables: list[int] = []
    before_vowel = False
    for phone, stress in entry.phones:
        vowel = PHONES[phone].is_vowel
        if vowel and not before_vowel:
            syllables.append(stress)
        before_vowel = vowel
    return iter(syllables if len(syllables) == count else [2] * count)


def _lenited(spans: Sequence[Span]) -> list[Span]:
    """Voiced stops as Spanish and Catalan speak them in an utterance: approximants but after a pause or a nasal, d also after l (Hualde 2005)."""
    result = list(spans[:1])
    heard = spans[0][1][-1]
    for (since_s, before, _), (start_s, phones, stress) in itertools.pairwise(spans):
        if before != (SILENCE,) or start_s - since_s >= _PAUSE_S:
            heard = before[-1]
        stays = PHONES[heard].manner in ("silence", "nasal") or (heard, phones[0]) == ("l", "d")
        first = phones[0] if stays else _LENITED.get(phones[0], phones[0])
        result.append((start_s, (first, *phones[1:]), stress))
    return result


def _closed_after_pauses(
    spans: Sequence[Span],
) -> list[Span]:
    """Let stops after a pause close before their burst: the aligner counts a silent closure to the pause."""
    result = list(spans[:1])
    for (before_s, before, _), (start_s, phones, stress) in itertools.pairwise(spans):
        if before == (SILENCE,) and PHONES[phones[0]].manner == "stop":
            closure_s = min(_CLOSURE_AFTER_PAUSE_S, 0.8 * max(start_s - before_s, 0.0))
            result.append((start_s - closure_s, phones, stress))
        else:
            result.append((start_s, phones, stress))
    return result
