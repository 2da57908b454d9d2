"""Speech with phone times: the record every synthesiser, aligner and corpus reader makes, and its file form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, Int8, Int16
from scipy.signal import resample_poly

from emote3d.data.phones import SILENCE
from emote3d.records import Speech

SPEECH_RATE: Final = 16000
"""Samples per second of every clip of a speech set."""
_SHORTEST_S: Final = 0.001
_LEVEL_HOP: Final = 80
_SHORTEST_QUIET_FRAMES: Final = 8


@dataclass(frozen=True, kw_only=True)
class TimedSpeech:
    """A mono clip at SPEECH_RATE with its phones, silences included and without gaps."""

    waveform: Int16[np.ndarray, "samples"]
    """Amplitude, full scale 32767."""
    start_s: Float32[np.ndarray, "phones"]
    """Onset of each phone."""
    end_s: Float32[np.ndarray, "phones"]
    """End of each phone, the next one's onset."""
    phone: Sequence[str]
    """Symbols of the common alphabet."""
    stress: Int8[np.ndarray, "phones"]
    """0 none or unknown, 1 secondary, 2 primary."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / SPEECH_RATE

    @property
    def sound(self) -> Speech:
        """The recording alone."""
        return Speech(waveform=torch.from_numpy(self.waveform.astype(np.float32) / 32768), sample_rate=SPEECH_RATE)

    def shifted(self, offset_s: float) -> TimedSpeech:
        """The same clip with inner phone boundaries moved later by `offset_s`."""
        edges = np.clip(self.start_s[1:] + offset_s, 0.0, self.duration_s).astype(np.float32)
        start = np.concatenate([self.start_s[:1], edges])
        return replace(self, start_s=start, end_s=np.concatenate([edges, self.end_s[-1:]]))

    def save(self, path: Path) -> None:
        """Write the npz form (waveform, phone_start_s, phone_end_s, phone, stress)."""
        np.savez(
            path,
            waveform=self.waveform,
            phone_start_s=self.start_s,
            phone_end_s=self.end_s,
            phone=np.array(self.phone, dtype="U8"),
            stress=self.stress,
        )


def load_timed(path: Path) -> TimedSpeech:
    """Read what TimedSpeech.save wrote."""
    with np.load(path, allow_pickle=False) as file:
        return TimedSpeech(
            waveform=file["waveform"],
            start_s=file["phone_start_s"],
            end_s=file["phone_end_s"],
            phone=[str(symbol) for symbol in file["phone"]],
            stress=file["stress"],
        )


def to_speech_rate(waveform: np.ndarray, sample_rate: int) -> Int16[np.ndarray, "samples"]:
    """Resample int16 or unit-range float mono sound to SPEECH_RATE int16, without time shift."""
    samples = waveform.astype(np.float32) / (32768.0 if waveform.dtype == np.int16 else 1.0)
    if sample_rate != SPEECH_RATE:
        common = gcd(sample_rate, SPEECH_RATE)
        samples = resample_poly(samples, SPEECH_RATE // common, sample_rate // common)
    return np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)


Span = tuple[float, Sequence[str], int]
"""Start in seconds, phones that share the time until the next span equally, stress."""


def build_timed(waveform: Int16[np.ndarray, "samples"], spans: Iterable[Span]) -> TimedSpeech:
    """A clip from spans in time order.

    Each lasts until the next; empty ones vanish, one without phones lengthens the one before, neighbouring pauses join.
    """
    duration_s = len(waveform) / SPEECH_RATE
    entries = [(min(max(start, 0.0), duration_s), phones, stress) for start, phones, stress in spans if phones]
    if not entries or entries[0][0] > _SHORTEST_S:
        entries.insert(0, (0.0, (SILENCE,), 0))
    ends = [entry[0] for entry in entries[1:]] + [duration_s]
    rows: list[tuple[float, str, int]] = []
    for (start, phones, stress), end in zip(entries, ends, strict=True):
        if end - start < _SHORTEST_S:
            continue
        for index, symbol in enumerate(phones):
            if not (symbol == SILENCE and rows and rows[-1][1] == SILENCE):
                rows.append((start + (end - start) * index / len(phones), symbol, stress))
    start_s = np.array([row[0] for row in rows], dtype=np.float32)
    start_s[:1] = 0.0
    return TimedSpeech(
        waveform=waveform,
        start_s=start_s,
        end_s=np.concatenate([start_s[1:], np.array([duration_s], dtype=np.float32)]),
        phone=[row[1] for row in rows],
        stress=np.array([row[2] for row in rows], dtype=np.int8),
    )


def silence(duration_s: float) -> TimedSpeech:
    """A pause of digital zeros."""
    return build_timed(np.zeros(max(1, round(duration_s * SPEECH_RATE)), np.int16), [(0.0, (SILENCE,), 0)])


def join(clips: Sequence[TimedSpeech]) -> TimedSpeech:
    """Clips one after the other."""
    offsets = np.cumsum([0] + [len(clip.waveform) for clip in clips]) / SPEECH_RATE
    spans = [
        (float(start + offset), (symbol,), int(stress))
        for clip, offset in zip(clips, offsets, strict=False)
        for start, symbol, stress in zip(clip.start_s, clip.phone, clip.stress, strict=True)
    ]
    return build_timed(np.concatenate([clip.waveform for clip in clips]), spans)


def _quiet_runs(level: np.ndarray) -> tuple[int, int]:
    """First and last+1 index of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], level.astype(np.int8), [0]])))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])


