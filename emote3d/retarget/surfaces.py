"""Triangle surfaces in millimetres: normals, nearest points, neighbourhoods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy import sparse
from scipy.spatial import KDTree

_CANDIDATES = 12


@dataclass(frozen=True)
class Nearest:
    """Where points lie nearest to a surface."""

    face: Int[ndarray, "points"]
    weights: Float[ndarray, "points 3"]
    """Barycentric, on the corners of `face`."""
    distance_mm: Float[ndarray, "points"]
    """Infinite where no part of the surface faces the same way."""

    @property
    def found(self) -> Bool[ndarray, "points"]:
        """Whether there is a nearest point at all."""
        return np.isfinite(self.distance_mm)


@dataclass(frozen=True)
class Patch:
    """A triangle mesh; only vertices that its faces use matter."""

    vertices_mm: Float[ndarray, "verts 3"]
    faces: Int[ndarray, "faces 3"]

    @cached_property
    def corners_mm(self) -> Float[ndarray, "faces 3 3"]:
        """Corner positions of each face."""
        return self.vertices_mm[self.faces]

    @cached_property
    def face_normals(self) -> Float[ndarray, "faces 3"]:
        """Unit normals; zero for degenerate faces."""
        a, b, c = self.corners_mm.transpose(1, 0, 2)
        cross = np.cross(b - a, c - a)
        return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)

    @cached_property
    def areas_mm2(self) -> Float[ndarray, "verts"]:
        """A third of the area of the faces around each vertex."""
        a, b, c = self.corners_mm.transpose(1, 0, 2)
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
        return np.bincount(self.faces.ravel(), np.repeat(area, 3), minlength=len(self.vertices_mm))

    @cached_property
    def vertex_normals(self) -> Float[ndarray, "verts 3"]:
        """Unit normals, the mean of the faces around weighted by area."""
        a, b, c = self.corners_mm.transpose(1, 0, 2)
        cross = np.repeat(np.cross(b - a, c - a), 3, axis=0)
        total = np.stack(
            [np.bincount(self.faces.ravel(), cross[:, axis], minlength=len(self.vertices_mm)) for axis in range(3)],
            axis=1,
        )
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.corners_mm.mean(axis=1))

    def moved(self, vertices_mm: Float[ndarray, "verts 3"]) -> Patch:
        """The same faces with other positions."""
        return Patch(vertices_mm, self.faces)

    def nearest(
        self, points_mm: Float[ndarray, "points 3"], normals: Float[ndarray, "points 3"], agreement: float = 0.3
    ) -> Nearest:
        """Nearest points among faces whose normals agree (cosine) with the points' own."""
        count = min(_CANDIDATES, len(self.faces))
        _, candidates = self._tree.query(points_mm, k=count)
        candidates = candidates.reshape(len(points_mm), count)
        flat = candidates.ravel()
        repeated = np.repeat(points_mm, count, axis=0)
        closest = trimesh.triangles.closest_point(self.corners_mm[flat], repeated)
        distance = np.linalg.norm(closest - repeated, axis=1).reshape(candidates.shape)
        agrees = np.einsum("pcx,px->pc", self.face_normals[candidates], normals) > agreement
        distance = np.where(agrees, distance, np.inf)
        best = distance.argmin(axis=1)
        rows = np.arange(len(points_mm))
        face = candidates[rows, best]
        at = closest.reshape(*candidates.shape, 3)[rows, best]
        weights = trimesh.triangles.points_to_barycentric(self.corners_mm[face], at)
        weights = np.nan_to_num(weights).clip(0, 1)
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        return Nearest(face, weights, distance[rows, best])

    def interpolate(self, nearest: Nearest, values: Float[ndarray, "verts *rest"]) -> Float[ndarray, "points *rest"]:
        """Values of the vertices at nearest points."""
        return np.einsum("pc,pc...->p...", nearest.weights, values[self.faces[nearest.face]])

    def laplacian(self) -> sparse.csr_matrix:
        """Row i: the mean of the neighbours minus vertex i; an empty row for vertices without faces."""
        pairs = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
        verts = len(self.vertices_mm)
        degree = np.bincount(pairs[:, 0], minlength=verts)
        mean = sparse.coo_matrix((1 / degree[pairs[:, 0]], (pairs[:, 0], pairs[:, 1])), shape=(verts, verts))
        return sparse.csr_matrix(mean - sparse.diags((degree > 0).astype(float)))


def compacted(
    vertices_mm: Float[ndarray, "verts 3"], faces: Int[ndarray, "faces 3"]
) -> tuple[Patch, Int[ndarray, "kept"]]:
    """A patch of the vertices that some faces use, and their indices."""
    kept, renumbered = np.unique(faces, return_inverse=True)
    return Patch(vertices_mm[kept], renumbered.reshape(-1, 3)), kept
