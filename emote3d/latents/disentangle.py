"""Content, emotion and style of a recording of any length by three ASTs; also the decoder that their training needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.audio.kaldi import fbank, normalised
from emote3d.latents.ast import AstConfig, AstEncoder
from emote3d.layers import EncoderLayer
from emote3d.records import Speech

OVERLAP_S = 2.0
"""Overlap of the windows in which long recordings are heard."""


def window_starts(samples: int, window: int, overlap: int) -> list[int]:
    """Where windows begin so that all samples are heard; the last one ends with the recording."""
    if samples <= window:
        return [0]
    count = -(-(samples - overlap) // (window - overlap))
    return [min(index * (window - overlap), samples - window) for index in range(count)]


def spectrograms(
    speech: Speech, config: AstConfig, window_s: float, overlap_s: float = OVERLAP_S
) -> Float[Tensor, "windows frames mels"]:
    """Normalised filterbanks of overlapping windows; a last or only window that is shorter is filled up."""
    rate = config.fbank.sample_rate
    assert speech.sample_rate == rate, (speech.sample_rate, rate)
    waveform = speech.waveform - speech.waveform.mean()
    window = round(window_s * rate)
    starts = window_starts(len(waveform), window, round(overlap_s * rate))
    parts = []
    for start in starts:
        part = waveform[start : start + window]
        part = nn.functional.pad(part, (0, max(0, config.fbank.window - len(part))))
        parts.append(normalised(fbank(part, config.fbank), config.fbank, config.frames))
    return torch.stack(parts)


def encode_windows(
    encoder: AstEncoder, windows: Float[Tensor, "windows frames mels"]
) -> Float[Tensor, "windows feature_d"]:
    """Latents of windows, one at a time, so that memory does not grow with the recording."""
    with torch.inference_mode():
        return torch.cat([encoder(window[None]).feature for window in windows])


@dataclass(frozen=True, kw_only=True)
class FbankDecoderConfig:
    """Sizes of the decoder of spectrograms; AMUSE's are the defaults."""

    feature_d: int = 256
    """Width of each of the three latents."""
    d: int = 512
    heads: int = 4
    feedforward_d: int = 2048
    fusion_layers: int = 2
    layers: int = 4
    hidden_d: int = 1024
    frames: int = 1024
    mels: int = 128
    dropout: float = 0.1


class FbankDecoder(nn.Module):
    """Content, emotion and style latents back to the spectrogram they came from.

    AMUSE lets transformer layers attend over the batch here, which at its batch of one is an attention to itself; ours does
    that for each item, so a batch gives what its items give alone.
    """

    def __init__(self, config: FbankDecoderConfig) -> None:
        super().__init__()
        self.config = config
        fused = 3 * config.feature_d

        def layers(d: int, count: int) -> nn.ModuleList:
            return nn.ModuleList(
                EncoderLayer(d, config.heads, config.feedforward_d, config.dropout, activation="relu")
                for _ in range(count)
            )

        self.fusion = layers(fused, config.fusion_layers)
        self.fusion_norm = nn.LayerNorm(fused)
        self.fusion_out = nn.Linear(fused, config.d)
        self.decoding = layers(config.d, config.layers)
        self.norm = nn.LayerNorm(config.d)
        self.hidden = nn.Linear(config.d, config.hidden_d)
        self.spectrogram = nn.Linear(config.hidden_d, config.frames * config.mels)

    def forward(
        self,
        content: Float[Tensor, "batch feature_d"],
        emotion: Float[Tensor, "batch feature_d"],
        style: Float[Tensor, "batch feature_d"],
    ) -> Float[Tensor, "batch frames mels"]:
        """Reconstruct the normalised filterbank."""
        x = torch.cat([emotion, style, content], dim=-1)[:, None]
        for layer in self.fusion:
            x = layer(x)
        x = self.fusion_out(self.fusion_norm(x))
        for layer in self.decoding:
            x = layer(x)
        x = self.spectrogram(nn.functional.relu(self.hidden(self.norm(x))))
        return x.unflatten(-1, (self.config.frames, self.config.mels))[:, 0]
