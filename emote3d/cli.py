"""The command line: each verb is a dataclass of options. Heavy modules are imported when a verb runs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction

if TYPE_CHECKING:
    from emote3d.pipeline import Emote3D
    from emote3d.records import Motion

_Flag = tyro.conf.FlagCreatePairsOff
_Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class _Performance:
    """What every verb that performs a recording takes."""

    speech: tyro.conf.Positional[Path]
    """Recording: wav, flac, mp3, m4a, ogg, opus, g722 or a video with sound."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """File to write."""
    direction: _Flat[Direction] = field(default_factory=Direction)
    fps: float = 30.0
    """Frames per second of the result."""
    seed: int = 0
    """Seed of blinks, gaze and head drift; the same seed gives the same motion."""
    checkpoint: Path | None = None
    """Checkpoint folder (default: the shipped open-v1)."""
    quiet: Annotated[_Flag[bool], tyro.conf.arg(aliases=["-q"])] = False
    """Print nothing but errors."""
    json: _Flag[bool] = False
    """Print one JSON object about the result."""


@dataclass(frozen=True, kw_only=True)
class Animate(_Performance):
    """Speech to motion parameters: an npz of coefficients, jaw, neck and eyes."""


@dataclass(frozen=True, kw_only=True)
class Render(_Performance):
    """Speech to a video of the talking avatar."""

    view: str = "face"
    """face, left, right, upper or full; several side by side with commas: face,left,full."""
    size: str = "512x512"
    """Width x height of the whole picture in pixels, even numbers."""
    backend: Literal["auto", "gl", "software", "pyrender", "pytorch3d"] = "auto"
    """Renderer; auto takes OpenGL where there is one, else the software rasteriser."""


Command = (
    Annotated[Render, tyro.conf.subcommand("render", description="Speech to a video of the talking avatar.")]
    | Annotated[Animate, tyro.conf.subcommand("animate", description="Speech to motion parameters (npz).")]
)


def main() -> None:
    """Run the command line; bad input ends with one line on stderr and exit code 2."""
    try:
        options = tyro.cli(Command, prog="emote3d", description="Speech in, a talking, feeling 3D person out.")  # pyright: ignore[reportArgumentType, reportCallIssue]
        _run(options)
    except Emote3DError as error:
        print(f"emote3d: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("emote3d: interrupted, nothing was written", file=sys.stderr)
        sys.exit(130)


def _run(options: Render | Animate) -> None:
    from emote3d.files import require_writable

    started_s = time.monotonic()
    suffix = ".mp4" if isinstance(options, Render) else ".npz"
    if options.output.suffix.lower() != suffix:
        raise Emote3DError(f"the output of this verb ends in {suffix}, got '{options.output}'")
    require_writable(options.output)
    report = _render(options) if isinstance(options, Render) else _animate(options)
    report |= {"output": str(options.output), "seconds": round(time.monotonic() - started_s, 2)}
    if options.json:
        print(json.dumps(report))
    elif not options.quiet:
        print(f"{options.output}: {report['frames']} frames at {report['fps']:g} fps in {report['seconds']} s")


def _perform(options: Render | Animate) -> tuple[Emote3D, Motion]:
    from emote3d.pipeline import Emote3D

    engine = Emote3D.from_pretrained(options.checkpoint)
    return engine, engine.animate(options.speech, options.direction, seed=options.seed, fps=options.fps)


def _animate(options: Animate) -> dict[str, object]:
    from emote3d.motion import save_motion

    _, motion = _perform(options)
    save_motion(motion, options.output)
    return {"frames": motion.frames, "fps": motion.fps}


def _render(options: Render) -> dict[str, object]:
    from emote3d.export.film import film, parse_size, parse_views

    views, size = parse_views(options.view), parse_size(options.size)
    engine, motion = _perform(options)
    with _progress(options, motion.frames) as advance:
        shot = film(
            engine.avatar, motion, options.output, sound=options.speech, views=views, size=size, backend=options.backend,
            advance=advance,
        )  # fmt: skip
    if shot.note and not options.quiet:
        print(f"emote3d: {shot.note}", file=sys.stderr)
    return {
        "frames": motion.frames,
        "fps": motion.fps,
        "backend": shot.backend,
        "size": list(size),
        "views": list(views),
    }


@contextmanager
def _progress(options: Render, frames: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal; nothing in a pipe."""
    if options.quiet or options.json or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("drawing", total=frames)
        yield lambda: progress.advance(task)


if __name__ == "__main__":
    main()
