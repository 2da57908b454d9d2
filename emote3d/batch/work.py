"""What a worker does with one line of the manifest."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from emote3d.batch.manifest import Job, direction_of
from emote3d.errors import Emote3DError
from emote3d.files import atomic_path

if TYPE_CHECKING:
    from emote3d.pipeline import Emote3D

_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\.tmp(\.[a-z0-9]+)?$")
"""Names that `emote3d.files.atomic_path` gives."""
RECORDS = ".batch"
"""Folder beside the outputs with a record of each line that is done."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a line."""

    id: str
    frames: int = 0
    error: str | None = None
    """Why it failed; None: it is done."""
    skipped: bool = False
    """Whether it had been done before."""


def is_done(job: Job) -> bool:
    """Whether its outputs are there and were made from the same recording in the same way."""
    record = _record(job)
    try:
        done = json.loads(record.read_text())
    except (OSError, ValueError):
        return False
    return done.get("fingerprint") == job.fingerprint() and all(path.is_file() for path in job.outputs())


def work(job: Job) -> Outcome:
    """Perform a line and write its outputs; whatever goes wrong is told, not raised."""
    try:
        fingerprint = job.fingerprint()
        frames = _perform(job)
        _record(job).parent.mkdir(exist_ok=True)
        with atomic_path(_record(job)) as temporary:
            temporary.write_text(json.dumps({"fingerprint": fingerprint, "frames": frames}))
        return Outcome(id=job.id, frames=frames)
    except Emote3DError as error:
        return Outcome(id=job.id, error=str(error))
    except Exception as error:
        return Outcome(id=job.id, error=f"{type(error).__name__}: {error}")


def sweep(folder: Path) -> None:
    """Remove the unfinished files of workers that were killed; nobody may be writing there any more."""
    for place in (folder, folder / RECORDS):
        for path in place.glob(".*.tmp*"):
            if _TEMPORARY.match(path.name):
                path.unlink(missing_ok=True)


def _record(job: Job) -> Path:
    return Path(job.folder) / RECORDS / f"{job.id}.json"


def _perform(job: Job) -> int:
    from emote3d.export.film import film
    from emote3d.export.registry import Export, export

    if not job.speech:
        raise Emote3DError("the line names no recording")
    direction, seed = direction_of(job)
    speech = Path(job.speech)
    engine = _engine(job.checkpoint)
    motion = engine.animate(speech, direction, seed=seed, fps=job.fps)
    for path in job.outputs():
        if path.suffix == ".mp4":
            film(engine.avatar, motion, path, sound=speech)
        else:
            export(Export(motion, speech), [path])
    return motion.frames


@cache
def _engine(checkpoint: str | None) -> Emote3D:
    """The engine of this worker."""
    import torch

    from emote3d.pipeline import Emote3D

    torch.set_num_threads(1)
    return Emote3D.from_pretrained(checkpoint)
