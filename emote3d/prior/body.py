"""The channels of the body networks: 55 joints in SMPL-X order as 6D rotations, then the translation (AMUSE's layout)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.names import SMPLX_JOINTS
from emote3d.records import BodyMotion
from emote3d.rotations import (
    axis_angle_to_rot6d,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    quaternion_to_turn,
    rot6d_to_matrix,
)

ROTATIONS = slice(0, 6 * len(SMPLX_JOINTS))
TRANSLATION = slice(ROTATIONS.stop, ROTATIONS.stop + 3)
CHANNELS = TRANSLATION.stop
"""333 motion channels of a body."""


def channels_from_body(body: BodyMotion) -> Float[Tensor, "frames 333"]:
    """Joint rotations as their first two rows, then the translation in metres."""
    rotations = axis_angle_to_rot6d(body.joints_axis_angle).flatten(1)
    return torch.cat([rotations, body.translation_m], dim=1)


def body_from_channels(channels: Float[Tensor, "frames 333"], full_turns: bool = False) -> BodyMotion:
    """Name the channels; rows that are not orthonormal are made so.

    Args:
        full_turns: angles in [0, 2 pi) as AMUSE writes them, the same rotations, instead of [0, pi].
    """
    matrix = rot6d_to_matrix(channels[:, ROTATIONS].unflatten(1, (len(SMPLX_JOINTS), 6)))
    rotations = quaternion_to_turn(matrix_to_quaternion(matrix)) if full_turns else matrix_to_axis_angle(matrix)
    return BodyMotion(joints_axis_angle=rotations, translation_m=channels[:, TRANSLATION])
