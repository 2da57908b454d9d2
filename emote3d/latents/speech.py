"""Speech features to content, emotion and style latents, and what a direction makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.latents.timeline import voiced
from emote3d.records import SpeechLatents


@dataclass(frozen=True, kw_only=True)
class SpeechEncoderConfig:
    """Sizes of the content head."""

    feature_d: int = 256
    content_d: int = 128


class SpeechEncoder(nn.Module):
    """Content latents of the audio features, frame by frame (EMOTE's linear sequence encoder)."""

    def __init__(self, config: SpeechEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.content = nn.Linear(config.feature_d, config.content_d)

    def forward(self, features: Float[Tensor, "batch frames feature_d"]) -> Float[Tensor, "batch frames content_d"]:
        """Content latents."""
        return self.content(features)


def direct(
    latents: SpeechLatents, feeling: Float[np.ndarray, "frames 9"], style: Float[np.ndarray, "frames styles"]
) -> SpeechLatents:
    """Replace emotion and style per frame by what was asked for; `auto` is the voice's emotion in `latents`."""
    voice = latents.emotion.expand(len(latents.content), -1).double().numpy()
    return SpeechLatents(
        content=latents.content,
        emotion=torch.from_numpy(voiced(feeling, voice)).float(),
        style=torch.from_numpy(style).float(),
    )
