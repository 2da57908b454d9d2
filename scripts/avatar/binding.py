"""Geometry that follows another part: points bound to its vertices, ribbons along curves, clean cuts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from avatar.looks import material
from avatar.mesh import Part, apply
from avatar.source import Floats, Ints


def follow(points: Floats, guide: Floats, stack: Floats, weights: Floats, near: int = 4) -> tuple[Floats, Floats]:
    """Stack and weights of points (n, 3) that move as the nearest vertices of a guide (rest `guide`, its stack, weights)."""
    distance, index = cKDTree(guide).query(points, k=near)
    share = 1.0 / (distance + 1e-3) ** 2
    share /= share.sum(1, keepdims=True)
    rows = np.repeat(np.arange(len(points)), near)
    operator = csr_array((share.ravel(), (rows, index.ravel())), shape=(len(points), len(guide)))
    moved = apply(operator, stack)
    moved[0] = points
    return moved, operator @ weights


def ribbons(curves: Floats, across: Floats, lift: Floats | None, color: Floats, weights: Floats, look: str) -> Part:
    """Ribbons along curves, flat or with a ridge: stack (rows, ribbons, points, 3); half width and ridge vectors and colours
    (ribbons, points, 3); weights (ribbons, points, 55)."""  # fmt: skip
    rows, count, points, _ = curves.shape
    offsets = [-across, across] if lift is None else [-across, lift, across]
    wide = len(offsets)
    sides = np.repeat(curves[:, :, :, None], wide, axis=3)
    sides[0] += np.stack(offsets, 2)
    start = np.arange(count * points).reshape(count, points)[:, :-1, None] * wide
    cells = [[[k, k + 1, k + 1 + wide], [k, k + 1 + wide, k + wide]] for k in range(wide - 1)]
    triangles = (start[..., None] + np.array(cells).reshape(-1, 3)).reshape(-1, 3)
    verts = count * points * wide
    return Part(
        stack=sides.reshape(rows, verts, 3), triangles=triangles, uv=np.zeros((len(triangles), 3, 2)),
        materials=np.full(len(triangles), material(look)), color=np.repeat(color[:, :, None], wide, axis=2).reshape(verts, 3),
        occlusion=np.ones(verts), weights=np.repeat(weights[:, :, None], wide, axis=2).reshape(verts, 55),
    )  # fmt: skip


def clip(part: Part, field: Floats) -> Part:
    """Only where a vertex field is positive, cut cleanly through the triangles."""
    inside = field[part.triangles] > 0
    whole = inside.all(1)
    crossing = np.flatnonzero(inside.any(1) & ~whole)
    verts = part.stack.shape[1]
    edges: dict[tuple[int, int], int] = {}
    triangles: list[list[int]] = []
    uvs: list[list[Floats]] = []
    origin: list[int] = []
    for face in crossing:
        polygon = _clip_triangle(part.triangles[face], part.uv[face], field, edges, verts)
        for k in range(1, len(polygon) - 1):
            triangles.append([polygon[0][0], polygon[k][0], polygon[k + 1][0]])
            uvs.append([polygon[0][1], polygon[k][1], polygon[k + 1][1]])
            origin.append(int(face))
    operator = _edge_operator(edges, field, verts)
    kept = np.flatnonzero(whole)
    grown = replace(
        part, stack=apply(operator, part.stack), color=operator @ part.color, occlusion=operator @ part.occlusion,
        weights=operator @ part.weights,
        triangles=np.concatenate([part.triangles[kept], np.array(triangles, dtype=np.int64).reshape(-1, 3)]),
        uv=np.concatenate([part.uv[kept], np.array(uvs).reshape(-1, 3, 2)]),
        materials=part.materials[np.concatenate([kept, np.array(origin, dtype=np.int64)])],
    )  # fmt: skip
    return grown.cut(np.arange(len(grown.triangles)))


def _clip_triangle(
    corners: Ints, uv: Floats, field: Floats, edges: dict[tuple[int, int], int], verts: int
) -> list[tuple[int, Floats]]:
    """The positive part of a triangle as a polygon of vertices with uv."""
    polygon: list[tuple[int, Floats]] = []
    for k in range(3):
        a, b = int(corners[k]), int(corners[(k + 1) % 3])
        if field[a] > 0:
            polygon.append((a, uv[k]))
        if (field[a] > 0) != (field[b] > 0):
            edge = (min(a, b), max(a, b))
            vertex = edges.setdefault(edge, verts + len(edges))
            share = field[a] / (field[a] - field[b])
            polygon.append((vertex, uv[k] * (1 - share) + uv[(k + 1) % 3] * share))
    return polygon


def _edge_operator(edges: dict[tuple[int, int], int], field: Floats, verts: int) -> csr_array:
    """Old vertices and one new vertex per cut edge, where the field is zero."""
    pairs = np.array(list(edges), dtype=np.int64).reshape(-1, 2)
    share = field[pairs[:, 0]] / (field[pairs[:, 0]] - field[pairs[:, 1]])
    new = verts + np.arange(len(pairs))
    rows = np.concatenate([np.arange(verts), new, new])
    columns = np.concatenate([np.arange(verts), pairs[:, 0], pairs[:, 1]])
    values = np.concatenate([np.ones(verts), 1 - share, share])
    return csr_array((values, (rows, columns)), shape=(verts + len(pairs), verts))


def smoother(triangles: Ints, verts: int, steps: int) -> csr_array:
    """A vertex operator that averages neighbours `steps` times."""
    a = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    both = np.concatenate([a, a[:, ::-1]])
    adjacency = csr_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(verts, verts))
    adjacency.data[:] = 1.0
    degree = np.maximum(adjacency.sum(1), 1)
    identity = csr_array((np.ones(verts), (np.arange(verts), np.arange(verts))), shape=(verts, verts))
    alone = csr_array(
        (np.asarray(adjacency.sum(1) == 0, float), (np.arange(verts), np.arange(verts))), shape=(verts, verts)
    )
    step = 0.5 * identity + 0.5 * (csr_array(adjacency.multiply(1 / degree[:, None])) + alone)
    result = identity
    for _ in range(steps):
        result = csr_array(step @ result)
    return result


def boundary(triangles: Ints) -> Ints:
    """Directed boundary edges (edges, 2), with the surface on their left."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    known = {(int(a), int(b)) for a, b in edges}
    return np.array([(a, b) for a, b in edges if (int(b), int(a)) not in known], dtype=np.int64).reshape(-1, 2)
