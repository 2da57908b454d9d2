"""The feature network of FGD: a small convolutional autoencoder of joint rotations, trained by `scripts/train_fgd.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.records import BodyMotion
from emote3d.rotations import axis_angle_to_matrix


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """Sizes."""

    joints: int = 55
    window_frames: int = 64
    """Frames of a window, one feature vector each; divisible by 8. BEAT2's network (`AESKConv_240_100`, 330 numbers a frame, 30 fps)
    takes any multiple of 32."""
    hidden: int = 128
    features: int = 64


def _half(inputs: int, outputs: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, kernel_size=4, stride=2, padding=1)


def _double(inputs: int, outputs: int) -> nn.ConvTranspose1d:
    return nn.ConvTranspose1d(inputs, outputs, kernel_size=4, stride=2, padding=1)


class MotionFeatures(nn.Module):
    """Windows of 6D rotations to features and back."""

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        width, channels = config.hidden, 6 * config.joints
        bottom = width * config.window_frames // 8
        self.down = nn.Sequential(
            _half(channels, width), nn.GELU(), _half(width, width), nn.GELU(), _half(width, width), nn.GELU(),
            nn.Flatten(), nn.Linear(bottom, config.features),
        )  # fmt: skip
        self.up = nn.Sequential(
            nn.Linear(config.features, bottom), nn.Unflatten(1, (width, -1)), nn.GELU(),
            _double(width, width), nn.GELU(), _double(width, width), nn.GELU(), _double(width, channels),
        )  # fmt: skip

    def encode(self, windows: Float[Tensor, "windows frames channels"]) -> Float[Tensor, "windows features"]:
        """Features of windows."""
        return self.down(windows.transpose(1, 2))

    def forward(self, windows: Float[Tensor, "windows frames channels"]) -> Float[Tensor, "windows frames channels"]:
        """Windows through the bottleneck."""
        return self.up(self.encode(windows)).transpose(1, 2)


def body_windows(body: BodyMotion, frames: int, step: int | None = None) -> Float[Tensor, "windows frames channels"]:
    """Cut a body into windows of 6D rotations of its 55 joints; a rest shorter than a window is left out."""
    rotations = axis_angle_to_matrix(body.joints_axis_angle)[..., :2, :].flatten(1)
    if len(rotations) < frames:
        return rotations.new_zeros(0, frames, rotations.shape[1])
    return rotations.unfold(0, frames, step or frames).transpose(1, 2).contiguous()


def train_features(
    windows: Float[Tensor, "windows frames channels"], config: FeatureConfig, steps: int, seed: int = 0
) -> tuple[MotionFeatures, float]:
    """Train on windows, and give the network with its final mean squared error; same seed, same network."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = MotionFeatures(config)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    error = windows.new_tensor(0.0)
    for _ in range(steps):
        batch = windows[torch.randint(len(windows), (min(64, len(windows)),), generator=generator)]
        error = (network(batch) - batch).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return network.eval(), float(error.detach())


def features_of(network: MotionFeatures, bodies: Iterable[BodyMotion], step: int | None = None) -> np.ndarray:
    """Features of every window of some bodies, for `distribution.frechet_distance`."""
    with torch.inference_mode():
        windows = torch.cat([body_windows(body, network.config.window_frames, step) for body in bodies])
        return network.encode(windows).double().numpy()
