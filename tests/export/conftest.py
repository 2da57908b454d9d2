"""Motions that the tests of the writers share."""

from pathlib import Path

import pytest
import torch

from emote3d.motion import save_motion
from emote3d.names import ARKIT_52
from emote3d.records import BodyMotion, FaceMotion, Motion


@pytest.fixture
def talking() -> Motion:
    """Twelve frames at 30 fps of a face in which everything moves."""
    generator = torch.Generator().manual_seed(0)

    def smooth(*shape: int) -> torch.Tensor:
        keys = torch.rand(shape[0] // 4 + 1, *shape[1:], generator=generator)
        share = (torch.arange(shape[0]) / 4).reshape(-1, *[1] * (len(shape) - 1))
        left = share.floor().long().flatten()
        return keys[left] * (1 - share % 1) + keys[left + 1] * (share % 1)

    face = FaceMotion(
        expression=0.6 * smooth(12, len(ARKIT_52)),
        basis="arkit52",
        jaw_axis_angle=0.2 * smooth(12, 3),
        neck_axis_angle=0.3 * (smooth(12, 3) - 0.5),
        eyes_axis_angle=0.3 * (smooth(12, 2, 3) - 0.5),
    )
    return Motion(face=face, fps=30.0)


@pytest.fixture
def gesture() -> BodyMotion:
    """Twelve frames of a body in which every joint turns."""
    generator = torch.Generator().manual_seed(1)
    start, end = 0.4 * torch.randn(2, 1, 55, 3, generator=generator)
    share = torch.linspace(0, 1, 12)[:, None]
    return BodyMotion(
        joints_axis_angle=start + share[..., None] * (end - start),
        translation_m=share * torch.tensor([[0.2, -0.1, 0.3]]),
    )


@pytest.fixture
def motion_file(tmp_path: Path, talking: Motion) -> Path:
    save_motion(talking, tmp_path / "talking.npz")
    return tmp_path / "talking.npz"
