"""The perceptual networks that EMOTE was trained with, from the files of those who published them, into component folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from emote3d.checkpoint import save_component
from emote3d.errors import Emote3DError
from emote3d.official.emote import Imported
from emote3d.official.lightning_file import find_checkpoint, read_settings, read_state, setting, whole
from emote3d.official.tensors import Parts, State, check_heads, count, fill, size
from emote3d.perception.pictures import PictureEmotionConfig, PictureEmotionNet, PictureLipConfig, PictureLipReader

_ENCODER = "model.sequence_encoder.encoder"


def import_lip_reader(path: Path, out: Path) -> Imported:
    """Write the component folder of the visual front end of Ma et al.'s speech recognition (SPECTRE's LRS3_V_WER32.3/model.pth).

    Args:
        path: the model.pth, or its tensors as .safetensors.

    Raises:
        Emote3DError: another network, damaged or hostile; nothing is written.
    """
    parts = Parts(read_state(path), str(path))
    state = parts.take("encoder.frontend.")
    config = PictureLipConfig(
        width=size(state, "frontend3D.0.weight", 0, str(path)), blocks=_blocks(state, "trunk.", str(path))
    )
    return _written(PictureLipReader(config), state, parts, (path, out))


def import_emotion_net(path: Path, out: Path, features: Path | None = None) -> Imported:
    """Write the component folder of EMOTE's video emotion network together with the network of a face that it looks through.

    Args:
        path: folder (cfg.yaml and checkpoints/*.ckpt) or file of the classifier of sequences, or its tensors as .safetensors.
        features: folder or file of the AffectNet ResNet-50 (EMOCA's); None: its tensors are in the same file.

    Raises:
        Emote3DError: other networks, damaged or hostile; nothing is written.
    """
    file, settings_file = find_checkpoint(path)
    settings = read_settings(settings_file)
    tensors = read_state(file) | (read_state(find_checkpoint(features)[0]) if features else {})
    name = f"{file} with {features}" if features else str(file)
    if not any(key.startswith("backbone.") for key in tensors):
        raise Emote3DError(
            f"{name} has no tensors backbone.*; give the ResNet-50 that it looks through with --features"
        )
    parts = Parts(tensors, name)
    parts.drop("backbone.fc.")  # tells people apart, and is not used
    state: State = {}
    for theirs, ours in (
        ("backbone.", "backbone."),
        ("sequence_encoder.transformer_encoder.encoder.", ""),
        ("sequence_encoder.transformer_encoder.", ""),
        ("sequence_encoder.pooler.dense.", "pooler."),
    ):
        state |= {ours + key: value for key, value in parts.take(theirs).items()}
    config = PictureEmotionConfig(
        width=size(state, "backbone.conv1.weight", 0, name),
        blocks=_blocks(state, "backbone.", name),
        d=size(state, "bottleneck.weight", 0, name),
        heads=whole(settings, f"{_ENCODER}.nhead", PictureEmotionConfig().heads),
        feedforward_d=size(state, "layers.0.linear1.weight", 0, name),
        layers=count(state, "layers."),
        activation=_activation(settings),
    )
    check_heads(config.heads, config.d, name)
    return _written(PictureEmotionNet(config), state, parts, (file, out))


def _blocks(state: Mapping[str, Tensor], prefix: str, name: str) -> tuple[int, ...]:
    """Blocks in each of the four stages of a ResNet."""
    blocks = tuple(count(state, f"{prefix}layer{stage}.") for stage in range(1, 5))
    if not all(blocks):
        raise Emote3DError(f"{name} has no tensors {prefix}layer1* to layer4*; expected a ResNet of four stages")
    return blocks


def _activation(settings: Mapping[str, Any]) -> Literal["gelu", "relu"]:
    """Of the transformer, which no tensor shows; refuses what the network has not."""
    order = setting(settings, f"{_ENCODER}.positional_encoding.type", "none")
    activation = setting(settings, f"{_ENCODER}.activation", "gelu")
    if str(order).lower() not in ("none", "false") or activation not in ("gelu", "relu"):
        raise Emote3DError(
            "cfg.yaml describes another emotion network: expected no positional encoding and gelu or relu, "
            f"got {order} and {activation}"
        )
    return activation


def _written(
    net: PictureLipReader | PictureEmotionNet, state: State, parts: Parts, places: tuple[Path, Path]
) -> Imported:
    """Fill a network and save it; `places` are the file it came from and the folder it goes to."""
    file, out = places
    state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    fill(net, state, parts.name)
    note = {
        "training_command": "imported by emote3d import-checkpoint",
        "source": file.name,
        "licence": "that of the published network; not for redistribution",
    }
    save_component(out, net, net.config, note)
    return Imported(file=file, sizes={"width": net.config.width}, ignored=parts.left())
