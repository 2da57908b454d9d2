"""Long sequences in overlapping windows: what each window gives is blended linearly over the overlaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor


def joined(parts: Iterable[Float[Tensor, "part *rest"]], at_most: int) -> Float[Tensor, "length *rest"]:
    """Parts one after the other, `at_most` so many rows; each goes as soon as it is copied, so that they are not held twice."""
    whole, filled = None, 0
    for part in parts:
        if whole is None:
            whole = part.new_empty(at_most, *part.shape[1:])
        whole[filled : filled + len(part)] = part
        filled += len(part)
    assert whole is not None
    return whole[:filled]


def overlapping(length: int, window: int, overlap: int) -> Iterator[slice]:
    """Windows that cover `length` with at least `overlap` between neighbours; all of the same size unless one is enough."""
    assert 0 <= overlap < window, (overlap, window)
    count = max(1, -(-(length - overlap) // (window - overlap)))
    size = min(window, length)
    for index in range(count):
        start = min(index * (window - overlap), length - size)
        yield slice(start, start + size)


def blended(
    run: Callable[[slice], Float[Tensor, "*batch window d"]], length: int, window: int, overlap: int
) -> Float[Tensor, "*batch length d"]:
    """Run over the windows and cross-fade the results."""
    windows = list(overlapping(length, window, overlap))
    if len(windows) == 1:
        return run(windows[0])
    total, weights = None, None
    for place in windows:
        part = run(place)
        size = place.stop - place.start
        ramp = (torch.arange(size, device=part.device, dtype=part.dtype) + 1) / (overlap + 1)
        ones = torch.ones_like(ramp)
        rising = ramp if place.start else ones
        falling = ramp.flip(0) if place.stop < length else ones
        weight = torch.minimum(rising, falling).clamp(max=1.0)[:, None]
        if total is None or weights is None:
            total = part.new_zeros(*part.shape[:-2], length, part.shape[-1])
            weights = part.new_zeros(length, 1)
        total[..., place, :] += weight * part
        weights[place] += weight
    assert total is not None and weights is not None
    return total / weights
