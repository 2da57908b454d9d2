"""`emote3d train`: FLINT, EMOTE and the networks that judge them; each resumes where it was interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

import tyro

from emote3d.cli.reporting import Flat, Reporting
from emote3d.training.settings import (
    AstTraining,
    BodyTraining,
    EmoteTraining,
    FaceData,
    FlintTraining,
    Machines,
    PerceptionTraining,
)

Output = Annotated[Path, tyro.conf.arg(aliases=["-o"])]


class Training(Protocol):
    """A parsed training."""

    def run(self) -> None:
        """Train and save."""


@dataclass(frozen=True, kw_only=True)
class TrainFlint(Reporting):
    """The temporal motion prior: 1e6 x vertex error + 1e-3 x KL."""

    data: Flat[FaceData]
    output: Output
    """Checkpoint folder; the component `prior` is written into it."""
    runs: Path = Path("runs/flint")
    """Where curves and resumable states go; the same command goes on from there."""
    settings: Flat[FlintTraining] = field(default_factory=FlintTraining)
    machines: Flat[Machines] = field(default_factory=Machines)

    def run(self) -> None:
        """Train and save."""
        from emote3d.training.emote_runs import train_flint

        if train_flint(self.data, self.settings, self.machines, self.output, self.runs, self.say):
            self.report({"output": str(self.output)}, f"{self.output}: FLINT, {self.settings.steps} steps")


@dataclass(frozen=True, kw_only=True)
class TrainEmote(Reporting):
    """EMOTE: stage 1 on vertices; stage 2 with lip reading, emotion and the exchange of emotions."""

    data: Flat[FaceData]
    output: Output
    """Checkpoint folder to write; render takes it as --checkpoint."""
    init: Path | None = None
    """Checkpoint folder of stage 1 (or an imported one); needed in stage 2."""
    flint: Path | None = None
    """Folder of a trained or imported FLINT; needed in stage 1."""
    wav2vec2: str = "facebook/wav2vec2-base-960h"
    """Folder or hub id of the wav2vec2 that stage 1 starts from."""
    lip_reader: Path | None = None
    """Component folder (ours, or imported), or TorchScript that looks at mouths (grey, 96x96); default ours."""
    emotion_net: Path | None = None
    """Component folder (ours, or imported), or TorchScript that looks at faces (grey, 224x224); default ours."""
    runs: Path | None = None
    """Where curves and resumable states go (default: runs/emote-STAGE); the same command goes on from there."""
    settings: Flat[EmoteTraining] = field(default_factory=EmoteTraining)
    machines: Flat[Machines] = field(default_factory=Machines)

    def run(self) -> None:
        """Train and save."""
        from emote3d.training.emote_runs import EmoteStart, train_emote

        start = EmoteStart(
            init=self.init,
            flint=self.flint,
            wav2vec2=self.wav2vec2,
            lip_reader=self.lip_reader,
            emotion_net=self.emotion_net,
        )
        runs = self.runs or Path(f"runs/emote-{self.settings.stage}")
        if train_emote(self.data, start, self.settings, self.machines, (self.output, runs), self.say):
            done = f"stage {self.settings.stage}, {self.settings.steps} steps"
            self.report({"output": str(self.output)}, f"{self.output}: EMOTE, {done}")


@dataclass(frozen=True, kw_only=True)
class TrainPerception(Reporting):
    """What both perceptual networks take."""

    corpus: Path
    """Timed speech set (scripts/build_training_set.py)."""
    output: Output
    """Component folder to write."""
    settings: Flat[PerceptionTraining] = field(default_factory=PerceptionTraining)


@dataclass(frozen=True, kw_only=True)
class TrainLipReader(TrainPerception):
    """Our lip reader: phones from the landmark motion of acted speech."""

    runs: Path = Path("runs/lip_reader")
    """Where curves and the resumable state go."""

    def run(self) -> None:
        """Train, measure on voices left out, save."""
        from emote3d.training.perception_runs import train_lip_reader

        metrics = train_lip_reader(self.corpus, self.output, self.runs, self.settings)
        self.report({"output": str(self.output), **metrics}, f"{self.output}: {metrics}")


@dataclass(frozen=True, kw_only=True)
class TrainMotionEmotion(TrainPerception):
    """Our motion emotion network: emotion and intensity from the landmark motion of acted speech."""

    runs: Path = Path("runs/motion_emotion")
    """Where curves and the resumable state go."""

    def run(self) -> None:
        """Train, measure on voices left out, save."""
        from emote3d.training.perception_runs import train_emotion_net

        metrics = train_emotion_net(self.corpus, self.output, self.runs, self.settings)
        self.report({"output": str(self.output), **metrics}, f"{self.output}: {metrics}")


@dataclass(frozen=True, kw_only=True)
class TrainBody(Reporting):
    """A body that gestures, from recordings: BEAT2 (motion with speech), and AMASS (motion alone) for the prior."""

    data: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction]
    """Folder of BEAT2 or AMASS; may be given several times."""
    output: Output
    """Checkpoint folder to write; render and animate take it as --checkpoint."""
    runs: Path = Path("runs/body")
    """Where tapes, curves and resumable states go; the same command goes on from there."""
    settings: Flat[BodyTraining] = field(default_factory=BodyTraining)

    def run(self) -> None:
        """Train, measure on the validation split, save."""
        from emote3d.training.body_runs import Places, train_body

        metrics = train_body(self.data, self.settings, Places(out=self.output, runs=self.runs), self.say)
        self.report({"output": str(self.output), **metrics}, f"{self.output}: a body, {metrics}")


@dataclass(frozen=True, kw_only=True)
class TrainAst(Reporting):
    """Content, emotion and style of voices, told apart by exchanging them (AMUSE's speech model)."""

    data: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction]
    """Folder with voices.csv (file, text, emotion, speaker, split), BEAT2 or EmoDB; may be given several times."""
    output: Output
    """Checkpoint folder; content, emotion, style and reconstruction are written into it."""
    init: Path | None = None
    """Checkpoint folder to start from, e.g. AMUSE imported with --reconstruction; sizes come from it."""
    runs: Path = Path("runs/ast")
    """Where curves and resumable states go; the same command goes on from there."""
    settings: Flat[AstTraining] = field(default_factory=AstTraining)
    machines: Flat[Machines] = field(default_factory=Machines)

    def run(self) -> None:
        """Train, measure on clips held out, save."""
        from emote3d.training.disentangle_runs import AstStart, train_ast

        start = AstStart(out=self.output, runs=self.runs, init=self.init)
        metrics = train_ast(self.data, self.settings, self.machines, start, self.say)
        if metrics is not None:
            self.report({"output": str(self.output), **metrics}, f"{self.output}: {metrics}")


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a network; `emote3d train NAME --help` lists the options."""

    what: tyro.conf.OmitSubcommandPrefixes[
        Annotated[TrainFlint, tyro.conf.subcommand("flint")]
        | Annotated[TrainEmote, tyro.conf.subcommand("emote")]
        | Annotated[TrainAst, tyro.conf.subcommand("ast")]
        | Annotated[TrainBody, tyro.conf.subcommand("body")]
        | Annotated[TrainLipReader, tyro.conf.subcommand("lip-reader")]
        | Annotated[TrainMotionEmotion, tyro.conf.subcommand("motion-emotion")]
    ]

    def run(self) -> None:
        """Train it."""
        self.what.run()
