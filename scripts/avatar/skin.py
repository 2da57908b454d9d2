"""The skin: body mesh with the visible head subdivided once, painted by MakeHuman's masks."""

from __future__ import annotations

import numpy as np

from avatar.base import Base
from avatar.looks import material
from avatar.mesh import Part, apply, subdivide
from avatar.source import Ints

SKIN = np.array([0.86, 0.66, 0.56])
LIPS = np.array([0.74, 0.42, 0.40])
MOUTH = np.array([0.45, 0.16, 0.15])


def skin(base: Base) -> tuple[Part, Ints]:
    """The whole skin in T-pose with vertex colours, and where each vertex of hm08 is in it (-1: nowhere)."""
    quads, texture = base.source.quads("body")
    quad_uv = base.source.uvs[texture]
    rest = base.stack[0]
    neck = base.joints[0, 12]
    head = rest[quads][..., 1].mean(1) > neck[1] - 0.01
    step = subdivide(quads, quad_uv, len(rest), head)
    stack = apply(step.operator, base.stack)
    weights = step.operator @ base.weights
    verts = stack.shape[1]
    part = Part(
        stack=stack, triangles=step.triangles, uv=step.uv, materials=np.full(len(step.triangles), material("skin")),
        color=np.ones((verts, 3)) * SKIN, occlusion=np.ones(verts), weights=weights,
    )  # fmt: skip
    used = np.unique(step.triangles)
    place = np.full(verts, -1)
    place[used] = np.arange(len(used))
    return paint(base, part.cut(np.ones(len(step.triangles), bool))), place[: len(rest)]


def vertex_uv(part: Part) -> np.ndarray:
    """One texture coordinate per vertex (the last corner's), (verts, 2)."""
    uv = np.zeros((part.stack.shape[1], 2))
    uv[part.triangles] = part.uv
    return uv


def paint(base: Base, part: Part) -> Part:
    """Colour lips and the mouth's inside by the masks."""
    uv = vertex_uv(part)
    lips = base.source.sample_mask("lips", uv)[:, None]
    inside = base.source.sample_mask("inside-mouth", uv)[:, None]
    part.color[:] = part.color * (1 - lips) + LIPS * lips
    part.color[:] = part.color * (1 - inside) + MOUTH * inside
    part.materials[inside[part.triangles, 0].mean(1) > 0.5] = material("mouth")
    return part
