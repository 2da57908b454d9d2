"""Network pieces that several stages share: attention with linear biases, written out.

PyTorch's fused fast path turns a float mask into a boolean one and silently breaks ALiBi, so attention is explicit here.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


def alibi_bias(heads: int, frames: int, period: int = 1) -> Float[Tensor, "heads frames frames"]:
    """Additive attention bias `-2^(-8(h+1)/heads) * floor(|i-j| / period)`, symmetric in time.

    FLINT uses period 1, EMOTE's decoder period 30 (Press et al. 2022; FaceFormer's "future" variant).
    """
    slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)
    steps = torch.arange(frames)
    distance = torch.div((steps[:, None] - steps[None, :]).abs(), period, rounding_mode="floor")
    return -slopes[:, None, None] * distance


class EncoderLayer(nn.Module):
    """Post-norm transformer encoder layer with explicit attention and exact GELU (same weights as `nn.TransformerEncoderLayer`)."""

    def __init__(self, d: int, heads: int, feedforward_d: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(d, 3 * d)
        self.out_proj = nn.Linear(d, d)
        self.linear1 = nn.Linear(d, feedforward_d)
        self.linear2 = nn.Linear(feedforward_d, d)
        self.norm1 = nn.LayerNorm(d)
        self.norm2 = nn.LayerNorm(d)

    def forward(
        self, x: Float[Tensor, "batch frames d"], bias: Float[Tensor, "heads frames frames"]
    ) -> Float[Tensor, "batch frames d"]:
        """Attend over all frames with the additive bias."""
        batch, frames, d = x.shape
        query, key, value = self.in_proj(x).view(batch, frames, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) * (d // self.heads) ** -0.5 + bias
        attended = (scores.softmax(dim=-1) @ value).transpose(1, 2).reshape(batch, frames, d)
        x = self.norm1(x + self.out_proj(attended))
        return self.norm2(x + self.linear2(nn.functional.gelu(self.linear1(x))))


class AlibiEncoder(nn.Module):
    """A stack of `EncoderLayer` under one ALiBi bias."""

    def __init__(self, d: int, heads: int, feedforward_d: int, layers: int, period: int) -> None:
        super().__init__()
        self.heads, self.period = heads, period
        self.layers = nn.ModuleList(EncoderLayer(d, heads, feedforward_d) for _ in range(layers))

    def forward(self, x: Float[Tensor, "batch frames d"]) -> Float[Tensor, "batch frames d"]:
        """Run all layers."""
        bias = alibi_bias(self.heads, x.shape[1], self.period).to(x)
        for layer in self.layers:
            x = layer(x, bias)
        return x
