"""T-shirt, trousers and shoes: smoothed shells of hm08's tights and feet with clean hems."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar.base import Base
from avatar.binding import boundary, clip, smoother
from avatar.looks import material
from avatar.mesh import Part, apply, normals, subdivide
from avatar.mouth import helper
from avatar.source import Floats

SHIRT = np.array([0.23, 0.33, 0.44])
TROUSERS = np.array([0.16, 0.17, 0.20])
SHOES = np.array([0.13, 0.12, 0.12])
MARGIN_M = 0.040
"""How far under a hem the skin reaches."""


def _shirt_field(base: Base, rest: Floats) -> Floats:
    """Positive inside the T-shirt: below a round collar, above the hips, to the middle of the upper arm; (verts,) metres."""
    joints = base.joints[0]
    x, y, z = rest.T
    neck, hip, shoulder, elbow = joints[12], joints[1], joints[16], joints[18]
    sleeve = shoulder[0] + 0.52 * (elbow[0] - shoulder[0]) - np.abs(x)
    hem = y - (hip[1] + 0.005)
    collar_y = neck[1] + 0.002 - 0.36 * np.clip(z - 0.01, 0, 0.2) + 0.10 * np.clip(-z, 0, 0.1)
    collar = np.where(np.abs(x) < 0.13, collar_y - y + 0.9 * np.clip(np.abs(x) - 0.055, 0, 1), 0.2)
    return np.minimum(np.minimum(sleeve, hem), collar)


def _trousers_field(base: Base, rest: Floats) -> Floats:
    """Positive from the waist to the ankles; (verts,) metres."""
    joints = base.joints[0]
    x, y, _ = rest.T
    waist = joints[1, 1] + 0.055 - y
    ankle = y - (joints[7, 1] + 0.020)
    arms = 0.35 - np.abs(x)
    return np.minimum(np.minimum(waist, ankle), arms)


def covered_by_shirt(base: Base, body: Part) -> Floats:
    """Positive where the shirt hides the skin."""
    return _shirt_field(base, body.rest) - MARGIN_M


def covered_by_trousers(base: Base, body: Part) -> Floats:
    """Positive where trousers and shoes hide the skin."""
    top = base.joints[0, 1, 1] + 0.055 - body.rest[:, 1]
    return np.minimum(top - MARGIN_M, 0.35 - np.abs(body.rest[:, 0]))


def _shell(base: Base, steps: int, offset: float, fine: bool) -> Part:
    """The tights, smoothed and, if `fine`, subdivided; `offset` metres further out."""
    quads, texture = base.source.quads("helper-tights")
    step = subdivide(quads, base.source.uvs[texture], base.stack.shape[1], np.full(len(quads), fine))
    verts = step.operator.shape[0]
    part = Part(
        stack=apply(step.operator, base.stack), triangles=step.triangles, uv=step.uv,
        materials=np.zeros(len(step.triangles), int), color=np.ones((verts, 3)), occlusion=np.ones(verts),
        weights=step.operator @ base.weights,
    ).cut(np.ones(len(step.triangles), bool))  # fmt: skip
    operator = smoother(part.triangles, part.stack.shape[1], steps)
    stack = apply(operator, part.stack)
    stack[0] += normals(stack[0], part.triangles) * offset
    return replace(part, stack=stack, weights=operator @ part.weights)


def _hemmed(part: Part, thick: float) -> Part:
    """With a rim that turns inwards at every border."""
    edges = boundary(part.triangles)
    rim, inverse = np.unique(edges, return_inverse=True)
    inverse = inverse.reshape(edges.shape)
    verts = part.stack.shape[1]
    inner = part.stack[:, rim].copy()
    inner[0] -= normals(part.rest, part.triangles)[rim] * thick
    a, b = edges.T
    c, d = verts + inverse.T
    fold = np.concatenate([np.stack([b, a, c], 1), np.stack([b, c, d], 1)])
    return replace(
        part, stack=np.concatenate([part.stack, inner], 1), triangles=np.concatenate([part.triangles, fold]),
        uv=np.concatenate([part.uv, np.zeros((len(fold), 3, 2))]),
        materials=np.concatenate([part.materials, np.full(len(fold), part.materials[0])]),
        color=np.concatenate([part.color, part.color[rim] * 0.6]),
        occlusion=np.concatenate([part.occlusion, part.occlusion[rim]]),
        weights=np.concatenate([part.weights, part.weights[rim]]),
    )  # fmt: skip


def _garment(part: Part, field: Floats, look: str, color: Floats, seam_m: float) -> Part:
    """A shell cut to a field, with a slightly darker seam along its hems."""
    tint = np.where((field < seam_m)[:, None], 0.86, 1.0) * color
    cut = clip(replace(part, color=np.ones_like(part.color) * tint), field)
    return _hemmed(replace(cut, materials=np.full(len(cut.triangles), material(look))), 0.006)


def shirt(base: Base) -> Part:
    """A T-shirt."""
    shell = _shell(base, 4, 0.0045, fine=True)
    return _garment(shell, _shirt_field(base, shell.rest), "shirt", SHIRT, 0.012)


def trousers(base: Base) -> Part:
    """Trousers."""
    shell = _shell(base, 1, 0.0020, fine=False)
    return _garment(shell, _trousers_field(base, shell.rest), "trousers", TROUSERS, 0.0)


def shoes(base: Base) -> Part:
    """Simple shoes: smoothed feet of the tights with a sole."""
    tights = helper(base, "helper-tights", "shoes", (1.0, 1.0, 1.0))
    operator = smoother(tights.triangles, tights.stack.shape[1], 3)
    stack = apply(operator, tights.stack)
    stack[0] += normals(stack[0], tights.triangles) * 0.008
    sole = stack[0, :, 1] < 0.016
    stack[0, sole, 1] = np.minimum(stack[0, sole, 1], 0.004)
    color = np.where(stack[0, :, 1:2] < 0.006, 0.30, 1.0) * SHOES
    part = replace(tights, stack=stack, color=color, weights=operator @ tights.weights)
    return _hemmed(clip(part, base.joints[0, 7, 1] + 0.035 - part.rest[:, 1]), 0.006)
