"""Ranges of human joints: how far a pose goes beyond them. The only table of them; body, measures and evaluation go by it.

Ranges of motion of healthy adults: American Academy of Orthopaedic Surgeons, Joint Motion (1965); for the collar bones, the jaw and
the outer finger joints Kapandji, The Physiology of the Joints (1974). Widened by ten to twenty degrees for what one joint of
the model stands for: its elbow turns the forearm too, its T-pose is no posture that clinics measure from.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.names import SMPLX_JOINTS
from emote3d.rotations import axis_angle_to_matrix, matrix_to_axis_angle

LARGEST_DEG: Mapping[str, float] = {
    "pelvis": 60.0,  # no joint: the whole body, turned above feet that stand
    "spine1": 35.0, "spine2": 35.0, "spine3": 35.0,  # trunk: bends 80 forward, over three joints
    "neck": 50.0, "head": 50.0,  # neck: turns 60, bends 45, over two joints
    "hip": 125.0, "knee": 150.0, "ankle": 65.0, "foot": 45.0,  # flexion 120, 135; ankle 50 down; ball of the foot 45 down
    "collar": 40.0, "shoulder": 165.0,  # 40 up; from arms held sideways 90 down, turned in by 70
    "elbow": 165.0, "wrist": 100.0,  # flexion 150, 80
    "jaw": 45.0, "eye_smplhf": 50.0,  # 50 mm open, about 35; 45 to the side
    "index1": 110.0, "middle1": 110.0, "ring1": 110.0, "pinky1": 110.0,  # flexion 90
    "index2": 120.0, "middle2": 120.0, "ring2": 120.0, "pinky2": 120.0,  # 100
    "index3": 90.0, "middle3": 90.0, "ring3": 90.0, "pinky3": 90.0,  # 80
    "thumb1": 70.0, "thumb2": 70.0, "thumb3": 90.0,  # 60, 50, 80
}  # fmt: skip
"""Largest rotation of each joint from the T-pose, whatever the axis; sides alike. Beside each: what is measured of people, degrees."""
_HYPEREXTENSION_DEG = 12.0
"""How far elbows, knees and the outer finger joints bend the wrong way."""
_HALVINGS, _RESERVE = 16, 5e-4
"""Of the search for how far a joint may turn; share of it that is left off, so that it is still inside in single precision."""
_WRIST_BEND_DEG, _FINGER_BACK_DEG = 88.0, 35.0


def _base_name(joint: str) -> str:
    return joint.removeprefix("left_").removeprefix("right_")


def excess_deg(rotations: Float[Tensor, "frames 55 3 3"]) -> Float[Tensor, "frames 55"]:
    """Degrees by which each joint is outside of the human range; 0 inside."""
    angles = torch.rad2deg(matrix_to_axis_angle(rotations).norm(dim=-1))
    largest = angles.new_tensor([LARGEST_DEG[_base_name(name)] for name in SMPLX_JOINTS])
    excess = (angles - largest).clamp_min(0)
    for index, name in enumerate(SMPLX_JOINTS):
        wrong_way = _wrong_way_deg(_base_name(name), rotations[:, index], -1.0 if name.startswith("right") else 1.0)
        if wrong_way is not None:
            excess[:, index] = torch.maximum(excess[:, index], wrong_way.clamp_min(0))
    return excess


def within_limits(rotations: Float[Tensor, "frames 55 3 3"]) -> Float[Tensor, "frames 55 3 3"]:
    """Turn each joint that is outside of the human range back towards rest, as far as it needs."""
    beyond = (excess_deg(rotations) > 0).any(dim=1)
    if not beyond.any():
        return rotations
    broken = rotations[beyond]
    turns = matrix_to_axis_angle(broken)
    share, step = torch.zeros_like(turns[..., :1]), 0.5
    for _ in range(_HALVINGS):
        inside = excess_deg(axis_angle_to_matrix((share + step) * turns)) == 0
        share, step = share + step * inside[..., None], step / 2
    kept = excess_deg(broken) == 0
    tame = axis_angle_to_matrix((1 - _RESERVE) * share * turns)
    rotations = rotations.clone()
    rotations[beyond] = torch.where(kept[..., None, None], broken, tame)
    return rotations


def _wrong_way_deg(name: str, turn: Float[Tensor, "frames 3 3"], side: float) -> Float[Tensor, "frames"] | None:
    """Degrees that a hinge is bent backwards, or a wrist too far; None for joints without such a limit.

    At rest arms and fingers lie along x with the palm down; an elbow bends towards +z, a finger towards -y, a knee towards -z.
    """
    if name == "elbow":
        return torch.rad2deg(-(turn[:, 2, 0] * side).clamp(-1, 1).asin()) - _HYPEREXTENSION_DEG
    if name == "knee":
        return torch.rad2deg(-turn[:, 2, 1].clamp(-1, 1).asin()) - _HYPEREXTENSION_DEG
    if name == "wrist":
        return torch.rad2deg(turn[:, 0, 0].clamp(-1, 1).acos()) - _WRIST_BEND_DEG
    if name.startswith(("index", "middle", "ring", "pinky")):
        back = torch.rad2deg(torch.atan2(turn[:, 1, 0] * side, turn[:, 0, 0]))
        # past a right angle the finger points back along the palm: that is bending, not overstretching
        back = torch.where(back > 150.0, torch.zeros_like(back), back)
        return back - (_FINGER_BACK_DEG if name.endswith("1") else _HYPEREXTENSION_DEG)
    return None
