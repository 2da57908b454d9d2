"""The live networks a few frames at a time: each piece keeps what it will still need, and gives what `forward` would give.

A piece takes rows as they come and returns those that are complete; before the beginning there are zeros, as `forward` pads.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.audio.encoder import CompactEncoder, ConvNeXtBlock, LogMel, scale_mel
from emote3d.audio.level import RunningLevel
from emote3d.decoders.regression import RegressionDecoder
from emote3d.layers import AlibiEncoder, EncoderLayer, attend
from emote3d.prior.flint import FlintDecoder


class MelStream:
    """Samples to log-mel frames, exactly those of `LogMel`; a frame needs half a window of samples after its centre."""

    def __init__(self, log_mel: LogMel) -> None:
        self.config, self.filters = log_mel.config, log_mel.filters
        self.window = torch.hann_window(self.config.window)
        self.power = self.window.square().sum()
        self.kept = torch.zeros(self.config.window // 2)

    def push(self, samples: Float[Tensor, "samples"]) -> Float[Tensor, "mel_frames mels"]:
        """Take samples; gives the frames that are complete."""
        config = self.config
        self.kept = torch.cat([self.kept, samples])
        count = max(0, (len(self.kept) - config.window) // config.hop + 1)
        if not count:
            return torch.zeros(0, config.mels)
        frames = self.kept.unfold(0, config.window, config.hop) * self.window
        power = torch.fft.rfft(frames, config.fft).abs().square() / self.power
        self.kept = self.kept[count * config.hop :].clone()
        return torch.log((power @ self.filters.T).clamp_min(1e-10))


class ConvStream:
    """A convolution over rows, `past` of them before the one it is about."""

    def __init__(self, conv: nn.Conv1d, past: int) -> None:
        self.conv, self.kernel, self.stride = conv, conv.kernel_size[0], conv.stride[0]
        self.kept = torch.zeros(past, conv.in_channels)

    def push(self, rows: Float[Tensor, "rows inputs"]) -> Float[Tensor, "outputs d"]:
        """Take rows; gives the outputs that are complete."""
        self.kept = torch.cat([self.kept, rows])
        count = (len(self.kept) - self.kernel) // self.stride + 1
        if count <= 0:
            return torch.zeros(0, self.conv.out_channels)
        seen = self.kept[: (count - 1) * self.stride + self.kernel]
        self.kept = self.kept[count * self.stride :]
        conv = self.conv
        return nn.functional.conv1d(seen.T[None], conv.weight, conv.bias, self.stride)[0].T


class BlockStream:
    """A ConvNeXt block with so many of its taps in the future."""

    def __init__(self, block: ConvNeXtBlock, future: int) -> None:
        self.block, self.future = block, future
        dilation = block.depthwise.dilation[0]
        self.before, self.after = block.past * dilation, future * dilation
        self.kept = torch.zeros(self.before, block.depthwise.in_channels)

    def push(self, rows: Float[Tensor, "rows d"]) -> Float[Tensor, "outputs d"]:
        """Take rows; gives the outputs that are complete."""
        self.kept = torch.cat([self.kept, rows])
        count = len(self.kept) - self.before - self.after
        if count <= 0:
            return rows[:0]
        centre = self.kept[self.before : self.before + count]
        out = self.block.mix(self.kept[None], centre[None], self.future)[0]
        self.kept = self.kept[count:]
        return out


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
    ) -> tuple[Float[Tensor, "features d"], Float[Tensor, "mel_frames"]]:
        """Take samples; gives the features that are complete, and log-mel means relative to the level."""
        mel = self.level.run(self.mel.push(samples)[None])[0]
        rows = self.stem.push(scale_mel(mel))
        for block in self.blocks:
            rows = block.push(rows)
        return self.norm(rows), mel.mean(dim=1)


def as_layer(module: nn.Module) -> EncoderLayer:
    """A layer of a stack by its type."""
    assert isinstance(module, EncoderLayer)
    return module


class AttentionStream:
    """A stack of attention layers that look at so many frames before: keys and values are kept."""

    def __init__(self, stack: AlibiEncoder) -> None:
        assert stack.past is not None, "attention without a bound cannot be streamed"
        self.layers, self.past = [as_layer(layer) for layer in stack.layers], stack.past
        nothing = torch.zeros(1, 0, self.layers[0].norm1.normalized_shape[0])
        self.kept = [(nothing, nothing)] * len(self.layers)
        slopes = 2.0 ** (-8.0 * torch.arange(1, stack.heads + 1) / stack.heads)
        steps = torch.div(torch.arange(self.past, -1, -1), stack.period, rounding_mode="floor")
        self.bias = -slopes[:, None, None] * steps

    def push(self, row: Float[Tensor, "1 d"]) -> Float[Tensor, "1 d"]:
        """Take the next frame; gives what it becomes."""
        x = row[None]
        for index, layer in enumerate(self.layers):
            query, key, value = layer.in_proj(x).chunk(3, dim=-1)
            seen_keys, seen_values = self.kept[index]
            keys = torch.cat([seen_keys, key], dim=1)[:, -self.past - 1 :]
            values = torch.cat([seen_values, value], dim=1)[:, -self.past - 1 :]
            self.kept[index] = keys, values
            x = layer.settle(x, attend(query, keys, values, layer.heads, self.bias[..., -keys.shape[1] :]))
        return x[0]


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
        conv, *self.rest = list(stage)
        assert isinstance(conv, nn.Conv1d)
        self.prior, self.attention = prior, AttentionStream(prior.transformer)
        self.first = ConvStream(conv, conv.kernel_size[0] - 1)
        self.smooth = ConvStream(prior.smooth, prior.smooth.kernel_size[0] - 1)

    def push(self, z: Float[Tensor, "1 d"]) -> Float[Tensor, "1 channels"]:
        """Decode the next frame."""
        x = self.first.push(z).T[None]
        for module in self.rest:
            x = module(x)
        x = self.attention.push(self.prior.embedding(x[0].T))
        return self.smooth.push(self.prior.post(x))
