"""What the lips do where the phones need it (`audio/lips.py`): they are shut, the lower one is tucked, or they are kept apart."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders.face import CHANNELS
from emote3d.decoders.operators import (
    APPROACH_FRAMES,
    GAP,
    JAW_OPEN,
    MOUTH_CLOSE,
    PARTING,
    SETTLED_S,
    SLOW_S,
    WIDTHS_S,
    Channels,
    Frames,
    gaussian,
    lip_gap_mm,
    with_jaw,
)
from emote3d.names import ARKIT_52

_PARTED = 0.17
"""Share of the clip's 95th percentile of the lip gap that lips keep in sounds that need an open mouth."""
_TUCKED_SHAPES = {
    "mouthClose": 0.0,
    "mouthRollLower": 0.7,
    "mouthFunnel": 0.0,
    "mouthPressLeft": 0.0,
    "mouthPressRight": 0.0,
}
"""The lips in f and v, as the teacher has them (`data/acting.py`)."""
_TUCKED_JAW = (0.05, 0.14)
"""Least and most opening of the jaw in them."""
_OTHERS = CHANNELS - len(ARKIT_52)
_TUCKED = torch.tensor([_TUCKED_SHAPES.get(name, 0.0) for name in ARKIT_52] + [0.0] * _OTHERS)
_TUCKS = torch.tensor([name in _TUCKED_SHAPES for name in ARKIT_52] + [False] * _OTHERS)


def touch(channels: Channels, contacts: Float[Tensor, "frames lips"], fps: float) -> Channels:
    """Let the lips of a whole clip do what `names.LIPS` say, with an approach and a release as quick as each shape moves.

    Args:
        contacts: 1 in the frames in which they must, as `lip_contacts` gives it.
    """
    closed, tucked, apart = contacts.unbind(dim=1)
    hold = torch.maximum(closed, gaussian(closed[:, None], APPROACH_FRAMES)[:, 0])
    channels = shut(channels, hold, gaussian(closed[:, None], SLOW_S["mouthLowerDown"] * fps))

    def drawn(width_s: float) -> Float[Tensor, "frames 1"]:
        reach = max(1, round(width_s * fps))
        held = torch.nn.functional.max_pool1d(tucked[None], 2 * reach + 1, 1, reach)[0][:, None]
        return gaussian(held, width_s * fps)

    weight = drawn(SETTLED_S).repeat(1, CHANNELS)
    for moves, width_s in WIDTHS_S:
        weight = torch.where(moves, drawn(width_s), weight)
    channels = tuck(channels, weight)
    return part(channels, apart * _PARTED * torch.quantile(lip_gap_mm(channels), 0.95))


def shut(channels: Channels, hold: Frames, yielding: Float[Tensor, "frames 1"]) -> Channels:
    """Bring the lips together as far as `hold` says (1: they meet), by `mouthClose`; what else parts them gives way by `yielding`."""
    out = channels.clone()
    shapes = out[:, : len(ARKIT_52)].clamp(0, 1)
    shapes = torch.where(PARTING > 0, shapes * (1 - yielding), shapes)
    shapes[:, MOUTH_CLOSE] += hold * (shapes @ GAP).clamp(min=0) / GAP[JAW_OPEN]
    out[:, : len(ARKIT_52)] = shapes
    return out


def tuck(channels: Channels, weight: Float[Tensor, "frames 64"]) -> Channels:
    """Draw the lower lip in under the upper teeth, each channel by its weight; the jaw is opened no further than shows them."""
    tucked = torch.where(_TUCKS, _TUCKED, channels)
    tucked[:, JAW_OPEN] = channels[:, JAW_OPEN].clamp(*_TUCKED_JAW)
    return with_jaw(torch.lerp(channels, tucked, weight), channels)


def part(channels: Channels, least_mm: Frames) -> Channels:
    """Keep the lips so far apart, by less `mouthClose` and then by the jaw."""
    missing = (least_mm - lip_gap_mm(channels)).clamp(min=0) / GAP[JAW_OPEN]
    out = channels.clone()
    close = out[:, MOUTH_CLOSE].clamp(0, 1)
    out[:, MOUTH_CLOSE] = (close - missing).clamp(min=0)
    out[:, JAW_OPEN] += (missing - close).clamp(min=0)
    return with_jaw(out, channels)
