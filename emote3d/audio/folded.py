"""wav2vec2 for inference on a processor, near the speed of its matrix products: the twin of `ResampledWav2Vec` with weights laid out once.

Features lie as rows [frames, channels]. A strided convolution is then a matrix product on the rows as they are, nothing is
copied: the taps of one stride are one wide row. The first normalisation is folded into the first convolution once its
statistics over the whole recording are known, the weight norm into the positional one, and query, key and value are one product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.audio.wav2vec import ResampledWav2Vec

_STATISTICS_ROWS = 1_000_000
_OUTER_FEATURES, _INNER_ROWS, _INNER_LAYERS = 500, 512, 3
"""Features (50 a second) made at a time; in them, rows made at a time by the first layers, so that what lies between stays in the cache."""


@dataclass(frozen=True, kw_only=True)
class _Conv:
    """A strided convolution over rows."""

    kernel: int
    stride: int
    taps: tuple[Tensor, ...]
    """Weights [inputs, outputs] of `stride` taps each (the last of fewer), tap by tap."""
    bias: Float[Tensor, "outputs"] | None
    norm: tuple[Tensor, Tensor, float] | None
    """Weight, bias and epsilon of a layer norm over channels."""

    @classmethod
    def of(cls, layer: Any) -> _Conv:
        """Lay out a layer of `transformers`' feature encoder; a group norm is left to `folded`."""
        weight: Tensor = layer.conv.weight.detach()
        kernel, stride = weight.shape[2], layer.conv.stride[0]
        by_tap = weight.permute(2, 1, 0)  # tap, input, output
        norm = getattr(layer, "layer_norm", None)
        return cls(
            kernel=kernel,
            stride=stride,
            taps=tuple(by_tap[first : first + stride].flatten(0, 1).contiguous() for first in range(0, kernel, stride)),
            bias=None if layer.conv.bias is None else layer.conv.bias.detach(),
            norm=(norm.weight.detach(), norm.bias.detach(), norm.eps) if isinstance(norm, nn.LayerNorm) else None,
        )

    def folded(self, scale: Float[Tensor, "outputs"], shift: Float[Tensor, "outputs"]) -> _Conv:
        """The convolution followed by an affine map of each channel."""
        bias = shift if self.bias is None else self.bias * scale + shift
        taps = tuple(tap * scale for tap in self.taps)
        return _Conv(kernel=self.kernel, stride=self.stride, taps=taps, bias=bias, norm=self.norm)

    def rows_of(self, rows: int) -> int:
        """How many input rows so many output rows see."""
        return (rows - 1) * self.stride + self.kernel

    def __call__(self, x: Float[Tensor, "rows inputs"]) -> Float[Tensor, "outputs_rows outputs"]:
        """Convolve, normalise, GELU."""
        count, inputs = (len(x) - self.kernel) // self.stride + 1, x.shape[1]
        if inputs == 1:
            seen = x[:, 0].unfold(0, self.kernel, self.stride).contiguous()
            y = _product(seen, torch.cat(self.taps), self.bias)
        else:
            step = self.stride * inputs
            flat = x.view(-1)
            y = _product(flat.as_strided((count, len(self.taps[0])), (step, 1)), self.taps[0], self.bias)
            for index, tap in enumerate(self.taps[1:], start=1):
                y.addmm_(flat.as_strided((count, len(tap)), (step, 1), flat.storage_offset() + index * step), tap)
        if self.norm is not None:
            weight, bias, eps = self.norm
            y = nn.functional.layer_norm(y, (y.shape[1],), weight, bias, eps)
        return torch.ops.aten.gelu_(y)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x @ weight if bias is None else torch.addmm(bias, x, weight)


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """A transformer layer."""

    attention_norm: nn.LayerNorm
    feedforward_norm: nn.LayerNorm
    in_weight: Float[Tensor, "d three_d"]
    in_bias: Float[Tensor, "three_d"]
    out: nn.Linear
    up: nn.Linear
    down: nn.Linear

    @classmethod
    def of(cls, layer: Any) -> _Layer:
        """Take the weights of `transformers`' layer."""
        attention, feedforward = layer.attention, layer.feed_forward
        three = (attention.q_proj, attention.k_proj, attention.v_proj)
        return cls(
            attention_norm=layer.layer_norm,
            feedforward_norm=layer.final_layer_norm,
            in_weight=torch.cat([one.weight.detach() for one in three]).T.contiguous(),
            in_bias=torch.cat([one.bias.detach() for one in three]),
            out=attention.out_proj,
            up=feedforward.intermediate_dense,
            down=feedforward.output_dense,
        )

    def attend(self, x: Float[Tensor, "frames d"], heads: int) -> Float[Tensor, "frames d"]:
        """Attention of all frames to all; without a mask, PyTorch's own is safe."""
        three = torch.addmm(self.in_bias, x, self.in_weight).view(len(x), 3, heads, -1).permute(1, 2, 0, 3)
        query, key, value = three[:, None].unbind(0)
        return nn.functional.scaled_dot_product_attention(query, key, value)[0].transpose(0, 1).flatten(1)

    def __call__(self, x: Float[Tensor, "frames d"], heads: int, norm_first: bool) -> Float[Tensor, "frames d"]:
        """Run the layer."""
        if norm_first:
            x = x + self.out(self.attend(self.attention_norm(x), heads))
            return x + self.down(torch.ops.aten.gelu_(self.up(self.feedforward_norm(x))))
        x = self.attention_norm(self.out(self.attend(x, heads)).add_(x))
        return self.feedforward_norm(self.down(torch.ops.aten.gelu_(self.up(x))).add_(x))


