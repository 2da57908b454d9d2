"""Speech features to content, emotion and style latents, and what a direction makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.latents.timeline import voiced
from emote3d.names import EMOTIONS
from emote3d.records import SpeechLatents


@dataclass(frozen=True, kw_only=True)
class SpeechEncoderConfig:
    """Sizes of the disentangling heads."""

    feature_d: int = 256
    content_d: int = 128
    emotion_hidden_d: int = 64
    """Width of the network that recognises the emotion; 0 where there is none (EMOTE)."""

    @property
    def emotions(self) -> int:
        """Number of emotions told apart."""
        return len(EMOTIONS)


class SpeechEncoder(nn.Module):
    """Two heads on the audio features: content per frame (EMOTE's linear sequence encoder) and emotion per clip."""

    def __init__(self, config: SpeechEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.content = nn.Linear(config.feature_d, config.content_d)
        self.emotion = nn.Sequential()
        if config.emotion_hidden_d:
            self.emotion = nn.Sequential(
                nn.Linear(2 * config.feature_d, config.emotion_hidden_d),
                nn.GELU(),
                nn.Linear(config.emotion_hidden_d, config.emotions),
            )

    def forward(self, features: Float[Tensor, "batch frames feature_d"]) -> Float[Tensor, "batch frames content_d"]:
        """Content latents."""
        return self.content(features)

    def emotion_logits(self, features: Float[Tensor, "batch frames feature_d"]) -> Float[Tensor, "batch emotions"]:
        """Recognise the emotion from the mean and the deviation of the features over time."""
        pooled = torch.cat([features.mean(dim=1), features.std(dim=1, correction=0)], dim=-1)
        return self.emotion(pooled)


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
