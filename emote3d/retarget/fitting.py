"""Finds the expression coefficients and the jaw rotation that reproduce shapes on a model: bounded least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
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
    n = face.coefficients
    jacobian = solver.jacobian(np.zeros(n + 3), np.arange(n + 3))
    metric = jacobian.T @ jacobian
    matrix = np.zeros((len(ARKIT_52), n + 3))
    for index, name in enumerate(ARKIT_52):
        goal = (shapes_mm[index, used] * root).ravel()
        if name in JAW_SHAPES:
            matrix[index] = solver.with_jaw(goal)
        else:
            matrix[index, :n] = _bounded(metric[:n, :n], jacobian[:, :n].T @ goal, _limits(n)[:n])
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
        self, pose: Float[ndarray, "parameters"], columns: Int[ndarray, "chosen"]
    ) -> Float[ndarray, "rows chosen"]:
        """Change of the weighted displacement with some of the parameters, around a pose."""
        n = self.face.coefficients
        size = np.where(columns < n, 1.0, _SMALL_RAD)
        poses = np.tile(pose, (len(columns) + 1, 1))
        poses[1 + np.arange(len(columns)), columns] += size
        moved = self.displaced(poses[:, :n], poses[:, n:])
        return ((moved[1:] - moved[0]) / size[:, None]).T

    def with_jaw(self, goal: Float[ndarray, "rows"]) -> Float[ndarray, "parameters"]:
        """Gauss-Newton, the jaw first: it turns the lower face, so expressions under it must be solved for anew."""
        n = self.face.coefficients
        found = np.zeros(n + 3)
        for step in range(_STEPS):
            columns = np.arange(n if step < _STEPS // 2 else 0, n + 3)
            jacobian = self.jacobian(found, columns)
            residual = goal - self.displaced(found[None, :n], found[None, n:])[0]
            right = jacobian.T @ (residual + jacobian @ found[columns])
            found[columns] = _bounded(jacobian.T @ jacobian, right, _limits(n)[columns])
        return found


def _limits(coefficients: int) -> Float[ndarray, "parameters"]:
    return np.r_[np.full(coefficients, BOUND), np.full(3, JAW_BOUND_RAD)]


def _bounded(
    normal: Float[ndarray, "p p"], right: Float[ndarray, "p"], limits: Float[ndarray, "p"]
) -> Float[ndarray, "p"]:
    """Minimise x' normal x - 2 right' x within the limits, large coefficients disliked a little."""
    ridge = _RIDGE * float(np.median(np.diagonal(normal))) + 1e-9
    factor = np.linalg.cholesky(normal + ridge * np.eye(len(normal)))
    return lsq_linear(factor.T, np.linalg.solve(factor, right), bounds=(-limits, limits), method="bvls").x
