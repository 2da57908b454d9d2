"""A part of the avatar and the linear operations on it: subdivision, cutting, joining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from avatar.source import Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Part:
    """Triangles with looks; row 0 of `stack` is the rest mesh, the others are displacements by each shape."""

    stack: Floats
    """(rows, verts, 3) metres."""
    triangles: Ints
    uv: Floats
    """Texture coordinates of each corner, (triangles, 3, 2)."""
    materials: Ints
    """Index into `looks.MATERIALS` per triangle."""
    color: Floats
    """sRGB tint in [0, 1], (verts, 3)."""
    occlusion: Floats
    """1 is open, (verts,)."""
    weights: Floats
    """(verts, 55)."""

    @property
    def rest(self) -> Floats:
        """The rest mesh, (verts, 3) metres."""
        return self.stack[0]

    def cut(self, keep: np.ndarray) -> Part:
        """Only the triangles named by a mask or indices, without unused vertices."""
        triangles = self.triangles[keep]
        used, inverse = np.unique(triangles, return_inverse=True)
        return replace(
            self, stack=self.stack[:, used], triangles=inverse.reshape(triangles.shape), uv=self.uv[keep],
            materials=self.materials[keep], color=self.color[used], occlusion=self.occlusion[used],
            weights=self.weights[used],
        )  # fmt: skip


def join(parts: Sequence[Part]) -> Part:
    """One part of several."""
    starts = np.cumsum([0, *(part.stack.shape[1] for part in parts)])
    return Part(
        stack=np.concatenate([part.stack for part in parts], 1),
        triangles=np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=False)]),
        uv=np.concatenate([part.uv for part in parts]),
        materials=np.concatenate([part.materials for part in parts]),
        color=np.concatenate([part.color for part in parts]),
        occlusion=np.concatenate([part.occlusion for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
    )


def apply(operator: csr_array, stack: Floats) -> Floats:
    """A vertex operator (new verts, verts) on every row of a stack."""
    rows, verts, _ = stack.shape
    flat = operator @ stack.transpose(1, 0, 2).reshape(verts, rows * 3)
    return flat.reshape(-1, rows, 3).transpose(1, 0, 2)


def normals(vertices: Floats, triangles: Ints) -> Floats:
    """Unit vertex normals weighted by area, (verts, 3)."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    facing = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, triangles[:, k], facing)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def triangulate(quads: Ints) -> Ints:
    """Two triangles of each quad, (2 * quads, 3)."""
    return quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)


@dataclass(frozen=True, kw_only=True)
class Subdivided:
    """What one Catmull-Clark step of some faces made."""

    operator: csr_array
    """(new verts, verts)."""
    triangles: Ints
    uv: Floats
    """(triangles, 3, 2)."""
    parents: Ints
    """The quad each triangle came from."""


