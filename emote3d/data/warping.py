"""Two recordings of the same text, one brought to the timing of the other: dynamic time warping of their spectrograms."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

_GROUP = 4
"""Frames that are compared as one."""
_BANDS = 16
_SILENCE = 0.05
"""Added to every distance, so that among equals the straight way is taken."""


def warp_onto(
    other: Float[np.ndarray, "other_frames mels"], mine: Float[np.ndarray, "frames mels"]
) -> Int[np.ndarray, "frames"]:
    """For each frame of `mine` the frame of `other` (log energies of the same text) that belongs there."""
    a, b = _described(mine), _described(other)
    distance = np.sqrt(np.maximum(0, (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T)) + _SILENCE
    rows, columns = warping_path(distance)
    first = np.searchsorted(rows, np.arange(len(a)), side="left")
    last = np.searchsorted(rows, np.arange(len(a)), side="right") - 1
    middle = 0.5 * (columns[first] + columns[last])
    at = np.interp(np.arange(len(mine)) / _GROUP - 0.5, np.arange(len(a)), middle)
    return np.clip(np.round(_GROUP * (at + 0.5)), 0, len(other) - 1).astype(np.int64)


def _described(spectrogram: Float[np.ndarray, "frames mels"]) -> Float[np.ndarray, "groups bands"]:
    """Groups of frames in few bands, without level and colour of the recording."""
    missing = -len(spectrogram) % _GROUP
    padded = np.pad(spectrogram.astype(np.float64), ((0, missing), (0, 0)), mode="edge")
    bands = padded.reshape(len(padded) // _GROUP, _GROUP, _BANDS, -1).mean(axis=(1, 3))
    return (bands - bands.mean(axis=0)) / max(1e-6, bands.std())


def warping_path(
    distance: Float[np.ndarray, "rows columns"],
) -> tuple[Int[np.ndarray, "path"], Int[np.ndarray, "path"]]:
    """The cheapest monotonous way from the first corner to the last (Sakoe, Chiba 1978), diagonal by diagonal."""
    rows, columns = distance.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        before = np.minimum(np.minimum(total[i - 1, j], total[i, j - 1]), total[i - 1, j - 1])
        total[i, j] = distance[i - 1, j - 1] + before
    i, j, path = rows, columns, []
    while i and j:
        path.append((i - 1, j - 1))
        step = int(np.argmin([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]]))
        i, j = i - (step != 2), j - (step != 1)
    found = np.array(path[::-1])
    return found[:, 0], found[:, 1]
