"""The map between ARKit coefficients and a FLAME or SMPL-X model's expression and jaw, used both ways."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import lsq_linear

from emote3d.decoders.face import face_from_arkit, look_coefficients
from emote3d.engine import arkit_face
from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52
from emote3d.records import Basis, FaceMotion, Motion

_OWN_RIDGE, _FLOOR = 1e-3, 1e-6
_NEAR = 2e-3
"""Coefficients outside of [0, 1] by less are cut off without another solution."""
_GAZE = np.array([name.startswith("eyeLook") for name in ARKIT_52])


@dataclass(frozen=True, kw_only=True)
class RetargetMap:
    """Linear map ARKit 52 -> expression and jaw of one model, its inverse by bounded least squares, and its errors."""

    basis: Basis
    """Of the model."""
    matrix: Float[ndarray, "52 parameters"]
    """Expression coefficients, then the jaw's axis-angle (radians), for each ARKit shape at 1."""
    metric: Float[ndarray, "parameters parameters"]
    """What a difference of parameters moves on the face, as a quadratic form in mm^2."""
    error_mm: Float[ndarray, "52 3"]
    """Mean distance between the shape wanted and the one made: where the shape moves, on the lips, on the lids."""
    motion_mm: Float[ndarray, "52 3"]
    """Mean motion of the shape in the same places, to compare the errors with; 0 where it does not move."""
    expressed: Float[ndarray, "52"]
    """Share of each shape's motion (squared) that the model can make."""
    coverage: float
    """Share of the head's vertices that were found on the open head."""

    @property
    def coefficients(self) -> int:
        """Number of expression coefficients of the model."""
        return self.matrix.shape[1] - 3

    def facts(self) -> dict[str, object]:
        """Errors of the map, for a report: millimetres, and shares of motion."""
        names = ("face_mm", "lips_mm", "lids_mm")
        moving = self.motion_mm > 0
        totals = (self.error_mm * moving).sum(axis=0) / np.maximum(moving.sum(axis=0), 1)
        shapes = {
            shape: {
                **{name: round(float(value), 3) for name, value in zip(names, errors, strict=True)},
                "moves_mm": round(float(motion), 3),
                "expressed": round(float(share), 3),
            }
            for shape, errors, motion, share in zip(
                ARKIT_52, self.error_mm, self.motion_mm[:, 0], self.expressed, strict=True
            )
        }
        weak = [shape for shape, share in zip(ARKIT_52, self.expressed, strict=True) if share < 0.5]
        return {
            "coverage": round(self.coverage, 3),
            **{f"mean_{name}": round(float(total), 3) for name, total in zip(names, totals, strict=True)},
            "not_expressed": weak,
            "shapes": shapes,
        }

    def from_arkit(self, motion: Motion) -> Motion:
        """ARKit face to the model's basis; head, eyes and body stay.

        Raises:
            Emote3DError: the motion has no ARKit face.
        """
        face = arkit_face(motion)
        parameters = face.expression @ torch.from_numpy(self.matrix).float()
        turned = face.eyes_axis_angle
        if not turned.any():
            turned = face_from_arkit(face.expression).eyes_axis_angle
        made = FaceMotion(
            expression=parameters[:, : self.coefficients].contiguous(),
            basis=self.basis,
            jaw_axis_angle=parameters[:, self.coefficients :].contiguous(),
            neck_axis_angle=face.neck_axis_angle,
            eyes_axis_angle=turned,
        )
        return dataclasses.replace(motion, face=made, origin=None)

    def to_arkit(self, motion: Motion) -> Motion:
        """The model's face to ARKit coefficients in [0, 1]; head, eyes and body stay.

        Shapes that the model cannot tell apart share the motion; gaze follows the eyes.

        Raises:
            Emote3DError: no face, another basis, or more coefficients than the map knows.
        """
        face = motion.face
        if face is None or face.basis != self.basis:
            got = "no face" if face is None else f"one in {face.basis}"
            raise Emote3DError(f"expected a motion with a face in the basis {self.basis}, got {got}")
        given = face.expression.shape[1]
        if given > self.coefficients:
            raise Emote3DError(f"the motion has {given} coefficients, the model of the map {self.coefficients}")
        parameters = np.zeros((motion.frames, self.matrix.shape[1]))
        parameters[:, :given] = face.expression.numpy()
        parameters[:, self.coefficients :] = face.jaw_axis_angle.numpy()
        gaze = look_coefficients(face.eyes_axis_angle).double().numpy()
        solved = torch.from_numpy(self._solve(parameters, gaze)).float()
        arkit = face_from_arkit(solved, face.neck_axis_angle, face.eyes_axis_angle)
        return dataclasses.replace(motion, face=arkit, origin=None)

    def _solve(
        self, parameters: Float[ndarray, "frames parameters"], prior: Float[ndarray, "frames 52"]
    ) -> Float[ndarray, "frames 52"]:
        normal = self.matrix @ self.metric @ self.matrix.T
        own = np.diagonal(normal)
        ridge = _OWN_RIDGE * own + _FLOOR * np.median(own)
        ridge[_GAZE] += own[_GAZE] + _OWN_RIDGE * np.median(own)
        factor = np.linalg.cholesky(normal + np.diag(ridge))
        right = parameters @ (self.metric @ self.matrix.T) + prior * ridge
        free = np.linalg.solve(factor, right.T)
        solved = np.linalg.solve(factor.T, free).T
        outside = ((solved < -_NEAR) | (solved > 1 + _NEAR)).any(axis=1)
        for frame in np.flatnonzero(outside):
            solved[frame] = lsq_linear(factor.T, free[:, frame], bounds=(0, 1), method="bvls").x
        return solved.clip(0, 1)
