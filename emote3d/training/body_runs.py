"""`emote3d train body`: recordings to a tape, a motion prior, a denoiser, a checkpoint folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.rhythm import RHYTHM_D
from emote3d.checkpoint import save_component
from emote3d.data.body_clips import BodyClip, find_clips
from emote3d.decoders.denoiser import Denoiser, DenoiserConfig
from emote3d.decoders.schedule import ScheduleConfig
from emote3d.errors import Emote3DError
from emote3d.names import BODY_STYLES, EMOTIONS, SMPLX_JOINTS
from emote3d.prior.body import CHANNELS
from emote3d.prior.mld import MldConfig, MldVAE
from emote3d.prior.patch import PatchConfig, PatchPrior, fit_patches
from emote3d.training.body import BodyDiffusionTask, BodyPriorTask, BodyPriorTraining, set_channel_scale
from emote3d.training.body_tape import FPS, BodyTape
from emote3d.training.diffusion import DiffusionTraining, denoising_loss, set_latent_scale
from emote3d.training.recorded_body import record_tape
from emote3d.training.run import EndlessBatches, fit_batches, machine
from emote3d.training.settings import BodyTraining

BodyPrior = PatchPrior | MldVAE
Say = Callable[[str], None]
_IMPORTANCE = {
    "hip": 0.1, "knee": 0.1, "ankle": 0.1, "foot": 0.1, "neck": 0.8, "head": 0.8, "collar": 0.8, "shoulder": 1.6, "elbow": 1.6,
    "wrist": 1.2,
}  # fmt: skip
"""How much an error of a joint counts, 1 where not listed; the legs are put on their feet after decoding."""
_FINGERS = 0.45
_LEAST_ROTATION, _LEAST_TRANSLATION_M = 0.05, 0.02
_MLD_HEADS, _MLD_LAYERS = 4, 5


def importance() -> Float[Tensor, "channels"]:
    """Weight of each channel of a body."""
    weights = []
    for index, name in enumerate(SMPLX_JOINTS):
        base = name.removeprefix("left_").removeprefix("right_")
        weights += 6 * [_FINGERS if index >= SMPLX_JOINTS.index("left_index1") else _IMPORTANCE.get(base, 1.0)]
    return torch.tensor([*weights, 1.0, 0.3, 1.0])


def fit_patch_prior(tape: BodyTape, config: PatchConfig, windows: int, frames: int, seed: int) -> PatchPrior:
    """A patch prior fitted to random windows of a tape."""
    prior = PatchPrior(config)
    least = torch.full((config.channels,), _LEAST_ROTATION)
    least[-3:] = _LEAST_TRANSLATION_M
    motion = tape.draw(windows, frames // config.hop * config.hop, np.random.default_rng(seed)).motion
    fit_patches(prior, motion, importance(), least)
    return prior


def variance_rebuilt(prior: BodyPrior, tape: BodyTape, windows: int, frames: int, seed: int) -> float:
    """Share of the variance of the channels that a prior rebuilds in windows of a tape."""
    group = prior.config.frames_per_latent
    with torch.inference_mode():
        motion = tape.draw(windows, frames // group * group, np.random.default_rng(seed)).motion
        spread = (motion - prior.channel_mean) / prior.channel_std
        error = (prior.decode(prior.encode(motion)[0]) - motion) / prior.channel_std
    return round(1 - float(error.square().mean() / spread.square().mean()), 4)


def denoiser_config(latent_d: int, frames_per_latent: int, d: int, layers: int) -> DenoiserConfig:
    """A denoiser of the rhythm of a voice, eight emotions and the numbers of a style."""
    return DenoiserConfig(
        latent_d=latent_d,
        content_d=frames_per_latent * RHYTHM_D,
        emotion_d=len(EMOTIONS),
        style_d=len(BODY_STYLES),
        d=d,
        heads=4,
        feedforward_d=round(8 * d / 3),
        layers=layers,
        dropout=0.0,
        prediction="velocity",
        conditioning="latents",
        null_twins=True,
        schedule=ScheduleConfig(kind="cosine"),
    )


def scale_latents(denoiser: Denoiser, prior: BodyPrior, motion: Float[Tensor, "batch frames channels"]) -> None:
    """How the denoiser normalises: components of patches by one number, so that what moves the body more stays larger."""
    with torch.inference_mode():
        z = prior.encode(motion)[0].flatten(0, 1)
    set_latent_scale(denoiser, z)
    if isinstance(prior, PatchPrior):
        denoiser.latent_std.fill_(float((z - z.mean(dim=0)).square().mean().sqrt()))


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a training reads and writes."""

    out: Path
    """Checkpoint folder; `body_prior` and `body_denoiser` are written into it."""
    runs: Path
    """Tapes, curves and resumable states."""


