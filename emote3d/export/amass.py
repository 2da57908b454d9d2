"""Writes the SMPL-X layout of AMASS and BEAT2 (npz), which Blender add-ons and research code read, with our own keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from numpy import ndarray

from emote3d.body import relaxed_stance, shape_coefficients
from emote3d.export.formats import WRITERS
from emote3d.export.registry import Export
from emote3d.files import atomic_path
from emote3d.motion import motion_members
from emote3d.names import SMPLX_JOINTS
from emote3d.posing import joint_rotations
from emote3d.records import FaceMotion, Motion
from emote3d.rotations import matrix_to_axis_angle
from emote3d.timeline import by_stretches

BETAS, EXPRESSIONS = 300, 100
"""Sizes of SMPL-X's 2020 shape and expression spaces, as BEAT2 writes them."""
_JAW = SMPLX_JOINTS.index("jaw")


def write_npz(job: Export, path: Path) -> list[str]:
    """Write a motion for SMPL-X tools and for `emote3d.motion.load_motion`.

    `poses` is the whole body as it is drawn (a relaxed stance where the motion has no body), `trans` the pelvis'
    displacement from its rest place in metres (+y up), `mocap_frame_rate` the rate of the whole file. With a SMPL-X file
    as the avatar, `expressions` and the jaw are fitted to it; our own keys keep the motion as it was. The identity of the
    options is in `identity` (coefficients of the avatar), and in `betas` where the avatar is a SMPL-X file.
    """
    motion = job.motion
    played = motion if job.avatar_path is None else job.played
    trans = np.zeros((motion.frames, 3), np.float32) if motion.body is None else motion.body.translation_m.numpy()
    betas = np.zeros(BETAS, np.float32)
    identity: dict[str, ndarray] = {}
    if job.options.shape.strip():
        coefficients = shape_coefficients(job.avatar, job.options.shape).numpy()
        identity = {"identity": coefficients}
        if job.avatar.basis == "smplx2020":
            betas[: len(coefficients)] = coefficients
    members = {
        "poses": smplx_poses(played),
        "trans": trans.astype(np.float32, copy=False),
        "betas": betas,
        "gender": np.array("neutral"),
        "mocap_frame_rate": _whole(motion.fps),
        "expressions": smplx_expressions(played.face, motion.frames),
        "model": np.array("smplx2020"),
        **identity,
        **motion_members(motion),
    }
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **members)
    return _notes(motion)


def _whole(fps: float) -> ndarray:
    """A rate as the add-ons take it: an integer where it is one."""
    return np.array(int(fps)) if fps == int(fps) else np.array(fps)


def smplx_poses(motion: Motion) -> Float32[ndarray, "frames 165"]:
    """Axis-angle of the 55 joints, radians; the jaw's opens the mouth of a SMPL-X model."""
    still, zeros = relaxed_stance(), torch.zeros(len(SMPLX_JOINTS), 3)
    local = by_stretches(motion, lambda part: matrix_to_axis_angle(joint_rotations(part, still, zeros)))
    if motion.face is not None:
        local[:, _JAW] = motion.face.jaw_axis_angle
    return local.flatten(1).numpy().astype(np.float32, copy=False)


def smplx_expressions(face: FaceMotion | None, frames: int) -> Float32[ndarray, "frames 100"]:
    """SMPL-X's expression coefficients; zero where the motion has them in a basis that needs a retarget map."""
    expressions = np.zeros((frames, EXPRESSIONS), np.float32)
    if face is not None and face.basis in ("smplx2020", "flame2020"):  # one space (SMPL-X took FLAME 2020's)
        taken = face.expression[:, :EXPRESSIONS].numpy()
        expressions[:, : taken.shape[1]] = taken
    return expressions


def _notes(motion: Motion) -> list[str]:
    rates = WRITERS[".npz"].rates
    if motion.fps in rates:
        return []
    known = ", ".join(map(str, rates))
    return [f"Blender's SMPL-X add-ons take {known} fps and this file has {motion.fps:g}; --fps 30 suits them"]
