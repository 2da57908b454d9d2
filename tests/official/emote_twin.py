"""Checkpoints of EMOTE and FLINT in the official layout with random weights at any size, and what the published network makes of them.

The network is written from the facts with PyTorch's own modules, apart from everything in the package.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Wav2Vec2Config, Wav2Vec2Model


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What may differ between checkpoints."""

    expression: int = 20
    subjects: int = 32
    intensities: int = 3
    flint_d: int = 128
    flint_heads: int = 8
    flint_stages: int = 3
    flint_layers: int = 1
    content_d: int = 128
    style_d: int = 128
    heads: int = 8
    layers: int = 1
    feedforward_d: int = 256
    period: int = 30
    wav2vec_d: int = 32
    wav2vec_heads: int = 4
    wav2vec_layers: int = 2
    wav2vec_large: bool = False
    """As wav2vec2-large-lv60: all convolutions normalised and with a bias, layer norms first."""


class Conv(nn.Sequential):
    """Convolution, leaky ReLU, batch norm in its running statistics."""

    def __init__(self, conv: nn.Module, d: int) -> None:
        super().__init__(conv, nn.LeakyReLU(0.2), nn.BatchNorm1d(d))


def _layers(d: int, heads: int, feedforward_d: int, count: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(d, heads, feedforward_d, dropout=0.0, activation="gelu", batch_first=True)
    return nn.TransformerEncoder(layer, count, enable_nested_tensor=False)


def _slopes(heads: int) -> list[float]:
    """As the authors of ALiBi publish them."""
    whole = 2 ** math.floor(math.log2(heads))
    start = 2.0 ** -(2.0 ** -(math.log2(whole) - 3))
    slopes = [start ** (head + 1) for head in range(whole)]
    return slopes if whole == heads else slopes + _slopes(2 * whole)[::2][: heads - whole]


def _bias(frames: int, heads: int, period: int) -> Tensor:
    """Distances in periods, times minus a slope for each head."""
    index = torch.arange(frames)
    return -torch.tensor(_slopes(heads))[:, None, None] * ((index[:, None] - index).abs() // period)


class FlintTwin(nn.Module):
    """FLINT's decoder."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        d = sizes.flint_d
        self.sizes = sizes
        first = Conv(nn.ConvTranspose1d(d, d, 5, stride=2, padding=2, output_padding=1), d)
        later = [
            Conv(nn.Conv1d(d, d, 5, padding=2, padding_mode="replicate"), d) for _ in range(sizes.flint_stages - 1)
        ]
        self.expander = nn.ModuleList([first, *later])
        self.decoder_linear_embedding = nn.Linear(d, d)
        self.decoder_transformer = _layers(d, sizes.flint_heads, 3 * d, sizes.flint_layers)
        self.post_transformer_linear = nn.Linear(d, d)
        self.cross_smooth_layer = nn.Conv1d(d, sizes.expression + 3, 5, padding=2)

    def forward(self, z: Tensor) -> Tensor:
        """Latents to motion."""
        x = z.mT
        for index, stage in enumerate(self.expander):
            x = stage(x)
            x = x.repeat_interleave(2, dim=2) if index else x
        x = self.decoder_linear_embedding(x.mT)
        x = self.decoder_transformer(x, mask=_bias(x.shape[1], self.sizes.flint_heads, 1))
        return self.cross_smooth_layer(self.post_transformer_linear(x).mT).mT


class EmoteTwin(nn.Module):
    """EMOTE, with the names of the published state_dict; gradients stay on, so that PyTorch takes no short cut."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        large = sizes.wav2vec_large
        self.wav2vec = Wav2Vec2Config(
            conv_dim=(8,) * 7, hidden_size=sizes.wav2vec_d, num_attention_heads=sizes.wav2vec_heads,
            num_hidden_layers=sizes.wav2vec_layers, intermediate_size=48, num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4, conv_bias=large, do_stable_layer_norm=large,
            feat_extract_norm="layer" if large else "group",
        )  # fmt: skip
        group = 2**sizes.flint_stages
        parts: dict[str, Any] = {
            "audio_model": nn.ModuleDict({"model": Wav2Vec2Model(self.wav2vec)}),
            "sequence_encoder": nn.ModuleDict({"linear": nn.Linear(sizes.wav2vec_d, sizes.content_d)}),
        }
        d = sizes.content_d + sizes.style_d
        condition_d = 8 + sizes.intensities + sizes.subjects
        parts["sequence_decoder"] = nn.ModuleDict({
            "obj_vector": nn.ModuleDict({"map": nn.Linear(condition_d, sizes.style_d)}),
            "bert_decoder": _layers(d, sizes.heads, sizes.feedforward_d, sizes.layers),
            "decoder": nn.Linear(d, sizes.flint_d),
            "squasher_2": nn.ModuleDict({"linear": nn.Linear(group * sizes.flint_d, sizes.flint_d)}),
            "motion_prior": nn.ModuleDict({"motion_decoder": FlintTwin(sizes)}),
        })  # fmt: skip
        self.parts = nn.ModuleDict(parts)

    def forward(self, waveform: np.ndarray, condition: Tensor) -> Tensor:
        """Samples in [-1, 1] and conditions (of one row, or one for each frame) to expression and jaw."""
        wav2vec, decoder = self.parts["audio_model"]["model"], self.parts["sequence_decoder"]
        frames = len(waveform) // 640
        samples = (waveform[: 640 * frames] * 32768).astype(np.int16).astype(np.float64)
        x = torch.from_numpy((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)).float()[None]
        x = F.interpolate(wav2vec.feature_extractor(x), size=frames, mode="linear", align_corners=True)
        x = wav2vec.encoder(wav2vec.feature_projection(x.mT)[0]).last_hidden_state
        x = self.parts["sequence_encoder"]["linear"](x)
        style = decoder["obj_vector"]["map"](condition).expand(1, frames, -1)
        x = torch.cat([x, style], dim=2)
        x = decoder["bert_decoder"](x, mask=_bias(frames, self.sizes.heads, self.sizes.period))
        x = decoder["decoder"](x)
        group = 2**self.sizes.flint_stages
        x = F.pad(x, (0, 0, 0, -frames % group)).unflatten(1, (-1, group)).flatten(2)
        return decoder["motion_prior"]["motion_decoder"](decoder["squasher_2"]["linear"](x))[0, :frames].detach()


def make_twin(sizes: Sizes, seed: int) -> EmoteTwin:
    """A twin with random weights and running statistics."""
    torch.manual_seed(seed)
    twin = EmoteTwin(sizes).eval()
    for name, value in [*twin.named_parameters(), *twin.named_buffers()]:
        if name.endswith("running_var"):
            value.data.uniform_(0.5, 1.5)
        elif value.is_floating_point() and not name.startswith("parts.audio_model"):
            value.data.normal_(0, 1 / np.sqrt(value[0].numel()) if value.ndim > 1 else 0.2)
    return twin


def write_twin(twin: EmoteTwin, folder: Path) -> Path:
    """The model's folder as inferno leaves it, of its second stage, beside those of its FLINT and its wav2vec2."""
    sizes = twin.sizes
    model, flint = folder / "TalkingHead" / "EMOTE", folder / "TalkingHead" / "FLINT"
    for place in (model / "checkpoints", flint, folder / "wav2vec2"):
        place.mkdir(parents=True)
    twin.wav2vec.save_pretrained(folder / "wav2vec2")
    state = {name.removeprefix("parts."): value for name, value in twin.state_dict().items()}
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, name in old.items():
        state = {key.replace(new, name): value for key, value in state.items()}
    state |= {
        "renderer.fixed_cams": torch.zeros(1, 3),
        "renderer.render.faces": torch.zeros(1, 9976, 3, dtype=torch.int64),
        "renderer.shape_model.v_template": torch.zeros(1, 5023, 3),
    }
    torch.save({"state_dict": state, "epoch": 3, "global_step": 12}, model / "checkpoints" / "last.ckpt")
    style = {"n_intensities": sizes.intensities, "n_identities": sizes.subjects, "n_expression": 8}
    decoder = {
        "type": "BertPriorDecoder", "nhead": sizes.heads, "period": sizes.period, "post_bug_fix": True,
        "style_embedding": style, "motion_prior": {"path": "/another/machine/FLINT"},
    }  # fmt: skip
    audio = {"model_specifier": "/another/machine/wav2vec2"}
    (model / "cfg.yaml").write_text(yaml.safe_dump({"model": {"audio": audio, "sequence_decoder": decoder}}))
    heads = {"nhead": sizes.flint_heads}
    (flint / "cfg.yaml").write_text(yaml.safe_dump({"model": {"sequence_decoder": heads}}))
    return model


class Bomb:
    """What a hostile pickle holds: it makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """What to call, on what."""
        return os.system, (f"touch {self.marker}",)
