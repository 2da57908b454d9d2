"""`emote3d batch`: many recordings at once."""

from __future__ import annotations

import csv
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from emote3d.cli.reporting import Reporting
from emote3d.errors import Emote3DError

if TYPE_CHECKING:
    from emote3d.batch.work import Outcome


@dataclass(frozen=True, kw_only=True)
class Batch(Reporting):
    """Performs every recording of a manifest; run it again to go on where it stopped."""

    manifest: tyro.conf.Positional[Path]
    """CSV with a column speech (path), perhaps id and seed, and settings of the direction (emotion, intensity, ...)."""
    folder: Annotated[Path, tyro.conf.arg(name="output", aliases=["-o"])]
    """Folder for the outputs; made where it is missing."""
    to: tuple[str, ...] = (".npz",)
    """Kinds of output: .mp4 renders, others as emote3d export."""
    workers: int = 0
    """Processes at a time (default: one per core)."""
    engine: Literal["local", "ray"] = "local"
    """local: processes of this machine; ray: the cluster of RAY_ADDRESS, or one on this machine."""
    fps: float = 30.0
    """Frames per second of the results."""
    seed: int = 0
    """Seed of lines that have none."""
    checkpoint: Path | None = None
    """Checkpoint folder (default: the shipped open-v1)."""

    def run(self) -> None:
        """Do what is not done yet; lines that failed are listed in failures.csv, and `Emote3DError` counts them."""
        from emote3d.batch.engines import by_processes, by_ray
        from emote3d.batch.manifest import Asked, read_manifest
        from emote3d.batch.work import is_done, sweep

        began_s = time.monotonic()
        self._check()
        asked = Asked(suffixes=self.to, fps=self.fps, seed=self.seed, folder=self.folder, checkpoint=self.checkpoint)
        jobs = read_manifest(self.manifest, asked)
        self._make_folder()
        left = [job for job in jobs if not is_done(job)]
        workers = min(self.workers or os.cpu_count() or 1, max(1, len(left)))
        perform = by_processes if self.engine == "local" else by_ray
        failed: list[Outcome] = []
        with self.progress("performing", len(left)) as advance:
            for outcome in perform(left, workers) if left else ():
                advance()
                if outcome.error is not None:
                    failed.append(outcome)
                    self.say(f"{outcome.id}: {outcome.error}")
        sweep(self.folder)
        self._list(failed)
        seconds = round(time.monotonic() - began_s, 2)
        done = len(left) - len(failed)
        facts = {
            "lines": len(jobs),
            "done": done,
            "before": len(jobs) - len(left),
            "failed": len(failed),
            "seconds": seconds,
        }
        self.report(
            facts, f"{self.folder}: {done} done, {facts['before']} done before, {len(failed)} failed, {seconds} s"
        )
        if failed:
            raise Emote3DError(f"{len(failed)} of {len(jobs)} lines failed; {self.folder / 'failures.csv'} says why")

    def _check(self) -> None:
        from emote3d.export.formats import writer_for

        for suffix in self.to:
            if suffix != ".mp4":
                writer_for(Path(f"x{suffix}"))
        if not self.to or len(set(self.to)) < len(self.to):
            raise Emote3DError("--to takes each kind of output once, e.g. --to .npz .mp4")
        if not 0 <= self.workers <= 1024 or not 1 <= self.fps <= 1000:
            raise Emote3DError(f"expected 1 to 1024 workers and 1 to 1000 fps, got {self.workers} and {self.fps:g}")

    def _make_folder(self) -> None:
        from emote3d.files import require_writable

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Emote3DError(f"cannot make the folder {self.folder}: {error.strerror}") from error
        require_writable(self.folder / "failures.csv")

    def _list(self, failed: list[Outcome]) -> None:
        from emote3d.files import atomic_path

        path = self.folder / "failures.csv"
        if not failed:
            path.unlink(missing_ok=True)
            return
        with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "error"])
            writer.writerows([outcome.id, outcome.error] for outcome in sorted(failed, key=lambda one: one.id))
