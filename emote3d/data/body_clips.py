"""Recorded bodies: BEAT2 (motion with speech) and AMASS (motion alone), as they lie on a user's disk, with their splits."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.bounded import read_npz
from emote3d.errors import Emote3DError
from emote3d.motion import resample_motion
from emote3d.names import SMPLX_JOINTS
from emote3d.records import BodyMotion, Motion
from emote3d.rotations import axis_angle_to_matrix, matrix_to_axis_angle

Split = Literal["train", "val", "test", "additional"]
_LONGEST_NAME = 200
_BEAT_NAME = re.compile(r"(?P<speaker>\d+)_[^_]+_(?P<kind>\d)_(?P<take>\d+)_(?P<last>\d+)")
_BEAT_TAKES = (
    (64, "neutral"), (72, "happy"), (80, "anger"), (86, "sad"), (94, "contempt"), (102, "surprise"), (110, "fear"),
    (118, "disgust"),
)  # fmt: skip
"""Last take of each emotion in BEAT's monologues (specs/amuse.md 3; BEAT, ECCV 2022)."""
_AMASS_SPLITS: dict[str, Split] = {
    "HumanEva": "val", "MPI_HDM05": "val", "HDM05": "val", "SFU": "val", "MPI_mosh": "val", "MoSh": "val",
    "Transitions_mocap": "test", "Transitions": "test", "SSM_synced": "test", "SSM": "test",
}  # fmt: skip
"""AMASS' own split by data set (amass README; VPoser); all others are for training."""
_RATES = ("mocap_frame_rate", "mocap_framerate", "fps")
_Z_UP_TO_Y_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_BODY_JOINTS, _HAND_JOINTS = 22, 30


@dataclass(frozen=True, kw_only=True)
class BodyClip:
    """One recording of a body."""

    name: str
    motion: Path
    """npz with poses, trans and a frame rate."""
    speech: Path | None
    """Recording of the voice, where there is one."""
    speaker: str
    emotion: str
    """One of EMOTIONS; neutral where it is not known."""
    split: Split
    y_up: bool
    """Whether the floor is the xz plane (BEAT2) or the xy plane (AMASS)."""


def find_clips(data: Path) -> list[BodyClip]:
    """The clips under a folder: BEAT2 where there is a `smplxflame_30`, else AMASS.

    Raises:
        Emote3DError: there is no such folder, or nothing of either kind in it.
    """
    if not data.is_dir():
        raise Emote3DError(f"there is no data folder {data}")
    roots = [data] if (data / "smplxflame_30").is_dir() else sorted(p.parent for p in data.glob("*/smplxflame_30"))
    clips = [clip for root in roots for clip in _beat2(root)] if roots else _amass(data)
    if not clips:
        raise Emote3DError(
            f"{data} holds no motion: expected BEAT2 (smplxflame_30/*.npz, wave16k/*.wav, train_test_split.csv) "
            "or AMASS (<data set>/<subject>/*_poses.npz or *_stageii.npz)"
        )
    return clips


def _beat2(root: Path) -> list[BodyClip]:
    table = root / "train_test_split.csv"
    if not table.is_file():
        raise Emote3DError(f"{root} has no train_test_split.csv; copy it from BEAT2 beside smplxflame_30")
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, restkey="more", restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Emote3DError(f"{table} cannot be read: {error}") from error
    if not rows or not {"id", "type"} <= rows[0].keys():
        raise Emote3DError(
            f"{table}: expected the columns id and type, got {', '.join(map(str, rows[0])) if rows else 'nothing'}"
        )
    unknown = sorted({row["type"] for row in rows} - {"train", "val", "test", "additional"})
    if any(len(row["id"]) > _LONGEST_NAME for row in rows):
        raise Emote3DError(f"{table}: an id is longer than {_LONGEST_NAME} letters; expected such as 2_scott_0_73_73")
    if unknown:
        raise Emote3DError(f"{table}: unknown type {unknown[0]!r}; expected train, val, test or additional")
    clips = []
    for row in rows:
        motion = root / "smplxflame_30" / f"{row['id']}.npz"
        if motion.is_file():
            speech = root / "wave16k" / f"{row['id']}.wav"
            speaker, emotion = beat_facts(row["id"])
            clips.append(
                BodyClip(
                    name=row["id"],
                    motion=motion,
                    speech=speech if speech.is_file() else None,
                    speaker=speaker,
                    emotion=emotion,
                    split=row["type"],  # pyright: ignore[reportArgumentType]
                    y_up=True,
                )
            )
    return clips


