"""A speech set on disk: `index.jsonl` and one npz a clip, written and read here.

An index line holds the fields of `SpeechEntry`; the npz is what `TimedSpeech.save` writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Literal

from emote3d.data.timed import TimedSpeech, load_timed
from emote3d.errors import Emote3DError

INDEX_NAME: Final = "index.jsonl"


@dataclass(frozen=True, kw_only=True)
class SpeechEntry:
    """What the index says of one clip."""

    id: str
    """Unique in the set; the npz is `<id>.npz`."""
    source: str
    """Synthesiser or corpus."""
    speaker: str
    """Voice or person."""
    language: str
    """espeak-ng's language code."""
    emotion: str | None
    """One of EMOTIONS, or None when unknown."""
    split: Literal["train", "heldout"]
    """Heldout clips measure and never train."""
    duration_s: float
    """Length in seconds."""
    timed: bool
    """Whether the phones are exact enough to teach from."""


@dataclass(frozen=True, kw_only=True)
class SpeechClip:
    """One clip with what is known about it."""

    entry: SpeechEntry
    """Its index line."""
    speech: TimedSpeech
    """Sound and phones."""


def write_clips(folder: Path, clips: Iterable[SpeechClip]) -> list[SpeechEntry]:
    """Write the npz files of clips; their index lines are returned for `append_index`."""
    entries: list[SpeechEntry] = []
    for clip in clips:
        clip.speech.save(folder / f"{clip.entry.id}.npz")
        entries.append(clip.entry)
    return entries


def append_index(folder: Path, entries: Iterable[SpeechEntry]) -> None:
    """Add lines to the index of a set."""
    with (folder / INDEX_NAME).open("a", encoding="utf-8") as file:
        for entry in entries:
            file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")


def read_index(folder: Path) -> list[SpeechEntry]:
    """The index of a set; raises Emote3DError when it is missing or a line has other fields."""
    path = folder / INDEX_NAME
    if not path.is_file():
        raise Emote3DError(f"expected {path}, found none: run scripts/build_training_set.py --out {folder}")
    wanted = {field.name for field in fields(SpeechEntry)}
    entries: list[SpeechEntry] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        if set(row) != wanted:
            raise Emote3DError(f"expected the fields {sorted(wanted)} in {path} line {number}, got {sorted(row)}")
        entries.append(SpeechEntry(**row))
    return entries


def read_clips(folder: Path, split: Literal["train", "heldout"] | None = None) -> Iterator[SpeechClip]:
    """The clips of a set, or of one split of it, in index order."""
    for entry in read_index(folder):
        if split is None or entry.split == split:
            yield SpeechClip(entry=entry, speech=load_timed(folder / f"{entry.id}.npz"))
