"""One hand leads: the other arm keeps its slow course and leaves the strokes to it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from emote3d.names import SMPLX_JOINTS

_COURSE_S = 1.2
"""Width of the smoothing that tells the course of an arm from its strokes."""
_LEFT_OUT = 0.8
"""Share of the strokes that the other arm leaves out when one hand leads altogether."""
_ARMS = ("shoulder", "elbow", "wrist", "index", "middle", "pinky", "ring", "thumb")


def _arm(side: str) -> list[int]:
    """Channels of an arm and its fingers."""
    joints = [index for index, name in enumerate(SMPLX_JOINTS) if name.startswith(tuple(f"{side}_{a}" for a in _ARMS))]
    return [6 * joint + number for joint in joints for number in range(6)]


def led(
    channels: Float[Tensor, "frames channels"], handedness: Float[np.ndarray, "frames"], fps: float
) -> Float[Tensor, "frames channels"]:
    """Motion in which one hand leads: the left at 1, the right at -1, neither at 0."""
    if not handedness.any():
        return channels
    channels = channels.clone()
    for side, share in (("left", -handedness), ("right", handedness)):
        rows = channels[:, _arm(side)]
        course = torch.from_numpy(gaussian_filter1d(rows.double().numpy(), _COURSE_S * fps, axis=0, mode="nearest"))
        still = torch.from_numpy(_LEFT_OUT * share.clip(0, 1)).to(rows)[:, None]
        channels[:, _arm(side)] = torch.lerp(rows, course.to(rows), still.expand_as(rows))
    return channels
