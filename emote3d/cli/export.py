"""`emote3d export`: a motion file into the formats of other tools."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
    """Motion: npz (ours, BEAT2, AMASS, FLAME), Live Link Face csv or Audio2Face json."""
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
        from emote3d.cli.reading import read_any_motion
        from emote3d.export.registry import Export

        started_s = time.monotonic()
        check_outputs(self.outputs)
        job = Export(read_any_motion(self.motion), self.sound, self.avatar, self.options)
        self.finish(job, started_s)

    def finish(self, job: Export, started_s: float) -> None:
        """Write every output at its rate and report."""
        from emote3d.export.registry import export

        jobs = [at_rate(job, self._rate(path, job.motion.fps)) for path in self.outputs]
        for path, made in zip(self.outputs, jobs, strict=True):
            for note in export(made, [path]):
                self.say(note)
        report_outputs(self, self.outputs, [made.motion for made in jobs], started_s)

    def _rate(self, path: Path, fps: float) -> float:
        return fitting_rate(writer_for(path), fps) if self.fps is None else self.fps


def at_rate(job: Export, fps: float) -> Export:
    """The same job with its motion at another frame rate; raises `Emote3DError` for one outside 1 to 1000."""
    from dataclasses import replace

    from emote3d.errors import Emote3DError
    from emote3d.motion import resample_motion

    if not 1 <= fps <= 1000:
        raise Emote3DError(f"expected 1 to 1000 frames per second; got {fps:g}")
    return job if fps == job.motion.fps else replace(job, motion=resample_motion(job.motion, fps))


def report_outputs(verb: Reporting, outputs: Sequence[Path], motions: Sequence[Motion], started_s: float) -> None:
    """Say what was written: each file with the frames and the rate that it has."""
    seconds = round(time.monotonic() - started_s, 2)
    files = [
        {"path": str(path), "frames": motion.frames, "fps": motion.fps}
        for path, motion in zip(outputs, motions, strict=True)
    ]
    alike: dict[tuple[int, float], list[str]] = {}
    for path, motion in zip(outputs, motions, strict=True):
        alike.setdefault((motion.frames, motion.fps), []).append(str(path))
    told = [f"{', '.join(names)}: {frames} frames at {fps:g} fps" for (frames, fps), names in alike.items()]
    facts: dict[str, object] = {"frames": files[0]["frames"], "fps": files[0]["fps"], "files": files}
    facts |= {"outputs": [file["path"] for file in files], "seconds": seconds}
    verb.report(facts, f"{'; '.join(told)} in {seconds} s")
