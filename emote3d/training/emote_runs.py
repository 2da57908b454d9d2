"""`emote3d train flint` and `emote3d train emote`: data, networks, training, checkpoint folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emote3d.audio.wav2vec import ResampledWav2Vec, Wav2VecConfig
from emote3d.body import BodyModel, choose_avatar, load_body_model
from emote3d.checkpoint import load_component, load_config, read_manifest, save_component
from emote3d.data.face_clips import ClipSet
from emote3d.data.flame_folder import FlameFolder
from emote3d.data.mead import MeadSet
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.latents.condition import MEAD_TRAIN_SUBJECTS, EmoteCondition, EmoteConditionConfig
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.prior.flint import FlintConfig, FlintDecoder, MotionVAE
from emote3d.training.clip_batches import ClipSource
from emote3d.training.emote import EmoteNet, EmoteTask
from emote3d.training.faces import FacePoser
from emote3d.training.flint import FlintTask
from emote3d.training.perceptual import Perceivers, choose_emotion_net, choose_lip_reader
from emote3d.training.settings import EmoteTraining, FaceData, FlintTraining, Machines
from emote3d.training.stepwise import run_training

_JAW = 3
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class EmoteStart:
    """What EMOTE's training starts from."""

    init: Path | None = None
    """Checkpoint folder of stage 1 (or an imported one); needed in stage 2."""
    flint: Path | None = None
    """Folder of a trained or imported FLINT; needed in stage 1."""
    wav2vec2: str = "facebook/wav2vec2-base-960h"
    """Folder or hub id of the wav2vec2 that stage 1 starts from."""
    lip_reader: Path | None = None
    """Component folder of ours or of the published one, or TorchScript that looks at mouths; default ours."""
    emotion_net: Path | None = None
    """Component folder of ours or of the published one, or TorchScript that looks at faces; default ours."""


def open_model(name: str) -> BodyModel:
    """The head that the coefficients are of."""
    return load_body_model(asset_path("assets", "flame", "open_head.npz")) if name == "open" else choose_avatar(name)


def open_clips(data: FaceData) -> ClipSet:
    """The clips; raises Emote3DError where there is none."""
    if data.layout == "mead":
        return MeadSet(data.data, data.reconstruction, data.split)
    return FlameFolder(data.data)


def train_flint(data: FaceData, settings: FlintTraining, machines: Machines, out: Path, runs: Path, say: Say) -> bool:
    """Train FLINT and write its component; True in the process that wrote it.

    Raises:
        Emote3DError: data, model or machines cannot be used.
    """
    model = open_model(data.model)
    coefficients = settings.expression or len(model.expression_names)
    source = _source(data, MEAD_TRAIN_SUBJECTS, coefficients, say)
    torch.manual_seed(settings.seed)
    prior = MotionVAE(FlintConfig(channels=coefficients + _JAW, d=settings.d, feedforward_d=3 * settings.d))
    task = FlintTask(prior, FacePoser(model, settings.loss_verts), source, settings, machines.workers)
    if not run_training(task, runs, settings.steps, machines):
        return False
    save_component(out / "prior", prior, prior.config, _note(data, source, model))
    return True


def train_emote(
    data: FaceData, start: EmoteStart, settings: EmoteTraining, machines: Machines, places: tuple[Path, Path], say: Say
) -> bool:
    """Train a stage of EMOTE and write its checkpoint folder; True in the process that wrote it.

    Args:
        places: the folder to write and the folder of curves and states.

    Raises:
        Emote3DError: data, model, start or machines cannot be used.
    """
    model = open_model(data.model)
    torch.manual_seed(settings.seed)
    clips = open_clips(data)
    net = load_net(start.init, settings) if start.init else _new_net(start, model, clips, settings)
    coefficients = net.prior_config.channels - _JAW
    if coefficients > len(model.expression_names):
        raise Emote3DError(
            f"FLINT has {coefficients} expression coefficients, the model only {len(model.expression_names)}"
        )
    source = _source(data, net.condition.config.subjects, coefficients, say, clips)
    perceivers = None
    if settings.stage == 2:
        perceivers = Perceivers(lips=choose_lip_reader(start.lip_reader), emotion=choose_emotion_net(start.emotion_net))
    task = EmoteTask(net, FacePoser(model, settings.loss_verts), source, settings, perceivers, machines.workers)
    out, runs = places
    if not run_training(task, runs, settings.steps, machines):
        return False
    net.save(out, _note(data, source, model))
    return True


