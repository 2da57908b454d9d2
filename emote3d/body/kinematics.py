"""Forward and inverse kinematics of the 55-joint skeleton as pure functions: arms by wrist and elbow, legs on planted feet.

The chest frame is spine3's; "out" is away from the middle of the body. Arms are solved as left ones, right ones in the mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body.model import BodyModel
from emote3d.body.skinning import joint_transforms
from emote3d.names import SMPLX_JOINTS
from emote3d.rotations import axis_angle_to_matrix

JOINT = {name: index for index, name in enumerate(SMPLX_JOINTS)}
_SPINE3 = JOINT["spine3"]
_ARM_REACH, _LEG_REACH = 0.985, 0.9985
"""Share of its length to which a limb stretches at most."""
_FOLD = 0.32
"""Share of its length to which a limb folds at most."""
_ARM_HINGE = (0.0, -1.0, 0.0)
_LEG_HINGE = (1.0, 0.0, 0.0)
_TWIST_AT_ELBOW = 0.55
"""Share of the forearm's twist that the elbow joint shows; the wrist shows the rest."""


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """Where the joints lie at rest and what carries what."""

    joints_m: Float[Tensor, "55 3"]
    parents: tuple[int, ...]

    @classmethod
    def of(cls, model: BodyModel) -> Skeleton:
        """The skeleton of a body model with 55 joints."""
        assert len(model.parents) == len(SMPLX_JOINTS), len(model.parents)
        return cls(joints_m=model.joints_m, parents=model.parents)

    def offset(self, joint: str, base: str) -> Float[Tensor, "3"]:
        """From one joint to another at rest."""
        return self.joints_m[JOINT[joint]] - self.joints_m[JOINT[base]]

    def posed(
        self, rotations: Float[Tensor, "frames 55 3 3"]
    ) -> tuple[Float[Tensor, "frames 55 3 3"], Float[Tensor, "frames 55 3"]]:
        """World rotations and positions of the joints, the pelvis at its rest place."""
        transforms, joints_m = joint_transforms(rotations, self.joints_m.to(rotations)[None], self.parents)
        return transforms[..., :3], joints_m


@dataclass(frozen=True, kw_only=True)
class ArmPose:
    """One arm over time, as a left one: x is out."""

    wrist_m: Float[Tensor, "frames 3"]
    """In the chest frame, relative to the point between the shoulder joints at rest."""
    elbow_out: Float[Tensor, "frames"]
    """0 the elbow hangs, 1 it points out."""
    supination: Float[Tensor, "frames"]
    """Radians: 0 thumb up, positive turns the palm up, negative down."""
    flexion: Float[Tensor, "frames"]
    """Radians of the wrist towards the palm."""
    deviation: Float[Tensor, "frames"]
    """Radians of the wrist towards the thumb."""
    collar: Float[Tensor, "frames 3"]
    """Axis-angle of the collar bone."""


