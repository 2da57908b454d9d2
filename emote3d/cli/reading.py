"""What verbs that take a motion file read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emote3d.errors import Emote3DError

if TYPE_CHECKING:
    from emote3d.records import Motion

MOTION_SUFFIXES = (".npz", ".csv", ".json")


def read_any_motion(path: Path) -> Motion:
    """Read our npz, a BEAT2 or AMASS npz, a FLAME parameter npz, a Live Link Face csv or an Audio2Face json.

    Raises:
        Emote3DError: no such file, another suffix, or none of these.
    """
    from emote3d.metrics.subjects import read_subject

    if path.suffix.lower() not in MOTION_SUFFIXES:
        raise Emote3DError(f"expected a motion ending in {', '.join(MOTION_SUFFIXES)}; got '{path}'")
    motion = read_subject(path).motion
    assert motion is not None, "only .npy files hold vertices alone"
    return motion
