"""Network pieces that several stages share: attention with linear biases, written out.

The fast path of PyTorch's encoder layers turns a float mask into a boolean one and silently breaks ALiBi, so layers are written
out here; without a bias the attention itself is PyTorch's, which keeps its scores in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def alibi_slopes(heads: int) -> Float[Tensor, "heads"]:
    """`2^(-8(h+1)/heads)`; where heads are no power of two, those of the power below and every other one of the power above."""
    below = 2 ** (heads.bit_length() - 1)
    exponents = [8 * (head + 1) / below for head in range(below)]
    exponents += [4 * (2 * head + 1) / below for head in range(heads - below)]
    return 2.0 ** -torch.tensor(exponents)


def learned(*sizes: int, deviation: float = 0.02) -> nn.Parameter:
    """A parameter that begins as normal noise, cut off at 3 deviations.

    Not `torch.randn` or `normal_`: a checkpoint's sizes are checked on the device "meta", where these two load a second's
    and 77 MB's worth of PyTorch's compiler.
    """
    cut = 3 * deviation
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(sizes), std=deviation, a=-cut, b=cut))


def alibi_bias(heads: int, frames: int, period: int = 1) -> Float[Tensor, "heads frames frames"]:
    """Additive attention bias `-slope * floor(|i-j| / period)`, symmetric in time.

    FLINT uses period 1, EMOTE's decoder period 30 (Press et al. 2022; FaceFormer's "future" variant).
    """
    steps = torch.arange(frames)
    distance = torch.div((steps[:, None] - steps[None, :]).abs(), period, rounding_mode="floor")
    return -alibi_slopes(heads)[:, None, None] * distance


def distance_bias(
    heads: int, query_at: Float[Tensor, "queries"], key_at: Float[Tensor, "keys"]
) -> Float[Tensor, "heads queries keys"]:
    """Additive attention bias `-slope * |t_i - t_j|` between tokens at any times (ALiBi off the grid)."""
    slopes = alibi_slopes(heads).to(query_at.device)
    return -slopes[:, None, None] * (query_at[:, None] - key_at[None, :]).abs()


_QUERY_BLOCK = 128


def attend(
    query: Float[Tensor, "batch queries d"],
    key: Float[Tensor, "batch keys d"],
    value: Float[Tensor, "batch keys d"],
    heads: int,
    bias: Float[Tensor, "heads queries keys"] | None = None,
) -> Float[Tensor, "batch queries d"]:
    """Multi-head attention of projected tokens; `bias` is added to the scaled scores."""
    if bias is None:
        query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))
        return nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    return attend_written_out(query, key, value, heads, bias)


def attend_written_out(
    query: Float[Tensor, "batch queries d"],
    key: Float[Tensor, "batch keys d"],
    value: Float[Tensor, "batch keys d"],
    heads: int,
    bias: Float[Tensor, "heads queries keys"] | None = None,
) -> Float[Tensor, "batch queries d"]:
    """The same by its definition: softmax(q k / sqrt(d) + bias) v; what `attend` does with a bias, and its twin without."""
    query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    query, key = query * query.shape[-1] ** -0.5, key.transpose(-1, -2)
    parts = []
    for start in range(0, query.shape[2], _QUERY_BLOCK):  # in blocks, so that scores stay in the processor's cache
        block = slice(start, start + _QUERY_BLOCK)
        scores = query[:, :, block] @ key
        parts.append((scores if bias is None else scores + bias[:, block]).softmax(dim=-1) @ value)
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)).transpose(1, 2).flatten(2)


def outside_past(frames: int, past: int) -> Bool[Tensor, "frames frames"]:
    """Which frames j a frame i may not attend to: those after it and those more than `past` before it."""
    steps = torch.arange(frames)
    distance = steps[:, None] - steps[None, :]
    return (distance < 0) | (distance > past)


class EncoderLayer(nn.Module):
    """Post-norm transformer encoder layer with explicit attention (same weights as `nn.TransformerEncoderLayer`)."""

    def __init__(
        self,
        d: int,
        heads: int,
        feedforward_d: int,
        dropout: float = 0.0,
        activation: Literal["gelu", "relu"] = "gelu",
    ) -> None:
        super().__init__()
        self.heads = heads
        self.activation = nn.functional.gelu if activation == "gelu" else nn.functional.relu
        self.in_proj = nn.Linear(d, 3 * d)
        self.out_proj = nn.Linear(d, d)
        self.linear1 = nn.Linear(d, feedforward_d)
        self.linear2 = nn.Linear(feedforward_d, d)
        self.norm1 = nn.LayerNorm(d)
        self.norm2 = nn.LayerNorm(d)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch frames d"], bias: Float[Tensor, "heads frames frames"] | None = None
    ) -> Float[Tensor, "batch frames d"]:
        """Attend over all frames with the additive bias."""
        query, key, value = self.in_proj(x).chunk(3, dim=-1)
        attended = attend(query, key, value, self.heads, bias)
        return self.settle(x, attended)

    def settle(
        self, x: Float[Tensor, "batch frames d"], attended: Float[Tensor, "batch frames d"]
    ) -> Float[Tensor, "batch frames d"]:
        """What follows the attention: the residual, the feed-forward network and the norms."""
        x = self.norm1(x + self.dropout(self.out_proj(attended)))
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.norm2(x + self.dropout(self.linear2(hidden)))


class DecoderLayer(EncoderLayer):
    """Post-norm transformer decoder layer: attention to itself, then to a memory, then the feed-forward network."""

    def __init__(self, d: int, heads: int, feedforward_d: int, dropout: float = 0.0) -> None:
        super().__init__(d, heads, feedforward_d, dropout)
        self.cross_query = nn.Linear(d, d)
        self.cross_memory = nn.Linear(d, 2 * d)
        self.cross_out = nn.Linear(d, d)
        self.norm3 = nn.LayerNorm(d)

    def forward(
        self,
        x: Float[Tensor, "batch frames d"],
        bias: Float[Tensor, "heads frames frames"] | None = None,
        memory: Float[Tensor, "batch keys d"] | None = None,
        memory_bias: Float[Tensor, "heads frames keys"] | None = None,
    ) -> Float[Tensor, "batch frames d"]:
        """Attend over the frames and over the memory."""
        assert memory is not None, "a decoder layer attends to a memory"
        query, key, value = self.in_proj(x).chunk(3, dim=-1)
        attended = attend(query, key, value, self.heads, bias)
        x = self.norm1(x + self.dropout(self.out_proj(attended)))
        key, value = self.cross_memory(memory).chunk(2, dim=-1)
        attended = attend(self.cross_query(x), key, value, self.heads, memory_bias)
        x = self.norm2(x + self.dropout(self.cross_out(attended)))
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.norm3(x + self.dropout(self.linear2(hidden)))


class SkipTransformer(nn.Module):
    """A U of layers: the output of each layer before the middle joins the input of its counterpart behind it.

    Chen et al., "Executing your commands via motion diffusion in latent space" (MLD), CVPR 2023; after Bao et al., U-ViT.
    """

    def __init__(self, layer: Callable[[], nn.Module], d: int, layers: int) -> None:
        super().__init__()
        assert layers % 2 == 1, "a skip transformer has a middle layer"
        half = layers // 2
        self.input_blocks = nn.ModuleList(layer() for _ in range(half))
        self.middle_block = layer()
        self.output_blocks = nn.ModuleList(layer() for _ in range(half))
        self.joins = nn.ModuleList(nn.Linear(2 * d, d) for _ in range(half))
        self.norm = nn.LayerNorm(d)

    def forward(self, x: Float[Tensor, "batch frames d"], *context: Tensor | None) -> Float[Tensor, "batch frames d"]:
        """Run the U; `context` (biases, memory) goes to each layer."""
        skipped = []
        for block in self.input_blocks:
            x = block(x, *context)
            skipped.append(x)
        x = self.middle_block(x, *context)
        for join, block in zip(self.joins, self.output_blocks, strict=True):
            x = block(join(torch.cat([x, skipped.pop()], dim=-1)), *context)
        return self.norm(x)


class AlibiEncoder(nn.Module):
    """A stack of `EncoderLayer` under one ALiBi bias; with `past`, each frame attends to itself and so many before it."""

    def __init__(
        self, d: int, heads: int, feedforward_d: int, layers: int, period: int, past: int | None = None
    ) -> None:
        super().__init__()
        self.heads, self.period, self.past = heads, period, past
        self.layers = nn.ModuleList(EncoderLayer(d, heads, feedforward_d) for _ in range(layers))

    def forward(self, x: Float[Tensor, "batch frames d"]) -> Float[Tensor, "batch frames d"]:
        """Run all layers."""
        bias = alibi_bias(self.heads, x.shape[1], self.period).to(x)
        if self.past is not None:
            bias = bias.masked_fill(outside_past(x.shape[1], self.past).to(x.device), -torch.inf)
        for layer in self.layers:
            x = layer(x, bias)
        return x
