"""Finds the expression coefficients and the jaw rotation that reproduce shapes on a model: bounded least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.optimize import lsq_linear

from emote3d.names import ARKIT_52
from emote3d.retarget.faces import Face

BOUND = 4.0
"""Largest expression coefficient of a single shape; FLAME's are in standard deviations."""
JAW_BOUND_RAD = 0.6
JAW_SHAPES = ("jawForward", "jawLeft", "jawRight", "jawOpen")
"""Shapes that may turn the jaw; all others must do without, so that a smile never opens the mouth."""
_RIDGE = 0.01
_STEPS = 4
_SMALL_RAD = 0.1


@dataclass(frozen=True)
class Fit:
    """How each shape is made on a target."""

    matrix: Float[ndarray, "52 parameters"]
    """Expression coefficients, then the jaw's axis-angle, of each shape at 1."""
    metric: Float[ndarray, "parameters parameters"]
    """Squared weighted displacement of the parameters, mm^2; its quadratic form measures differences."""
    reached_mm: Float[ndarray, "52 verts 3"]
    """Displacements that the target really makes."""


def fit_shapes(face: Face, shapes_mm: Float[ndarray, "52 verts 3"], weights: Float[ndarray, "verts"]) -> Fit:
    """Fit all shapes on a face; weights say how much each vertex counts."""
    used = weights > 0
    root = np.sqrt(weights[used])[:, None]
    solver = _Solver(face, used, root)
    jacobian = solver.jacobian(np.zeros(3))
    metric = jacobian.T @ jacobian
    n = face.coefficients
    matrix = np.zeros((len(ARKIT_52), n + 3))
    for index, name in enumerate(ARKIT_52):
        goal = (shapes_mm[index, used] * root).ravel()
        if name in JAW_SHAPES:
            matrix[index] = solver.with_jaw(goal)
        else:
            free = np.arange(n + 3) < n
            matrix[index] = _bounded(metric, jacobian.T @ goal, free)
    reached = face.posed_mm(matrix[:, :n], matrix[:, n:]) - face.rest.vertices_mm
    return Fit(matrix, metric, reached)


@dataclass(frozen=True)
class _Solver:
    face: Face
    used: Bool[ndarray, "verts"]
    root: Float[ndarray, "used 1"]

    def displaced(self, expression: ndarray, jaw: ndarray) -> Float[ndarray, "poses rows"]:
        moved = self.face.posed_mm(expression, jaw)[:, self.used] - self.face.rest.vertices_mm[self.used]
        return (moved * self.root).reshape(len(moved), -1)

    def jacobian(
        self, jaw: Float[ndarray, "3"], expression: ndarray | None = None
    ) -> Float[ndarray, "rows parameters"]:
        """Change of the weighted displacement with each parameter, around a pose."""
        n = self.face.coefficients
        expression = np.zeros(n) if expression is None else expression
        base = np.concatenate([expression, jaw])
        steps = np.diag(np.r_[np.ones(n), np.full(3, _SMALL_RAD)])
        poses = np.concatenate([base[None], base + steps])
        moved = self.displaced(poses[:, :n], poses[:, n:])
        return ((moved[1:] - moved[0]) / steps.diagonal()[:, None]).T

    def with_jaw(self, goal: Float[ndarray, "rows"]) -> Float[ndarray, "parameters"]:
        """Gauss-Newton: the jaw turns the lower face, so expressions under it must be solved for anew."""
        n = self.face.coefficients
        found = np.zeros(n + 3)
        for step in range(_STEPS):
            jacobian = self.jacobian(found[n:], found[:n])
            residual = goal - self.displaced(found[None, :n], found[None, n:])[0]
            free = np.arange(n + 3) >= n if step < 2 else np.ones(n + 3, dtype=bool)
            found = _bounded(jacobian.T @ jacobian, jacobian.T @ (residual + jacobian @ found), free, found)
        return found


def _bounded(
    normal: Float[ndarray, "p p"], right: Float[ndarray, "p"], free: Bool[ndarray, "p"], fixed: ndarray | None = None
) -> Float[ndarray, "p"]:
    """Minimise x' normal x - 2 right' x over the free entries within the bounds; the others keep their value."""
    result = np.zeros(len(right)) if fixed is None else fixed.copy()
    limits = np.r_[np.full(len(right) - 3, BOUND), np.full(3, JAW_BOUND_RAD)][free]
    right = right[free] - normal[np.ix_(free, ~free)] @ result[~free]
    part = normal[np.ix_(free, free)]
    ridge = _RIDGE * float(np.median(np.diagonal(part))) + 1e-9
    factor = np.linalg.cholesky(part + ridge * np.eye(len(part)))
    goal = np.linalg.solve(factor, right)
    result[free] = lsq_linear(factor.T, goal, bounds=(-limits, limits), method="bvls").x
    return result
