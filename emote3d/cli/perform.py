"""`emote3d render` and `emote3d animate`: a recording performed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from emote3d.cli.directing import Directing
from emote3d.cli.export import Outputs, report_outputs
from emote3d.cli.reading import MOTION_SUFFIXES, read_any_motion
from emote3d.cli.reporting import Flat
from emote3d.errors import Emote3DError
from emote3d.export.formats import ExportOptions, check_outputs

if TYPE_CHECKING:
    from emote3d.pipeline import Emote3D
    from emote3d.records import Motion

_FPS = 30.0


@dataclass(frozen=True, kw_only=True)
class Performance(Directing):
    """What every verb that performs a recording takes."""

    speech: tyro.conf.Positional[Path]
    """Recording: wav, flac, mp3, m4a, ogg, opus, g722 or a video with sound."""
    fps: float | None = None
    """Frames per second of the result (default: 30)."""
    seed: int = 0
    """Seed of gestures, blinks, gaze and head drift; the same seed gives the same motion."""
    checkpoint: Path | None = None
    """Checkpoint folder (default: the shipped open-v1)."""

    def perform(self, *, body: bool) -> tuple[Emote3D, Motion]:
        """The engine and what it made of the recording."""
        from emote3d.pipeline import Emote3D

        engine = Emote3D.from_pretrained(self.checkpoint)
        return engine, engine.animate(
            self.speech, self.directed(), seed=self.seed, fps=_FPS if self.fps is None else self.fps, body=body
        )


@dataclass(frozen=True, kw_only=True)
class Animate(Performance):
    """Speech to motion in the formats of other tools; the suffix of each output picks its format."""

    outputs: Outputs = ()
    """File to write; may be given several times."""
    body: bool = True
    """Whether the body gestures; without, only the face is performed."""
    avatar: Path | None = None
    """Your FLAME or SMPL-X file for the formats that carry a mesh (default: the open avatar)."""
    options: Flat[ExportOptions] = field(default_factory=ExportOptions)

    def run(self) -> None:
        """Perform and write."""
        from emote3d.export.registry import Export, export

        started_s = time.monotonic()
        check_outputs(self.outputs)
        engine, motion = self.perform(body=self.body)
        shown = self._on_the_open_avatar(engine, motion)
        given = [motion if path.suffix.lower() == ".npz" else shown for path in self.outputs]
        for one in (motion,) if shown is motion else (motion, shown):
            paths = [path for path, its in zip(self.outputs, given, strict=True) if its is one]
            for note in export(Export(one, self.speech, self.avatar, self.options), paths) if paths else ():
                self.say(note)
        report_outputs(self, self.outputs, given, started_s)

    def _on_the_open_avatar(self, engine: Emote3D, motion: Motion) -> Motion:
        """The motion in ARKit's basis, where the checkpoint has a map and no avatar was named; npz keeps the coefficients."""
        from emote3d.retarget import suited

        if engine.retarget is None or self.avatar is not None:
            return motion
        return suited(motion, engine.avatar, engine.retarget)


@dataclass(frozen=True, kw_only=True)
class Render(Performance):
    """Speech, or a motion file, to a video of the talking avatar."""

    speech: tyro.conf.Positional[Path]
    """Recording: wav, flac, mp3, m4a, ogg, opus, g722 or a video with sound; or a motion file: npz, csv, json."""
    sound: Path | None = None
    """With a motion file: the recording to put along."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """File to write."""
    view: str = "face"
    """face, left, right, upper or full; several side by side with commas: face,left,full."""
    size: str = "512x512"
    """Width x height of the whole picture in pixels, even numbers."""
    avatar: str = "open"
    """open, or your own model file: flame:PATH, flame2023:PATH or smplx:PATH."""
    shape: str = ""
    """Identity of the avatar: gender=1,age=0.6 by name, or numbers in the model's order."""
    source: str | None = None
    """What the coefficients belong to, where the avatar takes others: flame:PATH, flame2023:PATH, or the folder of an EMOTE
    checkpoint that was imported with its FLAME inside (with --checkpoint, that one's)."""
    backend: Literal["auto", "gl", "software", "pyrender", "pytorch3d"] = "auto"
    """Renderer; auto takes OpenGL on a GPU, else the software rasteriser."""

    def run(self) -> None:
        """Perform and film."""
        from emote3d.body import choose_avatar, shaped
        from emote3d.export.film import film, parse_size, parse_views
        from emote3d.retarget import choose_source, kept_map, suited

        started_s = time.monotonic()
        self.check_output(".mp4")
        views, size = parse_views(self.view), parse_size(self.size)
        avatar = shaped(choose_avatar(self.avatar), self.shape)
        source = choose_source(self.source)
        if source is None and self.checkpoint is not None:
            source = kept_map(self.checkpoint)
        performed, sound = self._performed(body=bool({"upper", "full"} & set(views)))
        motion = suited(performed, avatar, source)
        with self.progress("drawing", motion.frames) as advance:
            shot = film(
                avatar,
                motion,
                self.output,
                sound=sound,
                views=views,
                size=size,
                backend=self.backend,
                advance=advance,
            )
        self.say(shot.note)
        self.done(motion, started_s, backend=shot.backend, size=list(size), views=list(views))

    def _performed(self, *, body: bool) -> tuple[Motion, Path | None]:
        """The motion to draw, and its sound."""
        if self.speech.suffix.lower() in MOTION_SUFFIXES:
            return self._from_file(), self.sound
        if self.sound is not None:
            raise Emote3DError(
                f"--sound goes along with a motion file; the sound of this video is {self.speech} itself"
            )
        return self.perform(body=body)[1], self.speech

    def _from_file(self) -> Motion:
        """A motion file as it is; performed anew where a direction is given."""
        from emote3d.latents.direction import Direction
        from emote3d.pipeline import Emote3D

        motion, directed = read_any_motion(self.speech), self.directed()
        if directed != Direction():
            motion = Emote3D.from_pretrained(self.checkpoint).redirect(motion, directed, seed=self.seed)
        return motion if self.fps is None else motion.resample(self.fps)

    def check_output(self, suffix: str) -> None:
        """Raise `Emote3DError` for a place that cannot be written, before the work begins."""
        from emote3d.files import require_writable

        if self.output.suffix.lower() != suffix:
            raise Emote3DError(f"the output of this verb ends in {suffix}, got '{self.output}'")
        require_writable(self.output)

    def done(self, motion: Motion, started_s: float, **facts: object) -> None:
        """Report the written file."""
        seconds = round(time.monotonic() - started_s, 2)
        facts = {"frames": motion.frames, "fps": motion.fps, **facts, "output": str(self.output), "seconds": seconds}
        self.report(facts, f"{self.output}: {motion.frames} frames at {motion.fps:g} fps in {seconds} s")
