"""Real face motion beside its sound: FACEGOOD's takes, against which jaw and rounding of the lips are correlated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import CompactEncoderConfig, LogMel, resample_features, speech_level
from emote3d.audio.load import load_speech
from emote3d.data import facegood
from emote3d.data.augment import augment
from emote3d.decoders.face import EXPRESSION
from emote3d.names import ARKIT_52
from emote3d.training.take_listener import correlation, fit_listener

_MEL_RATE = 100
_LISTENER_BATCH, _LISTENER_S, _LISTENER_STEPS = 24, 3, 900
_STILL = 0.02
"""Deviation below which a curve says nothing."""
_JAW = [ARKIT_52.index("jawOpen")]
_ROUNDING = [ARKIT_52.index(name) for name in ("mouthPucker", "mouthFunnel")]


class TakeWindow(NamedTuple):
    """Windows of takes, one per row."""

    mel: Float[Tensor, "batch mel_frames mels"]
    curves: Float[Tensor, "batch frames 2"]
    """Opening of the jaw and rounding of the lips, any unit."""


def _waveform(folder: Path, name: str, share: float = 1.0) -> np.ndarray:
    """The first part of a recording."""
    waveform = load_speech(folder / "wav" / f"{name}.wav").waveform.numpy()
    return waveform[: int(share * len(waveform))]


def _at_frames(mel: Float[Tensor, "batch mel_frames mels"]) -> Float[Tensor, "batch frames mels"]:
    """Log-mel at the takes' frames."""
    return resample_features(mel, _MEL_RATE, facegood.FPS, mel.shape[1] * round(facegood.FPS) // _MEL_RATE)


class RealTakes:
    """The training part of every take (see `facegood.TRAINED_SHARE`), clean and in augmented passes.

    With `listeners`, so many small nets are fitted to them, and recordings of the folder that came without motion join the takes: their
    jaw is the nets' mean, their rounding is left open.
    """

    def __init__(self, folder: Path, *, passes: int = 8, listeners: int = 0, seed: int = 0) -> None:
        self._log_mel = LogMel(CompactEncoderConfig())
        self._log_mel.fill_filters()
        self._rng = np.random.default_rng(seed)
        self._takes: list[tuple[np.ndarray, np.ndarray]] = []
        for name, share in facegood.TRAINED_SHARE.items():
            take = facegood.load_take(folder, name)
            curves = np.stack([facegood.jaw_curve(take), facegood.rounding_curve(take)], axis=1)
            self._add(_waveform(folder, name, share), curves, passes)
        if listeners:
            self._guess(folder, listeners, passes // 2)

    def _add(self, waveform: np.ndarray, curves: np.ndarray, passes: int) -> None:
        """Keep a take, clean and in augmented passes."""
        for number in range(passes):
            changed, scale = waveform, 1.0
            if number:
                varied = augment(waveform, self._rng)
                changed, scale = varied.waveform, varied.time_scale
            mel = self._mel(changed).numpy().astype(np.float16)
            at = np.arange(len(mel) * round(facegood.FPS) // _MEL_RATE) / scale
            moved = np.stack([np.interp(at, np.arange(len(curves)), column) for column in curves.T], axis=1)
            self._takes.append((mel, moved.astype(np.float32)))

    def _mel(self, waveform: np.ndarray) -> Float[Tensor, "mel_frames mels"]:
        mel = self._log_mel(torch.from_numpy(waveform)[None])[0, :-1]
        return mel - speech_level(mel)

    def _guess(self, folder: Path, listeners: int, passes: int) -> None:
        """Let small nets that are fitted to the takes guess the jaw of the recordings that have none."""
        seen = self.windows(_LISTENER_BATCH, _LISTENER_S, self._rng)
        windows = ((_at_frames(window.mel), window.curves[..., 0]) for window in seen)
        mels = self._log_mel.config.mels
        nets = [fit_listener(windows, mels, _LISTENER_STEPS, self._rng) for _ in range(listeners)]
        for sound in sorted((folder / "wav").glob("*.wav")):
            if not (folder / "blendshapes" / f"{sound.stem}.npy").exists():
                waveform = _waveform(folder, sound.stem)
                mel = _at_frames(self._mel(waveform)[None])
                jaw = torch.stack([net(mel)[0] for net in nets]).mean(dim=0).numpy()
                self._add(waveform, np.stack([jaw, np.zeros_like(jaw)], axis=1), passes)

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
        moves = (real.std(dim=1, correction=0) > _STILL).float()
        losses[name] = ((1 - correlation(made, real)) * moves).sum() / moves.sum().clamp_min(1)
    return losses
