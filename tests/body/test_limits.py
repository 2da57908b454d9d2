"""Joints that are turned too far are turned back, the others stay as they are."""

import torch

from emote3d.body.limits import excess_deg, within_limits
from emote3d.rotations import axis_angle_to_matrix


def test_any_pose_is_brought_within_human_range():
    generator = torch.Generator().manual_seed(0)
    wild = axis_angle_to_matrix(1.2 * torch.randn(200, 55, 3, generator=generator, dtype=torch.float64))
    before, tame = excess_deg(wild), within_limits(wild)
    assert before.max() > 60
    assert excess_deg(tame).max() == 0
    assert excess_deg(tame.float()).max() == 0
    inside = before == 0
    assert torch.allclose(tame[inside], wild[inside], atol=1e-6)
