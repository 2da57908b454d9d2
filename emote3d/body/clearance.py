"""Keeps hands out of the torso: moves a wrist just as far as needed and leaves every other pose as it is."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body.kinematics import JOINT, Skeleton
from emote3d.body.torso import Torso, hand_points
from emote3d.rotations import axis_angle_to_matrix

_MARGIN_M = 0.02
"""Half a finger's thickness and what the smoothing gives away, beyond which a hand counts as outside."""
_ROUNDS = 3
_SMOOTH_FRAMES = 2.0


def _smoothed(x: Float[Tensor, "frames 3"]) -> Float[Tensor, "frames 3"]:
    """Gaussian over time."""
    radius = int(3 * _SMOOTH_FRAMES)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1).to(x) / _SMOOTH_FRAMES) ** 2)
    padded = torch.nn.functional.pad(x.T[:, None], (radius, radius), mode="replicate")
    return torch.nn.functional.conv1d(padded, (kernel / kernel.sum())[None, None])[:, 0].T


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
    """Bring hands that touch the trunk to its surface."""
    chest = JOINT["spine3"]
    for _ in range(_ROUNDS):
        for side in ("left", "right"):
            turned, joints_m = skeleton.posed(rotations)
            points = (hand_points(skeleton, turned, joints_m, side) - joints_m[:, None, chest]) @ turned[:, chest]
            shifts = torso.pushed_out(points, _MARGIN_M) - points
            inside = torso.depth_m(points) > 0
            close = inside | (shifts.norm(dim=-1) > 0.002)
            if not close.any():
                continue
            deepest = shifts.norm(dim=-1).argmax(dim=1)
            shift = shifts.gather(1, deepest[:, None, None].expand(-1, 1, 3))[:, 0]
            shift = _smoothed(shift)
            rotations = move_wrist(skeleton, rotations, side, (turned[:, chest] @ shift[..., None])[..., 0])
    return rotations
