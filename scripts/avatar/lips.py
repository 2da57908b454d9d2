"""Lips that touch at rest, and a mouthClose that seals an open jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from avatar.base import Base
from avatar.landmarks import INNER_LIPS
from avatar.mesh import Part
from avatar.source import Floats, Ints

OVERLAP_M = np.array([0.0, 0.00022, -0.0005])
"""From upper to lower lip where closed: the upper one lies a little lower and in front, so that nothing shines through."""
REACH_M = 0.0035
"""How far a correction of the lips fades out."""


@dataclass(frozen=True, kw_only=True)
class Seam:
    """Skin vertices where the lips meet: upper ones, and for each the point of the lower lip that faces it."""

    upper: Ints
    lower: Ints
    """(pairs, 2): two neighbours on the lower ring."""
    share: Floats
    """(pairs,): weight of the second neighbour."""

    def gap(self, vertices: Floats) -> Floats:
        """From upper to lower, (pairs, 3)."""
        a, b = vertices[self.lower[:, 0]], vertices[self.lower[:, 1]]
        return a * (1 - self.share[:, None]) + b * self.share[:, None] - vertices[self.upper]


def seam(part: Part, place: Ints) -> Seam:
    """Pair the two halves of the inner ring by their x."""
    ring = place[list(INNER_LIPS)]
    upper = np.concatenate([ring[27:], ring[:12]])
    lower = ring[13:26]
    x = part.rest[lower, 0]
    order = np.argsort(x)
    lower, x = lower[order], x[order]
    right = np.clip(np.searchsorted(x, part.rest[upper, 0]), 1, len(x) - 1)
    share = np.clip((part.rest[upper, 0] - x[right - 1]) / (x[right] - x[right - 1]), 0, 1)
    return Seam(upper=upper, lower=np.stack([lower[right - 1], lower[right]], 1), share=share)


def lip_sides(base: Base, part: Part, place: Ints) -> Floats:
    """+1 on the upper lip and what moves with it, -1 on the lower one, by how far jawOpen lowers the nearest seam; (verts,)."""
    pairs = seam(part, place)
    opening = part.stack[base.row("jawOpen")]
    low = pairs.lower[np.arange(len(pairs.upper)), (pairs.share > 0.5).astype(int)]
    _, nearest = cKDTree(part.rest[pairs.upper]).query(part.rest)
    top, bottom = opening[pairs.upper[nearest], 1], opening[low[nearest], 1]
    span = np.minimum(bottom - top, -1e-4)
    return 1 - 2 * np.clip((opening[:, 1] - top) / span, 0, 1)


def correction(part: Part, pairs: Seam, sides: Floats, gap: Floats, reach: float) -> Floats:
    """Displacement (verts, 3) that closes a gap between the lips by half on each, fading over `reach` metres."""
    low = pairs.lower[np.arange(len(pairs.upper)), (pairs.share > 0.5).astype(int)]
    moved = np.zeros_like(part.rest)
    for sources, sign, half in ((pairs.upper, 1.0, 0.5), (low, -1.0, -0.5)):
        offset = part.rest[:, None] - part.rest[sources][None]
        kernel = np.exp(-(offset**2).sum(2) / (2 * reach**2))
        lateral = np.exp(-(offset[..., 0] ** 2) / (2 * 0.0018**2)) * kernel + 1e-12
        mean = (lateral[..., None] * (half * gap)[None]).sum(1) / lateral.sum(1)[:, None]
        side = np.clip(sign * sides, 0, 1)
        moved += (kernel.max(1) * np.sqrt(side))[:, None] * mean
    return moved


CLOSED = (
    ("mouthPressLeft", "mouthPressRight"), ("mouthRollLower",), ("mouthRollUpper",), ("mouthSmileLeft", "mouthSmileRight"),
    ("mouthFrownLeft", "mouthFrownRight"), ("mouthDimpleLeft", "mouthDimpleRight"), ("mouthPucker",), ("mouthLeft",),
    ("mouthRight",), ("cheekPuff",), ("jawForward",), ("jawLeft",), ("jawRight",), ("mouthShrugLower",), ("mouthShrugUpper",),
)  # fmt: skip
"""Shapes that leave the lips closed when full."""


def seal(base: Base, part: Part, place: Ints) -> None:
    """Close the lips at rest, under the shapes that keep them closed, and under jawOpen + mouthClose; in place."""
    pairs = seam(part, place)
    sides = lip_sides(base, part, place)
    for _ in range(6):
        part.stack[0] += correction(part, pairs, sides, pairs.gap(part.rest) - OVERLAP_M, REACH_M)
    opened, closed = part.stack[base.row("jawOpen")], part.stack[base.row("mouthClose")]
    for _ in range(6):
        closed += correction(part, pairs, sides, pairs.gap(opened + closed), 2 * REACH_M)
    left = 1 / (1 + np.exp(-part.rest[:, :1] / 0.003))
    for names in CLOSED:
        rows = [part.stack[base.row(name)] for name in names]
        halves = [left, 1 - left] if len(rows) == 2 else [np.ones_like(left)]
        for _ in range(6):
            fix = correction(part, pairs, sides, pairs.gap(np.sum(rows, axis=0)), REACH_M)
            for row, half in zip(rows, halves, strict=True):
                row += half * fix
