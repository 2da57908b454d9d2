"""Baked occlusion: how open each vertex is to the light around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar.base import Base
from avatar.binding import smoother
from avatar.looks import material
from avatar.mesh import Part, normals
from avatar.source import Floats, Ints

DIRECTIONS = 64
CELL_M = 0.003
BIAS_M = 0.0045


def _directions(count: int) -> Floats:
    """Evenly spread unit vectors, more from above than from below."""
    k = np.arange(count) + 0.5
    up = 1 - 1.7 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(np.clip(1 - up**2, 0, 1))
    return np.stack([flat * np.cos(turn), up, flat * np.sin(turn)], 1)


def _samples(rest: Floats, triangles: Ints) -> Floats:
    """Points no further apart than a cell on every triangle."""
    corners = rest[triangles]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    points = [rest]
    for level in (2, 4, 8, 16):
        chosen = corners[(longest > CELL_M * level / 2) & (longest <= CELL_M * level * (1 if level < 16 else 100))]
        a, b = np.meshgrid(np.arange(level + 1) / level, np.arange(level + 1) / level)
        shares = np.stack([a, b, 1 - a - b], -1)[a + b <= 1.0001]
        points.append((chosen[:, None] * shares[None, :, :, None]).sum(2).reshape(-1, 3))
    return np.concatenate(points)


def openness(rest: Floats, triangles: Ints) -> Floats:
    """Share of the light from around that reaches each vertex, 0..1 (verts,); a depth map for every direction."""
    out = normals(rest, triangles)
    blockers = _samples(rest, triangles)
    lit, total = np.zeros(len(rest)), np.zeros(len(rest))
    for towards in _directions(DIRECTIONS):
        side = np.cross(towards, [0.0, 0.0, 1.0] if abs(towards[2]) < 0.9 else [1.0, 0.0, 0.0])
        side /= np.linalg.norm(side)
        frame = np.stack([side, np.cross(towards, side)], 1)
        flat = blockers @ frame
        low = flat.min(0)
        cells = ((flat - low) / CELL_M).astype(int)
        width = int(cells[:, 0].max()) + 1
        depth = np.full(width * (int(cells[:, 1].max()) + 1), -np.inf)
        np.maximum.at(depth, cells[:, 1] * width + cells[:, 0], blockers @ towards)
        start = rest + out * 0.002
        cell = np.clip(((start @ frame - low) / CELL_M).astype(int), 0, [width - 1, len(depth) // width - 1])
        facing = np.clip(out @ towards, 0, 1)
        lit += facing * (start @ towards >= depth[cell[:, 1] * width + cell[:, 0]] - BIAS_M)
        total += facing
    return lit / np.maximum(total, 1e-9)


def shade(base: Base, part: Part) -> Part:
    """With occlusion: seen light outside, depth behind the lips inside the mouth."""
    seen = smoother(part.triangles, part.stack.shape[1], 3) @ openness(part.rest, part.triangles)
    open_enough = np.clip(0.30 + 0.95 * seen, 0, 1)
    names = {
        name: np.zeros(part.stack.shape[1], bool)
        for name in ("mouth", "teeth", "gums", "tongue", "eye", "cornea", "thin")
    }
    for name, mask in names.items():
        looks = ("lashes", "brows") if name == "thin" else (name,)
        mask[part.triangles[np.isin(part.materials, [material(look) for look in looks])]] = True
    lips = float(part.rest[names["teeth"], 2].max()) + 0.003
    depth = np.clip((lips - part.rest[:, 2]) / 0.045, 0, 1)
    inside = np.clip(0.95 - 1.05 * depth**0.8, 0.06, 1)
    occlusion = open_enough
    for name, strength in (("mouth", 0.72), ("teeth", 1.0), ("gums", 0.85)):
        occlusion = np.where(names[name], inside * strength, occlusion)
    occlusion = np.where(names["tongue"], np.clip(1.0 - 1.0 * depth, 0.1, 1), occlusion)
    lid = np.clip((part.rest[:, 1] - base.joints[0, 23, 1] - 0.0005) / 0.006, 0, 1)
    occlusion = np.where(names["eye"], 0.97 - 0.42 * lid, occlusion)
    occlusion = np.where(names["cornea"] | names["thin"], 1.0, occlusion)
    return replace(part, occlusion=occlusion)
