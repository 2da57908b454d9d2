"""A puppet's mesh cut into what an engine draws at a time: one material each, with face shapes or without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int32
from numpy import ndarray

from emote3d.export.puppet import Puppet, Shape
from emote3d.records import Material
from emote3d.render.shading import TWO_SIDED, linear_from_srgb

COAT_ALPHA = 0.06
"""Opacity of a clear coat in formats that have no such thing."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Triangles of one material."""

    material: int
    """Index into the surface's materials."""
    verts: Int32[ndarray, " part_verts"]
    """The puppet's vertices that it uses, rising."""
    faces: Int32[ndarray, "faces 3"]
    """Indices into `verts`."""

    def shape_rows(self, shape: Shape) -> tuple[Int32[ndarray, " moved"], Int32[ndarray, " moved"]]:
        """Which of this part's vertices a shape moves, and the shape's rows for them."""
        _, here, rows = np.intersect1d(self.verts, shape.verts, assume_unique=True, return_indices=True)
        return here.astype(np.int32), rows.astype(np.int32)


def cut(puppet: Puppet) -> tuple[list[Part], list[Part]]:
    """Cut the mesh by material; first the parts that face shapes move, then those that they leave alone."""
    surface = puppet.surface
    faces, materials = surface.faces.numpy().astype(np.int32), surface.face_materials.numpy()
    moving = np.zeros(len(puppet.vertices_m), bool)
    for shape in puppet.shapes:
        moving[shape.verts] = True
    moves = moving[faces].any(1)
    face_parts, body_parts = [], []
    for material in range(len(surface.materials)):
        mine = materials == material
        face_parts += _part(faces, mine & moves, material)
        body_parts += _part(faces, mine & ~moves, material)
    return face_parts, body_parts


def _part(faces: Int32[ndarray, "faces 3"], kept: Bool[ndarray, " faces"], material: int) -> list[Part]:
    if not kept.any():
        return []
    verts, corners = np.unique(faces[kept], return_inverse=True)
    return [Part(material=material, verts=verts.astype(np.int32), faces=corners.reshape(-1, 3).astype(np.int32))]


def linear_colors(puppet: Puppet, part: Part) -> tuple[Float[ndarray, "3"], Float[ndarray, "part_verts 3"]]:
    """Linear base colour of a part, and the factor of each of its vertices, at most 1; occlusion is in the factors.

    The base is the part's lightest colour, so that a reader without vertex colours still draws something sensible.
    """
    surface = puppet.surface
    tint = surface.vertex_colors_srgb.numpy()[part.verts].astype(np.float64)
    colors = linear_from_srgb(tint * np.array(surface.materials[part.material].color_srgb))
    base = np.maximum(colors.max(0), 1e-3)
    occlusion = surface.vertex_occlusion.numpy()[part.verts, None]
    return base, (colors * occlusion / base).clip(0, 1)


def is_sheet(material: Material) -> bool:
    """Whether it is seen from both sides."""
    return material.name in TWO_SIDED
