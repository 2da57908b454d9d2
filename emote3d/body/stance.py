"""How a body stands when nobody moves it."""

from __future__ import annotations

from functools import cache
from math import radians

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.names import SMPLX_JOINTS
from emote3d.rotations import axis_angle_to_matrix, matrix_to_axis_angle

_LEFT_ARM_DEGREES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "left_collar": ((0, 0, -4),),
    "left_shoulder": ((0, 0, -73), (-5, 0, 0)),
    "left_elbow": ((-12, 0, 0), (0, -13, 0)),
    "left_wrist": ((0, 0, -4),),
    "left_index1": ((0, 0, -14),),
    "left_index2": ((0, 0, -20),),
    "left_index3": ((0, 0, -12),),
    "left_middle1": ((0, 0, -18),),
    "left_middle2": ((0, 0, -24),),
    "left_middle3": ((0, 0, -14),),
    "left_ring1": ((0, 0, -21),),
    "left_ring2": ((0, 0, -27),),
    "left_ring3": ((0, 0, -15),),
    "left_pinky1": ((0, 0, -23),),
    "left_pinky2": ((0, 0, -28),),
    "left_pinky3": ((0, 0, -16),),
    "left_thumb2": ((0, -10, -6),),
    "left_thumb3": ((0, -10, -6),),
}
"""Turns from the T-pose about fixed axes, degrees, the first applied first: arms hang, elbows and fingers give."""


@cache
def relaxed_stance() -> Float[Tensor, "55 3"]:
    """Axis-angle of the 55 SMPL-X joints of a person who stands with arms hanging; zero is the T-pose."""
    pose = torch.zeros(len(SMPLX_JOINTS), 3)
    for name, turns in _LEFT_ARM_DEGREES.items():
        matrix = torch.eye(3, dtype=torch.float64)
        for turn in turns:
            matrix = (
                axis_angle_to_matrix(torch.tensor([radians(angle) for angle in turn], dtype=torch.float64)) @ matrix
            )
        left = matrix_to_axis_angle(matrix).float()
        pose[SMPLX_JOINTS.index(name)] = left
        pose[SMPLX_JOINTS.index(name.replace("left", "right"))] = left * torch.tensor([1.0, -1.0, -1.0])
    return pose
