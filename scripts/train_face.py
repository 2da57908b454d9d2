r"""Train the face of checkpoints/open-v1, stage by stage (each resumable, hours on two CPU cores in all):

python scripts/build_training_set.py --out runs/speech --data ../shared/data
python scripts/train_face.py make-tape --corpus runs/speech --passes 3
python scripts/train_face.py train-encoder --settings.steps 9000 --settings.batch 16 --settings.unlabelled 6 --settings.shuffled 12 \
    --settings.dropout 0.1 --settings.precision bf16-mixed
python scripts/train_face.py train-prior --settings.steps 6000 --settings.learning-rate 2e-3
python scripts/train_face.py train-decoder --settings.steps 4000 --settings.precision bf16-mixed --settings.tune-encoder
python scripts/train_face.py train-decoder --refine --settings.steps 4500 --settings.learning-rate 1.2e-3 --settings.seed 11 \
    --settings.precision bf16-mixed --settings.tune-encoder --settings.seen-weight 3 --settings.takes ../shared/data/facegood
python scripts/train_face.py average --parts checkpoints/one checkpoints/refined --out checkpoints/open-v1
python scripts/train_face.py train-emotion

The shipped networks came about in more runs, each from the weights of the last (`train-encoder --start`, `train-decoder --refine`), as teacher and speech
set grew; their manifests name the last. Once there is an encoder it moves the phone times of the recordings, which come from an aligner of English, before the next run:

python scripts/train_face.py realign --corpus runs/speech --to runs/realigned
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig
from emote3d.audio.lips import PhoneReader, PhoneReaderConfig
from emote3d.body import open_avatar
from emote3d.checkpoint import load_component, save_component
from emote3d.decoders.face import CHANNELS
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.errors import ending_in_one_line, existing
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.latents.voice import ear_of
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.training.average import save_average
from emote3d.training.emotion import fit_emotion
from emote3d.training.encoder import EncoderTask, EncoderTraining
from emote3d.training.face import CONDITION_D, DecoderTask, FaceTraining, PriorTask
from emote3d.training.geometry import measure_face
from emote3d.training.hearing import Hearing
from emote3d.training.realign import realign_set
from emote3d.training.run import fit, machine
from emote3d.training.tape import build_tape


@dataclass(frozen=True, kw_only=True)
class _Stage:
    tape: Path = Path("runs/tape")
    """Folder of the tape."""
    runs: Path = Path("runs")
    """Where curves and resumable states go."""
    out: Path = Path("checkpoints/open-v1")
    """Checkpoint folder to write components into."""

    def note(self, curve: dict[str, list[float]]) -> dict[str, Any]:
        """What the manifest says of a training."""
        return {
            "command": " ".join(["python", "scripts/train_face.py", *sys.argv[1:]]),
            "data": "see checkpoints/README.md",
            "machine": machine(),
            "licence": "Apache-2.0",
            "curve": curve,
        }

    def save_listener(self, encoder: CompactEncoder, hearing: Hearing, note: dict[str, Any]) -> None:
        """Write the encoder and the phone reader that was trained on it."""
        save_component(self.out / "audio", encoder, encoder.config, note, dtype=torch.float16)
        save_component(self.out / "phones", hearing.phones, hearing.phones.config, note, dtype=torch.float16)


@dataclass(frozen=True, kw_only=True)
class Realign:
    """Write a speech set again with the phone times of its recordings moved to where a trained encoder hears them."""

    corpus: Path
    to: Path
    """Folder of the new set."""
    listener: Path = Path("checkpoints/open-v1")
    """Checkpoint folder of the encoder and its phone reader."""

    def run(self) -> None:
        """Do so."""
        moved, mistaken = realign_set(self.corpus, self.to, self.listener)
        print(
            f"{self.to}: {moved} recordings moved, {mistaken} of them say something else than their text and are untimed now"
        )


@dataclass(frozen=True, kw_only=True)
class MakeTape(_Stage):
    """Compute mel, phones, articulation and prosody of a speech set."""

    corpus: Path
    passes: int = 2
    """Times the set goes onto the tape; the first is clean, later ones augmented."""
    limit: int | None = None
    """At most so many clips."""

    def run(self) -> None:
        """Build it."""
        hours = build_tape(self.corpus, self.tape, passes=self.passes, limit=self.limit)
        print(f"{self.tape}: {hours:.2f} hours")


@dataclass(frozen=True, kw_only=True)
class TrainEncoder(_Stage):
    """Pre-train the compact audio encoder."""

    settings: EncoderTraining = field(default_factory=EncoderTraining)
    model: CompactEncoderConfig = field(default_factory=CompactEncoderConfig)
    start: Path | None = None
    """Checkpoint folder whose encoder, of the same sizes, and phone reader to start from."""

    def run(self) -> None:
        """Train and save."""
        s = self.settings
        task = EncoderTask(self.model, s)
        if self.start is not None:
            started = load_component(self.start / "audio", CompactEncoder, CompactEncoderConfig)
            task.encoder.load_state_dict(started.state_dict())
            task.hearing.start(self.start)
        curve = fit(task, self.tape, self.runs / "encoder", s, s.unlabelled)
        self.save_listener(task.encoder, task.hearing, self.note(curve))


@dataclass(frozen=True, kw_only=True)
class TrainPrior(_Stage):
    """Train the temporal VAE of face motion."""

    settings: FaceTraining = field(default_factory=FaceTraining)
    model: FlintConfig = field(default_factory=lambda: FlintConfig(channels=CHANNELS, stages=2))
    start: Path | None = None
    """Component folder of a prior to start from, of its sizes."""

    def run(self) -> None:
        """Train and save."""
        s = self.settings
        prior = load_component(self.start, MotionVAE, FlintConfig) if self.start else MotionVAE(self.model)
        task = PriorTask(prior.train().requires_grad_(True), s, measure_face(open_avatar()))
        curve = fit(task, self.tape, self.runs / "prior", s)
        save_component(self.out / "prior", prior, prior.config, self.note(curve), dtype=torch.float16)


@dataclass(frozen=True, kw_only=True)
class TrainDecoder(_Stage):
    """Train the decoder through the prior."""

    settings: FaceTraining = field(default_factory=FaceTraining)
    model: RegressionConfig = field(
        default_factory=lambda: RegressionConfig(
            condition_d=CONDITION_D, layers=2, feedforward_d=512, frames_per_latent=4
        )
    )
    refine: bool = False
    """Start from the latents and decoder that are there."""

    def run(self) -> None:
        """Train and save."""
        s = self.settings
        audio = load_component(self.out / "audio", CompactEncoder, CompactEncoderConfig)
        prior = load_component(self.out / "prior", MotionVAE, FlintConfig)
        if self.refine:
            latents = load_component(self.out / "latents", SpeechEncoder, SpeechEncoderConfig)
            decoder = load_component(self.out / "decoder", RegressionDecoder, RegressionConfig)
            for net in (latents, decoder):
                net.train().requires_grad_(True)
        else:
            sizes = SpeechEncoderConfig(feature_d=audio.config.d, content_d=self.model.content_d)
            latents, decoder = SpeechEncoder(sizes), RegressionDecoder(self.model)
        task = DecoderTask(audio, latents, decoder, prior, s, measure_face(open_avatar()))
        if self.refine and task.hearing is not None:
            task.hearing.start(self.out)
        curve = fit(task, self.tape, self.runs / ("refine" if self.refine else "decoder"), s)
        note = self.note(curve)
        save_component(self.out / "decoder", decoder, decoder.config, note, dtype=torch.float16)
        save_component(self.out / "latents", latents, latents.config, note, dtype=torch.float16)
        if task.hearing is not None:
            self.save_listener(audio, task.hearing, note)


@dataclass(frozen=True, kw_only=True)
class Average(_Stage):
    """Take the mean of faces that were refined from one another, weight by weight: encoder, phone reader, latents, decoder."""

    parts: tuple[Path, ...]
    """Their checkpoint folders."""
    components: tuple[Literal["audio", "phones", "latents", "decoder"], ...] = ("audio", "phones", "latents", "decoder")
    """What of them to average; the others are left as they are in `out`."""

    def run(self) -> None:
        """Average and save; the manifests tell how each part was trained."""
        for name in self.components:
            folders = [part / name for part in self.parts]
            save_average(folders, self.out / name, *_REFINED[name], self.note({}))


_REFINED: dict[str, tuple[type, type]] = {
    "audio": (CompactEncoder, CompactEncoderConfig),
    "phones": (PhoneReader, PhoneReaderConfig),
    "latents": (SpeechEncoder, SpeechEncoderConfig),
    "decoder": (RegressionDecoder, RegressionConfig),
}


@dataclass(frozen=True, kw_only=True)
class TrainEmotion(_Stage):
    """Train the reader of the voice's emotion on EmoDB and plain read speech."""

    data: Path = Path("../shared/data/emodb/wav")
    """Folder of EmoDB's wav files."""
    read: tuple[Path, ...] = (
        Path("/usr/share/asterisk/sounds/en"),
        Path("/usr/share/asterisk/sounds/es"),
        Path("/usr/share/asterisk/sounds/fr"),
        Path("../shared/data/ljspeech"),
    )
    """One folder for each person who reads plainly: their voices count as neutral."""

    def run(self) -> None:
        """Train and save; the recall on speakers left out is printed and goes into the manifest."""
        for folder in (self.data, *self.read):
            existing(folder, "a folder of recordings")
        audio = load_component(self.out / "audio", CompactEncoder, CompactEncoderConfig)
        reader, recalls = fit_emotion(self.data, self.read, ear_of(audio))
        recall = round(sum(recalls.values()) / len(recalls), 3)
        each = {f"recall_{emotion}": round(share, 3) for emotion, share in recalls.items()}
        note = self.note({}) | {"metrics": {"emotion_unweighted_recall_unseen_speakers": recall} | each}
        save_component(self.out / "voice", reader, reader.config, note, dtype=torch.float16)
        print(f"unweighted recall on speakers left out: {recall:.3f}")


if __name__ == "__main__":
    with ending_in_one_line("train_face"):
        tyro.cli(Realign | MakeTape | TrainEncoder | TrainPrior | TrainDecoder | Average | TrainEmotion).run()  # pyright: ignore[reportArgumentType, reportCallIssue]
