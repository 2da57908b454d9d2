"""The lips of a live face on the phones that need them shut, tucked or apart, frame by frame (`decoders/contacts.py` has those of a clip)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders.contacts import part, shut, tuck
from emote3d.decoders.face import CHANNELS
from emote3d.decoders.operators import SETTLED_S, SLOW_S, WIDTHS_S

_BELIEVED = torch.tensor([[0.04, 0.25, 0.25], [0.16, 0.5, 0.5]])
"""Probabilities from which each of `names.LIPS` begins to count, and at which it counts in full (chosen on voices kept from training)."""
_DOUBTED, _CERTAIN, _FALLEN = float(_BELIEVED[0, 0]), 0.5, 0.8
"""Past its peak a closure is over: shut lips are let go, gradually, until their probability, between these first two, has fallen
to the third as a share of the one before. A sound like p, b, m is left the sooner; in p, b, m themselves the lips hold."""
_UNSEEN = 1e-5
"""What is left of a movement then is not computed."""
_PARTED_MM = 1.7
"""Opening that lips keep in sounds that need an open mouth."""


def _following() -> Float[Tensor, "64"]:
    """Time constant of every channel, as slow as it moves."""
    time_s = torch.full((CHANNELS,), SETTLED_S)
    for moves, width_s in WIDTHS_S:
        time_s[moves] = width_s
    return time_s


_TIME_S = _following()


class Contacts:
    """Every step is a continuous function of what is heard, so that rounding is not magnified."""

    def __init__(self, fps: float) -> None:
        self._tuck_share = 1 - torch.exp(-1 / (_TIME_S * fps))
        self._yield_share = 1 - math.exp(-1 / (SLOW_S["mouthLowerDown"] * fps))
        self._before = torch.tensor(_DOUBTED)
        self._drawn, self._yielding = torch.zeros(1, CHANNELS), torch.zeros(1, 1)

    def step(self, pose: Float[Tensor, "1 channels"], lips: Float[Tensor, "lips"]) -> Float[Tensor, "1 channels"]:
        """The next pose with the lips as the phones need them; `lips` are the probabilities of `PhoneReader.lips`."""
        least, sure = _BELIEVED
        wanted = ((lips - least) / (sure - least)).clamp(0, 1)
        closed, tucked, apart = wanted.unbind()
        believed = lips[0].clamp(_DOUBTED, _CERTAIN)
        closed = closed * ((believed / self._before - _FALLEN) / (1 - _FALLEN)).clamp(0, 1)
        self._before = believed
        tucked, apart = tucked * (1 - closed), apart * (1 - closed) * (1 - tucked)
        self._yielding = torch.lerp(self._yielding, closed.view(1, 1), self._yield_share)
        self._drawn = torch.lerp(self._drawn, tucked.expand(1, CHANNELS), self._tuck_share)
        if self._yielding > _UNSEEN or closed > 0:
            pose = shut(pose, closed[None], self._yielding)
        if self._drawn.max() > _UNSEEN:
            pose = tuck(pose, self._drawn)
        return part(pose, _PARTED_MM * apart[None]) if apart > 0 else pose
