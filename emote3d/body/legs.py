"""How the feet stand, and how far the pelvis sinks so that both legs reach the floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body.kinematics import JOINT, Skeleton
from emote3d.rotations import axis_angle_to_matrix

_STRETCH = 0.9965
"""Share of its length to which a standing leg is stretched."""
_FOLD = 0.3
"""Share of its length that the height of a leg keeps, however far away its foot is."""
_SOFT_M = 0.004
FEET_APART = {"happy": 0.25, "sad": -0.6, "fear": -0.8, "disgust": -0.2, "anger": 1.0, "contempt": 0.2}
"""How far apart somebody with an emotion puts the feet, -1..1."""


@dataclass(frozen=True, kw_only=True)
class Stance:
    """Where the feet stand, left and right."""

    ankles_m: Float[Tensor, "1 2 3"]
    """In the world."""
    feet: Float[Tensor, "1 2 3 3"]
    """World rotation, identity at rest."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, skeleton: Skeleton, apart: float = 0.0) -> Stance:
        """A stance of somebody; `apart` -1 close together .. 1 wide."""
        ankles = skeleton.joints_m[[JOINT["left_ankle"], JOINT["right_ankle"]]].double().clone()
        width = 0.012 + 0.045 * apart + rng.uniform(-0.012, 0.02)
        ahead = rng.uniform(-0.035, 0.035)
        ankles[:, 0] += torch.tensor([width, -width])
        ankles[:, 2] += torch.tensor([ahead, -ahead])
        yaw = np.radians(rng.uniform(4, 16, 2) + 4 * apart) * [1, -1]
        turns = torch.tensor([[0.0, yaw[0], 0.0], [0.0, yaw[1], 0.0]], dtype=torch.float64)
        return cls(ankles_m=ankles[None], feet=axis_angle_to_matrix(turns)[None])


def lowered(
    skeleton: Skeleton, rotations: Float[Tensor, "frames 55 3 3"], sway_m: Float[Tensor, "frames 2"], stance: Stance
) -> Float[Tensor, "frames 3"]:
    """Translation of the pelvis: as swayed (left, forward), and down until the straighter leg just reaches its foot."""
    room = []
    still = torch.zeros(len(sway_m), 1).to(sway_m)
    level = torch.stack([sway_m[:, 0], still[:, 0], sway_m[:, 1]], dim=1)
    for index, side in enumerate(("left", "right")):
        hip = skeleton.joints_m[0] + rotations[:, 0] @ skeleton.offset(f"{side}_hip", "pelvis").to(rotations) + level
        length = sum(
            float(skeleton.offset(f"{side}_{end}", f"{side}_{start}").norm())
            for start, end in (("hip", "knee"), ("knee", "ankle"))
        )
        apart = (hip - stance.ankles_m[:, index].to(hip))[:, [0, 2]].square().sum(-1)
        room.append(
            stance.ankles_m[:, index, 1].to(hip)
            + ((_STRETCH * length) ** 2 - apart).clamp_min((_FOLD * length) ** 2).sqrt()
            - hip[:, 1]
        )
    drop = -_SOFT_M * torch.logsumexp(-torch.stack(room) / _SOFT_M, dim=0)
    return torch.stack([sway_m[:, 0], drop, sway_m[:, 1]], dim=1)
