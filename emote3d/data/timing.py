"""How far phone boundaries lie from the steps one can hear: a check of a synthesiser's or aligner's times."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import uniform_filter1d

from emote3d.data.phones import PHONES, SILENCE
from emote3d.data.timed import SPEECH_RATE, TimedSpeech

_HOP: Final = 32
_FRAME_S: Final = _HOP / SPEECH_RATE
_REACH_S: Final = 0.06
_SIDE_S: Final = 0.016
_SMALLEST_STEP_DB: Final = 9.0
_LOUD: Final = ("vowel", "approximant", "lateral", "nasal")


def _kind(before: str, after: str) -> tuple[str, int] | None:
    """Name and direction (+1 louder) of the energy step expected between two phones."""
    first, second = PHONES[before], PHONES[after]
    rules = (
        ("vowel>lip stop", -1, first.is_vowel and second.manner == "stop" and second.lip_closure == 1.0),
        ("vowel>stop", -1, first.is_vowel and second.manner == "stop"),
        ("stop>vowel", 1, first.manner == "stop" and second.is_vowel and not first.voiced),
        ("nasal>vowel", 1, first.manner == "nasal" and second.is_vowel),
        ("vowel>nasal", -1, first.is_vowel and second.manner == "nasal"),
        ("sibilant>vowel", 1, first.sibilant and second.is_vowel),
        ("vowel>sibilant", -1, second.sibilant and first.is_vowel),
        ("pause>voiced", 1, before == SILENCE and second.manner in _LOUD),
        ("vowel>pause", -1, after == SILENCE and first.is_vowel),
    )
    return next(((name, direction) for name, direction, holds in rules if holds), None)


def boundary_offsets(clip: TimedSpeech) -> list[tuple[str, float]]:
    """Kind and (heard step - labelled boundary) in seconds, for each boundary with a clear step of low-band energy."""
    samples = clip.waveform.astype(np.float32)
    low = uniform_filter1d(samples, 8)  # sibilants vanish, voices stay
    power = uniform_filter1d(low**2, 3 * _HOP)[::_HOP]
    level = 10.0 * np.log10(power + 30.0)
    side, reach = round(_SIDE_S / _FRAME_S), round(_REACH_S / _FRAME_S)
    sums = np.concatenate([[0.0], np.cumsum(level)])
    offsets: list[tuple[str, float]] = []
    for index in range(len(clip.phone) - 1):
        kind = _kind(clip.phone[index], clip.phone[index + 1])
        centre = round(float(clip.end_s[index]) / _FRAME_S)
        if kind is None or centre < reach + side or centre + reach + side >= len(level):
            continue
        at = np.arange(centre - reach, centre + reach + 1)
        step = kind[1] * (sums[at + side] + sums[at - side] - 2.0 * sums[at]) / side
        best = int(np.argmax(step))
        if step[best] >= _SMALLEST_STEP_DB and 0 < best < len(step) - 1:
            offsets.append((kind[0], float((at[best] - centre) * _FRAME_S)))
    return offsets