class _Rows:
    """Collects the rows of a sparse matrix."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.columns: list[int] = []
        self.values: list[float] = []

    def add(self, row: int, columns: Sequence[int], value: float) -> None:
        """Add `value` at each column of a row."""
        self.rows += [row] * len(columns)
        self.columns += [int(column) for column in columns]
        self.values += [value] * len(columns)


def subdivide(quads: Ints, quad_uv: Floats, verts: int, selected: np.ndarray) -> Subdivided:
    """One Catmull-Clark step on the selected quads; the border with the others stays where it is, without cracks.

    Quads (quads, 4) over `verts` vertices with corner uv (quads, 4, 2).
    """
    edges: dict[tuple[int, int], list[int]] = {}
    for face in np.flatnonzero(selected):
        for k in range(4):
            a, b = int(quads[face, k]), int(quads[face, (k + 1) % 4])
            if a != b:
                edges.setdefault((min(a, b), max(a, b)), []).append(int(face))
    edge_vertex = {edge: verts + i for i, edge in enumerate(edges)}
    face_vertex = {int(face): verts + len(edges) + i for i, face in enumerate(np.flatnonzero(selected))}
    operator = _operator(quads, verts, edges, edge_vertex, face_vertex)
    triangles, uv, parents = _retriangulate(quads, quad_uv, verts, edge_vertex, face_vertex)
    return Subdivided(operator=operator, triangles=triangles, uv=uv, parents=parents)


def _operator(
    quads: Ints,
    verts: int,
    edges: dict[tuple[int, int], list[int]],
    edge_vertex: dict[tuple[int, int], int],
    face_vertex: dict[int, int],
) -> csr_array:
    """The Catmull-Clark matrix; vertices of a border keep their place."""
    rows = _Rows()
    border = {vertex for edge, faces in edges.items() if len(faces) != 2 for vertex in edge}
    around_edges: dict[int, list[tuple[int, int]]] = {}
    around_faces: dict[int, list[int]] = {}
    for face, row in face_vertex.items():
        rows.add(row, quads[face].tolist(), 0.25)
        for vertex in quads[face].tolist():
            around_faces.setdefault(vertex, []).append(face)
    for edge, faces in edges.items():
        inner = len(faces) == 2
        rows.add(edge_vertex[edge], edge, 0.25 if inner else 0.5)
        for face in faces if inner else []:
            rows.add(edge_vertex[edge], quads[face].tolist(), 0.0625)
        for vertex in edge:
            around_edges.setdefault(vertex, []).append(edge)
    for vertex in range(verts):
        n = len(around_faces.get(vertex, []))
        if n < 3 or vertex in border:
            rows.add(vertex, [vertex], 1.0)
            continue
        rows.add(vertex, [vertex], (n - 3) / n)
        for face in around_faces[vertex]:
            rows.add(vertex, quads[face].tolist(), 0.25 / (n * n))
        for edge in around_edges[vertex]:
            rows.add(vertex, edge, 1.0 / (n * n))
    shape = (verts + len(edge_vertex) + len(face_vertex), verts)
    return csr_array((rows.values, (rows.rows, rows.columns)), shape=shape)


def _retriangulate(
    quads: Ints, quad_uv: Floats, verts: int, edge_vertex: dict[tuple[int, int], int], face_vertex: dict[int, int]
) -> tuple[Ints, Floats, Ints]:
    """Triangles, corner uv and parents after the step; neighbours of selected faces take up the new edge points."""
    triangles: list[tuple[int, int, int]] = []
    uvs: list[tuple[Floats, Floats, Floats]] = []
    parents: list[int] = []

    def emit(polygon: list[tuple[int, Floats]], face: int) -> None:
        for k in range(1, len(polygon) - 1):
            corners = (polygon[0], polygon[k], polygon[k + 1])
            if len({vertex for vertex, _ in corners}) == 3:
                triangles.append((corners[0][0], corners[1][0], corners[2][0]))
                uvs.append((corners[0][1], corners[1][1], corners[2][1]))
                parents.append(face)

    for face in range(len(quads)):
        corners = [(int(quads[face, k]), quad_uv[face, k]) for k in range(4)]
        middles: list[tuple[int, Floats] | None] = []
        for k in range(4):
            (a, uv_a), (b, uv_b) = corners[k], corners[(k + 1) % 4]
            middle = edge_vertex.get((min(a, b), max(a, b)))
            middles.append(None if middle is None else (middle, 0.5 * (uv_a + uv_b)))
        if face in face_vertex:
            centre = (face_vertex[face], quad_uv[face].mean(0))
            for k in range(4):
                after, before = middles[k], middles[k - 1]
                assert after is not None and before is not None, "a selected face has all its edge points"
                emit([corners[k], after, centre, before], face)
        else:
            loop = [point for k in range(4) for point in (corners[k], middles[k]) if point is not None]
            start = next((i for i, point in enumerate(loop) if point[0] >= verts), 0)
            emit(loop[start:] + loop[:start], face)
    return np.array(triangles), np.array(uvs), np.array(parents)
