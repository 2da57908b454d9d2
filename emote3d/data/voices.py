"""Recordings of which text, emotion and speaker are known: BEAT2, EmoDB, or any folder with a table of them."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emote3d.data.body_clips import beat_facts
from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS

TABLE = "voices.csv"
_COLUMNS = ("file", "text", "emotion", "speaker")
_BEAT_TAKE = re.compile(r"\d+_[^_]+_0_(?P<take>\d+)_\d+")
"""A monologue of BEAT; takes of the same number have the same script."""
_EMODB_NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[WEAFTN])[a-f]?")
_EMODB = {"W": "anger", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
_HELD_OUT = 10
"""One text of so many is held out where no split is given."""


@dataclass(frozen=True, kw_only=True)
class VoiceClip:
    """A recording and what is known of it."""

    path: Path
    text: str
    """Names what is said; the same for all who say it."""
    emotion: str
    """One of EMOTIONS."""
    speaker: str
    split: Literal["train", "val"]


def find_voices(data: Path) -> list[VoiceClip]:
    """The clips of a folder: its `voices.csv`, else BEAT2, else EmoDB.

    Raises:
        Emote3DError: no such folder, nothing known in it, or a damaged table.
    """
    if not data.is_dir():
        raise Emote3DError(f"there is no data folder {data}")
    clips = _table(data) if (data / TABLE).is_file() else _beat2(data) or _emodb(data)
    if not clips:
        raise Emote3DError(
            f"{data} holds no voices: expected {TABLE} with the columns {', '.join(_COLUMNS)} (and split), "
            "BEAT2 (wave16k/*.wav) or EmoDB (wav/03a01Fa.wav)"
        )
    return clips


def _held_out(text: str) -> Literal["train", "val"]:
    return "val" if hashlib.sha256(text.encode()).digest()[0] % _HELD_OUT == 0 else "train"


def _table(root: Path) -> list[VoiceClip]:
    path = root / TABLE
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    missing = [name for name in _COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise Emote3DError(
            f"{path}: expected the columns {', '.join(_COLUMNS)} and clips, missing {', '.join(missing)}"
        )
    problems = [
        f"line {n}: unknown emotion {row['emotion']!r}"
        for n, row in enumerate(rows, 2)
        if row["emotion"] not in EMOTIONS
    ]
    problems += [
        f"line {n}: no file {row['file']}" for n, row in enumerate(rows, 2) if not (root / row["file"]).is_file()
    ]
    if problems:
        raise Emote3DError(f"{path}: {'; '.join(problems[:4])}; emotions are {', '.join(EMOTIONS)}")
    return [
        VoiceClip(
            path=root / row["file"],
            text=row["text"],
            emotion=row["emotion"],
            speaker=row["speaker"],
            split="val" if (row.get("split") or _held_out(row["text"])) == "val" else "train",
        )
        for row in rows
    ]


def _beat2(data: Path) -> list[VoiceClip]:
    clips = []
    for folder in sorted({*data.glob("wave16k"), *data.glob("*/wave16k")}):
        table = folder.parent / "train_test_split.csv"
        splits = {}
        if table.is_file():
            with table.open(newline="", encoding="utf-8-sig") as file:
                splits = {row["id"]: row["type"] for row in csv.DictReader(file)}
        for path in sorted(folder.glob("*.wav")):
            match = _BEAT_TAKE.fullmatch(path.stem)
            kind = splits.get(path.stem, "train")
            if match is None or kind == "test":
                continue
            speaker, emotion = beat_facts(path.stem)
            split: Literal["train", "val"] = "val" if kind == "val" else "train"
            clips.append(
                VoiceClip(
                    path=path, text=f"beat{match['take']}", emotion=emotion, speaker=f"beat{speaker}", split=split
                )
            )
    return clips


def _emodb(data: Path) -> list[VoiceClip]:
    clips = []
    for path in sorted([*data.glob("*.wav"), *data.glob("wav/*.wav")]):
        match = _EMODB_NAME.fullmatch(path.stem)
        if match is not None:
            clips.append(
                VoiceClip(
                    path=path,
                    text=match["text"],
                    emotion=_EMODB[match["emotion"]],
                    speaker=f"emodb{match['speaker']}",
                    split=_held_out(match["text"]),
                )
            )
    return clips
