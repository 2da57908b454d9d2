"""The rhythm of a voice as it goes on: what `hear_rhythm` is to a recording, from the last seconds alone."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.rhythm import (
    BANDS,
    TICK_RATE,
    Rhythm,
    describe_accents,
    describe_rhythm,
    measure_rhythm,
    rhythm_level,
)

_CONTEXT_TICKS = 4
"""Ticks around one whose sound it hears."""
_USUAL_LEVEL, _LEVEL_FALL, _VOICED = -1.5, 2.0, 0.55
"""Level of speech at about -26 dBFS, assumed at first; how much a second of voice lowers it that is quieter; what is voice."""
_ACCENT_CONTEXT_S, _UNSETTLED_FRAMES, _APART_S = 1.8, 1, 0.25
"""What an accent is compared with; frames at the end in which one may still move; time between two."""
_GOES_ON_S = 1.2
"""How much longer the last phrase or pause is taken to last than it was heard."""


class RhythmStream:
    """Measures each stretch of sound once and judges it in the light of the last seconds."""

    def __init__(self, sample_rate: int, frame_rate: int) -> None:
        self.sample_rate, self.frame_rate = sample_rate, frame_rate
        self.hop = sample_rate // TICK_RATE
        self._samples, self._samples_first = torch.zeros(0), 0
        """What is not measured for good yet, and the ticks before its beginning."""
        self._ticks, self._ticks_first = torch.zeros(0, 0), 0
        self._level, self._judged = _USUAL_LEVEL, 0

    def add(self, samples: Float[Tensor, "samples"]) -> None:
        """Take samples."""
        self._samples = torch.cat([self._samples, samples])

    def rhythm(self, first: int, until: int) -> Rhythm:
        """The rhythm from frame `first`, never earlier than asked before and on a tick, until a frame that was heard."""
        measured = self._judge(first, until)
        return describe_rhythm(measured, self._level, self.frame_rate, until - first, _GOES_ON_S)

    def accents(self, first: int, until: int) -> Float[Tensor, "frames"]:
        """Its accents alone, which is less work."""
        return describe_accents(self._judge(first, until), self._level, self.frame_rate, until - first)

    def _judge(self, first: int, until: int) -> Float[Tensor, "ticks measures"]:
        """The ticks from a frame on; sets the level that they are judged by."""
        start, rest = divmod(first * TICK_RATE, self.frame_rate)
        assert not rest and start >= self._ticks_first, (first, self._ticks_first)
        measured = self._measure()[start - self._ticks_first :]
        self._ticks, self._ticks_first = self._ticks[start - self._ticks_first :], start
        since_s = (until - self._judged) / self.frame_rate
        voiced = float((measured[-round(since_s * TICK_RATE) :, BANDS] > _VOICED).float().mean())
        fallen = self._level - _LEVEL_FALL * voiced * since_s
        self._level, self._judged = max(rhythm_level(measured), fallen), until
        return measured

    def _measure(self) -> Float[Tensor, "ticks measures"]:
        """All ticks that are kept; the last few hear nothing behind the end, and are measured again next time."""
        known = self._ticks_first + len(self._ticks)
        measured = measure_rhythm(self._samples, self.sample_rate)[known - self._samples_first :]
        heard = self._samples_first + len(self._samples) // self.hop - _CONTEXT_TICKS
        final = max(0, heard + 1 - known)
        everything = torch.cat([self._ticks.reshape(-1, measured.shape[1]), measured])
        self._ticks = everything[: len(self._ticks) + final]
        spare = max(0, known + final - _CONTEXT_TICKS - self._samples_first)
        self._samples, self._samples_first = self._samples[spare * self.hop :].clone(), self._samples_first + spare
        return everything


class AccentStream:
    """The accents of a voice as it goes on."""

    def __init__(self, sample_rate: int, frame_rate: int) -> None:
        self._sound, self._samples = RhythmStream(sample_rate, frame_rate), 0
        self._next = 0
        """First frame at which another accent may lie."""

    def hear(self, samples: Float[Tensor, "samples"]) -> float:
        """Take samples; gives the prominence of an accent (`Rhythm.accents`) that now is certain, else 0.

        It lies `_UNSETTLED_FRAMES` and the hop of a frame before the end of what was heard, or a little earlier.
        """
        sound = self._sound
        sound.add(samples)
        self._samples += len(samples)
        until = self._samples * sound.frame_rate // sound.sample_rate
        settled = until - _UNSETTLED_FRAMES
        if settled < 1:
            return 0.0
        on_a_tick = sound.frame_rate // math.gcd(sound.frame_rate, TICK_RATE)
        first = max(0, until - round(_ACCENT_CONTEXT_S * sound.frame_rate)) // on_a_tick * on_a_tick
        accents = sound.accents(first, until)
        new = accents[max(0, self._next - first) : settled - first].nonzero()[:, 0]
        if not len(new):
            return 0.0
        frame = max(self._next, first) + int(new[-1])
        self._next = frame + round(_APART_S * sound.frame_rate)
        return float(accents[frame - first])
