"""Hand-made phone labels: Praat TextGrids and EmoDB's .lablaut files."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from emote3d.data.phone_maps import PhoneSet, to_common
from emote3d.data.phones import SILENCE
from emote3d.data.timed import Span, TimedSpeech, build_timed
from emote3d.errors import Emote3DError

_QUOTED: Final = re.compile(r'^"(.*)"$')


def read_textgrid_tier(path: Path, tier: str) -> list[tuple[float, float, str]]:
    """(start, end, label) of an interval tier of a TextGrid in short text form.

    Raises:
        Emote3DError: it cannot be read, has no such tier, or the tier is damaged.
    """
    try:
        return _tier_rows([line.strip() for line in path.read_text(encoding="utf-8").splitlines()], tier, path)
    except (OSError, ValueError, IndexError) as error:
        raise Emote3DError(f"expected a TextGrid in short text form in {path}; got: {error}") from error


def _tier_rows(lines: list[str], tier: str, path: Path) -> list[tuple[float, float, str]]:
    heads = [index for index, pair in enumerate(pairwise(lines)) if pair == ('"IntervalTier"', f'"{tier}"')]
    if not heads:
        raise Emote3DError(
            f"expected an interval tier '{tier}' in {path}, found none: is it a TextGrid in short text form?"
        )
    first = heads[0] + 5
    rows: list[tuple[float, float, str]] = []
    for index in range(int(lines[first - 1])):
        start, end, label = lines[first + 3 * index : first + 3 * index + 3]
        match = _QUOTED.match(label)
        rows.append((float(start), float(end), match[1] if match else label))
    return rows


def textgrid_speech(waveform: np.ndarray, path: Path, phone_set: PhoneSet = "arpabet") -> TimedSpeech:
    """A clip with the `phones` tier of its TextGrid."""
    spans: list[Span] = []
    for start, _, label in read_textgrid_tier(path, "phones"):
        digit = label[-1:]
        spans.append((start, to_common(label, phone_set), {"1": 2, "2": 1}.get(digit, 0)))
    return build_timed(waveform.astype(np.int16), spans)


def emodb_speech(waveform: np.ndarray, path: Path) -> TimedSpeech:
    """A clip with the phone onsets of its .lablaut file; closure, release and aspiration of a stop are one phone.

    Raises:
        Emote3DError: a phone has no time.
    """
    spans: list[Span] = [(0.0, (SILENCE,), 0)]
    body = path.read_text(encoding="latin-1").split("\n#", 1)[-1]
    for line in body.splitlines():
        head, *rest = line.split("\t")
        fields = head.split()
        if len(fields) < 3 or fields[2][0] in "+-" or fields[2] == "hoe":  # the same phone goes on with other marks
            continue
        try:
            start = float(fields[0])
        except ValueError as error:
            raise Emote3DError(f"{path}: expected a time before each phone; got '{fields[0]}'") from error
        phones = to_common(fields[2], "emodb")
        stress = next((2 for mark in rest if mark in ("1", "2", "3")), 0)
        if phones != spans[-1][1]:
            spans.append((start, phones, stress))
    return build_timed(waveform.astype(np.int16), spans)
