"""Writes and reads the CSV of Epic's Live Link Face app.

The sources do not settle the unit of the nine head and eye columns; here they are radians, as the app's importers for Blender take
them: yaw about +y (to the person's left), then pitch about +x (down), then roll about +z (to the right shoulder).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.transform import Rotation

from emote3d.decoders.face import face_from_arkit
from emote3d.engine import arkit_face
from emote3d.errors import Emote3DError
from emote3d.export.registry import Export
from emote3d.files import atomic_path
from emote3d.motion import resample_at
from emote3d.names import ARKIT_52
from emote3d.naming import ARKIT_INDEX, plain_name
from emote3d.records import FaceMotion, Motion

_ANGLES = tuple(f"{part}{axis}" for part in ("Head", "LeftEye", "RightEye") for axis in ("Yaw", "Pitch", "Roll"))
_SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
"""A capture has the right ones of these first, against ARKit's list."""
CAPTURE_SHAPES = tuple(_SWAPPED.get(name, name) for name in ARKIT_52)
"""ARKit's shapes in the order of a capture."""
HEADER = ("Timecode", "BlendshapeCount", *(name[0].upper() + name[1:] for name in CAPTURE_SHAPES), *_ANGLES)
_COUNT = len(HEADER) - 2
_APP_RATES = (24, 25, 30, 60)
_FEWEST_SHAPES = 10
_LONGEST_GAP_S, _HIGHEST_RATE = 600.0, 1000


def write_csv(job: Export, path: Path) -> list[str]:
    """Write a capture: 61 values a frame, in the order of the app, from timecode 00:00:00:00.000 on.

    Timecode counts frames at 60 per second for motions above 30 fps, else at 30; other rates show in its fraction.
    """
    motion = job.motion
    face = arkit_face(motion)
    shapes = face.expression.numpy()[:, [ARKIT_52.index(name) for name in CAPTURE_SHAPES]]
    values = np.concatenate([shapes, _angles(face)], axis=1)
    base = 60 if motion.fps > 30 else 30
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for index, row in enumerate(values):
            writer.writerow([_timecode(index / motion.fps, base), _COUNT, *(f"{value:.8g}" for value in row)])
    return ["a Live Link Face capture holds the face alone: the body is left out"] if motion.body is not None else []


def read_csv(path: Path) -> Motion:
    """Read a capture by the names of its columns, whatever their order and spelling; rows without a face are bridged.

    Raises:
        Emote3DError: not readable, not a capture, or a value that is no number.
    """
    header, rows = _table(path)
    columns = {plain_name(name): index for index, name in enumerate(header)}
    present = {name: columns[name] for name in ARKIT_INDEX if name in columns}
    if len(present) < _FEWEST_SHAPES or "timecode" not in columns:
        raise Emote3DError(
            f"{path} is no Live Link Face capture: expected a column Timecode and ARKit's shapes by name, "
            f"found {len(present)} of 52 shapes"
        )
    kept = [row for row in rows if all(index < len(row) and row[index] != "" for index in present.values())]
    if not kept:
        raise Emote3DError(f"{path}: no row of the capture has a face in it")
    seconds = _seconds([row[columns["timecode"]] for row in kept], path)
    expression = np.zeros((len(kept), len(ARKIT_52)), np.float32)
    for name, index in present.items():
        expression[:, ARKIT_INDEX[name]] = _numbers(kept, index, path)
    angles = np.zeros((len(kept), len(_ANGLES)))
    for position, name in enumerate(_ANGLES):
        if name.lower() in columns:
            angles[:, position] = _numbers(kept, columns[name.lower()], path)
    turns = _rotations(angles)
    moving_eyes = torch.from_numpy(turns[:, 1:]).float() if np.abs(angles[:, 3:]).max() > 0 else None
    face = face_from_arkit(torch.from_numpy(expression), torch.from_numpy(turns[:, 0]).float(), moving_eyes)
    return _evenly(face, seconds)


def _angles(face: FaceMotion) -> Float[ndarray, "frames 9"]:
    turns = torch.cat([face.neck_axis_angle[:, None], face.eyes_axis_angle], dim=1).double().numpy()
    return Rotation.from_rotvec(turns.reshape(-1, 3)).as_euler("YXZ").reshape(-1, 9)


