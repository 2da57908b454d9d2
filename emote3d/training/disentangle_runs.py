"""`emote3d train ast`: voices, networks, training, component folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emote3d.audio.kaldi import FbankConfig
from emote3d.checkpoint import load_component, load_config, save_component
from emote3d.data.voices import VoiceClip, find_voices
from emote3d.errors import Emote3DError
from emote3d.latents.ast import AstConfig, AstEncoder
from emote3d.latents.disentangle import FbankDecoder, FbankDecoderConfig
from emote3d.names import EMOTIONS
from emote3d.training.disentangle import DisentangleConfigs, DisentangleNet, DisentangleTask, told_right
from emote3d.training.run import machine
from emote3d.training.settings import AstTraining, Machines
from emote3d.training.stepwise import run_training
from emote3d.training.voice_groups import VoiceSource

Say = Callable[[str], None]
_HEAD_D = 64
_JUDGED_GROUPS = 16


@dataclass(frozen=True, kw_only=True)
class AstStart:
    """What a training starts from and writes to."""

    out: Path
    """Checkpoint folder; `content`, `emotion`, `style` and `reconstruction` are written into it."""
    runs: Path
    """Curves and resumable states."""
    init: Path | None = None
    """Checkpoint folder to start from, e.g. an imported AMUSE; sizes come from it."""


def train_ast(
    data: Sequence[Path], settings: AstTraining, machines: Machines, start: AstStart, say: Say
) -> dict[str, float] | None:
    """Train and write the components; the figures on clips held out, or None in a process that does not write.

    Raises:
        Emote3DError: data, start or machines cannot be used.
    """
    clips = [clip for folder in data for clip in find_voices(folder)]
    speakers = sorted({clip.speaker for clip in clips if clip.split == "train"})
    taught = [clip for clip in clips if clip.split == "train"]
    source = VoiceSource(taught, speakers, FbankConfig())
    pairs = source.pairs()
    say(
        f"{len(source)} clips, {len(speakers)} speakers; "
        + ", ".join(f"{n} share a {name}" for name, n in pairs.items())
    )
    poor = [name for name, number in pairs.items() if not number]
    if poor:
        raise Emote3DError(
            f"no two clips share a {' or a '.join(poor)}: expected texts said by several speakers, and speakers with several texts"
        )
    torch.manual_seed(settings.seed)
    net = DisentangleNet(_configs(settings, len(speakers), source, start.init))
    if start.init is not None:
        _fill(net, start.init)
    source = VoiceSource(taught, speakers, net.content.config.fbank)
    task = DisentangleTask(net, source, settings, machines.workers)
    if not run_training(task, start.runs, settings.steps, machines):
        return None
    held = [clip for clip in clips if clip.split == "val" and clip.speaker in speakers]
    figures = judge(task, VoiceSource(held, speakers, source.config) if len(held) > 1 else source)
    for name in ("content", "emotion", "style", "reconstruction"):
        module = net.get_submodule(name)
        note = _note(taught, figures, speakers) | _labels(name, speakers)
        save_component(start.out / name, module, module.config, note)
    return figures


def judge(task: DisentangleTask, source: VoiceSource) -> dict[str, float]:
    """Losses and shares of labels told right, on some groups of a source."""
    net = task.net.eval().cpu()
    batch = source.batch(0, 0, min(_JUDGED_GROUPS, max(1, len(source) // 2)), net.content.config.frames)
    with torch.inference_mode():
        losses = {name: round(float(value), 4) for name, value in task.losses(batch).items()}
        heard, labels = batch.clean.flatten(0, 1), batch.label.flatten(0, 1)
        losses["emotion_accuracy"] = round(told_right(net.emotion(heard), labels[:, 0]), 4)
        losses["speaker_accuracy"] = round(told_right(net.style(heard), labels[:, 1]), 4)
    return losses


def _configs(settings: AstTraining, speakers: int, source: VoiceSource, init: Path | None) -> DisentangleConfigs:
    """Sizes from the settings, or those of the folder to start from; labels are told from the latents that are used."""
    if init is not None:
        encoders = {name: load_config(init / name, AstConfig) for name in ("content", "emotion", "style")}
        if not (init / "reconstruction").is_dir():
            raise Emote3DError(f"{init} has no decoder of spectrograms; import it with --reconstruction")
        decoder = load_config(init / "reconstruction", FbankDecoderConfig)
    else:
        mean, std = source.statistics(settings.seed)
        base = AstConfig(
            labels=0,
            frames=settings.frames,
            d=settings.d,
            layers=settings.layers,
            heads=max(1, settings.d // _HEAD_D),
            feedforward_d=4 * settings.d,
            feature_d=settings.feature_d,
            fbank=replace(FbankConfig(), mean=round(mean, 4), std=round(std, 4)),
        )
        encoders = dict.fromkeys(("content", "emotion", "style"), base)
        decoder = FbankDecoderConfig(
            feature_d=settings.feature_d,
            d=settings.decoder_d,
            feedforward_d=4 * settings.decoder_d,
            hidden_d=2 * settings.decoder_d,
            frames=settings.frames,
            mels=base.fbank.mels,
        )
    return DisentangleConfigs(
        content=replace(encoders["content"], labels=0),
        emotion=replace(encoders["emotion"], labels=len(EMOTIONS), labels_from="feature"),
        style=replace(encoders["style"], labels=speakers, labels_from="feature"),
        reconstruction=decoder,
    )


def _fill(net: DisentangleNet, init: Path) -> None:
    """Weights of a folder, but for the heads that tell labels: they are told from something else, or others."""
    for name in ("content", "emotion", "style"):
        _copy(net.get_submodule(name), load_component(init / name, AstEncoder, AstConfig))
    _copy(net.reconstruction, load_component(init / "reconstruction", FbankDecoder, FbankDecoderConfig))


def _copy(target: nn.Module, source: nn.Module) -> None:
    state = {name: tensor for name, tensor in source.state_dict().items() if not name.startswith("told.")}
    left = target.load_state_dict(state, strict=False)
    assert not left.unexpected_keys and all(name.startswith("told.") for name in left.missing_keys), left


def _labels(name: str, speakers: Sequence[str]) -> dict[str, Any]:
    """What the labels of an encoder are called."""
    return {"labels": {"emotion": list(EMOTIONS), "style": list(speakers)}.get(name, [])}


def _note(clips: Sequence[VoiceClip], figures: dict[str, float], speakers: Sequence[str]) -> dict[str, Any]:
    return {
        "training_command": " ".join(["emote3d", *sys.argv[1:]]),
        "data": f"{len(clips)} clips of {len(speakers)} speakers",
        "metrics": {"clips": "held out", **figures},
        "machine": machine(),
        "licence": "that of the recordings",
    }
