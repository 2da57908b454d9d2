"""Fewer face shapes: which of them a motion needs most, and what weights make up for the rest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

BOUNDED_BASES = ("arkit52",)
"""Bases whose coefficients lie in [0, 1]."""
_STEPS = 300
_QUIET = 1e-4
"""Every shape counts as if it moved this much, so that a still face keeps the largest shapes."""


def choose_shapes(
    gram: Float[ndarray, "shapes shapes"], weights: Float32[ndarray, "frames shapes"], count: int
) -> list[int]:
    """Take, one by one, the shape that leaves the least of the motion unexplained (squared metres over all vertices).

    Args:
        gram: inner products of the shapes' offsets.
    """
    shapes = len(gram)
    moments = weights.astype(np.float64).T @ weights / max(len(weights), 1) + _QUIET * np.eye(shapes)
    chosen: list[int] = []
    residual = gram.copy()  # of the shapes after projection on those that are chosen
    for _ in range(min(count, shapes)):
        gain = np.einsum("ik,ij,jk->k", residual, moments, residual) / np.maximum(np.diag(residual), 1e-12)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        pivot = max(residual[best, best], 1e-12)
        residual = residual - np.outer(residual[best], residual[best]) / pivot
    return sorted(chosen)


def fit_weights(
    gram: Float[ndarray, "shapes shapes"],
    weights: Float32[ndarray, "frames shapes"],
    chosen: list[int],
    *,
    bounded: bool,
) -> Float32[ndarray, "frames chosen"]:
    """Weights of the chosen shapes that come nearest to all shapes; within [0, 1] where `bounded` (projected FISTA)."""
    inner = gram[np.ix_(chosen, chosen)]
    target = weights.astype(np.float64) @ gram[:, chosen]
    if not bounded:
        return np.linalg.lstsq(inner, target.T, rcond=None)[0].T.astype(np.float32)
    scale = np.maximum(np.sqrt(np.diag(inner)), 1e-9)
    inner, target = inner / np.outer(scale, scale), target / scale
    step = 1 / np.linalg.eigvalsh(inner)[-1]
    fitted = ahead = weights[:, chosen].astype(np.float64) * scale
    momentum = 1.0
    for _ in range(_STEPS):
        previous = fitted
        fitted = (ahead - step * (ahead @ inner - target)).clip(0, scale)
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = fitted + (momentum - 1) / grown * (fitted - previous)
        momentum = grown
    return (fitted / scale).astype(np.float32)
