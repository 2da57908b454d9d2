"""Lashes and brows: thin tapered hairs that follow lids and skin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from avatar.base import Base
from avatar.binding import follow, ribbons
from avatar.mesh import Part, join, normals
from avatar.source import Floats

UPPER_ROOTS = (14763, 14766, 14762, 14761, 14760, 14743, 14742, 14744, 14745, 14746, 14747, 14748, 14749)
UPPER_TIPS = (14805, 14808, 14807, 14806, 14809, 14816, 14817, 14815, 14814, 14813, 14812, 14811, 14810)
LOWER_ROOTS = (14765, 14759, 14793, 14758, 14757, 14756, 14755, 14754, 14753, 14752, 14792, 14751)
LOWER_TIPS = (14833, 14830, 14834, 14835, 14836, 14837, 14838, 14839, 14840, 14831, 14841)
"""Edges of hm08's left lash strips, from the nose outwards."""
BROW = np.array([0.27, 0.185, 0.13])
BROW_LINE = (
    (0.0105, 0.0122, 0.0058), (0.0190, 0.0142, 0.0070), (0.0280, 0.0164, 0.0064), (0.0370, 0.0174, 0.0054),
    (0.0450, 0.0154, 0.0038), (0.0515, 0.0118, 0.0018),
)  # fmt: skip
"""Middle line of the left brow: x, height above the eyeballs' middle, breadth, in metres at the default face."""


def _mirrored(base: Base, indices: tuple[int, ...]) -> list[int]:
    """Vertices of hm08 on the other side."""
    rest = base.source.vertices
    flipped = rest[list(indices)] * [-1, 1, 1]
    return [int(np.argmin(((rest - point) ** 2).sum(1))) for point in flipped]


def _along(stack: Floats, line: list[int], at: Floats) -> Floats:
    """Points at shares (n,) of the length of a polyline of vertices, for every row, (rows, n, 3)."""
    points = stack[:, line]
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[0], axis=0), axis=1))])
    x = at * length[-1]
    k = np.clip(np.searchsorted(length, x, side="right") - 1, 0, len(line) - 2)
    share = ((x - length[k]) / (length[k + 1] - length[k]))[None, :, None]
    return points[:, k] * (1 - share) + points[:, k + 1] * share


class LashRow(NamedTuple):
    """How one row of lashes grows."""

    roots: tuple[int, ...]
    tips: tuple[int, ...]
    count: int
    length: float
    """Share of the strip's breadth."""
    curl: float
    """How far the middle of a hair sags below its chord, metres."""
    color: tuple[float, float, float]
    liner: tuple[float, float]
    """Middle and half breadth of the dark line along the roots, as shares of the strip's breadth."""


LASHES = (
    LashRow(UPPER_ROOTS, UPPER_TIPS, 68, 1.0, 0.0014, (0.075, 0.052, 0.045), (0.20, 0.115)),
    LashRow(LOWER_ROOTS, LOWER_TIPS, 24, 0.42, 0.0, (0.30, 0.20, 0.16), (0.13, 0.035)),
)


def _lash_row(base: Base, row: LashRow, roots: list[int], tips: list[int]) -> Part:
    """One row of lashes between the root and the tip edge of a strip, with a dark line along the roots."""
    random = np.random.default_rng(row.count)
    count = row.count
    at = np.linspace(0.05, 0.95, count) + random.uniform(-0.4, 0.4, count) / count
    reach = row.length * random.uniform(0.8, 1.1, count) * np.clip(0.55 + 0.75 * at, 0, 1.1)
    root, tip = _along(base.stack, roots, at), _along(base.stack, tips, np.clip(at * 1.05 - 0.01, 0, 1))
    shares = np.array([0.0, 0.55, 1.0])
    ahead = reach[None, :, None, None] * shares[None, None, :, None]
    curves = root[:, :, None] * (1 - ahead) + tip[:, :, None] * ahead
    curves[0, :, :, 1] += 4 * row.curl * (shares**2 - shares)[None]
    curves[0, :, :, 2] += 0.0022 * (shares - shares**2)[None]
    across = np.zeros_like(curves[0])
    across[..., 0] = np.array([0.00024, 0.00019, 0.00002])
    weights = np.repeat(base.weights[roots].mean(0)[None], count * 3, 0).reshape(count, 3, 55)
    hairs = ribbons(curves, across, None, np.ones_like(across) * row.color, weights, "lashes")
    fine = np.linspace(0.0, 1.0, 30)
    blink = [base.row("eyeBlinkLeft"), base.row("eyeBlinkRight")]
    curves[blink] += np.array([0.0, -0.0005, 0.0010]) * (np.abs(curves[blink]).max(-1, keepdims=True) > 0)
    inner, outer = _along(base.stack, roots, fine), _along(base.stack, tips, fine)
    middle, half = row.liner
    line = inner * (1 - middle) + outer * middle
    line[0, :, 2] += 0.0004
    line[blink] += np.array([0.0, -0.0005, 0.0010]) * (np.abs(line[blink]).max(-1, keepdims=True) > 0)
    wide = (outer[0] - inner[0]) * half * np.sin(np.pi * np.clip(fine, 0.03, 0.90) ** 1.6)[:, None]
    weights = np.repeat(base.weights[roots].mean(0)[None], 30, 0)[None]
    liner = ribbons(line[:, None], wide[None], None, np.ones((1, 30, 3)) * row.color, weights, "lashes")
    return join([hairs, liner])


