"""What retargeting needs of a body model: its face as a surface, its landmarks, and how it moves, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from emote3d.body import BodyModel
from emote3d.errors import Emote3DError
from emote3d.records import FaceMotion, Motion
from emote3d.retarget.surfaces import Patch, compacted

_SKIN = ("skin", "lips")
_FIRST_INNER_LANDMARK = 17
_CHUNK = 16


@dataclass(frozen=True)
class Face:
    """The outer skin of a model's head, and how expression and jaw move it."""

    model: BodyModel
    verts: Int[ndarray, "verts"]
    """Vertices of the model that belong to it."""
    rest: Patch

    @classmethod
    def of(cls, model: BodyModel) -> Face:
        """Cut the skin of the head out of a model.

        Raises:
            Emote3DError: the model has no landmarks, or no skin near them.
        """
        rest_m = model.rest().vertices_m
        landmarks_mm = 1000 * model.landmarks(rest_m)[0].double().numpy()
        vertices_mm = 1000 * rest_m[0].double().numpy()
        surface = model.surface
        skin = [index for index, material in enumerate(surface.materials) if material.name in _SKIN]
        faces = surface.faces[torch.isin(surface.face_materials, torch.tensor(skin))].numpy()
        width = np.ptp(landmarks_mm[:, 0])
        middle = landmarks_mm[_FIRST_INNER_LANDMARK:].mean(axis=0)
        away = np.linalg.norm(vertices_mm - middle, axis=1)
        faces = faces[(away[faces] < 1.15 * width).all(axis=1)]
        if len(faces) < 200:
            raise Emote3DError(f"the model has {len(faces)} skin faces around its landmarks; expected a head")
        patch, kept = compacted(vertices_mm, faces)
        return cls(model, kept, patch)

    @property
    def coefficients(self) -> int:
        """Number of expression coefficients."""
        return len(self.model.expression_names)

    @cached_property
    def landmarks_mm(self) -> Float[ndarray, "landmarks 3"]:
        """The 51 inner landmarks at rest: brows, nose, eyes, lips."""
        return self._landmarks(self.model.rest().vertices_m)

    @cached_property
    def landmark_rows(self) -> sparse.csr_matrix:
        """Matrix [landmarks, verts] that finds those landmarks; a corner that is no skin is replaced by the nearest."""
        model = self.model
        assert model.landmark_verts is not None and model.landmark_weights is not None
        corners = model.landmark_verts[_FIRST_INNER_LANDMARK:].numpy()
        place = np.full(model.template_m.shape[1], -1)
        place[self.verts] = np.arange(len(self.verts))
        columns = place[corners]
        lost = columns < 0
        if lost.any():
            at = 1000 * model.rest().vertices_m[0].double().numpy()[corners[lost]]
            columns[lost] = [int(np.square(self.rest.vertices_mm - point).sum(1).argmin()) for point in at]
        rows = np.repeat(np.arange(len(corners)), 3)
        weights = model.landmark_weights[_FIRST_INNER_LANDMARK:].double().numpy()
        shape = (len(corners), len(self.verts))
        return sparse.csr_matrix(sparse.coo_matrix((weights.ravel(), (rows, columns.ravel())), shape=shape))

    def posed_mm(
        self, expression: Float[ndarray, "poses coefficients"], jaw: Float[ndarray, "poses 3"]
    ) -> Float[ndarray, "poses verts 3"]:
        """Vertices under expression coefficients and jaw rotations (radians)."""
        motion = self._motion(expression, jaw)
        pieces = [mesh.vertices_m[:, self.verts] for mesh in self.model.pose_chunks(motion, _CHUNK)]
        return 1000 * torch.cat(pieces).double().numpy()

    def opened(self, jaw_rad: float = 0.0, coefficient: tuple[int, float] | None = None) -> tuple[Patch, ndarray]:
        """The face and its landmarks with the mouth open by the jaw joint or by a coefficient (index, value)."""
        expression, jaw = np.zeros((1, self.coefficients)), np.array([[jaw_rad, 0.0, 0.0]])
        if coefficient is not None:
            expression[0, coefficient[0]] = coefficient[1]
        vertices_m = self.model.pose(self._motion(expression, jaw)).vertices_m
        patch = self.rest.moved(1000 * vertices_m[0, self.verts].double().numpy())
        return patch, self._landmarks(vertices_m)

    def _landmarks(self, vertices_m: torch.Tensor) -> Float[ndarray, "landmarks 3"]:
        return 1000 * self.model.landmarks(vertices_m)[0, _FIRST_INNER_LANDMARK:].double().numpy()

    def _motion(self, expression: ndarray, jaw: ndarray) -> Motion:
        zeros = torch.zeros(len(jaw), 3)
        face = FaceMotion(
            expression=torch.from_numpy(expression).float(),
            basis=self.model.basis,
            jaw_axis_angle=torch.from_numpy(jaw).float(),
            neck_axis_angle=zeros,
            eyes_axis_angle=zeros[:, None].expand(-1, 2, -1),
        )
        return Motion(face=face, fps=1.0)
