"""What the lips must do where the voice asks for it: p, b and m shut them, f and v tuck the lower one, other phones keep them apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

_LEAST_SHUT = 0.03
"""Probability from which a p, b or m is believed: an open mouth on one of them is seen, lips that meet on a sound like it hardly are.
Nearly all closures of Greek recordings that were kept from training lie above."""
_LEAST_TUCKED = 0.3
_SURELY_APART = 0.9
_SPREAD = 0.6
"""Share of a peak down to which the frames beside it belong to it."""


@dataclass(frozen=True, kw_only=True)
class PhoneReaderConfig:
    """Sizes of the phone reader."""

    feature_d: int
    phones: int
    """Phones that it tells apart."""
    shut: tuple[int, ...]
    """Those among them that are spoken with shut lips."""
    tucked: tuple[int, ...]
    """Those that are spoken with the lower lip under the upper teeth."""
    apart: tuple[int, ...]
    """Those that need an open mouth."""


class PhoneReader(nn.Module):
    """Phones of the encoder's features, frame by frame."""

    def __init__(self, config: PhoneReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.phones = nn.Linear(config.feature_d, config.phones)

    def forward(self, features: Float[Tensor, "*batch frames feature_d"]) -> Float[Tensor, "*batch frames phones"]:
        """Logits of the phones."""
        return self.phones(features)

    def lips(self, features: Float[Tensor, "frames feature_d"]) -> Float[Tensor, "frames lips"]:
        """Probabilities that the phone wants each of `LIPS`."""
        phones = self(features).softmax(dim=-1)
        wanted = (self.config.shut, self.config.tucked, self.config.apart)
        return torch.stack([phones[:, list(group)].sum(dim=1) for group in wanted], dim=1)


def lip_contacts(lips: Float[Tensor, "frames lips"]) -> Float[Tensor, "frames lips"]:
    """1 in the frames in which the lips must do each of `LIPS`, 0 elsewhere.

    A shut mouth wins over a tucked lip, both over an open one.
    """
    shut, tucked = (_around_peaks(lips[:, place], least) for place, least in enumerate((_LEAST_SHUT, _LEAST_TUCKED)))
    tucked = tucked & ~shut
    apart = (lips[:, 2] >= _SURELY_APART) & ~shut & ~tucked
    return torch.stack([shut, tucked, apart], dim=1).float()


def _around_peaks(probability: Float[Tensor, "frames"], least: float) -> Bool[Tensor, "frames"]:
    """The frames around each peak that reaches `least`.

    A peak reaches as far as the probability keeps `_SPREAD` of it, at most to the next valley: a contact stays as short as it was heard.
    """
    p = probability.double().numpy()
    held = np.zeros(len(p), dtype=bool)
    before, after = np.concatenate([[0.0], p[:-1]]), np.concatenate([p[1:], [0.0]])
    for peak in np.flatnonzero((p >= least) & (p >= before) & (p >= after)):
        first = last = peak
        kept = _SPREAD * p[peak]
        while first > 0 and kept < p[first - 1] <= p[first]:
            first -= 1
        while last + 1 < len(p) and kept < p[last + 1] <= p[last]:
            last += 1
        held[first : last + 1] = True
    return torch.from_numpy(held)
