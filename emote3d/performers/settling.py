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
        share = _rest(at, start if start else -np.inf, end if end < frames else np.inf, fade)[:, None]
        channels[first:last] = torch.lerp(channels[first:last], middle.expand(last - first, -1), share)
    return channels


def _rest(at: Float[Tensor, "frames"], start: float, end: float, fade: float) -> Float[Tensor, "frames"]:
    """How far the body is at rest in each frame around a pause."""
    rise = ((at - (start - _EARLY * fade)) / ((1 + _EARLY) * fade)).clamp(0, 1)
    fall = (((end + _EARLY * fade) - at) / ((1 + _EARLY) * fade)).clamp(0, 1)
    share = torch.minimum(rise, fall)
    return _HELD * share**3 * (10 - 15 * share + 6 * share**2)


_LIVE_FADE_S, _RETURN_S = 0.35, 0.35
"""Live: the longest fade, which must begin before the end of a pause is heard; time constant of getting back to what the
networks say."""


class SettlingStream:
    """The same live, where a pause's middle is not known yet: movement is slowed down to a rest, and catches up after it."""

    def __init__(self, fps: float) -> None:
        self.fps, self._return_step = fps, 1 - np.exp(-1 / (_RETURN_S * fps))
        self._before: tuple[Tensor, Tensor] | None = None
        """The frame before: as the networks say it, and as it was given."""

    def run(
        self, channels: Float[Tensor, "frames channels"], spoken: Bool[Tensor, "known_frames"], first: int
    ) -> Float[Tensor, "frames channels"]:
        """Settle the next frames, the first of which is number `first` of those that `spoken` tells about.

        A pause that `spoken` begins or ends with may be longer than that.
        """
        rest, calm = torch.zeros(len(channels)), []
        at = torch.arange(first, first + len(channels), dtype=channels.dtype)
        for start, end in pauses(spoken, self.fps):
            fade = min(_LIVE_FADE_S * self.fps, _FADE_SHARE * (end - start))
            bounds = (start if start else -np.inf, end if end < len(spoken) else np.inf)
            rest = torch.maximum(rest, _rest(at, *bounds, fade))
        for now, share in zip(channels, rest.tolist(), strict=True):
            said, given = self._before or (now, now)
            given = given + (1 - share) * (now - said) + self._return_step * (1 - share) * (said - given)
            self._before = now, given
            calm.append(given)
        return torch.stack(calm)
