"""Our own perceptual networks: convolutions over time on landmark motion, so the order of frames matters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from emote3d.perception.interfaces import Sight
from emote3d.perception.landmarks import MOUTH

_SCALE = 8.0
"""Landmarks move by about an eighth of the distance between the eyes."""


@dataclass(frozen=True, kw_only=True)
class PerceiverConfig:
    """Sizes of a perceptual network."""

    classes: tuple[str, ...]
    """What it tells apart."""
    d: int = 96
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 1)
    """One residual block each."""


class _Block(nn.Module):
    """Dilated convolution over time, residual."""

    def __init__(self, d: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.conv = nn.Conv1d(d, d, kernel, padding=dilation * (kernel - 1) // 2, dilation=dilation)
        self.mix = nn.Linear(d, d)

    def forward(self, x: Float[Tensor, "batch frames d"]) -> Float[Tensor, "batch frames d"]:
        """Add what the neighbouring frames say."""
        moved = self.conv(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mix(nn.functional.gelu(moved))


class _Tower(nn.Module):
    """Landmark motion to features per frame."""

    def __init__(self, inputs: int, config: PerceiverConfig) -> None:
        super().__init__()
        self.stem = nn.Linear(inputs, config.d)
        self.blocks = nn.ModuleList(_Block(config.d, config.kernel, dilation) for dilation in config.dilations)
        self.norm = nn.LayerNorm(config.d)

    def forward(self, seen: Float[Tensor, "batch frames landmarks 3"]) -> Float[Tensor, "batch frames d"]:
        """Features of each frame."""
        x = self.stem(_SCALE * seen.flatten(2))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class LandmarkLipReader(nn.Module):
    """Phones from the motion of the 20 mouth landmarks."""

    sight: Sight = "landmarks"

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.config = config
        self.tower = _Tower(3 * (MOUTH.stop - MOUTH.start), config)
        self.phones = nn.Linear(config.d, len(config.classes))

    def read(self, seen: Float[Tensor, "batch frames 68 3"]) -> Float[Tensor, "batch frames d"]:
        """Features of each frame."""
        return self.tower(seen[..., MOUTH, :])

    def forward(self, seen: Float[Tensor, "batch frames 68 3"]) -> Float[Tensor, "batch frames classes"]:
        """Logits of the phones."""
        return self.phones(self.read(seen))


class LandmarkEmotionNet(nn.Module):
    """Emotion and intensity from the motion of all landmarks."""

    sight: Sight = "landmarks"

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.config = config
        self.tower = _Tower(3 * 68, config)
        self.summary = nn.Linear(2 * config.d, config.d)
        self.emotion = nn.Linear(config.d, len(config.classes))
        self.intensity = nn.Linear(config.d, 1)

    def feel(
        self, seen: Float[Tensor, "batch frames 68 3"], valid: Bool[Tensor, "batch frames"]
    ) -> Float[Tensor, "batch d"]:
        """One feature per sequence, from mean and deviation of the features of its frames."""
        x, weight = self.tower(seen), valid[..., None].to(seen)
        count = weight.sum(dim=1).clamp_min(1)
        mean = (x * weight).sum(dim=1) / count
        variance = ((x - mean[:, None]).square() * weight).sum(dim=1) / count
        return torch.tanh(self.summary(torch.cat([mean, (variance + 1e-6).sqrt()], dim=-1)))

    def forward(
        self, seen: Float[Tensor, "batch frames 68 3"], valid: Bool[Tensor, "batch frames"]
    ) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch"]]:
        """Logits of the emotions, and how strong the feeling is (0 none, 1 full)."""
        feature = self.feel(seen, valid)
        return self.emotion(feature), nn.functional.softplus(self.intensity(feature))[:, 0]