def load_net(folder: Path, settings: EmoteTraining) -> EmoteNet:
    """The networks of a checkpoint folder, ready to be trained."""
    prior = folder / "prior"
    decoder, config = _flint_decoder(prior)
    audio = load_component(folder / "audio", ResampledWav2Vec, Wav2VecConfig)
    rates = _dropout(settings)
    if rates:
        trained = ResampledWav2Vec(audio.config, **rates)
        trained.load_state_dict(audio.state_dict())
        audio = trained
    net = EmoteNet(
        audio,
        load_component(folder / "latents", SpeechEncoder, SpeechEncoderConfig),
        load_component(folder / "condition", EmoteCondition, EmoteConditionConfig),
        load_component(folder / "decoder", RegressionDecoder, RegressionConfig),
        decoder,
        config,
    )
    return net.train()


def _new_net(start: EmoteStart, model: BodyModel, clips: ClipSet, settings: EmoteTraining) -> EmoteNet:
    """Networks for stage 1: wav2vec2 and FLINT as they are, the rest new, the bottleneck at zero."""
    if settings.stage == 2 or start.flint is None:
        needed = "--init FOLDER of stage 1" if settings.stage == 2 else "--flint FOLDER of a trained or imported FLINT"
        raise Emote3DError(f"stage {settings.stage} starts from {needed}")
    prior, config = _flint_decoder(start.flint / "prior" if (start.flint / "prior").is_dir() else start.flint)
    audio = ResampledWav2Vec.from_transformers(start.wav2vec2, **_dropout(settings))
    present = sorted({entry.subject for entry in clips.entries})
    subjects = MEAD_TRAIN_SUBJECTS if set(present) <= set(MEAD_TRAIN_SUBJECTS) else tuple(present)
    condition = EmoteCondition(EmoteConditionConfig(subjects=subjects, basis=model.basis))
    latents = SpeechEncoder(SpeechEncoderConfig(feature_d=audio.config.d))
    decoder = RegressionDecoder(
        RegressionConfig(condition_d=condition.config.d, latent_d=config.d, frames_per_latent=config.frames_per_latent)
    )
    torch.nn.init.zeros_(decoder.bottleneck.weight)
    torch.nn.init.zeros_(decoder.bottleneck.bias)
    return EmoteNet(audio, latents, condition, decoder, prior, config).train()


def _flint_decoder(folder: Path) -> tuple[FlintDecoder, FlintConfig]:
    """The decoder of a FLINT component, whole or decoder only."""
    if not folder.is_dir():
        raise Emote3DError(f"there is no FLINT in {folder}")
    if read_manifest(folder).get("class") == "MotionVAE":
        vae = load_component(folder, MotionVAE, FlintConfig)
        return vae.decoder, vae.config
    return load_component(folder, FlintDecoder, FlintConfig), load_config(folder, FlintConfig)


def _dropout(settings: EmoteTraining) -> dict[str, float]:
    names = ("hidden_dropout", "attention_dropout", "activation_dropout", "layerdrop")
    return dict.fromkeys(names, settings.dropout) if settings.stage == 1 and settings.dropout else {}


def _source(
    data: FaceData, subjects: tuple[str, ...], coefficients: int, say: Say, clips: ClipSet | None = None
) -> ClipSource:
    source = ClipSource(clips or open_clips(data), subjects, coefficients)
    for line in source.report():
        say(f"skipped {line}")
    say(f"{len(source)} clips, {len(source.skipped)} skipped")
    return source


def _note(data: FaceData, source: ClipSource, model: BodyModel) -> dict[str, Any]:
    return {
        "training_command": " ".join(["emote3d", *sys.argv[1:]]),
        "data": f"{len(source)} clips of {data.layout} {data.data.name}",
        "licence": f"of the data and the model trained on ({model.licence})",
    }
