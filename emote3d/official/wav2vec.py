"""The wav2vec2 inside an EMOTE checkpoint: its sizes from its tensors, its old names made new."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from torch import Tensor

from emote3d.audio.wav2vec import Wav2VecConfig
from emote3d.errors import Emote3DError
from emote3d.official.tensors import State, count, size

_HEAD_D = 64
"""Width of an attention head of every published wav2vec2."""


def wav2vec_state(state: State, name: str) -> State:
    """The positional convolution's weight norm under the names of today's PyTorch; both old and new files are read."""
    new = (("weight_g", "parametrizations.weight.original0"), ("weight_v", "parametrizations.weight.original1"))
    out: State = {}
    for key, value in state.items():
        for old, modern in new:
            key = key.replace(f"pos_conv_embed.conv.{old}", f"pos_conv_embed.conv.{modern}")
        out[key] = value
    size(out, "encoder.pos_conv_embed.conv.parametrizations.weight.original1", 2, name)
    return out


def wav2vec_config(state: Mapping[str, Tensor], file: Path, specifier: str, folder: Path | None) -> Wav2VecConfig:
    """Sizes from the tensors; the number of heads and the strides, which no tensor shows, from the wav2vec2's config.json.

    The folder is the one given, or the one that the checkpoint's cfg.yaml names, looked for beside the checkpoint. Without
    it a head is 64 wide and strides are those of wav2vec2-base, as in every published wav2vec2.

    Raises:
        Emote3DError: the config contradicts the tensors, or is needed and not there.
    """
    name = str(file)
    layers = count(state, "feature_extractor.conv_layers.")
    convs = [f"feature_extractor.conv_layers.{index}.conv.weight" for index in range(layers)]
    d = size(state, "encoder.layer_norm.weight", 0, name)
    position = "encoder.pos_conv_embed.conv.parametrizations.weight.original1"
    published = _published(file, specifier, folder, d)
    heads = published.heads if published else d // _HEAD_D
    if not published and (d % _HEAD_D or layers != len(Wav2VecConfig().conv_strides)):
        raise Emote3DError(
            f"{file}: its wav2vec2 is {d} wide with {layers} convolutions, which is none of the published ones; give its folder "
            "with --wav2vec2"
        )
    config = Wav2VecConfig(
        conv_d=tuple(size(state, conv, 0, name) for conv in convs),
        conv_kernels=tuple(size(state, conv, 2, name) for conv in convs),
        conv_strides=published.conv_strides if published else Wav2VecConfig().conv_strides,
        conv_norm="layer" if "feature_extractor.conv_layers.1.layer_norm.weight" in state else "group",
        conv_bias="feature_extractor.conv_layers.0.conv.bias" in state,
        d=d,
        layers=count(state, "encoder.layers."),
        heads=heads,
        feedforward_d=size(state, "encoder.layers.0.feed_forward.intermediate_dense.weight", 0, name),
        norm_first=published.norm_first if published else False,
        norm_eps=published.norm_eps if published else 1e-5,
        position_kernel=size(state, position, 2, name),
        position_groups=d // size(state, position, 1, name),
    )
    if published and published != config:
        raise Emote3DError(
            f"{file}: its wav2vec2 is not the one described beside it (expected {config}, got {published})"
        )
    return config


def _published(file: Path, specifier: str, folder: Path | None, d: int) -> Wav2VecConfig | None:
    """The config of the wav2vec2 folder, if there is one; without a name, a folder wav2vec2* of this width beside the checkpoint."""
    if folder and not (folder / "config.json").is_file():
        raise Emote3DError(f"{folder} holds no config.json; expected a wav2vec2 folder in transformers' layout")
    pattern = glob.escape(PurePosixPath(specifier).name) if specifier else "wav2vec2*"
    places = [folder] if folder else [place for parent in file.absolute().parents[:5] for place in parent.glob(pattern)]
    found = [place / "config.json" for place in sorted(places) if (place / "config.json").is_file()]
    configs = [_read_config(path) for path in found]
    return next((config for config in configs if specifier or folder or config.d == d), None)


def _read_config(path: Path) -> Wav2VecConfig:
    from transformers import Wav2Vec2Config

    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("model_type") != "wav2vec2":
            raise ValueError("it describes no wav2vec2")
        return Wav2VecConfig.from_hf(Wav2Vec2Config(**values))
    except (OSError, ValueError, TypeError) as error:
        raise Emote3DError(f"{path} cannot be used: {error}") from error
