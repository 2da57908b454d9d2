"""What can be evaluated: motion files of every kind that we read, and vertices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from emote3d.bounded import DAMAGED_NPZ
from emote3d.data.parameter_files import read_arrays, read_parameters
from emote3d.errors import Emote3DError
from emote3d.export.reading import read_motion
from emote3d.motion import load_motion, resample_motion
from emote3d.records import Motion


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A performance: a motion, or only its vertices."""

    motion: Motion | None = None
    vertices_m: Float[np.ndarray, "frames verts 3"] | None = None
    fps: float

    @property
    def frames(self) -> int:
        """Number of frames."""
        if self.motion is not None:
            return self.motion.frames
        assert self.vertices_m is not None
        return len(self.vertices_m)


def read_subject(path: Path, vertex_fps: float = 30.0) -> Subject:
    """Read our npz, a BEAT2 or AMASS npz, a FLAME parameter npz, a Live Link csv, an Audio2Face json or vertices as npy.

    Args:
        vertex_fps: frame rate of a vertex file ([frames, verts, 3] or [frames, verts * 3], metres), which does not say it.

    Raises:
        Emote3DError: no such file, or none of these.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise Emote3DError(f"there is no file {path}")
    if suffix == ".npy":
        return Subject(vertices_m=_vertices(path), fps=vertex_fps)
    if suffix == ".npz":
        ours = {"joints_axis_angle", "basis"} & set(read_arrays(path))
        motion = load_motion(path) if ours else read_parameters(path)
    else:
        motion = read_motion(path)
    return Subject(motion=motion, fps=motion.fps)


def _vertices(path: Path) -> Float[np.ndarray, "frames verts 3"]:
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except DAMAGED_NPZ as error:
        raise Emote3DError(f"{path} cannot be read as an npy of numbers: {error}") from error
    flat = array.ndim == 2 and array.shape[1] and array.shape[1] % 3 == 0
    if array.dtype.kind != "f" or not (flat or (array.ndim == 3 and array.shape[2] == 3)) or not len(array):
        raise Emote3DError(
            f"{path}: expected floats [frames, verts, 3] or [frames, verts * 3]; got {array.dtype} {array.shape}"
        )
    vertices = np.asarray(array, np.float32).reshape(len(array), -1, 3)
    if not np.isfinite(vertices).all():
        raise Emote3DError(f"{path} holds numbers that are not finite")
    return vertices


def aligned(pred: Subject, ref: Subject) -> tuple[Subject, Subject]:
    """Both at the reference's frame rate and cut to the shorter one.

    Raises:
        Emote3DError: one is vertices and the other is not, or the rates of vertices differ.
    """
    if (pred.motion is None) != (ref.motion is None):
        raise Emote3DError(
            "expected two motions or two vertex files; got one of each; export the motion's vertices first"
        )
    if pred.motion is not None and ref.motion is not None:
        moved = resample_motion(pred.motion, ref.fps)
        count = min(moved.frames, ref.motion.frames)
        return _cut(moved, count), _cut(ref.motion, count)
    assert pred.vertices_m is not None and ref.vertices_m is not None
    if pred.vertices_m.shape[1] != ref.vertices_m.shape[1]:
        raise Emote3DError(f"expected as many vertices; got {pred.vertices_m.shape[1]} and {ref.vertices_m.shape[1]}")
    count = min(pred.frames, ref.frames)
    return (
        Subject(vertices_m=pred.vertices_m[:count], fps=ref.fps),
        Subject(vertices_m=ref.vertices_m[:count], fps=ref.fps),
    )


def _cut(motion: Motion, frames: int) -> Subject:
    cut = motion if frames == motion.frames else motion.slice(0.0, frames / motion.fps)
    return Subject(motion=cut, fps=motion.fps)
