"""EMOTE's audio encoder: wav2vec2 whose convolutional features are resampled to the motion frame rate (inferno `Wav2Vec2ModelResampled`).

The network is `transformers`' wav2vec2; the resampling stands between its convolutions and its transformer. This is the form that is
trained; `folded.py` has the quick one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.errors import Emote3DError


@dataclass(frozen=True, kw_only=True)
class Wav2VecConfig:
    """Sizes of a wav2vec2; the defaults are wav2vec2-base's."""

    conv_d: tuple[int, ...] = (512,) * 7
    conv_kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_norm: Literal["group", "layer"] = "group"
    """group: only the first convolution is normalised, over time; layer: all are, over channels."""
    conv_bias: bool = False
    d: int = 768
    layers: int = 12
    heads: int = 12
    feedforward_d: int = 3072
    norm_first: bool = False
    """Layer norms before attention and feed-forward (wav2vec2-large) instead of after."""
    norm_eps: float = 1e-5
    position_kernel: int = 128
    position_groups: int = 16
    sample_rate: int = 16000
    frame_rate: int = 25
    """Features per second after resampling."""

    @property
    def samples_per_frame(self) -> int:
        """Samples per motion frame."""
        return self.sample_rate // self.frame_rate

    @property
    def stride(self) -> int:
        """Samples between convolutional features."""
        return prod(self.conv_strides)

    @property
    def field(self) -> int:
        """Samples that one convolutional feature sees."""
        field = 1
        for kernel, stride in zip(reversed(self.conv_kernels), reversed(self.conv_strides), strict=True):
            field = (field - 1) * stride + kernel
        return field

    def hf(self, **training: float) -> Any:
        """The same as `transformers`' config; `training` are its dropout rates."""
        from transformers import Wav2Vec2Config

        off = dict.fromkeys(
            ("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout", "layerdrop"), 0.0
        )
        dropout: dict[str, Any] = {**off, **training}
        return Wav2Vec2Config(
            conv_dim=self.conv_d,
            conv_kernel=self.conv_kernels,
            conv_stride=self.conv_strides,
            feat_extract_norm=self.conv_norm,
            conv_bias=self.conv_bias,
            hidden_size=self.d,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=self.feedforward_d,
            do_stable_layer_norm=self.norm_first,
            layer_norm_eps=self.norm_eps,
            num_conv_pos_embeddings=self.position_kernel,
            num_conv_pos_embedding_groups=self.position_groups,
            mask_time_prob=0.0,
            mask_feature_prob=0.0,
            **dropout,
        )

    @classmethod
    def from_hf(cls, config: Any) -> Wav2VecConfig:
        """Our config of `transformers`' one."""
        return cls(
            conv_d=tuple(config.conv_dim),
            conv_kernels=tuple(config.conv_kernel),
            conv_strides=tuple(config.conv_stride),
            conv_norm=config.feat_extract_norm,
            conv_bias=config.conv_bias,
            d=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            feedforward_d=config.intermediate_size,
            norm_first=config.do_stable_layer_norm,
            norm_eps=config.layer_norm_eps,
            position_kernel=config.num_conv_pos_embeddings,
            position_groups=config.num_conv_pos_embedding_groups,
        )


class ResampledWav2Vec(nn.Module):
    """Normalised waveform to features at the motion frame rate."""

    def __init__(self, config: Wav2VecConfig, **training: float) -> None:
        from transformers import Wav2Vec2Model

        super().__init__()
        self.config = config
        self.model = Wav2Vec2Model(config.hf(**training))

    @classmethod
    def from_transformers(cls, source: str | Path, **training: float) -> ResampledWav2Vec:
        """Take the weights of a local folder or a hub id, e.g. facebook/wav2vec2-base-960h, for training.

        Raises:
            Emote3DError: it is not there, or is no wav2vec2.
        """
        from transformers import Wav2Vec2Config, Wav2Vec2Model

        try:
            theirs = Wav2Vec2Config.from_pretrained(str(source))
            config = Wav2VecConfig.from_hf(theirs)
            model = Wav2Vec2Model.from_pretrained(str(source), config=config.hf(**training))
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise Emote3DError(
                f"cannot load wav2vec2 from {source}: expected a folder or hub id in transformers' layout ({reason})"
            ) from error
        encoder = cls(config, **training)
        encoder.model = model
        return encoder

    def forward(self, waveform: Float[Tensor, "batch samples"], frames: int) -> Float[Tensor, "batch frames d"]:
        """Encode a waveform that `normalised` made; all of it is seen at once."""
        return self.encode(resampled(self.model.feature_extractor(waveform), frames))

    def encode(self, resampled_features: Float[Tensor, "batch frames conv_d"]) -> Float[Tensor, "batch frames d"]:
        """The transformer on resampled convolutional features."""
        hidden, _ = self.model.feature_projection(resampled_features)
        return self.model.encoder(hidden).last_hidden_state


def resampled(features: Float[Tensor, "batch conv_d features"], frames: int) -> Float[Tensor, "batch frames conv_d"]:
    """Linear interpolation to a number of frames, first on first and last on last."""
    return nn.functional.interpolate(features, size=frames, mode="linear", align_corners=True).transpose(1, 2)


def normalised(waveform: Float[Tensor, "samples"]) -> Float[Tensor, "samples"]:
    """Zero mean and unit variance over a whole recording, as `transformers`' processor does with 16-bit samples."""
    samples = (waveform.double() * 32768).trunc().clamp(-32768, 32767)
    return ((samples - samples.mean()) / torch.sqrt(samples.var(correction=0) + 1e-7)).to(waveform)


def framed(waveform: Float[Tensor, "samples"], samples_per_frame: int, demo_compat: bool) -> tuple[Tensor, int]:
    """Cut a recording to whole motion frames (one at least); gives it with the number of frames.

    Args:
        demo_compat: repeat what EMOTE's demo does to its audio: a zero after every frame, and a silent frame at the end.
    """
    frames = max(1, len(waveform) // samples_per_frame)
    cut = waveform[: frames * samples_per_frame]
    cut = nn.functional.pad(cut, (0, frames * samples_per_frame - len(cut)))
    if not demo_compat:
        return cut, frames
    return nn.functional.pad(cut.view(frames, samples_per_frame), (0, 1, 0, 1)).flatten(), frames + 1
