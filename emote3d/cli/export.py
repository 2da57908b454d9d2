"""`emote3d export`: a motion file into the formats of other tools."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from emote3d.cli.reporting import Flat, Reporting
from emote3d.export.formats import ExportOptions, check_outputs, fitting_rate, writer_for

if TYPE_CHECKING:
    from emote3d.export.registry import Export
    from emote3d.records import Motion

Outputs = Annotated[tuple[Path, ...], tyro.conf.arg(name="output", aliases=["-o"]), tyro.conf.UseAppendAction]


@dataclass(frozen=True, kw_only=True)
class ExportMotion(Reporting):
    """A motion file into the formats of other tools; the suffix picks the format."""

    motion: tyro.conf.Positional[Path]
    """Motion (npz) from `emote3d animate`."""
    outputs: Outputs = ()
    """File to write; may be given several times."""
    sound: Path | None = None
    """Recording to put along where the format has a place for it."""
    avatar: Path | None = None
    """Your FLAME or SMPL-X file (default: the open avatar)."""
    fps: float | None = None
    """Frames per second of the result (default: the motion's, or the nearest rate that the format's readers know)."""
    options: Flat[ExportOptions] = field(default_factory=ExportOptions)

    def run(self) -> None:
        """Read, convert, write."""
        from emote3d.export.registry import Export
        from emote3d.motion import load_motion

        started_s = time.monotonic()
        check_outputs(self.outputs)
        motion = load_motion(self.motion)
        job = Export(motion, self.sound, self.avatar, self.options)
        self.finish(job, started_s)

    def finish(self, job: Export, started_s: float) -> None:
        """Write every output at its rate and report."""
        from emote3d.export.registry import export

        for path in self.outputs:
            rate = self.fps or fitting_rate(writer_for(path), job.motion.fps)
            for note in export(at_rate(job, rate), [path]):
                self.say(note)
        report_outputs(self, job.motion, self.outputs, started_s)


def at_rate(job: Export, fps: float) -> Export:
    """The same job with its motion at another frame rate."""
    from dataclasses import replace

    from emote3d.errors import Emote3DError
    from emote3d.motion import resample_motion

    if not 1 <= fps <= 1000:
        raise Emote3DError(f"expected 1 to 1000 frames per second; got {fps:g}")
    return job if fps == job.motion.fps else replace(job, motion=resample_motion(job.motion, fps))


def report_outputs(verb: Reporting, motion: Motion, outputs: tuple[Path, ...], started_s: float) -> None:
    """Say what was written."""
    seconds = round(time.monotonic() - started_s, 2)
    names = [str(path) for path in outputs]
    facts: dict[str, object] = {"frames": motion.frames, "fps": motion.fps, "outputs": names, "seconds": seconds}
    verb.report(facts, f"{', '.join(names)}: {motion.frames} frames at {motion.fps:g} fps in {seconds} s")
