"""Reads a motion in any format that can be read back; the suffix tells which."""

from __future__ import annotations

from pathlib import Path

from emote3d.errors import Emote3DError
from emote3d.export.audio2face import read_json
from emote3d.export.live_link import read_csv
from emote3d.motion import load_motion
from emote3d.records import Motion

READERS = {".npz": load_motion, ".csv": read_csv, ".json": read_json}


def read_motion(path: Path) -> Motion:
    """Read our npz, a Live Link Face capture (csv) or an Audio2Face weight file (json).

    Raises:
        Emote3DError: another suffix, or as the reader of the format.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise Emote3DError(f"expected a motion ending in {', '.join(READERS)}; got '{path}'")
    return reader(path)
