"""Lays one face over another: similarity and a smooth warp by landmarks, then a non-rigid fit to the surface.

The non-rigid fit follows Amberg, Romdhani and Vetter (CVPR 2007), with the bending of the displacement (its Laplacian) as the
stiffness: vertices are drawn to the nearest point of the other surface while neighbours move alike, ever less strictly.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import sparse
from scipy.interpolate import RBFInterpolator
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree

from emote3d.retarget.surfaces import Patch

_STIFFNESS = (300.0, 100.0, 40.0, 15.0, 6.0, 2.5, 1.0, 0.5)
_LANDMARK_WEIGHTS = (20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.25, 0.1)
_REACH_MM = (25.0, 18.0, 12.0, 9.0, 7.0, 5.0, 4.0, 4.0)
_NEIGHBOURS, _SPACING_MM, _LEAN = 144, 4.0, 0.1


def similarity(
    source: Float[ndarray, "points 3"], target: Float[ndarray, "points 3"]
) -> tuple[float, Float[ndarray, "3 3"], Float[ndarray, "3"]]:
    """Scale, rotation and shift that lay source points over target points best (Umeyama 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(b.T @ a)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ flip @ vt
    scale = float((singular * np.diag(flip)).sum() / np.square(a).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean


def fit_surface(
    source: Patch,
    target: Patch,
    landmark_rows: sparse.csr_matrix,
    landmarks_mm: Float[ndarray, "landmarks 3"],
) -> Float[ndarray, "verts 3"]:
    """Where the vertices of `source` come to lie on `target`, millimetres.

    Args:
        landmark_rows: matrix [landmarks, verts] that finds the landmarks on the source's vertices.
        landmarks_mm: the same landmarks on the target.
    """
    scale, rotation, shift = similarity(landmark_rows @ source.vertices_mm, landmarks_mm)
    aligned = scale * source.vertices_mm @ rotation.T + shift
    found = landmark_rows @ aligned
    warp = RBFInterpolator(found, landmarks_mm - found, kernel="linear", smoothing=0.5)
    vertices = aligned + warp(aligned)
    laplacian = source.laplacian()
    bending = sparse.csc_matrix(laplacian.T @ laplacian)
    pull = sparse.csc_matrix(landmark_rows.T @ landmark_rows)
    for stiffness, hold, reach in zip(_STIFFNESS, _LANDMARK_WEIGHTS, _REACH_MM, strict=True):
        patch = source.moved(vertices)
        nearest = target.nearest(vertices, patch.vertex_normals)
        near = nearest.distance_mm < reach * scale
        weight = near.astype(float) + 1e-6
        goal = np.where(near[:, None], target.interpolate(nearest, target.vertices_mm), vertices)
        system = sparse.csc_matrix(sparse.diags(weight) + stiffness * bending + hold * pull)
        drawn = weight[:, None] * (goal - vertices) + hold * (
            landmark_rows.T @ (landmarks_mm - landmark_rows @ vertices)
        )
        vertices = vertices + splu(system).solve(drawn)
    return vertices


def local_maps(
    before_mm: Float[ndarray, "samples 3"], after_mm: Float[ndarray, "samples 3"], at: Float[ndarray, "points 3"]
) -> Float[ndarray, "points 3 3"]:
    """The warp's derivative around points, from samples of it: what it does to small displacements there.

    A patch of surface says nothing about its normal direction, so each map leans on the whole head's scale and rotation.
    """
    scale, rotation, _ = similarity(before_mm, after_mm)
    _, sparse_ones = np.unique(np.floor(before_mm / _SPACING_MM), axis=0, return_index=True)
    before_mm, after_mm = before_mm[sparse_ones], after_mm[sparse_ones]
    distance, neighbours = KDTree(before_mm).query(at, k=min(_NEIGHBOURS, len(before_mm)))
    weight = np.exp(-0.5 * np.square(distance / np.maximum(distance[:, -1:] * 0.5, 1e-9)))
    weight /= weight.sum(axis=1, keepdims=True)
    x, y = before_mm[neighbours], after_mm[neighbours]
    x = x - np.einsum("pn,pnx->px", weight, x)[:, None]
    y = y - np.einsum("pn,pnx->px", weight, y)[:, None]
    spread = np.einsum("pn,pnx,pny->pxy", weight, x, x)
    moved = np.einsum("pn,pny,pnx->pyx", weight, y, x)
    lean = _LEAN * np.trace(spread, axis1=1, axis2=2)[:, None, None]
    return (moved + lean * scale * rotation) @ np.linalg.inv(spread + lean * np.eye(3))
