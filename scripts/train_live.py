"""Train the live face of checkpoints/live-v1 (each stage resumable; about an hour on one CPU core in all):

python scripts/train_face.py make-tape --corpus runs/speech
python scripts/train_live.py prior
python scripts/train_live.py face
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import tyro

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig, LiveEncoderConfig
from emote3d.audio.lips import PhoneReader, PhoneReaderConfig
from emote3d.body import open_avatar
from emote3d.checkpoint import load_component, save_component
from emote3d.decoders.face import CHANNELS
from emote3d.decoders.regression import LiveRegressionConfig, RegressionDecoder
from emote3d.errors import ending_in_one_line
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.prior.flint import LiveFlintConfig, MotionVAE
from emote3d.training.average import save_average
from emote3d.training.face import CONDITION_D, FaceTraining, PriorTask
from emote3d.training.geometry import measure_face
from emote3d.training.live import LiveTask, LiveTraining, start_from
from emote3d.training.run import fit, machine


@dataclass(frozen=True, kw_only=True)
class _Stage:
    tape: Path = Path("runs/tape")
    """Folder of the tape."""
    runs: Path = Path("runs/live")
    """Where curves and resumable states go."""
    out: Path = Path("checkpoints/live-v1")
    """Checkpoint folder to write components into."""

    def note(self, curve: dict[str, list[float]]) -> dict[str, Any]:
        """What the manifest says of a training."""
        return {
            "command": " ".join(["python", "scripts/train_live.py", *sys.argv[1:]]),
            "data": "see checkpoints/README.md",
            "machine": machine(),
            "licence": "Apache-2.0",
            "curve": curve,
        }


@dataclass(frozen=True, kw_only=True)
class TrainPrior(_Stage):
    """Train the causal temporal VAE: one latent a frame."""

    settings: FaceTraining = field(default_factory=lambda: FaceTraining(steps=500, batch=16))
    model: LiveFlintConfig = field(default_factory=lambda: LiveFlintConfig(channels=CHANNELS))
    start: Path | None = None
    """Component folder of a prior to start from, of its sizes."""

    def run(self) -> None:
        """Train and save."""
        s = self.settings
        prior = load_component(self.start, MotionVAE, LiveFlintConfig) if self.start else MotionVAE(self.model)
        task = PriorTask(prior.train().requires_grad_(True), s, measure_face(open_avatar()))
        curve = fit(task, self.tape, self.runs / "prior", s)
        save_component(self.out / "prior", prior, prior.config, self.note(curve), dtype=torch.float16)


@dataclass(frozen=True, kw_only=True)
class TrainFace(_Stage):
    """Train encoder, phone reader, content head and decoder through the prior."""

    settings: LiveTraining = field(default_factory=lambda: LiveTraining(steps=3000, learning_rate=8e-4))
    model: LiveRegressionConfig = field(
        default_factory=lambda: LiveRegressionConfig(condition_d=CONDITION_D, layers=2, frames_per_latent=1)
    )
    encoder: LiveEncoderConfig = field(default_factory=LiveEncoderConfig)
    start: Path | None = Path("checkpoints/open-v1")
    """Checkpoint folder of an offline face whose encoder, of the same sizes, and phone reader to start from; None starts from nothing."""
    refine: Path | None = None
    """Checkpoint folder of a live face to go on from instead."""

    def nets(self) -> tuple[CompactEncoder, SpeechEncoder, RegressionDecoder]:
        """What is trained, as it is at the beginning."""
        if self.refine is not None:
            audio, latents, decoder = (
                load_component(self.refine / name, *_REFINED[name]) for name in ("audio", "latents", "decoder")
            )
            for net in (audio, latents, decoder):
                net.train().requires_grad_(True)
            return audio, latents, decoder
        audio = CompactEncoder(self.encoder)
        if self.start is None:
            audio.log_mel.fill_filters()
        else:
            start_from(load_component(self.start / "audio", CompactEncoder, CompactEncoderConfig), audio)
        sizes = SpeechEncoderConfig(feature_d=self.encoder.d, content_d=self.model.content_d)
        return audio, SpeechEncoder(sizes), RegressionDecoder(self.model)

    def run(self) -> None:
        """Train and save."""
        s = self.settings
        audio, latents, decoder = self.nets()
        prior = load_component(self.out / "prior", MotionVAE, LiveFlintConfig)
        task = LiveTask(audio, latents, decoder, prior, s, measure_face(open_avatar()))
        source = self.refine or self.start
        if source is not None:
            task.hearing.start(source)
        note = self.note(fit(task, self.tape, self.runs / ("refine" if self.refine else "face"), s))
        trained = {"audio": audio, "phones": task.hearing.phones, "latents": latents, "decoder": decoder}
        for name, net in trained.items():
            save_component(self.out / name, net, net.config, note, dtype=torch.float16)


@dataclass(frozen=True, kw_only=True)
class Average(_Stage):
    """Take the mean of live faces that were refined from one another, weight by weight."""

    parts: tuple[Path, ...]
    """Their checkpoint folders."""

    def run(self) -> None:
        """Average and save; the manifests tell how each part was trained."""
        for name, classes in _REFINED.items():
            save_average([part / name for part in self.parts], self.out / name, *classes, self.note({}))


_REFINED: dict[str, tuple[type, type]] = {
    "audio": (CompactEncoder, LiveEncoderConfig),
    "phones": (PhoneReader, PhoneReaderConfig),
    "latents": (SpeechEncoder, SpeechEncoderConfig),
    "decoder": (RegressionDecoder, LiveRegressionConfig),
}


if __name__ == "__main__":
    with ending_in_one_line("train_live"):
        stages = {"prior": TrainPrior(), "face": TrainFace(), "average": Average(parts=tyro.MISSING)}
        tyro.cli(tyro.extras.subcommand_type_from_defaults(stages)).run()  # pyright: ignore[reportArgumentType, reportCallIssue]
