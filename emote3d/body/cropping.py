"""Which faces of a whole body a view can show."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from emote3d.names import SMPLX_JOINTS

_HEAD = ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")
_SHOULDERS = ("spine3", "left_collar", "right_collar", "left_shoulder", "right_shoulder")
_LEGS = ("left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot", "left_hip", "right_hip")

_KEPT = {"head": _HEAD, "upper": tuple(name for name in SMPLX_JOINTS if name not in _LEGS)}
_KEPT_ABOVE = {"head": _SHOULDERS, "upper": ("left_hip", "right_hip")}
_LOWEST = {"head": ("neck", 0.25), "upper": ("pelvis", 0.35)}
"""Of the joints in `_KEPT_ABOVE` only vertices are kept that rest no further below this joint, metres."""


def kept_faces(
    part: Literal["head", "upper"],
    faces: Int[Tensor, "faces 3"],
    vertex_joint: Int[Tensor, " verts"],
    vertex_height_m: Float[Tensor, " verts"],
    joint_height_m: Float[Tensor, 55],
) -> Bool[Tensor, " faces"]:
    """Mark the faces with a vertex in the part, by the joint that carries it most and its height in the T-pose."""
    reference, depth_m = _LOWEST[part]
    high = vertex_height_m > joint_height_m[SMPLX_JOINTS.index(reference)] - depth_m
    shown = _carried_by(_KEPT[part], vertex_joint) | (_carried_by(_KEPT_ABOVE[part], vertex_joint) & high)
    return shown[faces.long()].any(dim=1)


def _carried_by(names: tuple[str, ...], vertex_joint: Int[Tensor, " verts"]) -> Bool[Tensor, " verts"]:
    return torch.isin(vertex_joint, torch.tensor([SMPLX_JOINTS.index(name) for name in names]))
