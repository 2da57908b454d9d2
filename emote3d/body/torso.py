"""The torso as a stack of ellipses in the chest frame, and how far a hand is inside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body.kinematics import JOINT, Skeleton
from emote3d.body.model import BodyModel

_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar", "left_hip", "right_hip")
_STEP_M = 0.03
_LOWEST_M = 0.12
"""The trunk ends so far below the pelvis joint."""
_END_M = 0.08
"""Height over which what pushes hands out fades beyond the margin at the trunk's ends."""
_KNUCKLES = ("index1", "middle1", "ring1", "pinky1", "thumb2")
_TIPS = ("index3", "middle3", "ring3", "pinky3", "thumb3")
_TIP_LENGTH = 0.9
"""Length of a last finger joint relative to the one before."""


@dataclass(frozen=True, kw_only=True)
class Torso:
    """Half axes of the trunk by height, at rest, relative to spine3."""

    heights_m: Float[Tensor, "slices"]
    """Ascending, evenly spaced."""
    half_width_m: Float[Tensor, "slices"]
    half_depth_m: Float[Tensor, "slices"]
    middle_z_m: Float[Tensor, "slices"]

    @classmethod
    def of(cls, model: BodyModel) -> Torso:
        """Measure the trunk of a body model: clothes included, arms left out."""
        dense = model.skin_weights.new_zeros(len(model.parents), model.template_m.shape[1])
        dense[model.skin_joints] = model.skin_weights
        trunk = torch.isin(dense.argmax(0), torch.tensor([JOINT[name] for name in _TRUNK]))
        points_m = (model.template_m[:, trunk] - model.joints_m[JOINT["spine3"]][:, None]).T
        bottom = float(model.joints_m[0, 1] - model.joints_m[JOINT["spine3"], 1]) - _LOWEST_M
        top = float(model.joints_m[JOINT["left_shoulder"], 1] - model.joints_m[JOINT["spine3"], 1])
        shoulder_m = float(model.joints_m[JOINT["left_shoulder"], 0])
        heights_m = torch.arange(bottom, top + 0.5 * _STEP_M, _STEP_M)
        rows = []
        for height in heights_m:
            near = points_m[(points_m[:, 1] - height).abs() < _STEP_M]
            depth = near[near[:, 0].abs() < 0.6 * shoulder_m, 2]
            width = near[:, 0].abs().max().clamp_max(shoulder_m)
            rows.append(torch.stack([width, (depth.max() - depth.min()) / 2, (depth.max() + depth.min()) / 2]))
        width, depth, middle = torch.stack(rows).T
        return cls(heights_m=heights_m, half_width_m=width, half_depth_m=depth, middle_z_m=middle)

    def _slices(self, height: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Half width, half depth and middle at a height, and how far the height lies beyond the trunk's ends."""
        first, step = self.heights_m[0].to(height), _STEP_M
        position = (height - first) / step
        inside = position.clamp(0, len(self.heights_m) - 1 - 1e-4)
        index = inside.long()
        share = inside - index
        found = [
            torch.lerp(column.to(height)[index], column.to(height)[index + 1], share)
            for column in (self.half_width_m, self.half_depth_m, self.middle_z_m)
        ]
        return found[0], found[1], found[2], (position - inside).abs() * step

    def depth_m(self, points_m: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """How deep points of the chest frame lie inside the trunk; 0 outside."""
        width, depth, middle, beyond = self._slices(points_m[..., 1])
        level = ((points_m[..., 0] / width) ** 2 + ((points_m[..., 2] - middle) / depth) ** 2).sqrt()
        return ((1 - level) * torch.minimum(width, depth)).clamp_min(0) * (beyond <= 0)

    def pushed_out(
        self, points_m: Float[Tensor, "*batch 3"], margin_m: float, softness: float
    ) -> Float[Tensor, "*batch 3"]:
        """Points moved level, away from the trunk's axis, until they are `margin_m` outside.

        Smooth in the place of a point, so that a path without corners stays one: the push sets in `softness` (a share of the
        trunk's size) before the margin, and fades out beyond the trunk's ends.
        """
        width, depth, middle, beyond = self._slices(points_m[..., 1])
        flat = torch.stack([points_m[..., 0], points_m[..., 2] - middle], dim=-1)
        fade = 0.5 + 0.5 * torch.cos(torch.pi * ((beyond - margin_m) / _END_M).clamp(0, 1))
        axes = ((torch.stack([width, depth], dim=-1) + margin_m) * fade[..., None]).clamp_min(1e-3)
        level = (flat / axes).square().sum(-1, keepdim=True).sqrt().clamp_min(1e-3)
        nearness = ((1 - level) / softness).clamp(-1, 1) / 2 + 0.5
        push = torch.where(level < 1 - softness, 1 - level, softness * (2 * nearness**3 - nearness**4))
        scaled = flat * (1 + push / level)
        return torch.stack([scaled[..., 0], points_m[..., 1], scaled[..., 1] + middle], dim=-1)


def hand_points(
    skeleton: Skeleton, turned: Float[Tensor, "frames 55 3 3"], joints_m: Float[Tensor, "frames 55 3"], side: str
) -> Float[Tensor, "frames 11 3"]:
    """Wrist, knuckles and finger tips of a hand in the world."""
    indices = [JOINT[f"{side}_{name}"] for name in ("wrist", *_KNUCKLES)]
    tips = []
    for name in _TIPS:
        last = JOINT[f"{side}_{name}"]
        bone = skeleton.joints_m[last] - skeleton.joints_m[last - 1]
        tips.append(joints_m[:, last] + _TIP_LENGTH * (turned[:, last] @ bone.to(joints_m)))
    return torch.cat([joints_m[:, indices], torch.stack(tips, dim=1)], dim=1)


def hands_inside_m(
    skeleton: Skeleton, torso: Torso, turned: Float[Tensor, "frames 55 3 3"], joints_m: Float[Tensor, "frames 55 3"]
) -> Float[Tensor, "frames 2"]:
    """How deep the left and the right hand are inside the trunk, metres; 0 outside."""
    chest = JOINT["spine3"]
    depths = []
    for side in ("left", "right"):
        points = hand_points(skeleton, turned, joints_m, side) - joints_m[:, None, chest]
        depths.append(torso.depth_m(points @ turned[:, chest]).amax(dim=1))
    return torch.stack(depths, dim=1)
