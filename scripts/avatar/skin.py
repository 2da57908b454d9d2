"""The skin: body mesh with the visible head subdivided once, painted by MakeHuman's masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.base import Base
from avatar.hair import HAIR, hairline_of
from avatar.landmarks import IBUG_68
from avatar.looks import material
from avatar.mesh import Part, apply, subdivide
from avatar.source import Floats, Ints
from avatar.strands import BROW, brow_mask

SKIN = np.array([0.84, 0.655, 0.555])
LIPS = np.array([0.74, 0.41, 0.40])
FINE_M = 0.0032
"""Quads below this size stay as they are."""
MOUTH = np.array([0.50, 0.19, 0.175])


def skin(base: Base) -> tuple[Part, Ints]:
    """The whole skin in T-pose, and where each vertex of hm08 is in it (-1: nowhere)."""
    quads, texture = base.source.quads("body")
    quad_uv = base.source.uvs[texture]
    rest = base.stack[0]
    step = subdivide(quads, quad_uv, len(rest), _coarse(base, quads, quad_uv))
    stack = apply(step.operator, base.stack)
    verts = stack.shape[1]
    part = Part(
        stack=stack, triangles=step.triangles, uv=step.uv, materials=np.full(len(step.triangles), material("skin")),
        color=np.ones((verts, 3)) * SKIN, occlusion=np.ones(verts), weights=step.operator @ base.weights,
    )  # fmt: skip
    used = np.unique(step.triangles)
    place = np.full(verts, -1)
    place[used] = np.arange(len(used))
    return part.cut(np.ones(len(step.triangles), bool)), place[: len(rest)]


def _coarse(base: Base, quads: Ints, quad_uv: Floats) -> NDArray[np.bool_]:
    """Quads to subdivide: head and neck where seen, except where hm08 is fine enough; lips and lids always."""
    corners, centre_uv = base.stack[0][quads], quad_uv.mean(1)
    middle = corners.mean(1)
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    under_hair = hairline_of(base, corners.reshape(-1, 3), np.zeros(corners.size // 3)).reshape(-1, 4).min(1) > 0.012
    edge = np.maximum(base.source.sample_mask("lips", centre_uv), base.source.sample_mask("eyelids", centre_uv)) > 0.3
    hidden = (base.source.sample_mask("inside-mouth", centre_uv) > 0.3) | (
        base.source.sample_mask("ears", centre_uv) > 0.5
    )
    seen = (middle[:, 1] > base.joints[0, 12, 1] - 0.05) & (middle[:, 2] > -0.005) & ~under_hair
    return seen & (edge | (~hidden & (longest > FINE_M)))


def vertex_uv(part: Part) -> Floats:
    """One texture coordinate per vertex (the last corner's), (verts, 2)."""
    uv = np.zeros((part.stack.shape[1], 2))
    uv[part.triangles] = part.uv
    return uv


def _spot(part: Part, centre: Floats, radii: tuple[float, float, float]) -> Floats:
    """A soft spot around a point, 0..1, (verts, 1)."""
    return np.exp(-(((part.rest - centre) / np.array(radii)) ** 2).sum(1))[:, None]


def _complexion(base: Base, part: Part, place: Ints) -> Floats:
    """Skin colour with redder cheeks, nose, ears, lids and knuckles, (verts, 3)."""
    uv, rest = vertex_uv(part), part.rest
    marks = rest[place[list(IBUG_68)]]
    color = np.ones_like(rest) * SKIN
    red = np.array([1.0, 0.86, 0.86])

    def blend(amount: Floats, tint: Floats) -> None:
        color[:] = color * (1 - amount + amount * tint)

    for side in (1.0, -1.0):
        cheek = np.array([side * 0.042, marks[29, 1] - 0.004, marks[36, 2] - 0.010])
        blend(0.55 * _spot(part, cheek, (0.024, 0.018, 0.032)), red)
        eye = base.joints[0, 23] * [side, 1, 1]
        blend(0.60 * _spot(part, eye + [0, 0.0, 0.012], (0.021, 0.0115, 0.022)), np.array([0.90, 0.80, 0.79]))
        blend(0.25 * _spot(part, eye + [0, -0.014, 0.014], (0.016, 0.006, 0.02)), np.array([0.90, 0.83, 0.86]))
        blend(
            0.55 * _spot(part, np.array([side * 0.013, marks[31, 1] + 0.003, marks[31, 2]]), (0.007, 0.008, 0.012)), red
        )
    blend(0.60 * _spot(part, marks[30], (0.013, 0.012, 0.016)), red)
    blend(0.35 * _spot(part, marks[8] + [0, 0.010, 0], (0.016, 0.013, 0.02)), red)
    blend(0.30 * _spot(part, marks[27] + [0, 0.045, 0], (0.06, 0.028, 0.06)), np.array([1.02, 1.0, 0.95]))
    blend(0.30 * _spot(part, (marks[51] + marks[57]) / 2, (0.034, 0.020, 0.03)), np.array([0.97, 0.90, 0.88]))
    blend(0.65 * base.source.sample_mask("ears", uv)[:, None], red)
    nails = base.source.sample_mask("fingernails", uv)[:, None]
    blend(0.8 * nails, np.array([1.03, 0.90, 0.88]))
    random = np.random.default_rng(2)
    waves = sum(np.sin(rest @ random.normal(size=3) * f + random.uniform(0, 6)) for f in (160, 220, 310, 420, 560))
    return color * (1 + 0.005 * waves[:, None] * np.array([0.6, 1.0, 1.0]))


def paint(base: Base, part: Part, place: Ints, scalp: Floats) -> None:
    """Colour the skin, lips, mouth, brows and the soft edge of the hair; in place."""
    uv = vertex_uv(part)
    color = _complexion(base, part, place)
    lips = base.source.sample_mask("lips", uv)[:, None] ** 0.8
    marks = part.rest[place[list(IBUG_68)]]
    seam = np.abs(part.rest[:, 1:2] - marks[66, 1])
    tone = LIPS * (1.04 - 0.16 * np.exp(-((seam / 0.004) ** 2)))
    color = color * (1 - 0.88 * lips) + tone * 0.88 * lips
    inside = base.source.sample_mask("inside-mouth", uv)[:, None]
    color = color * (1 - inside) + MOUTH * inside
    brow = 0.55 * brow_mask(base, part.rest)[:, None]
    color = color * (1 - brow) + (BROW * 1.25) * brow
    edge = np.clip((scalp[:, None] + 0.0075) / 0.012, 0, 1) ** 1.6
    part.color[:] = color * (1 - edge) + HAIR * 0.72 * edge
    part.materials[lips[part.triangles, 0].mean(1) > 0.5] = material("lips")
    part.materials[inside[part.triangles, 0].mean(1) > 0.5] = material("mouth")
