"""Real face motion beside its sound: FACEGOOD's takes, against which jaw and rounding of the lips are correlated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import CompactEncoderConfig, LogMel, speech_level
from emote3d.audio.load import load_speech
from emote3d.data import facegood
from emote3d.data.augment import augment
from emote3d.decoders.face import EXPRESSION
from emote3d.names import ARKIT_52

_MEL_RATE = 100
_STILL = 0.02
"""Deviation below which a curve says nothing."""
_JAW = [ARKIT_52.index("jawOpen")]
_ROUNDING = [ARKIT_52.index(name) for name in ("mouthPucker", "mouthFunnel")]


class TakeWindow(NamedTuple):
    """Windows of takes, one per row."""

    mel: Float[Tensor, "batch mel_frames mels"]
    curves: Float[Tensor, "batch frames 2"]
    """Opening of the jaw and rounding of the lips, any unit."""


def _curves(take: dict[str, np.ndarray], seconds: float, time_scale: float) -> np.ndarray:
    pair = np.stack([facegood.jaw_curve(take), facegood.rounding_curve(take)], axis=1)
    at = np.arange(int(seconds * facegood.FPS)) / time_scale
    return np.stack([np.interp(at, np.arange(len(pair)), column) for column in pair.T], axis=1)


class RealTakes:
    """The training part of every take (see `facegood.TRAINED_SHARE`), clean and in augmented passes."""

    def __init__(self, folder: Path, *, passes: int = 8, seed: int = 0) -> None:
        log_mel = LogMel(CompactEncoderConfig())
        log_mel.fill_filters()
        rng = np.random.default_rng(seed)
        self._takes: list[tuple[np.ndarray, np.ndarray]] = []
        for name, share in facegood.TRAINED_SHARE.items():
            take = facegood.load_take(folder, name)
            waveform = load_speech(folder / "wav" / f"{name}.wav").waveform.numpy()
            waveform = waveform[: int(share * len(waveform))]
            for number in range(passes):
                changed, scale = waveform, 1.0
                if number:
                    varied = augment(waveform, rng)
                    changed, scale = varied.waveform, varied.time_scale
                mel = log_mel(torch.from_numpy(changed)[None])[0, :-1]
                mel = (mel - speech_level(mel)).numpy().astype(np.float16)
                self._takes.append((mel, _curves(take, len(mel) / _MEL_RATE, scale).astype(np.float32)))

    def windows(self, batch: int, seconds: int, rng: np.random.Generator) -> Iterator[TakeWindow]:
        """Draw batches without end, of each take as often; windows start on whole tenths of a second."""
        fps = round(facegood.FPS)
        while True:
            mels, curves = [], []
            for index in rng.integers(0, len(self._takes), size=batch):
                mel, curve = self._takes[index]
                at = int(rng.integers(0, len(curve) // 3 - 10 * seconds - 1))
                mels.append(mel[10 * at : 10 * at + seconds * _MEL_RATE].astype(np.float32))
                curves.append(curve[3 * at : 3 * at + seconds * fps])
            yield TakeWindow(torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(curves)))


def take_losses(
    predicted: Float[Tensor, "batch frames channels"], curves: Float[Tensor, "batch frames 2"]
) -> dict[str, Float[Tensor, ""]]:
    """One minus the correlation of jaw and of rounding, over the rows in which the real curve moves."""
    expression = predicted[..., EXPRESSION].float()
    losses = {}
    for column, (name, indices) in enumerate((("take_jaw", _JAW), ("take_rounding", _ROUNDING))):
        made, real = expression[..., indices].sum(dim=-1), curves[..., column]
        made, real = made - made.mean(dim=1, keepdim=True), real - real.mean(dim=1, keepdim=True)
        moves = (real.square().mean(dim=1).sqrt() > _STILL).float()
        alike = torch.nn.functional.cosine_similarity(made, real, dim=1, eps=1e-4)
        losses[name] = ((1 - alike) * moves).sum() / moves.sum().clamp_min(1)
    return losses
