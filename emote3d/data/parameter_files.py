"""Parameter files of other projects: SMPL-X npz of BEAT2 and AMASS, FLAME npz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch

from emote3d.bounded import read_npz
from emote3d.errors import Emote3DError
from emote3d.records import BodyMotion, FaceMotion, Motion

_RATE_KEYS: Final = ("mocap_frame_rate", "mocap_framerate", "fps")
_EXPRESSION_KEYS: Final = ("expressions", "expression", "exp", "expr", "expcode")
_JAW_KEYS: Final = ("jaw", "jaw_pose", "jaw_axis_angle")
JAW, LEFT_EYE = 22, 23


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an npz that hold anything; see `read_npz`."""
    return {name: array for name, array in read_npz(path, "an npz of numbers").items() if array.size}


def read_parameters(path: Path) -> Motion:
    """Read a SMPL-X npz (`poses` [frames, 165 or 156], `trans`) or a FLAME npz (`exp`, `jaw` or `pose` [frames, 6]).

    The basis of SMPL-X expressions is taken as smplx2020, that of FLAME ones as flame2020. Files without a rate are taken as 30 fps.

    Raises:
        Emote3DError: neither, or arrays that do not fit; the message lists what is there.
    """
    arrays = read_arrays(path)
    try:
        motion = _smplx(arrays) if "poses" in arrays else _flame(arrays)
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        raise Emote3DError(f"{path}: {error}; it holds {_listing(arrays)}") from error
    if motion is None or motion.frames == 0:
        raise Emote3DError(
            f"{path}: expected SMPL-X (poses) or FLAME (exp, jaw) parameters; it holds {_listing(arrays)}"
        )
    return motion


def _listing(arrays: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {list(array.shape)}" for name, array in list(arrays.items())[:12])


def _rate(arrays: Mapping[str, np.ndarray]) -> float:
    fps = next((float(arrays[key]) for key in _RATE_KEYS if key in arrays), 30.0)
    if not 1 <= fps <= 1000:
        raise ValueError(f"expected 1 to 1000 frames per second, got {fps:g}")
    return fps


def _floats(array: np.ndarray, *shape: int) -> torch.Tensor:
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers, got {array.dtype}")
    return torch.from_numpy(array.astype(np.float32).reshape(*shape))


def _smplx(arrays: Mapping[str, np.ndarray]) -> Motion:
    poses = arrays["poses"]
    frames = len(poses)
    joints = _floats(poses, frames, -1, 3)
    if joints.shape[1] == 52:  # SMPL-H: no jaw and eyes
        joints = torch.cat([joints[:, :JAW], joints.new_zeros(frames, 3, 3), joints[:, JAW:]], dim=1)
    if joints.shape[1] != 55:
        raise ValueError(f"expected 55 or 52 joints in poses, got {joints.shape[1]}")
    trans = _floats(arrays["trans"], frames, 3) if "trans" in arrays else torch.zeros(frames, 3)
    expression = _floats(arrays["expressions"], frames, -1) if "expressions" in arrays else torch.zeros(frames, 1)
    face = FaceMotion(
        expression=expression,
        basis="smplx2020",
        jaw_axis_angle=joints[:, JAW],
        neck_axis_angle=torch.zeros(frames, 3),
        eyes_axis_angle=joints[:, LEFT_EYE : LEFT_EYE + 2],
    )
    return Motion(face=face, body=BodyMotion(joints_axis_angle=joints, translation_m=trans), fps=_rate(arrays))


def _flame(arrays: Mapping[str, np.ndarray]) -> Motion | None:
    name = next((key for key in _EXPRESSION_KEYS if key in arrays), None)
    if name is None:
        return None
    frames = len(arrays[name])
    jaw, neck = torch.zeros(frames, 3), torch.zeros(frames, 3)
    if (key := next((key for key in _JAW_KEYS if key in arrays), None)) is not None:
        jaw = _floats(arrays[key], frames, 3)
    elif "pose" in arrays:  # global rotation, then jaw
        pose = _floats(arrays["pose"], frames, 6)
        neck, jaw = pose[:, :3], pose[:, 3:]
    face = FaceMotion(
        expression=_floats(arrays[name], frames, -1),
        basis="flame2020",
        jaw_axis_angle=jaw,
        neck_axis_angle=neck,
        eyes_axis_angle=torch.zeros(frames, 2, 3),
    )
    return Motion(face=face, fps=_rate(arrays))
