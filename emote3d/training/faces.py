"""Predicted and tracked faces as vertices and landmarks, batch by batch, and the losses on vertices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from emote3d.body import BodyModel
from emote3d.errors import Emote3DError
from emote3d.perception.landmarks import eye_distance
from emote3d.records import FaceMotion, Motion

_CHUNK_POINTS = 2**19
"""Vertices posed at a time, over all frames: few enough for the cache, enough to be quick."""


@dataclass(frozen=True, kw_only=True)
class FaceShapes:
    """Batches of faces, posed."""

    vertices_m: Float[Tensor, "batch frames verts 3"]
    landmarks: Float[Tensor, "batch frames 68 3"] | None
    """Displacement from rest in distances between the eyes, as the landmark networks see; None without landmarks."""
    landmarks_m: Float[Tensor, "batch frames 68 3"] | None


class FacePoser:
    """Poses batches of faces with a body model: FLAME, or the open head."""

    def __init__(self, model: BodyModel, verts: int = 0) -> None:
        """Prepare a model.

        Args:
            verts: look only at this many vertices, evenly picked among those that move, and at the landmarks' (0: all);
                the loss stays an estimate of the same mean, at less cost.
        """
        if verts:
            picked = torch.zeros(model.template_m.shape[1], dtype=torch.bool)
            moving = model.moving_verts[torch.linspace(0, len(model.moving_verts) - 1, verts).long()]
            picked[moving] = True
            model = model.keeping(torch.zeros(len(model.surface.faces), dtype=torch.bool), picked)
        self.model = model

    def pose(
        self,
        expression: Float[Tensor, "batch frames coefficients"],
        jaw_axis_angle: Float[Tensor, "batch frames 3"],
        shape: Float[Tensor, "batch shape"],
    ) -> FaceShapes:
        """Pose each clip's face with its identity; head and eyes at rest. Differentiable."""
        if not shape.any():  # nobody in particular: all clips are one motion
            one = self._posed(expression.flatten(0, 1), jaw_axis_angle.flatten(0, 1), self.model)
            return _joined([[value.unflatten(0, expression.shape[:2]) for value in one]], torch.cat)
        limit = len(self.model.shape_names)
        rows = [
            self._posed(
                expression[row],
                jaw_axis_angle[row],
                self.model.with_shape(shape[row, :limit]) if shape[row].any() else self.model,
            )
            for row in range(len(expression))
        ]
        return _joined(rows, torch.stack)

    def _posed(
        self,
        expression: Float[Tensor, "frames coefficients"],
        jaw_axis_angle: Float[Tensor, "frames 3"],
        model: BodyModel,
    ) -> list[Tensor]:
        """Vertices, and where the model has landmarks, their displacement and their places."""
        frames = len(expression)
        face = FaceMotion(
            expression=expression,
            basis=model.basis,
            jaw_axis_angle=jaw_axis_angle,
            neck_axis_angle=expression.new_zeros(frames, 3),
            eyes_axis_angle=expression.new_zeros(frames, 2, 3),
        )
        chunk = max(_CHUNK_POINTS // model.template_m.shape[1], 1)
        chunks = list(model.pose_chunks(Motion(face=face, fps=25.0), chunk))
        vertices_m = torch.cat([mesh.vertices_m for mesh in chunks])
        if model.landmark_verts is None:
            return [vertices_m]
        rest = model.landmarks(model.rest().vertices_m)[0]
        landmarks = model.landmarks(vertices_m)
        return [vertices_m, (landmarks - rest) / eye_distance(rest), landmarks]


def _joined(rows: list[list[Tensor]], join: Callable[[list[Tensor]], Tensor]) -> FaceShapes:
    """Clips side by side."""
    parts: list[Tensor | None] = [join(list(column)) for column in zip(*rows, strict=True)]
    vertices_m, landmarks, landmarks_m = (*parts, None, None)[:3]
    assert vertices_m is not None
    return FaceShapes(vertices_m=vertices_m, landmarks=landmarks, landmarks_m=landmarks_m)


def need_landmarks(model: BodyModel) -> None:
    """Raise Emote3DError where a model has no landmarks."""
    if model.landmark_verts is None:
        raise Emote3DError(
            "the perceptual losses need landmarks: put landmark_embedding.npy from the FLAME site beside the model file"
        )


def masked_vertex_error(
    predicted_m: Float[Tensor, "batch frames verts 3"],
    tracked_m: Float[Tensor, "batch frames verts 3"],
    valid: Bool[Tensor, "batch frames"],
) -> Float[Tensor, ""]:
    """Mean over coordinates, then over each clip's valid frames, then over the batch; square metres."""
    per_frame = (predicted_m - tracked_m).square().flatten(2).mean(dim=2)
    return masked_mean(per_frame, valid)


def masked_mean(per_frame: Float[Tensor, "batch frames"], valid: Bool[Tensor, "batch frames"]) -> Float[Tensor, ""]:
    """Mean over each clip's valid frames, then over the batch."""
    weight = valid.to(per_frame)
    return ((per_frame * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1)).mean()


def directions_apart(a: Float[Tensor, "*batch d"], b: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """1 - cosine of the angle between features."""
    return 1 - torch.nn.functional.cosine_similarity(a, b, dim=-1)
