"""What a renderer prepares once of a surface, and the vertex normals it needs for every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int32
from numpy import ndarray

from emote3d.records import Surface
from emote3d.render.compiling import kernel
from emote3d.render.shading import TWO_SIDED, linear_from_srgb


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """A surface cut up for drawing: a corner is a vertex with one material, so looks are constant over a triangle."""

    corner_verts: Int32[ndarray, " corners"]
    """The mesh vertex of each corner."""
    solid: Int32[ndarray, "solid 3"]
    """Triangles seen from outside only, corner indices."""
    sheet: Int32[ndarray, "sheet 3"]
    """Triangles seen from both sides."""
    coat: Int32[ndarray, "coat 3"]
    """Triangles that only add their highlight."""
    albedo: Float32[ndarray, "corners 4"]
    """Linear base colour, and the share of light that arrives."""
    gloss: Float32[ndarray, "corners 3"]
    """Roughness, reflection at normal incidence relative to `Shading.reflectance`, subsurface."""
    faces: Int32[ndarray, "faces 3"]
    """The mesh's triangles, vertex indices."""
    first_incidence: Int32[ndarray, " verts_1"]
    """Where each vertex' triangles start in `incident_faces`."""
    incident_faces: Int32[ndarray, " incidences"]

    def corners(self, vertices_m: Float32[ndarray, "verts 3"]) -> Float32[ndarray, "corners 6"]:
        """Give position (metres) and unit normal of every corner."""
        assert len(vertices_m) + 1 == len(self.first_incidence), "the vertices are not those of the surface"
        normals = vertex_normals(vertices_m, self.faces, self.first_incidence, self.incident_faces)
        return gather_corners(vertices_m, normals, self.corner_verts)


def prepare(surface: Surface) -> Geometry:
    """Cut a surface up for drawing."""
    faces = surface.faces.numpy().astype(np.int32)
    face_materials = surface.face_materials.numpy().astype(np.int64)
    verts = len(surface.vertex_colors_srgb)
    uses = faces.astype(np.int64) * len(surface.materials) + face_materials[:, None]
    pairs, corner_of = np.unique(uses, return_inverse=True)
    corner_verts, corner_materials = np.divmod(pairs, len(surface.materials))
    corner_faces = corner_of.reshape(-1, 3).astype(np.int32)

    colors = np.array([material.color_srgb for material in surface.materials])[corner_materials]
    colors = linear_from_srgb(colors * surface.vertex_colors_srgb.numpy().astype(np.float64)[corner_verts])
    occlusion = surface.vertex_occlusion.numpy()[corner_verts]
    gloss = np.array([(item.roughness, item.specular, item.subsurface) for item in surface.materials])[corner_materials]
    is_coat = np.array([item.coat for item in surface.materials])[face_materials]
    is_sheet = np.array([item.name in TWO_SIDED and not item.coat for item in surface.materials])[face_materials]

    flat = faces.ravel()
    return Geometry(
        corner_verts=corner_verts.astype(np.int32),
        solid=corner_faces[~is_coat & ~is_sheet],
        sheet=corner_faces[is_sheet],
        coat=corner_faces[is_coat],
        albedo=np.column_stack([colors, occlusion]).astype(np.float32),
        gloss=gloss.astype(np.float32),
        faces=faces,
        first_incidence=np.searchsorted(np.sort(flat), np.arange(verts + 1)).astype(np.int32),
        incident_faces=(np.argsort(flat, kind="stable") // 3).astype(np.int32),
    )


def face_bounds(groups: Sequence[ndarray]) -> list[tuple[int, int]]:
    """Give first and last+1 triangle of each group when they lie behind one another."""
    edges = np.cumsum([0, *(len(group) for group in groups)])
    return [(int(first), int(last)) for first, last in pairwise(edges)]


@kernel
@no_type_check
def vertex_normals(vertices_m: ndarray, faces: ndarray, first_incidence: ndarray, incident_faces: ndarray) -> ndarray:
    """Average the normals of each vertex' triangles, weighted by area; unit length."""
    face_normals = np.empty((len(faces), 3), np.float32)
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ux, vx = vertices_m[b, 0] - vertices_m[a, 0], vertices_m[c, 0] - vertices_m[a, 0]
        uy, vy = vertices_m[b, 1] - vertices_m[a, 1], vertices_m[c, 1] - vertices_m[a, 1]
        uz, vz = vertices_m[b, 2] - vertices_m[a, 2], vertices_m[c, 2] - vertices_m[a, 2]
        face_normals[face, 0] = uy * vz - uz * vy
        face_normals[face, 1] = uz * vx - ux * vz
        face_normals[face, 2] = ux * vy - uy * vx
    normals = np.empty(vertices_m.shape, np.float32)
    for vertex in range(len(vertices_m)):
        x = y = z = np.float32(0)
        for index in range(first_incidence[vertex], first_incidence[vertex + 1]):
            face = incident_faces[index]
            x += face_normals[face, 0]
            y += face_normals[face, 1]
            z += face_normals[face, 2]
        scale = np.float32(1) / max(np.sqrt(x * x + y * y + z * z), np.float32(1e-20))
        normals[vertex, 0], normals[vertex, 1], normals[vertex, 2] = x * scale, y * scale, z * scale
    return normals


@kernel
@no_type_check
def gather_corners(vertices_m: ndarray, normals: ndarray, corner_verts: ndarray) -> ndarray:
    """Lay position and normal of each corner side by side."""
    corners = np.empty((len(corner_verts), 6), np.float32)
    for corner in range(len(corner_verts)):
        vertex = corner_verts[corner]
        for axis in range(3):
            corners[corner, axis] = vertices_m[vertex, axis]
            corners[corner, 3 + axis] = normals[vertex, axis]
    return corners
