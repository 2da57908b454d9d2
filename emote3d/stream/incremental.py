"""The live networks a few frames at a time: each piece keeps what it will still need, and gives what `forward` would give.

A piece takes rows as they come and returns those that are complete; before the beginning there are zeros, as `forward` pads.
A frame is so little work that calling modules would cost more than the arithmetic: pieces hold the weights as the one operation wants them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, leaky_relu, linear

from emote3d.audio.encoder import CompactEncoder, ConvNeXtBlock, LogMel, scale_mel
from emote3d.audio.level import RunningLevel
from emote3d.decoders.regression import RegressionDecoder
from emote3d.layers import AlibiEncoder, EncoderLayer
from emote3d.prior.flint import FlintDecoder


class MelStream:
    """Samples to log-mel frames, exactly those of `LogMel`; a frame needs half a window of samples after its centre."""

    def __init__(self, log_mel: LogMel) -> None:
        self.config = log_mel.config
        self.window = torch.hann_window(self.config.window)
        self.filters = (log_mel.filters / self.window.square().sum()).T.contiguous()
        self.kept = torch.zeros(self.config.window // 2)

    def push(self, samples: Float[Tensor, "samples"]) -> Float[Tensor, "mel_frames mels"]:
        """Take samples; gives the frames that are complete."""
        config = self.config
        self.kept = torch.cat([self.kept, samples])
        count = max(0, (self.kept.shape[0] - config.window) // config.hop + 1)
        if not count:
            return torch.zeros(0, config.mels)
        frames = self.kept.unfold(0, config.window, config.hop) * self.window
        power = torch.fft.rfft(frames, config.fft).abs().square_()
        self.kept = self.kept[count * config.hop :].clone()
        return (power @ self.filters).clamp_min_(1e-10).log_()


class ConvStream:
    """A convolution over rows, `past` of them before the one it is about: one matrix times the rows under the kernel."""

    def __init__(self, conv: nn.Conv1d, past: int) -> None:
        self.kernel, self.stride, self.inputs = conv.kernel_size[0], conv.stride[0], conv.in_channels
        self.weight, self.bias = conv.weight.transpose(1, 2).flatten(1).contiguous(), conv.bias
        self.kept = torch.zeros(past, conv.in_channels)

    def push(self, rows: Float[Tensor, "rows inputs"]) -> Float[Tensor, "outputs d"]:
        """Take rows; gives the outputs that are complete."""
        kept = torch.cat([self.kept, rows])
        count = max(0, (kept.shape[0] - self.kernel) // self.stride + 1)
        under = kept.as_strided((count, self.kernel * self.inputs), (self.stride * self.inputs, 1))
        self.kept = kept[count * self.stride :]
        return linear(under, self.weight, self.bias)


class BlockStream:
    """A ConvNeXt block with so many of its taps in the future."""

    def __init__(self, block: ConvNeXtBlock, future: int) -> None:
        conv, norm = block.depthwise, block.norm
        self.dilation, self.taps, self.d = conv.dilation[0], block.past + 1 + future, conv.in_channels
        self.before, self.after = block.past * self.dilation, future * self.dilation
        assert conv.bias is not None
        self.weight, self.bias = conv.weight[:, 0, : self.taps].T.contiguous(), conv.bias
        self.norm = (norm.normalized_shape, norm.weight, norm.bias, norm.eps)
        self.expand, self.contract = (
            (block.expand.weight, block.expand.bias),
            (block.contract.weight, block.contract.bias),
        )
        self.kept = torch.zeros(self.before, self.d)

    def push(self, rows: Float[Tensor, "rows d"]) -> Float[Tensor, "outputs d"]:
        """Take rows; gives the outputs that are complete."""
        kept = torch.cat([self.kept, rows])
        count = kept.shape[0] - self.before - self.after
        if count <= 0:
            self.kept = kept
            return rows[:0]
        d = self.d
        under = kept.as_strided((count, self.taps, d), (d, self.dilation * d, 1))
        mixed = layer_norm((under * self.weight).sum(dim=1).add_(self.bias), *self.norm)
        self.kept = kept[count:]
        return kept[self.before : self.before + count] + linear(gelu(linear(mixed, *self.expand)), *self.contract)


class EncoderStream:
    """Samples to features and the loudness of each mel frame, under a running level."""

    def __init__(self, encoder: CompactEncoder, look_ahead: int) -> None:
        config = encoder.config
        self.mel, self.level, self.norm = MelStream(encoder.log_mel), RunningLevel(), encoder.norm
        self.stem = ConvStream(encoder.stem, encoder.stem.kernel_size[0] - 1 - config.stem_future())
        taps = config.future_taps(look_ahead)
        blocks = [block for block in encoder.blocks if isinstance(block, ConvNeXtBlock)]
        self.blocks = [BlockStream(block, future) for block, future in zip(blocks, taps, strict=True)]

    def push(
        self, samples: Float[Tensor, "samples"]
    ) -> tuple[Float[Tensor, "features d"], Float[Tensor, "mel_frames"], Float[Tensor, "mel_frames mels"]]:
        """Take samples; gives the features that are complete, log-mel means relative to the level, and log-mel as it is."""
        heard = self.mel.push(samples)
        mel = self.level.run(heard[None])[0]
        rows = self.stem.push(scale_mel(mel))
        for block in self.blocks:
            rows = block.push(rows)
        return self.norm(rows), mel.mean(dim=1), heard


class AttentionStream:
    """A stack of attention layers that look at so many frames before: keys and values are kept, in a ring."""

    def __init__(self, stack: AlibiEncoder) -> None:
        assert stack.past is not None, "attention without a bound cannot be streamed"
        self.size, self.taken = stack.past + 1, 0
        self.layers = [_LayerStream(layer, self.size) for layer in stack.layers if isinstance(layer, EncoderLayer)]
        assert len(self.layers) == len(stack.layers)
        slopes = 2.0 ** (-8.0 * torch.arange(1, stack.heads + 1) / stack.heads)
        behind = torch.arange(2 * self.size - 1, 0, -1) % self.size
        steps = torch.div(behind, stack.period, rounding_mode="floor")
        self.bias = -slopes[:, None, None] * steps
        """Of a slot by where it lies from the newest: first those before it, then those after it, which are older."""
        self.unfilled = self.bias.clone()
        self.unfilled[..., self.size :] = -torch.inf

    def push(self, row: Float[Tensor, "1 d"]) -> Float[Tensor, "1 d"]:
        """Take the next frame; gives what it becomes."""
        slot = self.taken % self.size
        table = self.bias if self.taken >= self.size else self.unfilled
        bias = table.narrow(2, self.size - 1 - slot, self.size)
        self.taken += 1
        for layer in self.layers:
            row = layer.push(row, slot, bias)
        return row


class _LayerStream:
    """One layer of the stack."""

    def __init__(self, layer: EncoderLayer, size: int) -> None:
        d, self.heads = layer.norm1.normalized_shape[0], layer.heads
        self.in_proj, self.out_proj = (
            (layer.in_proj.weight, layer.in_proj.bias),
            (layer.out_proj.weight, layer.out_proj.bias),
        )
        self.expand, self.contract = (
            (layer.linear1.weight, layer.linear1.bias),
            (layer.linear2.weight, layer.linear2.bias),
        )
        self.norms = [((d,), norm.weight, norm.bias, norm.eps) for norm in (layer.norm1, layer.norm2)]
        self.activation, self.scale = layer.activation, (d // layer.heads) ** -0.5
        self.keys, self.values = torch.zeros(2, layer.heads, size, d // layer.heads)

    def push(self, x: Float[Tensor, "1 d"], slot: int, bias: Float[Tensor, "heads 1 size"]) -> Float[Tensor, "1 d"]:
        """Attend to what is in the ring and to itself."""
        query, key, value = linear(x, *self.in_proj).view(3, self.heads, 1, -1)
        self.keys.narrow(1, slot, 1).copy_(key)
        self.values.narrow(1, slot, 1).copy_(value)
        scores = torch.baddbmm(bias, query, self.keys.transpose(1, 2), alpha=self.scale)
        attended = torch.bmm(scores.softmax(dim=-1), self.values).view(1, -1)
        x = layer_norm(x + linear(attended, *self.out_proj), *self.norms[0])
        hidden = self.activation(linear(x, *self.expand))
        return layer_norm(x + linear(hidden, *self.contract), *self.norms[1])


class DecoderStream:
    """Content and condition of a frame to its latent."""

    def __init__(self, decoder: RegressionDecoder) -> None:
        assert decoder.config.frames_per_latent == 1, "one latent a frame"
        self.decoder, self.attention = decoder, AttentionStream(decoder.transformer)

    def push(
        self, content: Float[Tensor, "1 content_d"], condition: Float[Tensor, "1 condition_d"]
    ) -> Float[Tensor, "1 latent_d"]:
        """Decode the next frame."""
        decoder = self.decoder
        x = self.attention.push(torch.cat([content, decoder.style(condition)], dim=-1))
        return decoder.squasher(decoder.bottleneck(x))


class PriorStream:
    """A latent to the motion of its frame."""

    def __init__(self, prior: FlintDecoder) -> None:
        stage = prior.expander[0]
        assert len(prior.expander) == 1 and isinstance(stage, nn.Sequential), "one latent a frame"
        conv, rectifier, norm = stage
        assert isinstance(conv, nn.Conv1d) and isinstance(rectifier, nn.LeakyReLU) and isinstance(norm, nn.BatchNorm1d)
        assert norm.running_mean is not None and norm.running_var is not None
        self.slope = rectifier.negative_slope
        self.gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        self.shift = norm.bias - norm.running_mean * self.gain
        self.prior, self.attention = prior, AttentionStream(prior.transformer)
        self.first = ConvStream(conv, conv.kernel_size[0] - 1)
        self.smooth = ConvStream(prior.smooth, prior.smooth.kernel_size[0] - 1)

    def push(self, z: Float[Tensor, "1 d"]) -> Float[Tensor, "1 channels"]:
        """Decode the next frame."""
        x = torch.addcmul(self.shift, leaky_relu(self.first.push(z), self.slope), self.gain)
        x = self.attention.push(self.prior.embedding(x))
        return self.smooth.push(self.prior.post(x))