def beat_facts(name: str) -> tuple[str, str]:
    """Speaker and emotion of a BEAT take such as 2_scott_0_73_73; conversations (kind 1) count as neutral.

    Raises:
        Emote3DError: the name is not of that form.
    """
    match = _BEAT_NAME.match(name)
    if match is None:
        raise Emote3DError(f"{name} is no name of BEAT; expected SPEAKER_NAME_KIND_TAKE_TAKE such as 2_scott_0_73_73")
    take = int(match["take"])
    emotion = next((emotion for last, emotion in _BEAT_TAKES if take <= last), "neutral")
    return match["speaker"], emotion if match["kind"] == "0" else "neutral"


def _amass(root: Path) -> list[BodyClip]:
    clips = []
    for pattern in ("*_poses.npz", "*_stageii.npz"):
        for file in sorted(root.rglob(pattern)):
            place = file.relative_to(root).parts
            dataset = place[0] if len(place) > 1 else root.name
            clips.append(
                BodyClip(
                    name="/".join(place).removesuffix(".npz"),
                    motion=file,
                    speech=None,
                    speaker="/".join(place[:-1]),
                    emotion="neutral",
                    split=_AMASS_SPLITS.get(dataset, "train"),
                    y_up=False,
                )
            )
    return clips


def read_clip(clip: BodyClip, fps: float) -> BodyMotion:
    """A clip's motion at a frame rate, y up, over the place where it begins.

    Raises:
        Emote3DError: the file is damaged, or holds no SMPL-X or SMPL-H poses.
    """
    arrays = read_npz(clip.motion, "a body's motion", ("poses", "trans", *_RATES))
    rates = [arrays[name] for name in _RATES if name in arrays]
    rate = float(rates[0]) if rates and rates[0].ndim == 0 and rates[0].dtype.kind in "iuf" else math.nan
    missing = [name for name in ("poses", "trans") if name not in arrays]
    if missing or not 1 <= rate <= 1000:
        raise Emote3DError(
            f"{clip.motion}: expected poses, trans and mocap_frame_rate, missing {missing or 'the rate'}"
        )
    poses, trans = arrays["poses"], arrays["trans"]
    if any(array.ndim != 2 or array.dtype.kind not in "iuf" for array in (poses, trans)):
        raise Emote3DError(f"{clip.motion}: expected numbers [frames, n], got {poses.dtype} {list(poses.shape)} poses")
    if len(poses) < 2 or trans.shape != (len(poses), 3):
        raise Emote3DError(f"{clip.motion}: {len(poses)} poses and translations {list(trans.shape)}")
    if not all(np.isfinite(arrays[name]).all() for name in ("poses", "trans")):
        raise Emote3DError(f"{clip.motion} holds numbers that are not finite")
    joints = _smplx_joints(torch.from_numpy(arrays["poses"].astype(np.float32)), clip.motion)
    translation = torch.from_numpy(arrays["trans"].astype(np.float32))
    if not clip.y_up:
        joints = joints.clone()
        joints[:, 0] = matrix_to_axis_angle(_Z_UP_TO_Y_UP @ axis_angle_to_matrix(joints[:, 0]))
        translation = translation @ _Z_UP_TO_Y_UP.T
    translation = translation - translation[:1] * torch.tensor([1.0, 0.0, 1.0])
    body = BodyMotion(joints_axis_angle=joints, translation_m=translation)
    resampled = resample_motion(Motion(body=body, fps=rate), fps, len(joints) / rate).body
    assert resampled is not None
    return resampled


def _smplx_joints(poses: Float[Tensor, "frames numbers"], file: Path) -> Float[Tensor, "frames 55 3"]:
    """SMPL-X poses as they are; SMPL-H has no jaw and eyes, which stay at rest."""
    joints = poses.shape[1] // 3
    if joints == len(SMPLX_JOINTS):
        return poses.unflatten(1, (joints, 3))
    if joints != _BODY_JOINTS + _HAND_JOINTS:
        raise Emote3DError(
            f"{file}: expected 165 (SMPL-X) or 156 (SMPL-H) pose numbers per frame, got {poses.shape[1]}"
        )
    face = poses.new_zeros(len(poses), 3 * (len(SMPLX_JOINTS) - _BODY_JOINTS - _HAND_JOINTS))
    return torch.cat([poses[:, : 3 * _BODY_JOINTS], face, poses[:, 3 * _BODY_JOINTS :]], dim=1).unflatten(1, (-1, 3))
