"""In pauses the body settles: what the networks leave of small movement there fades into one held pose."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

_SHORTEST_S = 0.3
_FADE_S, _FADE_SHARE = 0.45, 0.42
"""How long it takes to come to rest and to start again, at most, and as a share of the pause."""
_EARLY = 0.4
"""Share of the fades that lies within the speech on either side."""
_HELD = 0.95
"""How much of the movement is taken away in the middle of a pause; breath and balance stay."""


def pauses(spoken: Bool[Tensor, "frames"], fps: float) -> list[tuple[int, int]]:
    """First frame and end of each pause that is long enough to settle in."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1], spoken.numpy().astype(np.int8), [1]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= _SHORTEST_S * fps]


def settled(
    channels: Float[Tensor, "frames channels"], spoken: Bool[Tensor, "frames"], fps: float
) -> Float[Tensor, "frames channels"]:
    """Motion that comes to rest in pauses: there it fades, smoothly, to its mean pose of the pause's middle."""
    channels = channels.clone()
    frames = len(channels)
    for start, end in pauses(spoken, fps):
        fade = min(_FADE_S * fps, _FADE_SHARE * (end - start))
        middle = channels[int(start + 0.5 * fade) : max(int(end - 0.5 * fade), int(start + 0.5 * fade) + 1)].mean(dim=0)
        first, last = max(0, int(start - _EARLY * fade)), min(frames, int(end + _EARLY * fade))
        at = torch.arange(first, last, dtype=channels.dtype)
        rise = ((at - (start - _EARLY * fade)) / ((1 + _EARLY) * fade)).clamp(0, 1) if start else torch.ones_like(at)
        fall = (
            (((end + _EARLY * fade) - at) / ((1 + _EARLY) * fade)).clamp(0, 1) if end < frames else torch.ones_like(at)
        )
        share = torch.minimum(rise, fall)
        share = (_HELD * share**3 * (10 - 15 * share + 6 * share**2))[:, None]
        channels[first:last] = torch.lerp(channels[first:last], middle.expand(last - first, -1), share)
    return channels
