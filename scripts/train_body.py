"""Train the body of checkpoints/open-v1 (an hour on one CPU core):

python scripts/build_training_set.py --out runs/speech
python scripts/train_body.py make-tape --corpus runs/speech
python scripts/train_body.py train-prior
python scripts/train_body.py train-denoiser
python scripts/train_body.py average --parts checkpoints/one checkpoints/refined
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

from emote3d.checkpoint import load_component, save_component
from emote3d.decoders.denoiser import Denoiser, DenoiserConfig
from emote3d.errors import ending_in_one_line
from emote3d.prior.body import CHANNELS
from emote3d.prior.patch import PatchConfig, PatchPrior
from emote3d.training.average import save_average
from emote3d.training.body import BodyDiffusionTask
from emote3d.training.body_runs import denoiser_config, fit_patch_prior, scale_latents, variance_rebuilt
from emote3d.training.body_tape import FPS, BodyTape, build_body_tape
from emote3d.training.diffusion import DiffusionTraining
from emote3d.training.run import EndlessBatches, Precision, fit_batches, machine


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
    """Folder that `scripts/build_training_set.py` made."""
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
        tape = BodyTape(self.tape)
        frames = 8 * FPS
        prior = fit_patch_prior(tape, self.model, self.windows, frames, self.seed)
        share = variance_rebuilt(prior, tape, max(1, self.windows // 10), frames, self.seed + 1)
        note = self.note({"metrics": {"variance_rebuilt": share}})
        save_component(self.out / "body_prior", prior, self.model, note, dtype=torch.float16)
        print(f"variance rebuilt: {share:.4f}")


@dataclass(frozen=True, kw_only=True)
class TrainDenoiser(_Stage):
    """Train the denoiser on latents of the prior."""

    settings: DiffusionTraining = field(default_factory=lambda: DiffusionTraining(steps=4000, learning_rate=1e-3))
    model: DenoiserConfig = field(default_factory=lambda: denoiser_config(64, 8, d=192, layers=5))
    seconds: int = 8
    """Length of a window."""
    precision: Precision = "32-true"
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
            scale_latents(denoiser, prior, tape.draw(64, self.seconds * FPS, np.random.default_rng(s.seed)).motion)
        task = BodyDiffusionTask(denoiser, prior, s)
        batches = EndlessBatches(partial(tape.batches, s.batch, self.seconds * FPS, s.seed))
        curve = fit_batches(
            task, batches, self.runs / "body_denoiser", steps=s.steps, seed=s.seed, precision=self.precision
        )
        note = self.note({"curve": curve})
        save_component(self.out / "body_denoiser", task.averaged, model, note, dtype=torch.float16)


@dataclass(frozen=True, kw_only=True)
class Average(_Stage):
    """Take the mean of denoisers that were refined from one another, weight by weight."""

    parts: tuple[Path, ...]
    """Their checkpoint folders."""

    def run(self) -> None:
        """Average and save; the manifest tells how each part was trained."""
        folders = [part / "body_denoiser" for part in self.parts]
        save_average(folders, self.out / "body_denoiser", Denoiser, DenoiserConfig, self.note({}))


if __name__ == "__main__":
    with ending_in_one_line("train_body"):
        tyro.cli(MakeTape | TrainPrior | TrainDenoiser | Average).run()  # pyright: ignore[reportArgumentType, reportCallIssue]
