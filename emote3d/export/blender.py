"""Writes .blend, .fbx and .abc by running Blender, or a Python with `bpy`, on the add-on's file."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from emote3d.errors import Emote3DError
from emote3d.export.amass import write_npz
from emote3d.export.puppet import kept_shapes
from emote3d.export.registry import Export
from emote3d.export.sound import write_wav
from emote3d.files import asset_path, atomic_path
from emote3d.names import SMPLX_JOINTS
from emote3d.posing import check_motion
from emote3d.records import Motion

BLENDER_VARIABLE = "EMOTE3D_BLENDER"
"""Environment variable with the path of a Blender, or of a Python that has bpy."""
_ADDON = Path(__file__).with_name("blender_addon.py")
_MINUTES = 30


def write_with_blender(job: Export, path: Path) -> list[str]:
    """Let Blender write a file of its own kind.

    Raises:
        Emote3DError: no Blender, a motion or an avatar that it cannot take, or Blender failed.
    """
    command = find_blender()
    avatar_path = _avatar_file(job)
    avatar = job.avatar
    check_motion(job.motion, avatar.basis, len(avatar.expression_names))
    with tempfile.TemporaryDirectory(prefix="emote3d") as name, atomic_path(path) as temporary:
        folder = Path(name)
        kept, motion = _fitted(job)
        write_npz(dataclasses.replace(job, motion=motion), folder / "motion.npz")
        arguments = [str(folder / "motion.npz"), str(temporary), "--avatar", str(avatar_path), "--shapes", kept]
        if job.sound is not None and path.suffix.lower() == ".blend":
            write_wav(job.sound, folder / "speech.wav")
            arguments += ["--sound", str(folder / "speech.wav")]
        _run([*command, *arguments])
        if not temporary.is_file():
            raise Emote3DError(
                f"cannot write {path}: Blender ended without writing it; try {' '.join(command[:1])} by hand"
            )
    silent = job.sound is not None and path.suffix.lower() != ".blend"
    return [f"{path.suffix} files have no place for sound; play the recording beside it"] if silent else []


def find_blender() -> list[str]:
    """The command that runs the add-on: $EMOTE3D_BLENDER, or `blender`, or this Python where it has bpy.

    Raises:
        Emote3DError: there is none.
    """
    chosen = os.environ.get(BLENDER_VARIABLE)
    program = shutil.which(chosen or "blender")
    if chosen and program is None:
        raise Emote3DError(f"expected {BLENDER_VARIABLE} to name a Blender or a Python with bpy; got '{chosen}'")
    if program is None and importlib.util.find_spec("bpy") is not None:
        program = sys.executable
    if program is None:
        raise Emote3DError(
            "expected Blender for .blend, .fbx and .abc files; install Blender 3.4 or newer, or pip install bpy, "
            f"or name one in {BLENDER_VARIABLE}"
        )
    if Path(program).name.startswith("python"):
        return [program, str(_ADDON)]
    return [program, "-b", "--factory-startup", "--python-exit-code", "1", "-P", str(_ADDON), "--"]


def _avatar_file(job: Export) -> Path:
    path = job.avatar_path or asset_path("assets", "smplx", "open_body.npz")
    if path.suffix != ".npz" or len(job.avatar.joint_names) != len(SMPLX_JOINTS):
        raise Emote3DError(f"expected an avatar in SMPL-X's layout as .npz for Blender; got {path}")
    return path.resolve()


def _fitted(job: Export) -> tuple[str, Motion]:
    """The names of the kept face shapes, joined by commas, and the motion that makes do with them."""
    avatar, motion = job.avatar, job.motion
    kept, weights = kept_shapes(avatar, motion, job.options.morphs)
    names = ",".join(avatar.expression_names[index] for index in kept)
    if motion.face is None or len(kept) == len(avatar.expression_names):
        return names, motion
    expression = torch.zeros(motion.frames, len(avatar.expression_names))
    expression[:, kept] = torch.from_numpy(weights)
    return names, dataclasses.replace(motion, face=dataclasses.replace(motion.face, expression=expression))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_MINUTES * 60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Emote3DError(f"Blender could not be run: {error}") from error
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        told = next((line for line in lines if line.startswith("emote3d: ")), lines[-1] if lines else "no message")
        raise Emote3DError(f"Blender failed: {told.removeprefix('emote3d: ')}")