class FoldedWav2Vec:
    """A wav2vec2 that is not trained any more; gives what `ResampledWav2Vec` gives, to rounding."""

    def __init__(self, audio: ResampledWav2Vec) -> None:
        """Lay out the weights; later changes of `audio` are not seen."""
        self.config = audio.config
        self._audio = audio
        model: Any = audio.model
        layers = list(model.feature_extractor.conv_layers)
        self._convs = [_Conv.of(layer) for layer in layers]
        self._first_norm = layers[0].layer_norm if audio.config.conv_norm == "group" else None
        self._position = model.encoder.pos_conv_embed.conv
        # as a picture of one row with channels last, the grouped convolution takes two thirds of the time
        self._position_weight = self._position.weight.detach()[:, :, None].contiguous(memory_format=torch.channels_last)
        self._norm: nn.LayerNorm = model.encoder.layer_norm
        self._layers = [_Layer.of(layer) for layer in model.encoder.layers]

    def convolve(self, waveform: Float[Tensor, "samples"]) -> Float[Tensor, "1 conv_d features"]:
        """Convolutional features of a recording of any length in bounded memory, as if made in one go."""
        config = self.config
        first = self._convs[0]
        if self._first_norm is not None:
            mean, variance = self._statistics(waveform)
            scale = self._first_norm.weight.detach() / torch.sqrt(variance + self._first_norm.eps)
            bias = 0.0 if first.bias is None else first.bias
            plain = _Conv(kernel=first.kernel, stride=first.stride, taps=first.taps, bias=None, norm=None)
            first = plain.folded(scale, self._first_norm.bias.detach() + (bias - mean) * scale)
        convs = [first, *self._convs[1:]]
        count = (len(waveform) - config.field) // config.stride + 1
        parts = []
        for start in range(0, count, _OUTER_FEATURES):
            rows = min(_OUTER_FEATURES, count - start)
            samples = waveform[start * config.stride : (start + rows - 1) * config.stride + config.field]
            parts.append(_run(convs, samples[:, None]))
        return torch.cat(parts).T[None]

    def encode(self, resampled_features: Float[Tensor, "1 frames conv_d"]) -> Float[Tensor, "1 frames d"]:
        """The transformer on resampled convolutional features."""
        model: Any = self._audio.model
        x = model.feature_projection(resampled_features)[0]
        position = self._position
        placed = nn.functional.conv2d(
            x[:, None].permute(0, 3, 1, 2),
            self._position_weight,
            position.bias,
            1,
            (0, *position.padding),
            1,
            position.groups,
        )
        x = x[0] + nn.functional.gelu(placed[0, :, 0, : x.shape[1]].T)
        if not self.config.norm_first:
            x = self._norm(x)
        for layer in self._layers:
            x = layer(x, self.config.heads, self.config.norm_first)
        return (self._norm(x) if self.config.norm_first else x)[None]

    def _statistics(self, waveform: Float[Tensor, "samples"]) -> tuple[Tensor, Tensor]:
        """Mean and variance over time of each channel of the first convolution, from those of the samples it sees.

        A channel is w . x with x the samples under the kernel, so its mean is w . E[x] and its variance w' Cov[x] w.
        """
        first = self._convs[0]
        seen = waveform.unfold(0, first.kernel, first.stride)
        total = torch.zeros(first.kernel, dtype=torch.float64)
        products = torch.zeros(first.kernel, first.kernel, dtype=torch.float64)
        for part in seen.split(_STATISTICS_ROWS):
            part = part.double()
            total, products = total + part.sum(dim=0), products + part.T @ part
        middle = total / len(seen)
        covariance = products / len(seen) - torch.outer(middle, middle)
        weight = torch.cat(first.taps).T.double()
        mean = weight @ middle + (0.0 if first.bias is None else first.bias.double())
        return mean.to(waveform), ((weight @ covariance) * weight).sum(dim=1).clamp_min(0).to(waveform)


def _run(convs: list[_Conv], x: Float[Tensor, "rows 1"]) -> Float[Tensor, "features conv_d"]:
    """All convolutions, the first ones in pieces."""
    inner, outer = convs[:_INNER_LAYERS], convs[_INNER_LAYERS:]
    rows = len(x)
    for conv in inner:
        rows = (rows - conv.kernel) // conv.stride + 1
    step = 1
    for conv in inner:
        step *= conv.stride
    made = x.new_empty(rows, inner[-1].taps[0].shape[1])
    for start in range(0, rows, _INNER_ROWS):
        size = seen = min(_INNER_ROWS, rows - start)
        for conv in reversed(inner):
            seen = conv.rows_of(seen)
        part = x[start * step : start * step + seen]
        for conv in inner:
            part = conv(part)
        made[start : start + size] = part
    for conv in outer:
        made = conv(made)
    return made
