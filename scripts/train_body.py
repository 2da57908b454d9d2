"""Train the body of checkpoints/open-v1 (an hour on one CPU core):

python scripts/build_speech_set.py --out runs/speech
python scripts/train_body.py make-tape --corpus runs/speech
python scripts/train_body.py train-prior
python scripts/train_body.py train-denoiser
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.rhythm import RHYTHM_D
from emote3d.checkpoint import load_component, save_component
from emote3d.decoders.denoiser import Denoiser, DenoiserConfig
from emote3d.decoders.schedule import ScheduleConfig
from emote3d.names import BODY_STYLES, EMOTIONS, SMPLX_JOINTS
from emote3d.prior.body import CHANNELS
from emote3d.prior.patch import PatchConfig, PatchPrior, fit_patches
from emote3d.training.body import BodyDiffusionTask
from emote3d.training.body_tape import FPS, BodyTape, build_body_tape
from emote3d.training.diffusion import DiffusionTraining
from emote3d.training.run import EndlessBatches, fit_batches, machine

_IMPORTANCE = {
    "hip": 0.1, "knee": 0.1, "ankle": 0.1, "foot": 0.1, "neck": 0.8, "head": 0.8, "collar": 0.8, "shoulder": 1.6, "elbow": 1.6,
    "wrist": 1.2,
}  # fmt: skip
"""How much an error of a joint counts, 1 where not listed; the legs are put on their feet after decoding."""
_FINGERS = 0.45
_LEAST_ROTATION, _LEAST_TRANSLATION_M = 0.05, 0.02


def importance() -> Float[Tensor, "channels"]:
    """Weight of each channel of a body."""
    weights = []
    for index, name in enumerate(SMPLX_JOINTS):
        base = name.removeprefix("left_").removeprefix("right_")
        weights += 6 * [_FINGERS if index >= SMPLX_JOINTS.index("left_index1") else _IMPORTANCE.get(base, 1.0)]
    return torch.tensor([*weights, 1.0, 0.3, 1.0])


@dataclass(frozen=True, kw_only=True)
class _Stage:
    tape: Path = Path("runs/body_tape")
    """Folder of the tape."""
    runs: Path = Path("runs")
    """Where curves and resumable states go."""
    out: Path = Path("checkpoints/open-v1")
    """Checkpoint folder to write components into."""

    def note(self, facts: dict[str, Any]) -> dict[str, Any]:
        """What the manifest says of a training."""
        return {
            "command": " ".join(["python", "scripts/train_body.py", *sys.argv[1:]]),
            "data": "motion of the gesture teacher (emote3d/data/gesture.py) over the speech set; see docs/body.md",
            "machine": machine(),
            "licence": "Apache-2.0",
            **facts,
        }


@dataclass(frozen=True, kw_only=True)
class MakeTape(_Stage):
    """Let the teacher perform a speech set."""

    corpus: Path
    """Folder that `scripts/build_speech_set.py` made."""
    hours: float = 4.0
    seed: int = 0

    def run(self) -> None:
        """Build it."""
        print(f"{self.tape}: {build_body_tape(self.corpus, self.tape, hours=self.hours, seed=self.seed):.2f} hours")


@dataclass(frozen=True, kw_only=True)
class TrainPrior(_Stage):
    """Fit the motion prior in closed form."""

    model: PatchConfig = field(default_factory=lambda: PatchConfig(channels=CHANNELS, d=64))
    windows: int = 400
    """Windows of 8 seconds that it is fitted to."""
    seed: int = 0

    def run(self) -> None:
        """Fit and save; the share of the variance rebuilt in windows left out goes into the manifest."""
        rng = np.random.default_rng(self.seed)
        tape, prior = BodyTape(self.tape), PatchPrior(self.model)
        frames = 8 * FPS // self.model.hop * self.model.hop
        least = torch.full((CHANNELS,), _LEAST_ROTATION)
        least[-3:] = _LEAST_TRANSLATION_M
        fit_patches(prior, tape.draw(self.windows, frames, rng).motion, importance(), least)
        with torch.inference_mode():
            motion = tape.draw(max(1, self.windows // 10), frames, rng).motion
            spread = (motion - prior.channel_mean) / prior.channel_std
            error = (prior.decode(prior.encode(motion)[0]) - motion) / prior.channel_std
        share = round(1 - float(error.square().mean() / spread.square().mean()), 4)
        note = self.note({"metrics": {"variance_rebuilt": share}})
        save_component(self.out / "body_prior", prior, self.model, note, dtype=torch.float16)
        print(f"variance rebuilt: {share:.4f}")


def _denoiser_config() -> DenoiserConfig:
    return DenoiserConfig(
        latent_d=64,
        content_d=8 * RHYTHM_D,
        emotion_d=len(EMOTIONS),
        style_d=len(BODY_STYLES),
        d=192,
        heads=4,
        feedforward_d=512,
        layers=5,
        dropout=0.0,
        prediction="velocity",
        conditioning="latents",
        null_twins=True,
        schedule=ScheduleConfig(kind="cosine"),
    )


@dataclass(frozen=True, kw_only=True)
class TrainDenoiser(_Stage):
    """Train the denoiser on latents of the prior."""

    settings: DiffusionTraining = field(default_factory=lambda: DiffusionTraining(steps=4000, learning_rate=1e-3))
    model: DenoiserConfig = field(default_factory=_denoiser_config)
    seconds: int = 8
    """Length of a window."""
    refine: bool = False
    """Start from the denoiser that is there."""

    def run(self) -> None:
        """Train and save the averaged weights."""
        s = self.settings
        tape, prior = BodyTape(self.tape), load_component(self.out / "body_prior", PatchPrior, PatchConfig)
        model = self.model
        denoiser = Denoiser(model)
        if self.refine:
            denoiser = load_component(self.out / "body_denoiser", Denoiser, DenoiserConfig).train().requires_grad_(True)
            model = denoiser.config
        else:
            _set_scale(denoiser, prior, tape.draw(64, self.seconds * FPS, np.random.default_rng(s.seed)).motion)
        task = BodyDiffusionTask(denoiser, prior, s)
        batches = EndlessBatches(partial(tape.batches, s.batch, self.seconds * FPS, s.seed))
        curve = fit_batches(task, batches, self.runs / "body_denoiser", steps=s.steps, seed=s.seed)
        note = self.note({"curve": curve})
        save_component(self.out / "body_denoiser", task.averaged, model, note, dtype=torch.float16)


def _set_scale(denoiser: Denoiser, prior: PatchPrior, motion: Float[Tensor, "batch frames channels"]) -> None:
    """One scale for all components: what moves the body more stays larger than its details."""
    with torch.inference_mode():
        z = prior.encode(motion)[0].flatten(0, 1)
    denoiser.latent_mean.copy_(z.mean(dim=0))
    denoiser.latent_std.fill_(float((z - z.mean(dim=0)).square().mean().sqrt()))


if __name__ == "__main__":
    tyro.cli(MakeTape | TrainPrior | TrainDenoiser).run()  # pyright: ignore[reportArgumentType, reportCallIssue]
