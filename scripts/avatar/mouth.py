"""Teeth, gums and tongue."""

from __future__ import annotations

import numpy as np

from avatar.base import Base
from avatar.looks import material
from avatar.mesh import Part, join, triangulate


def helper(base: Base, group: str, look: str, color: tuple[float, float, float]) -> Part:
    """One of hm08's helper groups as it is."""
    quads, texture = base.source.quads(group)
    triangles = triangulate(quads)
    corners = texture[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    verts = base.stack.shape[1]
    part = Part(
        stack=base.stack, triangles=triangles, uv=base.source.uvs[corners],
        materials=np.full(len(triangles), material(look)), color=np.ones((verts, 3)) * color,
        occlusion=np.ones(verts), weights=base.weights,
    )  # fmt: skip
    solid = (triangles[:, 0] != triangles[:, 1]) & (triangles[:, 1] != triangles[:, 2]) & (triangles[:, 2] != triangles[:, 0])
    return part.cut(solid)


def mouth(base: Base) -> Part:
    """All that is inside the mouth."""
    return join([
        helper(base, "helper-upper-teeth", "teeth", (0.92, 0.89, 0.83)),
        helper(base, "helper-lower-teeth", "teeth", (0.90, 0.87, 0.81)),
        helper(base, "helper-tongue", "tongue", (0.74, 0.38, 0.37)),
    ])  # fmt: skip
