"""Where the voice asks for shut lips: p, b and m as the phones that an encoder hears, and the frames that they shut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

_LEAST = 0.03
"""Probability from which a p, b or m is believed: an open mouth on one of them is seen, lips that meet on a sound like it hardly are.
Nearly all closures of Greek recordings that were kept from training lie above."""
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


class PhoneReader(nn.Module):
    """Phones of the encoder's features, frame by frame."""

    def __init__(self, config: PhoneReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.phones = nn.Linear(config.feature_d, config.phones)

    def forward(self, features: Float[Tensor, "*batch frames feature_d"]) -> Float[Tensor, "*batch frames phones"]:
        """Logits of the phones."""
        return self.phones(features)

    def shut(self, features: Float[Tensor, "*batch frames feature_d"]) -> Float[Tensor, "*batch frames"]:
        """Probability that the phone is spoken with shut lips."""
        return self(features).softmax(dim=-1)[..., list(self.config.shut)].sum(dim=-1)


def lip_closures(shut: Float[Tensor, "frames"]) -> Float[Tensor, "frames"]:
    """1 in the frames around each peak of the probability that lips are shut, 0 elsewhere.

    A peak reaches as far as the probability keeps `_SPREAD` of it, at most to the next valley: a closure stays as short as it was heard.
    """
    p = shut.double().numpy()
    closed = np.zeros(len(p))
    before, after = np.concatenate([[0.0], p[:-1]]), np.concatenate([p[1:], [0.0]])
    for peak in np.flatnonzero((p >= _LEAST) & (p >= before) & (p >= after)):
        first = last = peak
        least = _SPREAD * p[peak]
        while first > 0 and least < p[first - 1] <= p[first]:
            first -= 1
        while last + 1 < len(p) and least < p[last + 1] <= p[last]:
            last += 1
        closed[first : last + 1] = 1
    return torch.from_numpy(closed).float()
