"""Train `face_denoiser` of checkpoints/open-v1 on the tape that scripts/train_face.py makes, after the other parts of the face:

python scripts/train_face_denoiser.py --tape runs/tape --steps 6000
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import tyro

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig
from emote3d.checkpoint import load_component, read_manifest, save_component
from emote3d.decoders.denoiser import Denoiser
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.training.diffusion import DiffusionTraining, set_latent_scale
from emote3d.training.face_denoiser import (
    ActedWindows,
    FaceDiffusionTask,
    FaceParts,
    FaceWindows,
    act_tape,
    hear_tape,
)
from emote3d.training.run import fit_batches, machine

_CALIBRATION_BATCHES = 12


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to train."""

    tape: Path = Path("runs/tape")
    """Folder of the tape."""
    runs: Path = Path("runs/face_denoiser")
    """Where curve, heard tape and resumable state go."""
    acted: Path | None = None
    """Acted windows of an earlier run with the same tape and hours, to be used again."""
    checkpoint: Path = Path("checkpoints/open-v1")
    """Folder with audio, latents, decoder and prior; `face_denoiser` is written into it."""
    hours: float = 2.5
    """How much of the tape is heard."""
    windows: int = 3000
    """Windows of eight seconds that the teacher acts."""
    d: int = 160
    layers: int = 7
    steps: int = 6000
    batch: int = 16
    learning_rate: float = 6e-4
    seed: int = 0


def main(options: Options) -> None:
    """Hear, calibrate, train, save."""
    folder = options.checkpoint
    parts = FaceParts(
        audio=load_component(folder / "audio", CompactEncoder, CompactEncoderConfig),
        latents=load_component(folder / "latents", SpeechEncoder, SpeechEncoderConfig),
        decoder=load_component(folder / "decoder", RegressionDecoder, RegressionConfig),
        prior=load_component(folder / "prior", MotionVAE, FlintConfig),
    )
    options.runs.mkdir(parents=True, exist_ok=True)
    heard = options.runs / "content.npy"
    if not heard.exists():
        np.save(heard, hear_tape(options.tape, parts, options.hours))
    diffusion = DiffusionTraining(
        steps=options.steps, batch=options.batch, learning_rate=options.learning_rate, seed=options.seed
    )
    content = np.load(heard, mmap_mode="r")
    acted = options.acted or options.runs / "acted"
    if not acted.exists():
        group = parts.prior.config.frames_per_latent
        settings = ActedWindows(seed=options.seed, windows=options.windows, frames_per_latent=group)
        act_tape(options.tape, acted, len(content), settings)
    windows = FaceWindows(acted, content, diffusion)
    torch.manual_seed(options.seed)
    denoiser = Denoiser(parts.denoiser_config(options.d, options.layers))
    task = FaceDiffusionTask(denoiser, parts, diffusion)
    with torch.inference_mode():
        drawn = torch.cat(
            [task.latents(batch)[0].flatten(0, 1) for batch in islice(iter(windows), _CALIBRATION_BATCHES)]
        )
        set_latent_scale(denoiser, drawn)
    curve = fit_batches(task, windows, options.runs, steps=options.steps, seed=options.seed)
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
    main(tyro.cli(Options))
