"""Train `face_denoiser` of checkpoints/open-v1 on the tape that scripts/train_face.py makes, for the prior that is there:

python scripts/train_face_denoiser.py --tape runs/tape
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro

from emote3d.checkpoint import load_component, read_manifest, save_component
from emote3d.decoders.denoiser import Denoiser
from emote3d.errors import ending_in_one_line
from emote3d.performers.sampled import load_face_denoiser
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.training.diffusion import DiffusionTraining, set_latent_scale
from emote3d.training.face_denoiser import (
    ActedWindows,
    FaceDiffusionTask,
    FaceWindows,
    act_windows,
    face_denoiser_config,
)
from emote3d.training.run import Precision, fit_batches, machine


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to train."""

    tape: Path = Path("runs/tape")
    """Folder of the tape."""
    runs: Path = Path("runs/face_denoiser")
    """Where curve and resumable state go."""
    checkpoint: Path = Path("checkpoints/open-v1")
    """Folder with the prior; `face_denoiser` is written into it."""
    windows: int = 2000
    """Windows of eight seconds that the teacher acts."""
    d: int = 176
    layers: int = 7
    steps: int = 6000
    batch: int = 16
    learning_rate: float = 1e-3
    seed: int = 0
    precision: Precision = "32-true"
    refine: bool = False
    """Start from the denoiser that is there, whatever `d` and `layers` say."""


def main(options: Options) -> None:
    """Act, calibrate, train, save."""
    folder = options.checkpoint
    prior = load_component(folder / "prior", MotionVAE, FlintConfig)
    acted = act_windows(options.tape, prior, ActedWindows(seed=options.seed, windows=options.windows))
    settings = DiffusionTraining(
        steps=options.steps, batch=options.batch, learning_rate=options.learning_rate, seed=options.seed
    )
    torch.manual_seed(options.seed)
    if options.refine:
        denoiser = load_face_denoiser(folder).train().requires_grad_(True)
    else:
        denoiser = Denoiser(face_denoiser_config(prior.config, options.d, options.layers))
        set_latent_scale(denoiser, torch.cat([acted.departure, acted.life], dim=2).flatten(0, 1))
    task = FaceDiffusionTask(denoiser, settings, prior.config.frames_per_latent)
    batches = FaceWindows(acted, options.batch, options.seed)
    curve = fit_batches(
        task, batches, options.runs, steps=options.steps, seed=options.seed, precision=options.precision
    )
    note = {
        "command": " ".join(["python", "scripts/train_face_denoiser.py", *sys.argv[1:]]),
        "data": "see checkpoints/README.md",
        "machine": machine(),
        "licence": "Apache-2.0",
        "prior_sha256": read_manifest(folder / "prior")["sha256"],
        "curve": curve,
    }
    save_component(folder / "face_denoiser", task.averaged, denoiser.config, note, dtype=torch.float16)


if __name__ == "__main__":
    with ending_in_one_line("train_face_denoiser"):
        main(tyro.cli(Options))