def train_body(data: Sequence[Path], settings: BodyTraining, places: Places, say: Say) -> dict[str, float]:
    """Train a body on recordings and write its components; gives the figures on the validation split.

    Clips without speech (AMASS) teach the prior only. The same command goes on where it was interrupted.

    Raises:
        Emote3DError: no data, none with speech, or sizes that do not go together.
    """
    clips = [clip for folder in data for clip in find_clips(folder)]
    frames = round(settings.seconds * FPS)
    train, val = _tapes(clips, frames, places.runs, say)
    torch.manual_seed(settings.seed)
    prior = _train_prior(train, settings, places.runs)
    figures = {"variance_rebuilt": variance_rebuilt(prior, val or train, 24, frames, settings.seed)}
    note = _note(clips, figures, settings)
    save_component(places.out / "body_prior", prior, prior.config, note)
    say(f"motion prior: {figures['variance_rebuilt']:.1%} of the variance rebuilt")
    spoken = BodyTape(places.runs / "tape", spoken_only=True)
    group = prior.config.frames_per_latent
    cut = frames // group * group
    denoiser = Denoiser(denoiser_config(prior.config.d, group, settings.d, settings.layers))
    rng = np.random.default_rng(settings.seed)
    scale_latents(denoiser, prior, spoken.draw(64, cut, rng).motion)
    course = DiffusionTraining(
        steps=settings.steps, batch=settings.batch, learning_rate=settings.learning_rate, seed=settings.seed
    )
    task = BodyDiffusionTask(denoiser, prior, course)
    batches = EndlessBatches(partial(spoken.batches, settings.batch, cut, settings.seed))
    curve = fit_batches(
        task,
        batches,
        places.runs / "body_denoiser",
        steps=settings.steps,
        seed=settings.seed,
        precision=settings.precision,
    )
    figures["denoising_loss"] = _loss(task, _spoken(val) or spoken, cut)
    note = _note(clips, figures, settings) | {"curve": curve}
    save_component(places.out / "body_denoiser", task.averaged, denoiser.config, note)
    return figures


def _tapes(clips: Sequence[BodyClip], frames: int, runs: Path, say: Say) -> tuple[BodyTape, BodyTape | None]:
    """Tapes of the training and the validation split, made if they are not there."""
    taught = [clip for clip in clips if clip.split in ("train", "additional")]
    if not any(clip.speech for clip in taught):
        raise Emote3DError(
            f"of {len(taught)} clips for training none has speech, which gestures are learned from; "
            "give BEAT2 as well: --data BEAT2 --data AMASS"
        )
    scale = record_tape(taught, runs / "tape", frames, say)
    held = [clip for clip in clips if clip.split == "val"]
    train, val = BodyTape(runs / "tape"), None
    if held:
        record_tape(held, runs / "tape_val", frames, say, scale)
        val = BodyTape(runs / "tape_val")
    if not len(BodyTape(runs / "tape", spoken_only=True)):
        raise Emote3DError(f"no clip with speech can be used; its motion must last {frames / FPS:g} s at least")
    say(f"{len(train)} stretches to train on, {len(val) if val else 0} to measure on")
    return train, val


def _spoken(tape: BodyTape | None) -> BodyTape | None:
    return tape if tape is not None and tape.spoken else None


def _train_prior(tape: BodyTape, settings: BodyTraining, runs: Path) -> BodyPrior:
    frames = round(settings.seconds * FPS)
    if settings.prior == "patch":
        config = PatchConfig(channels=CHANNELS, d=settings.prior_d)
        return fit_patch_prior(tape, config, settings.prior_windows, frames, settings.seed)
    hop = PatchConfig(channels=CHANNELS).hop
    cut = frames // hop * hop
    prior = MldVAE(
        MldConfig(
            channels=CHANNELS,
            frames=cut,
            latents=cut // hop,
            d=settings.prior_d,
            heads=_MLD_HEADS,
            feedforward_d=4 * settings.prior_d,
            layers=_MLD_LAYERS,
            positions="distances",
        )
    )
    set_channel_scale(prior, tape.draw(64, cut, np.random.default_rng(settings.seed)).motion.flatten(0, 1))
    course = BodyPriorTraining(steps=settings.prior_steps, batch=settings.batch, seed=settings.seed)
    batches = EndlessBatches(partial(tape.batches, settings.batch, cut, settings.seed))
    fit_batches(
        BodyPriorTask(prior, course),
        batches,
        runs / "body_prior",
        steps=settings.prior_steps,
        seed=settings.seed,
        precision=settings.precision,
    )
    return prior.eval()


def _loss(task: BodyDiffusionTask, tape: BodyTape, frames: int) -> float:
    """Of the averaged weights, on windows with always the same noise."""
    with torch.inference_mode():
        z, conditions = task.latents(tape.draw(32, frames, np.random.default_rng(0)))
        generator = torch.Generator().manual_seed(0)
        return round(float(denoising_loss(task.averaged, z, conditions, task.settings, generator)), 4)


def _note(clips: Sequence[BodyClip], figures: dict[str, float], settings: BodyTraining) -> dict[str, Any]:
    return {
        "training_command": " ".join(["emote3d", *sys.argv[1:]]),
        "data": f"{len(clips)} recorded clips",
        "metrics": {"split": "val", **figures},
        "machine": machine(),
        "licence": "that of the recordings",
    }
