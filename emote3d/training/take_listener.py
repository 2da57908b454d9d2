"""The jaw of recordings whose face nobody saw: small nets that heard the same person's takes guess it from the sound alone.

A net this small, with half of its units dropped, does not know the takes by heart, as the large networks soon do: on the unseen part
of a take it correlates better with the real jaw than they (`checkpoints/README.md`), and what it makes of other recordings can teach them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

_WIDTH: Final = 128
_DROPOUT: Final = 0.5
_DILATIONS: Final = (1, 2, 4, 2)
_GAIN: Final = 0.3
"""Deviation of a window's loudness, in log-mel."""
_HIDDEN_BANDS: Final = 12
"""Neighbouring mel bands that are hidden from it, at most."""
_SQUARES: Final = 0.25 / 0.015
"""Weight of the squared error; the variance of the jaw is about 0.015."""
_RATE: Final = 2e-3


class TakeListener(nn.Module):
    """Opening of the jaw from log-mel at the motion's frame rate."""

    def __init__(self, mels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(mels, _WIDTH, 3, padding=1)
        self.rest = nn.ModuleList(nn.Conv1d(_WIDTH, _WIDTH, 3, padding=reach, dilation=reach) for reach in _DILATIONS)
        self.jaw = nn.Conv1d(_WIDTH, 1, 1)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(self, mel: Float[Tensor, "batch frames mels"]) -> Float[Tensor, "batch frames"]:
        """Guess the jaw, in the takes' own unit."""
        x = self.drop(torch.relu(self.first(mel.transpose(1, 2) / 3)))
        for layer in self.rest:
            x = x + self.drop(torch.relu(layer(x)))
        return self.jaw(x)[:, 0]


@torch.random.fork_rng(devices=())
def fit_listener(
    windows: Iterator[tuple[Tensor, Tensor]], mels: int, steps: int, rng: np.random.Generator
) -> TakeListener:
    """Fit a net to windows of takes: log-mel [batch, frames, mels] and jaw [batch, frames]."""
    torch.manual_seed(int(rng.integers(2**31)))
    listener = TakeListener(mels)
    optimizer = torch.optim.AdamW(listener.parameters(), _RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, steps)
    for _ in range(steps):
        mel, jaw = next(windows)
        made = listener(_varied(mel, rng))
        loss = (1 - correlation(made, jaw)).mean() + _SQUARES * (made - jaw).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return listener.eval().requires_grad_(False)


def correlation(made: Float[Tensor, "batch frames"], real: Float[Tensor, "batch frames"]) -> Float[Tensor, "batch"]:
    """Correlation of curves, row by row."""
    made, real = made - made.mean(dim=1, keepdim=True), real - real.mean(dim=1, keepdim=True)
    return nn.functional.cosine_similarity(made, real, dim=1, eps=1e-4)


def _varied(mel: Float[Tensor, "batch frames mels"], rng: np.random.Generator) -> Float[Tensor, "batch frames mels"]:
    """Windows at another loudness, each with some bands hidden."""
    mel = mel + _GAIN * torch.from_numpy(rng.normal(size=(len(mel), 1, 1)).astype(np.float32))
    for row in mel:
        first = int(rng.integers(row.shape[1] - _HIDDEN_BANDS))
        row[:, first : first + int(rng.integers(_HIDDEN_BANDS + 1))] = row.mean()
    return mel