def lashes(base: Base) -> Part:
    """All four rows of lashes."""
    rows = []
    for row in LASHES:
        rows.append(_lash_row(base, row, list(row.roots), list(row.tips)))
        rows.append(_lash_row(base, row, _mirrored(base, row.roots), _mirrored(base, row.tips)))
    return join(rows)


def brow_mask(base: Base, rest: Floats) -> Floats:
    """How much of a brow lies over each point, 0..1, (verts,)."""
    line = np.array(BROW_LINE)
    height = rest[:, 1] - base.joints[0, 23, 1]
    x = np.abs(rest[:, 0])
    middle = np.interp(x, line[:, 0], line[:, 1])
    broad = np.interp(x, line[:, 0], line[:, 2], left=0.0, right=0.0) / 2 + 1e-6
    ends = np.clip((x - 0.008) / 0.005, 0, 1) * np.clip((0.053 - x) / 0.005, 0, 1)
    return np.exp(-(((height - middle) / (broad + 0.0012)) ** 2)) * ends * (rest[:, 2] > 0.09)


def brows(base: Base, body: Part) -> Part:
    """Both brows as hairs on the skin that lean outwards."""
    front = np.flatnonzero((body.rest[:, 2] > 0.08) & (np.abs(body.rest[:, 1] - base.joints[0, 23, 1]) < 0.04))
    guide, out = body.rest[front], normals(body.rest, body.triangles)[front]
    line, random, count = np.array(BROW_LINE), np.random.default_rng(5), 250
    shares = np.linspace(0, 1, 3)
    parts = []
    spread = random.uniform(0, 1, count) ** 0.9
    side_step = random.uniform(-0.5, 0.5, count)
    size = random.uniform(0.0060, 0.0088, count)
    tone = random.uniform(0.75, 1.3, (count, 1, 1))
    for sign in (1.0, -1.0):
        x = line[0, 0] + (line[-1, 0] - line[0, 0]) * spread
        y = np.interp(x, line[:, 0], line[:, 1]) + side_step * np.interp(x, line[:, 0], line[:, 2])
        lean = np.interp(x, [0.0115, 0.018, 0.03, 0.05], [0.70, 0.48, 0.20, -0.35]) - 0.5 * side_step
        reach = size * np.interp(x, [0.0115, 0.02, 0.0505], [0.75, 1.0, 0.8])
        flat = np.stack([
            sign * (x[:, None] + np.cos(lean)[:, None] * reach[:, None] * shares),
            base.joints[0, 23, 1] + y[:, None] + np.sin(lean)[:, None] * reach[:, None] * (shares - 0.35 * shares**2),
        ], -1)  # fmt: skip
        points = _on_skin(flat.reshape(-1, 2), guide, out, np.tile(0.0004 + 0.0007 * np.sin(np.pi * shares), count))
        curves, weights = follow(points, guide, body.stack[:, front], body.weights[front])
        across = np.zeros((count, 3, 3))
        across[..., 1] = np.array([0.00018, 0.00026, 0.00003]) * np.cos(lean)[:, None]
        across[..., 0] = -sign * np.array([0.00018, 0.00026, 0.00003]) * np.sin(lean)[:, None]
        color = np.ones((count, 3, 3)) * BROW * tone
        shape = (len(curves), count, 3, 3)
        parts.append(ribbons(
            curves.reshape(shape), across, None, color, weights.reshape(count, 3, 55), "brows"
        ))  # fmt: skip
    return join(parts)


def _on_skin(flat: Floats, guide: Floats, out: Floats, height: Floats) -> Floats:
    """Points at front-view positions (n, 2), `height` above a guide of points with normals."""
    offset = ((flat[:, None] - guide[None, :, :2]) ** 2).sum(2)
    near = np.argsort(offset, axis=1)[:, :4]
    share = 1 / (np.take_along_axis(offset, near, 1) + 1e-7)
    share /= share.sum(1, keepdims=True)
    plane = guide[near, 2] - ((flat[:, None] - guide[near, :2]) * out[near, :2]).sum(2) / np.maximum(out[near, 2], 0.2)
    normal = (out[near] * share[..., None]).sum(1)
    return np.c_[flat, (plane * share).sum(1)] + normal * height[:, None]
