import pytest
import torch

from emote3d.names import ARKIT_52
from emote3d.records import FaceMotion


@pytest.fixture(scope="session")
def arkit_face():
    """Builds a face from a dictionary of coefficients a frame; the head does not move."""

    def build(frames: list[dict[str, float]]) -> FaceMotion:
        expression = torch.zeros(len(frames), len(ARKIT_52))
        for row, coefficients in zip(expression, frames, strict=True):
            for name, value in coefficients.items():
                row[ARKIT_52.index(name)] = value
        still = torch.zeros(len(frames), 3)
        return FaceMotion(
            expression=expression,
            basis="arkit52",
            jaw_axis_angle=still,
            neck_axis_angle=still,
            eyes_axis_angle=torch.zeros(len(frames), 2, 3),
        )

    return build
