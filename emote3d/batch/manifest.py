"""Reads the manifest: one recording a line, each with its own direction."""

from __future__ import annotations

import csv
import hashlib
import json
import typing
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction

_OWN = ("speech", "id", "seed")
_HINTS = {field.name: str(field.type) for field in fields(Direction)}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One recording to be performed."""

    id: str
    """Name of the output without its suffix."""
    speech: str
    """Path of the recording."""
    settings: dict[str, typing.Any]
    """Settings of the direction."""
    seed: int
    suffixes: tuple[str, ...]
    """Kinds of output, e.g. .npz and .mp4."""
    fps: float
    folder: str
    """Where the outputs go."""
    checkpoint: str | None
    """Checkpoint folder; None: the shipped one."""

    def outputs(self) -> tuple[Path, ...]:
        """Files it makes."""
        return tuple(Path(self.folder) / f"{self.id}{suffix}" for suffix in self.suffixes)

    def fingerprint(self) -> str:
        """Changes when the recording or anything asked for does."""
        try:
            state = Path(self.speech).stat()
            stamp = [state.st_size, state.st_mtime_ns]
        except OSError:
            stamp = []
        asked = {name: value for name, value in asdict(self).items() if name != "folder"}
        return hashlib.sha256(json.dumps([asked, stamp], sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What holds for every line of a manifest."""

    suffixes: tuple[str, ...]
    fps: float
    seed: int
    folder: Path
    checkpoint: Path | None


def read_manifest(path: Path, asked: Asked) -> list[Job]:
    """Read the lines of a CSV with a column `speech`, perhaps `id` and `seed`, and any setting of a direction.

    Paths are relative to the manifest. Values that cannot be performed fail with their line, later.

    Raises:
        Emote3DError: no such file, no column `speech`, a column that is no setting, no line, or two lines of one id.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = [name.strip() for name in reader.fieldnames or ()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Emote3DError(f"the manifest {path} cannot be read: {error}") from error
    if any("\0" in str(cell) for row in rows for cell in row.values()):
        raise Emote3DError(f"the manifest {path} holds NUL characters; save it as CSV in UTF-8")
    unknown = [name for name in columns if name not in (*_OWN, *_HINTS)]
    if "speech" not in columns or unknown:
        wrong = f"unknown columns {', '.join(unknown)}" if unknown else "no column speech"
        raise Emote3DError(f"{path}: {wrong}; expected speech, id, seed and settings like emotion, intensity, gaze")
    if not rows:
        raise Emote3DError(f"{path} has no line below its header; expected one recording a line")
    jobs = [_job(path.parent, {k.strip(): (v or "").strip() for k, v in row.items() if k}, asked) for row in rows]
    ids = [job.id for job in jobs]
    doubled = sorted({one for one in ids if ids.count(one) > 1})
    bad = sorted({one for one in ids if not one or Path(one).name != one or one.startswith(".")})
    if doubled or bad:
        raise Emote3DError(
            f"{path}: ids name the outputs; expected each once and as plain names, got {', '.join((*doubled, *bad))[:300]}"
        )
    return jobs


def _job(base: Path, row: dict[str, str], asked: Asked) -> Job:
    settings = {name: row[name] for name in _HINTS if row.get(name)}
    speech = row.get("speech", "")
    return Job(
        id=row.get("id") or Path(speech).stem,
        speech=str((base / speech).resolve()) if speech else "",
        settings=settings | ({"seed": row["seed"]} if row.get("seed") else {}),
        seed=asked.seed,
        suffixes=asked.suffixes,
        fps=asked.fps,
        folder=str(asked.folder.resolve()),
        checkpoint=None if asked.checkpoint is None else str(asked.checkpoint.resolve()),
    )


def direction_of(job: Job) -> tuple[Direction, int]:
    """The direction of a line, and its seed.

    Raises:
        Emote3DError: a value that is no number, or that cannot be performed.
    """
    values: dict[str, typing.Any] = {}
    problems = []
    for name, text in job.settings.items():
        try:
            values[name] = int(text) if name == "seed" else _converted(_HINTS[name], text)
        except ValueError:
            problems.append(f"{name} is a number, got '{text}'")
    if problems:
        raise Emote3DError("; ".join(problems))
    seed = values.pop("seed", job.seed)
    return Direction(**values), seed


def _converted(hint: str, text: str) -> object:
    if hint == "float":
        return float(text)
    if hint.startswith("tuple"):
        return tuple(part.strip() for part in text.split(";") if part.strip())
    return Path(text) if "Path" in hint else text