def _rotations(angles: Float[ndarray, "frames 9"]) -> Float[ndarray, "frames 3 3"]:
    return Rotation.from_euler("YXZ", angles.reshape(-1, 3)).as_rotvec().reshape(-1, 3, 3)


def _timecode(second: float, base: int) -> str:
    """`HH:MM:SS:FF.mmm` with FF at `base` per second and mmm the thousandths of a frame."""
    thousandths = round(second * base * 1000)
    frames, fraction = divmod(thousandths, 1000)
    whole, frame = divmod(frames, base)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:02d}.{fraction:03d}"


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Emote3DError(f"{path} cannot be read as a Live Link Face capture: {error}") from error
    if len(rows) < 2:
        raise Emote3DError(f"{path} is no Live Link Face capture: expected a header and frames, found {len(rows)} rows")
    return rows[0], rows[1:]


def _numbers(rows: Sequence[Sequence[str]], index: int, path: Path) -> Float[ndarray, "frames"]:
    try:
        values = np.array([float(row[index]) if index < len(row) and row[index] else 0.0 for row in rows])
    except ValueError as error:
        raise Emote3DError(f"{path}: expected numbers in column {index + 1}; {error}") from error
    if not np.isfinite(values).all():
        raise Emote3DError(f"{path}: column {index + 1} holds values that are not finite")
    return values


def _seconds(timecodes: Sequence[str], path: Path) -> Float[ndarray, "frames"]:
    """Time of each row since the first; the app's frame rate shows in the highest frame number."""
    found = [re.fullmatch(r"(\d+):(\d+):(\d+)[:;](\d+(?:\.\d+)?)", text) for text in timecodes]
    bad = next((text for text, match in zip(timecodes, found, strict=True) if match is None), None)
    if bad is not None:
        raise Emote3DError(f"{path}: expected timecodes HH:MM:SS:FF.mmm, got '{bad}'")
    parts = np.array([[float(part) for part in match.groups()] for match in found if match is not None])
    whole = parts[:, 0] * 3600 + parts[:, 1] * 60 + parts[:, 2]
    highest = int(parts[:, 3].max())
    wrapped = len(np.unique(whole)) > 1
    base = next((rate for rate in _APP_RATES if rate > highest and (wrapped or rate >= 30)), highest + 1)
    seconds = whole + parts[:, 3] / base
    seconds += 86400.0 * np.concatenate([[0], np.cumsum(np.diff(seconds) < -43200)])
    seconds -= seconds[0]
    if (np.diff(seconds) <= 0).any():
        row = int(np.argmax(np.diff(seconds) <= 0)) + 2
        raise Emote3DError(f"{path}: expected rising timecodes, but row {row + 1} does not come after row {row}")
    steps = np.diff(seconds)
    if len(steps) and (steps.max() > _LONGEST_GAP_S or 1 / np.median(steps) > _HIGHEST_RATE):
        raise Emote3DError(
            f"{path}: expected timecodes at most {_LONGEST_GAP_S:g} s apart and {_HIGHEST_RATE} rows a second; "
            f"got {steps.max():g} s and {1 / np.median(steps):g} rows a second; cut the capture at its gap"
        )
    return seconds


def _evenly(face: FaceMotion, seconds: Float[ndarray, "frames"]) -> Motion:
    """Frames at the times they were taken to frames at an even rate; lost ones are bridged."""
    if len(seconds) < 2:
        return Motion(face=face, fps=30.0)
    rate = 1 / float(np.median(np.diff(seconds)))
    near = min(_APP_RATES, key=lambda known: abs(known - rate))
    fps = float(near if abs(near - rate) < 0.05 * near else round(rate, 3))
    grid = np.arange(round(float(seconds[-1]) * fps) + 1) / fps
    if len(grid) == len(seconds) and np.abs(grid - seconds).max() < 0.3 / fps:
        return Motion(face=face, fps=fps)
    after = np.searchsorted(seconds, grid.clip(max=seconds[-1])).clip(1, len(seconds) - 1)
    position = after - 1 + (grid - seconds[after - 1]) / (seconds[after] - seconds[after - 1])
    return resample_at(Motion(face=face, fps=fps), torch.from_numpy(position))