def with_audible_pauses(clip: TimedSpeech, floor_db: float = -45.0) -> TimedSpeech:
    """Shrink pauses to their longest run quieter than `floor_db` under the clip's loudest frame; a loud pause stays."""
    count = len(clip.waveform) // _LEVEL_HOP
    frames = clip.waveform[: count * _LEVEL_HOP].astype(np.float32).reshape(count, _LEVEL_HOP)
    rms = np.sqrt((frames**2).mean(axis=1))
    quiet = rms < max(float(rms.max(initial=0.0)) * 10.0 ** (floor_db / 20.0), 1.0)
    starts = clip.start_s.astype(np.float64)
    for index, symbol in enumerate(clip.phone):
        if symbol != SILENCE:
            continue
        first = round(float(clip.start_s[index]) * SPEECH_RATE / _LEVEL_HOP)
        last = round(float(clip.end_s[index]) * SPEECH_RATE / _LEVEL_HOP)
        low, high = _quiet_runs(quiet[first:last])
        if high - low < _SHORTEST_QUIET_FRAMES:
            continue
        if index > 0:
            starts[index] = max(starts[index], (first + low) * _LEVEL_HOP / SPEECH_RATE)
        if index + 1 < len(starts):
            starts[index + 1] = min(starts[index + 1], (first + high) * _LEVEL_HOP / SPEECH_RATE)
    return build_timed(
        clip.waveform, [(float(s), (p,), int(x)) for s, p, x in zip(starts, clip.phone, clip.stress, strict=True)]
    )


def trimmed(clip: TimedSpeech, pause_s: float) -> TimedSpeech:
    """The clip with at most `pause_s` of silence at either end."""
    head = max(0.0, float(clip.end_s[0]) - pause_s) if clip.phone[0] == SILENCE else 0.0
    tail = max(0.0, clip.duration_s - float(clip.start_s[-1]) - pause_s) if clip.phone[-1] == SILENCE else 0.0
    first, last = round(head * SPEECH_RATE), len(clip.waveform) - round(tail * SPEECH_RATE)
    if last <= first:
        return clip
    shift = first / SPEECH_RATE
    spans = [(float(s) - shift, (p,), int(x)) for s, p, x in zip(clip.start_s, clip.phone, clip.stress, strict=True)]
    return build_timed(clip.waveform[first:last], spans)