def mirrored(rotations: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The same turn in a mirror that swaps left and right."""
    sign = rotations.new_tensor([-1.0, 1.0, 1.0])
    return rotations * sign[:, None] * sign


def _unit(x: Tensor) -> Tensor:
    return torch.nn.functional.normalize(x, dim=-1)


def _frame(along: Tensor, hinge: Tensor) -> Float[Tensor, "*batch 3 3"]:
    """Columns: along the bone, the hinge made square to it, their cross product."""
    hinge = _unit(hinge - (hinge * along).sum(-1, keepdim=True) * along)
    return torch.stack([along, hinge, torch.linalg.cross(along, hinge, dim=-1)], dim=-1)


def _about(axis: tuple[float, float, float], angle: Float[Tensor, "frames"]) -> Float[Tensor, "frames 3 3"]:
    return axis_angle_to_matrix(angle[:, None] * angle.new_tensor(axis))


def two_bones(
    rest_m: Float[Tensor, "3 3"],
    root_m: Float[Tensor, "frames 3"],
    end_m: Float[Tensor, "frames 3"],
    pole: Float[Tensor, "frames 3"],
    hinge: tuple[float, float, float],
    reach: float = _ARM_REACH,
) -> tuple[Float[Tensor, "frames 3 3"], Float[Tensor, "frames 3 3"]]:
    """Rotations of the two bones of a limb that bring its end to `end_m`, or as near as it reaches.

    Args:
        rest_m: root, middle and end joint at rest.
        pole: direction in which the middle joint gives way.
        hinge: axis about which the middle joint bends at rest.
        reach: share of its length to which the limb stretches at most.
    """
    upper, lower = rest_m[1] - rest_m[0], rest_m[2] - rest_m[1]
    a, b = upper.norm(), lower.norm()
    toward = end_m - root_m
    distance = toward.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    axis = toward / distance
    distance = soft_limit(distance, _FOLD * (a + b), reach * (a + b), 0.8 * (1 - reach))
    cosine = ((a**2 + distance**2 - b**2) / (2 * a * distance)).clamp(-1, 1)
    out = _unit(pole - (pole * axis).sum(-1, keepdim=True) * axis)
    first = cosine * axis + (1 - cosine**2).sqrt() * out
    second = _unit(distance * axis - a * first)
    bend = torch.linalg.cross(out, axis, dim=-1)
    rest_hinge = rest_m.new_tensor(hinge)
    turned = [
        _frame(bone, bend) @ _frame(_unit(rest), rest_hinge).T
        for bone, rest in ((_unit(first), upper), (second, lower))
    ]
    return turned[0], turned[1]


def soft_limit(x: Tensor, low: Tensor, high: Tensor, softness: float) -> Tensor:
    """Limit smoothly: the identity in the middle, bent towards the bounds near them."""
    width = softness * high
    x = high - width * torch.nn.functional.softplus((high - x) / width)
    return low + width * torch.nn.functional.softplus((x - low) / width)


def arm_pole(elbow_out: Float[Tensor, "frames"]) -> Float[Tensor, "frames 3"]:
    """Where the elbow of a left arm gives way to, in the chest frame."""
    still = torch.ones_like(elbow_out)
    return torch.stack([0.16 + 0.9 * elbow_out, -still + 0.75 * elbow_out, -0.55 * still], dim=-1)


def solve_arm(skeleton: Skeleton, arm: ArmPose) -> Float[Tensor, "frames 4 3 3"]:
    """Local rotations of collar, shoulder, elbow and wrist of a left arm."""
    names = ("left_shoulder", "left_elbow", "left_wrist")
    rest_m = torch.stack([skeleton.offset(name, "spine3") for name in names]).to(arm.wrist_m)
    collar = axis_angle_to_matrix(arm.collar)
    collar_m = skeleton.offset("left_collar", "spine3").to(arm.wrist_m)
    shoulder_m = collar_m + collar @ (rest_m[0] - collar_m)
    target_m = arm.wrist_m + rest_m[0] * rest_m.new_tensor([0.0, 1.0, 1.0])
    upper, lower = two_bones(rest_m, shoulder_m, target_m, arm_pole(arm.elbow_out), _ARM_HINGE)
    along = (-1.0, 0.0, 0.0)
    elbow = upper.mT @ lower @ _about(along, _TWIST_AT_ELBOW * arm.supination)
    bend = _about((0.0, 0.0, -1.0), arm.flexion) @ _about((0.0, -1.0, 0.0), arm.deviation)
    wrist = _about(along, (1 - _TWIST_AT_ELBOW) * arm.supination) @ bend
    return torch.stack([collar, collar.mT @ upper, elbow, wrist], dim=1)


def plant_feet(
    skeleton: Skeleton,
    rotations: Float[Tensor, "frames 55 3 3"],
    translation_m: Float[Tensor, "frames 3"],
    ankles_m: Float[Tensor, "#frames 2 3"],
    feet: Float[Tensor, "#frames 2 3 3"],
) -> Float[Tensor, "frames 55 3 3"]:
    """Replace the legs' rotations so that ankles and feet stay where they are put.

    Args:
        ankles_m: left and right ankle in the world.
        feet: world rotation of the feet, identity at rest.
    """
    rotations = rotations.clone()
    pelvis_m = skeleton.joints_m[0].to(rotations) + translation_m
    base = rotations[:, 0]
    for index, side in enumerate(("left", "right")):
        hip, knee, ankle, foot = (JOINT[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "foot"))
        rest_m = skeleton.joints_m[[hip, knee, ankle]].to(rotations)
        hip_m = pelvis_m + base @ skeleton.offset(f"{side}_hip", "pelvis").to(rotations)
        ahead = feet[:, index, :, 2].expand(len(rotations), 3)
        upper, lower = two_bones(rest_m, hip_m, ankles_m[:, index].expand_as(hip_m), ahead, _LEG_HINGE, _LEG_REACH)
        rotations[:, hip] = base.mT @ upper
        rotations[:, knee] = upper.mT @ lower
        rotations[:, ankle] = lower.mT @ feet[:, index]
        rotations[:, foot] = torch.eye(3).to(rotations)
    return rotations
