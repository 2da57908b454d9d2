"""The published perceptual networks of EMOTE's second stage, which look at pictures; their weights are the user's own.

The lip reader is the visual front end of Ma et al. 2022 (Visual Speech Recognition for Multiple Languages), whose features before
the conformer SPECTRE and EMOTE compare. The emotion network is EMOTE's: features of a face by a ResNet-50 (EMOCA's, trained on
AffectNet), and the first token of one transformer layer over them. `official/perceivers.py` reads their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from emote3d.layers import EncoderLayer
from emote3d.perception.interfaces import Sight

_LIP_PIXELS, _LIP_MEAN, _LIP_DEVIATION = 88, 0.421, 0.165
_EXPANSION = 4
"""Widening at the end of a bottleneck block."""
_CHUNK = 64
"""Pictures that the emotion network looks at together."""


@dataclass(frozen=True, kw_only=True)
class PictureLipConfig:
    """Sizes of the lip reader; the published ones are the defaults."""

    width: int = 64
    """Channels of the first convolution; the last ones have eight times as many."""
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    """In each of the stages."""


@dataclass(frozen=True, kw_only=True)
class PictureEmotionConfig:
    """Sizes of the emotion network; the published ones are the defaults."""

    width: int = 64
    """Channels of the first convolution; the last ones have 32 times as many."""
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    """In each of the stages."""
    d: int = 256
    """Width of the transformer."""
    heads: int = 8
    feedforward_d: int = 256
    layers: int = 1
    activation: Literal["gelu", "relu"] = "gelu"


class _Block(nn.Module):
    """Convolutions without bias, normalised, around a residual."""

    def __init__(self, inputs: int, convs: Sequence[tuple[int, int, int]], activation: nn.Module) -> None:
        """`convs` are outputs, kernel and stride of each convolution."""
        super().__init__()
        self.activation, self.count, last, stride = activation, len(convs), inputs, 1
        for place, (outputs, kernel, step) in enumerate(convs, start=1):
            conv = nn.Conv2d(last, outputs, kernel, stride=step, padding=kernel // 2, bias=False)
            self.add_module(f"conv{place}", conv)
            self.add_module(f"bn{place}", nn.BatchNorm2d(outputs))
            last, stride = outputs, stride * step
        self.downsample = None
        if stride != 1 or inputs != last:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, last, 1, stride=stride, bias=False), nn.BatchNorm2d(last))

    def forward(self, x: Float[Tensor, "pictures inputs rows columns"]) -> Tensor:
        """Convolve and add."""
        y = x
        for place in range(1, self.count + 1):
            y = self.get_submodule(f"bn{place}")(self.get_submodule(f"conv{place}")(y))
            y = self.activation(y) if place < self.count else y
        return self.activation(y + (x if self.downsample is None else self.downsample(x)))


class _Trunk(nn.Module):
    """The four stages of a ResNet, and the mean over what they leave of the picture."""

    def __init__(self, width: int, blocks: Sequence[int], kind: Literal["basic", "bottleneck"]) -> None:
        super().__init__()
        activation: nn.Module = nn.SiLU() if kind == "basic" else nn.ReLU()
        inputs = width
        for stage, count in enumerate(blocks):
            d, stack = width * 2**stage, []
            for place in range(count):
                stride = 2 if stage and not place else 1
                narrow = [(d, 1, stride), (d, 3, 1), (_EXPANSION * d, 1, 1)]
                convs = narrow if kind == "bottleneck" else [(d, 3, stride), (d, 3, 1)]
                stack.append(_Block(inputs, convs, activation))
                inputs = convs[-1][0]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*stack))
        self.stages, self.d = len(blocks), inputs

    def forward(self, x: Float[Tensor, "pictures width rows columns"]) -> Float[Tensor, "pictures d"]:
        """Features of each picture."""
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.mean(dim=(2, 3))


class PictureLipReader(nn.Module):
    """Features of each frame from grey pictures of the mouth."""

    sight: Sight = "mouth"

    def __init__(self, config: PictureLipConfig) -> None:
        super().__init__()
        self.config = config
        conv = nn.Conv3d(1, config.width, (5, 7, 7), stride=(1, 2, 2), padding=(2, 3, 3), bias=False)
        pool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.frontend3D = nn.Sequential(conv, nn.BatchNorm3d(config.width), nn.SiLU(), pool)
        self.trunk = _Trunk(config.width, config.blocks, "basic")

    def read(self, seen: Float[Tensor, "batch frames rows columns"]) -> Float[Tensor, "batch frames d"]:
        """Features of each frame, of the middle 88 x 88 pixels."""
        top, left = ((side - _LIP_PIXELS) // 2 for side in seen.shape[2:])
        middle = seen[:, :, top : top + _LIP_PIXELS, left : left + _LIP_PIXELS]
        x = self.frontend3D(((middle - _LIP_MEAN) / _LIP_DEVIATION)[:, None])
        return self.trunk(x.transpose(1, 2).flatten(0, 1)).unflatten(0, seen.shape[:2])


class _Backbone(_Trunk):
    """The ResNet-50 of VGGFace2 as it came from Caffe: strides in the narrow convolution, pooling that rounds up."""

    def __init__(self, width: int, blocks: Sequence[int]) -> None:
        super().__init__(width, blocks, "bottleneck")
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)

    def forward(self, x: Float[Tensor, "pictures 3 rows columns"]) -> Float[Tensor, "pictures d"]:
        """Features of each picture."""
        x = nn.functional.relu(self.bn1(self.conv1(x)))
        return super().forward(nn.functional.max_pool2d(x, 3, stride=2, ceil_mode=True))


class PictureEmotionNet(nn.Module):
    """A feature of each sequence from grey pictures of the face, which stand for all three colours."""

    sight: Sight = "face"

    def __init__(self, config: PictureEmotionConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = _Backbone(config.width, config.blocks)
        self.bottleneck = nn.Linear(self.backbone.d, config.d)
        self.layers = nn.ModuleList(
            EncoderLayer(config.d, config.heads, config.feedforward_d, activation=config.activation)
            for _ in range(config.layers)
        )
        self.pooler = nn.Linear(config.d, config.d)

    def feel(
        self, seen: Float[Tensor, "batch frames rows columns"], valid: Bool[Tensor, "batch frames"]
    ) -> Float[Tensor, "batch d"]:
        """The pooled feature of the valid frames; as published, all but the first are seen in no order."""
        features = [self._sequence(pictures[shown]) for pictures, shown in zip(seen, valid, strict=True)]
        return torch.stack(features)

    def _sequence(self, pictures: Float[Tensor, "frames rows columns"]) -> Float[Tensor, "d"]:
        seen = [self.backbone(part[:, None].expand(-1, 3, -1, -1)) for part in pictures.split(_CHUNK)]
        x = self.bottleneck(torch.cat(seen))[None]
        for layer in self.layers:
            x = layer(x)
        return torch.tanh(self.pooler(x[0, 0]))
