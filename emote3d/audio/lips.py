"""What the lips must do where the voice asks for it: p, b and m shut them, f and v tuck the lower one, other phones keep them apart."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from emote3d.names import LIPS

_LEAST_SHUT, _LEAST_TUCKED = 0.02, 0.3
"""Probabilities from which a peak of p, b, m or of f, v is believed. An open mouth on p, b, m is seen, lips that meet for a moment on a
sound like it hardly are: 95% of 1,077 closures of voices kept from training are reached."""
_FAR_LIKELIER = 20.0
"""So much likelier than p, b, m must f or v be to win: of 853 closures of voices kept from training none was lost by it."""
_MAYBE_APART = 0.1
"""Lips are kept apart in phones that need an open mouth where those are at least so likely: what is no closure, no f or v and no pause
needs them apart. Against 0.5, a quarter to a third fewer frames of other sounds are closed, in noise without speech none is opened."""


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

    wants: Float[Tensor, "phones lips"]
    """1 where a phone wants one of `LIPS`."""

    def __init__(self, config: PhoneReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.phones = nn.Linear(config.feature_d, config.phones)
        wants = torch.zeros(config.phones, len(LIPS))
        for place, name in enumerate(LIPS):
            wants[list(getattr(config, name)), place] = 1.0
        self.register_buffer("wants", wants, persistent=False)

    def forward(self, features: Float[Tensor, "*batch frames feature_d"]) -> Float[Tensor, "*batch frames phones"]:
        """Logits of the phones."""
        return self.phones(features)

    def lips(self, features: Float[Tensor, "frames feature_d"]) -> Float[Tensor, "frames lips"]:
        """Probabilities that the phone wants each of `LIPS`."""
        return self(features).softmax(dim=-1) @ self.wants


def lip_contacts(lips: Float[Tensor, "frames lips"]) -> Float[Tensor, "frames lips"]:
    """1 in the frames in which the lips must do each of `LIPS`, 0 elsewhere.

    A shut mouth wins over a tucked lip that is not far likelier in that frame or beside it, both over an open one.
    """
    shut, tucked = (_peaks(lips[:, place], least) for place, least in enumerate((_LEAST_SHUT, _LEAST_TUCKED)))
    tuck = torch.maximum(lips[:, 1], _beside(lips[:, 1]))
    shut = shut & ~((tuck >= _LEAST_TUCKED) & (tuck > _FAR_LIKELIER * lips[:, 0]))
    tucked = tucked & ~shut
    apart = (lips[:, 2] >= _MAYBE_APART) & ~shut & ~tucked
    return torch.stack([shut, tucked, apart], dim=1).float()


def _peaks(probability: Float[Tensor, "frames"], least: float) -> Bool[Tensor, "frames"]:
    """The frames where a probability peaks that reaches `least`; beside them the networks' own movement stays."""
    return (probability >= least) & (probability >= _beside(probability))


def _beside(probability: Float[Tensor, "frames"]) -> Float[Tensor, "frames"]:
    """The larger of a probability in the frames before and after."""
    padded = torch.nn.functional.pad(probability, (1, 1))
    return torch.maximum(padded[:-2], padded[2:])
