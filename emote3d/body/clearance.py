"""Keeps hands out of the torso: moves a wrist just as far as needed and leaves every other pose as it is."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body.kinematics import JOINT, Skeleton
from emote3d.body.torso import Torso, hand_points
from emote3d.rotations import axis_angle_to_matrix

_MARGIN_M, _SOFTNESS = 0.024, 0.15
"""Distance of a hand's points from the trunk, half a finger's thickness and more, and how early the push sets in."""
_LEFT_MARGIN_M, _LEFT_SOFTNESS, _LEFT_ROUNDS = 0.014, 0.06, 2
"""The same for what one shift of the whole hand leaves inside, which is seen to frame by frame."""
_FARTHEST = 8
"""How much more a shift that is far counts: about as the farthest alone, but without a jump from one to another."""
_AROUND_FRAMES = 6
"""Frames before and after a touch in which the hand gives way. What happens in a frame depends on no others."""


def _turn(start: Float[Tensor, "frames 3"], end: Float[Tensor, "frames 3"]) -> Float[Tensor, "frames 3 3"]:
    """The shortest rotation between two unit vectors."""
    axis = torch.linalg.cross(start, end, dim=-1)
    sine, cosine = axis.norm(dim=-1, keepdim=True), (start * end).sum(-1, keepdim=True)
    return axis_angle_to_matrix(axis / sine.clamp_min(1e-9) * torch.atan2(sine, cosine))


def move_wrist(
    skeleton: Skeleton,
    rotations: Float[Tensor, "frames 55 3 3"],
    side: str,
    shift_m: Float[Tensor, "frames 3"],
) -> Float[Tensor, "frames 55 3 3"]:
    """Shift a wrist in the world by bending the elbow and swinging the shoulder; the hand keeps its direction in the world."""
    shoulder, elbow, wrist = (JOINT[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    turned, joints_m = skeleton.posed(rotations)
    upper, fore = joints_m[:, elbow] - joints_m[:, shoulder], joints_m[:, wrist] - joints_m[:, elbow]
    a, b = upper.norm(dim=-1), fore.norm(dim=-1)
    now = joints_m[:, wrist] - joints_m[:, shoulder]
    wanted = now + shift_m
    reach = wanted.norm(dim=-1)
    reach = torch.minimum(torch.maximum(reach, 0.3 * (a + b)), torch.maximum(0.985 * (a + b), now.norm(dim=-1)))
    bend = torch.acos(((upper * fore).sum(-1) / (a * b)).clamp(-1 + 1e-7, 1 - 1e-7))
    bend_wanted = torch.acos(((reach**2 - a**2 - b**2) / (2 * a * b)).clamp(-1 + 1e-7, 1 - 1e-7))
    hinge = torch.nn.functional.normalize(torch.linalg.cross(upper, fore, dim=-1), dim=-1)
    flex = axis_angle_to_matrix(hinge * (bend_wanted - bend)[:, None])
    bent = upper + (flex @ fore[..., None])[..., 0]
    swing = _turn(torch.nn.functional.normalize(bent, dim=-1), torch.nn.functional.normalize(wanted, dim=-1))
    parent = turned[:, JOINT[f"{side}_collar"]]
    upper_new, fore_new = swing @ turned[:, shoulder], swing @ flex @ turned[:, elbow]
    rotations = rotations.clone()
    rotations[:, shoulder] = parent.mT @ upper_new
    rotations[:, elbow] = upper_new.mT @ fore_new
    rotations[:, wrist] = fore_new.mT @ turned[:, wrist]
    return rotations


def clear_hands(
    skeleton: Skeleton, torso: Torso, rotations: Float[Tensor, "frames 55 3 3"]
) -> Float[Tensor, "frames 55 3 3"]:
    """Bring hands that touch the trunk out of it, or nearly touch it a little away, without haste."""

    def away(side: str, margin_m: float, softness: float, around: int) -> Float[Tensor, "frames 55 3 3"]:
        turned, joints_m = skeleton.posed(rotations)
        chest = turned[:, JOINT["spine3"]]
        points = (hand_points(skeleton, turned, joints_m, side) - joints_m[:, None, JOINT["spine3"]]) @ chest
        shift = _early(_common(torso.pushed_out(points, margin_m, softness) - points), around)
        near = shift.norm(dim=-1) > 0
        moved = rotations.clone()
        if near.any():
            moved[near] = move_wrist(skeleton, rotations[near], side, (chest @ shift[..., None])[near, :, 0])
        return moved

    for side in ("left", "right"):
        rotations = away(side, _MARGIN_M, _SOFTNESS, _AROUND_FRAMES)
        for _ in range(_LEFT_ROUNDS):
            rotations = away(side, _LEFT_MARGIN_M, _LEFT_SOFTNESS, 0)
    return rotations


def _common(shifts_m: Float[Tensor, "frames points 3"]) -> Float[Tensor, "frames 3"]:
    """One shift for a whole hand: that of the points that are pushed far."""
    weight = shifts_m.norm(dim=-1, keepdim=True) ** _FARTHEST
    return (weight * shifts_m).sum(dim=1) / weight.sum(dim=1).clamp_min(1e-60)


def _early(shift_m: Float[Tensor, "frames 3"], around: int) -> Float[Tensor, "frames 3"]:
    """Nowhere less than the shift, but growing and fading over the frames around: a norm over time that is mostly the largest."""
    at = torch.arange(-around, around + 1).to(shift_m) / (around + 1)
    window = (1 - at**2) ** (3 * _FARTHEST)
    size = shift_m.norm(dim=-1, keepdim=True)
    powers = torch.cat([size**_FARTHEST, size ** (_FARTHEST - 1) * shift_m], dim=1)
    summed = torch.nn.functional.conv1d(powers.T[:, None], window[None, None], padding=around)[:, 0].T
    return summed[:, 1:] / summed[:, :1].clamp_min(1e-60) ** (1 - 1 / _FARTHEST)
