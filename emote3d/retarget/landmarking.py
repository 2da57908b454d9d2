"""Finds the 68 landmarks on a head that came without them: the open head is laid over it, mouths open, from the eyes on."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from emote3d.body import BodyModel
from emote3d.decoders.face import JAW_OPEN_RAD
from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52, FLAME_JOINTS, SMPLX_JOINTS
from emote3d.records import FaceMotion, Motion
from emote3d.retarget.faces import Face
from emote3d.retarget.registering import fit_surface, similarity
from emote3d.retarget.surfaces import Patch, compacted

_OPEN_RAD = 0.22
_CLOSE_UP_STEPS, _TRIMMED, _EVERY = 30, 0.8, 4
_FIRST_INNER_LANDMARK = 17


def with_landmarks(model: BodyModel, open_face: Face) -> BodyModel:
    """The model with landmarks: its own, or those of the open head carried over by geometry.

    Raises:
        Emote3DError: the model's eyes are in one place, or nothing of its surface is near them.
    """
    if model.landmark_verts is not None:
        return model
    eyes, own = _eyes_mm(open_face.model), _eyes_mm(model)
    apart = float(np.linalg.norm(own[0] - own[1]))
    if not 20 < apart < 200:
        raise Emote3DError(f"the model's eye joints are {apart:.0f} mm apart; expected those of a person, in metres")
    scale = apart / float(np.linalg.norm(eyes[0] - eyes[1]))
    source, _ = open_face.opened(coefficient=(ARKIT_52.index("jawOpen"), _OPEN_RAD / JAW_OPEN_RAD))
    target, verts = _opened_head(model, own.mean(axis=0), scale * np.ptp(open_face.landmarks_mm[:, 0]))
    placed = scale * (source.vertices_mm - eyes.mean(axis=0)) + own.mean(axis=0)
    placed = _closed_up(source.moved(placed), target, scale)
    rows = open_face.landmark_rows
    over = source.moved(fit_surface(source.moved(placed), target, rows, rows @ placed))
    nearest = target.nearest(rows @ over.vertices_mm, _unit(rows @ over.vertex_normals), 0.0)
    corners, weights = target.faces[nearest.face], nearest.weights
    inner = torch.from_numpy(verts[corners])
    chin = inner[-1:].expand(_FIRST_INNER_LANDMARK, -1)  # the contour is not needed here
    bary = torch.from_numpy(weights).float()
    return dataclasses.replace(
        model,
        landmark_verts=torch.cat([chin, inner]),
        landmark_weights=torch.cat([bary[-1:].expand(_FIRST_INNER_LANDMARK, -1), bary]),
    )


def _eyes_mm(model: BodyModel) -> Float[ndarray, "2 3"]:
    names = FLAME_JOINTS if len(model.joint_names) == len(FLAME_JOINTS) else SMPLX_JOINTS
    assert len(names) == len(model.joint_names)
    eyes = [index for index, name in enumerate(names) if "eye" in name]
    return 1000 * model.joints_m[eyes].double().numpy()


def _opened_head(
    model: BodyModel, eyes_mm: Float[ndarray, "3"], width_mm: float
) -> tuple[Patch, Int[ndarray, "verts"]]:
    """What of the model's surface is around its eyes and mouth, the jaw open, and which vertices that are."""
    zeros = torch.zeros(1, 3)
    face = FaceMotion(
        expression=torch.zeros(1, len(model.expression_names)),
        basis=model.basis,
        jaw_axis_angle=torch.tensor([[_OPEN_RAD, 0.0, 0.0]]),
        neck_axis_angle=zeros,
        eyes_axis_angle=torch.zeros(1, 2, 3),
    )
    vertices_mm = 1000 * model.pose(Motion(face=face, fps=1.0)).vertices_m[0].double().numpy()
    middle = eyes_mm + np.array([0.0, -0.4 * width_mm, 0.0])
    faces = model.surface.faces.numpy()
    faces = faces[(np.linalg.norm(vertices_mm - middle, axis=1)[faces] < 1.4 * width_mm).all(axis=1)]
    if len(faces) < 200:
        raise Emote3DError(f"the model has {len(faces)} faces around its eyes; expected a head")
    return compacted(vertices_mm, faces)


def _closed_up(source: Patch, target: Patch, scale: float) -> Float[ndarray, "verts 3"]:
    """Iterated closest points: similarities that draw the source's front to the target."""
    vertices = source.vertices_mm
    front = np.flatnonzero(source.vertex_normals[:, 2] > 0.1)[::_EVERY]
    for step in range(_CLOSE_UP_STEPS):
        patch = source.moved(vertices)
        nearest = target.nearest(vertices[front], patch.vertex_normals[front])
        reach = scale * max(6.0, 30.0 - step)
        near = nearest.distance_mm < reach
        if near.sum() < 50:
            break
        kept = np.flatnonzero(near)
        kept = kept[nearest.distance_mm[kept] <= np.quantile(nearest.distance_mm[kept], _TRIMMED)]
        goal = target.interpolate(nearest, target.vertices_mm)[kept]
        size, turn, shift = similarity(vertices[front][kept], goal)
        vertices = size * vertices @ turn.T + shift
    return vertices


def _unit(vectors: Float[ndarray, "points 3"]) -> Float[ndarray, "points 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
