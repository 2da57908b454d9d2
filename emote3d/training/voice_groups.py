"""Batches for speech disentanglement: groups of four clips that share texts, emotions and speakers, a function of seed and step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from emote3d.audio.kaldi import FbankConfig, fbank, normalised
from emote3d.audio.load import load_speech
from emote3d.data.voices import VoiceClip
from emote3d.data.warping import warp_onto
from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS

GROUP = 4
_MASKED_MELS, _MASKED_FRAMES, _ROLLED_FRAMES, _NOISE = 24, 96, 10, 0.1
"""Disturbances of the input (AST's and AMUSE's)."""
_KEPT_CLIPS = 512
_SAMPLE_CLIPS = 48
_PARTNERS = ("text", "emotion", "speaker")


class VoiceGroups(NamedTuple):
    """Groups of four clips."""

    noisy: Float[Tensor, "groups 4 frames mels"]
    """What the encoders hear."""
    clean: Float[Tensor, "groups 4 frames mels"]
    """What is to be rebuilt."""
    retold: Float[Tensor, "groups 4 frames mels"]
    """The same text by somebody else, at this clip's timing; zeros where nobody else says it."""
    partner: Int[Tensor, "groups 4 3"]
    """Which of the four shares text, emotion and speaker; -1 where none does."""
    label: Int[Tensor, "groups 4 2"]
    """Emotion and speaker."""


