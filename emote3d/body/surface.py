"""The looks of a body model: from its file, or plain skin and eyes for files that bring none."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, radians

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from emote3d.records import Material, Surface

_SKIN = Material(name="skin", color_srgb=(0.80, 0.62, 0.53), roughness=0.55, specular=0.35, subsurface=0.6)
_EYE = Material(name="eye", color_srgb=(1.0, 1.0, 1.0), roughness=0.12, specular=0.6, subsurface=0.1)
_SCLERA, _IRIS, _PUPIL = (0.90, 0.88, 0.86), (0.30, 0.22, 0.15), (0.02, 0.02, 0.02)
_IRIS_HALF_ANGLE, _PUPIL_HALF_ANGLE = radians(28.0), radians(12.0)


def file_surface(faces: Int[ndarray, "faces 3"], member: Callable[[str], ndarray]) -> Surface:
    """Read the looks that one of our own files brings."""
    columns = [member(f"material_{name}") for name in ("names", "color", "roughness", "specular", "subsurface", "coat")]
    materials = tuple(
        Material(
            name=str(name),
            color_srgb=(float(color[0]), float(color[1]), float(color[2])),
            roughness=float(roughness),
            specular=float(specular),
            subsurface=float(subsurface),
            coat=bool(coat),
        )
        for name, color, roughness, specular, subsurface, coat in zip(*columns, strict=True)
    )
    return Surface(
        faces=_faces(faces),
        face_materials=torch.from_numpy(member("face_materials").astype(np.int64)),
        materials=materials,
        vertex_colors_srgb=torch.from_numpy(member("vertex_color").astype(np.float32) / 255),
        vertex_occlusion=torch.from_numpy(member("vertex_occlusion").astype(np.float32) / 255),
    )


def plain_surface(
    faces: Int[ndarray, "faces 3"],
    vertices_m: Float[ndarray, "verts 3"],
    eye_joints_m: Float[ndarray, "2 3"],
    eye_weights: Float[ndarray, "verts 2"],
) -> Surface:
    """Give FLAME and SMPL-X files, which have no looks, skin and eyeballs with iris and pupil that look along +z."""
    colors = np.ones_like(vertices_m, dtype=np.float32)
    for joint_m, weights in zip(eye_joints_m, eye_weights.T, strict=True):
        ball = np.flatnonzero(weights > 0.5)
        toward = vertices_m[ball] - joint_m
        forward = toward[:, 2] / np.maximum(np.linalg.norm(toward, axis=1), 1e-9)
        colors[ball] = _SCLERA
        colors[ball[forward > cos(_IRIS_HALF_ANGLE)]] = _IRIS
        colors[ball[forward > cos(_PUPIL_HALF_ANGLE)]] = _PUPIL
    is_eye = (eye_weights.max(axis=1) > 0.5)[faces].all(axis=1)
    return Surface(
        faces=_faces(faces),
        face_materials=torch.from_numpy(is_eye.astype(np.int64)),
        materials=(_SKIN, _EYE),
        vertex_colors_srgb=torch.from_numpy(colors),
        vertex_occlusion=torch.ones(len(vertices_m)),
    )


def _faces(faces: Int[ndarray, "faces 3"]) -> torch.Tensor:
    return torch.from_numpy(faces.astype(np.int64))