class VoiceSource:
    """The clips of a split, read when they are first needed."""

    def __init__(self, clips: Sequence[VoiceClip], speakers: Sequence[str], config: FbankConfig) -> None:
        """`speakers`: all that are to be told apart.

        Raises:
            Emote3DError: there are fewer than two clips.
        """
        if len(clips) < 2:
            raise Emote3DError(f"expected at least two clips, got {len(clips)}")
        self.clips, self.config = list(clips), config
        texts = sorted({clip.text for clip in clips})
        self.labels = np.array(
            [[texts.index(c.text), EMOTIONS.index(c.emotion), speakers.index(c.speaker)] for c in clips]
        )
        self._read = lru_cache(_KEPT_CLIPS)(self._energies)

    def __len__(self) -> int:
        return len(self.clips)

    def _energies(self, index: int) -> Float[np.ndarray, "frames mels"]:
        """Log energies of a whole clip."""
        speech = load_speech(self.clips[index].path)
        waveform = speech.waveform - speech.waveform.mean()
        missing = max(0, self.config.window - len(waveform))
        return fbank(torch.nn.functional.pad(waveform, (0, missing)), self.config).numpy().astype(np.float32)

    def pairs(self) -> dict[str, int]:
        """How many clips share a text (with another speaker), an emotion, a speaker (with another text) with another clip."""
        counts: dict[str, int] = {name: 0 for name in _PARTNERS}
        for index in range(len(self)):
            shared = self._shared(index)
            for name in _PARTNERS:
                counts[name] += bool(shared[name].any())
        return counts

    def _shared(self, index: int) -> dict[str, Bool[np.ndarray, "clips"]]:
        text, emotion, speaker = (self.labels[:, k] == self.labels[index, k] for k in range(3))
        others = np.arange(len(self)) != index
        return {
            "text": text & ~speaker,
            "emotion": emotion & others & ~(text & speaker),
            "speaker": speaker & ~text,
        }

    def _group(self, rng: np.random.Generator) -> list[int]:
        """A clip, one of its speaker, one of its text, and one that closes the square, as far as there are such clips."""
        first = int(rng.integers(len(self)))
        shared = self._shared(first)
        feels = self.labels[:, 1] == self.labels[first, 1]
        same_speaker = _pick(rng, [shared["speaker"] & feels, shared["speaker"]], first)
        same_text = _pick(rng, [shared["text"] & feels, shared["text"]], first)
        square = (self.labels[:, 0] == self.labels[same_speaker, 0]) & (self.labels[:, 2] == self.labels[same_text, 2])
        distinct = ~np.isin(np.arange(len(self)), [first, same_speaker, same_text])
        last = _pick(rng, [square & feels & distinct, shared["emotion"] & distinct, distinct], first)
        return [first, same_speaker, same_text, last]

    def batch(self, step: int, seed: int, batch: int, frames: int) -> VoiceGroups:
        """The batch of a step: so many groups of spectrograms of so many frames."""
        rng = np.random.default_rng([seed, step])
        groups = [self._group(rng) for _ in range(batch)]
        return VoiceGroups(
            *(torch.stack(part) for part in zip(*(self._drawn(one, frames, rng) for one in groups), strict=True))
        )

    def _drawn(self, group: list[int], frames: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        noisy, clean, retold = [], [], []
        partners = self._partners(group)
        for index, partner in zip(group, partners, strict=True):
            mine = self._read(index)
            start = int(rng.integers(0, max(0, len(mine) - frames) + 1))
            told = np.zeros_like(mine)
            if partner[0] >= 0:
                other = self._read(group[partner[0]])
                told = other[warp_onto(other, mine)]
            window = self._normalised(mine[start : start + frames], frames)
            masked = _mask(window, rng)
            clean.append(masked)
            noisy.append(_disturb(masked, rng))
            retold.append(self._normalised(told[start : start + frames], frames) * float(partner[0] >= 0))
        labels = torch.from_numpy(self.labels[group][:, 1:].copy())
        return torch.stack(noisy), torch.stack(clean), torch.stack(retold), torch.tensor(partners), labels

    def _normalised(self, energies: Float[np.ndarray, "some mels"], frames: int) -> Float[Tensor, "frames mels"]:
        return normalised(torch.from_numpy(energies), self.config, frames)

    def _partners(self, group: list[int]) -> list[tuple[int, int, int]]:
        """Which of the group shares what with each, someone else's voice first."""
        found = []
        for index in group:
            shared = self._shared(index)
            other = self.labels[:, 2] != self.labels[index, 2]
            row = []
            for name in _PARTNERS:
                fits = [k for k, j in enumerate(group) if shared[name][j]]
                fits.sort(key=lambda k: not other[group[k]])
                row.append(fits[0] if fits else -1)
            found.append((row[0], row[1], row[2]))
        return found

    def statistics(self, seed: int) -> tuple[float, float]:
        """Mean and deviation of the log energies, over some of the clips."""
        chosen = np.random.default_rng(seed).permutation(len(self))[:_SAMPLE_CLIPS]
        values = np.concatenate([self._read(int(index)).ravel() for index in chosen])
        return float(values.mean()), float(values.std())


def _pick(rng: np.random.Generator, choices: list[np.ndarray], otherwise: int) -> int:
    """One of the first choice that has any."""
    for choice in choices:
        fits = np.flatnonzero(choice)
        if len(fits):
            return int(fits[rng.integers(len(fits))])
    return otherwise


def _mask(window: Float[Tensor, "frames mels"], rng: np.random.Generator) -> Float[Tensor, "frames mels"]:
    """SpecAugment (Park et al. 2019): one stretch of time and one of frequency set to the mean."""
    window = window.clone()
    for axis, most in ((0, _MASKED_FRAMES), (1, _MASKED_MELS)):
        size = min(window.shape[axis] // 4, int(rng.integers(0, most + 1)))
        start = int(rng.integers(0, window.shape[axis] - size + 1))
        window.narrow(axis, start, size).zero_()
    return window


def _disturb(window: Float[Tensor, "frames mels"], rng: np.random.Generator) -> Float[Tensor, "frames mels"]:
    """Noise of a random strength, and a little earlier or later."""
    noise = torch.from_numpy(rng.random(tuple(window.shape), dtype=np.float32)) * float(rng.random() * _NOISE)
    return (window + noise).roll(int(rng.integers(-_ROLLED_FRAMES, _ROLLED_FRAMES + 1)), dims=0)
