"""Reader of MEAD as inferno's processing leaves it (specs/emote.md 3.1): wav, hdf5 with a leading axis of 1, frame lists."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from emote3d.audio.load import load_speech
from emote3d.data.face_clips import ClipEntry, FaceClip, checked_clip
from emote3d.errors import Emote3DError
from emote3d.latents.condition import MEAD_TRAIN_SUBJECTS
from emote3d.names import EMOTIONS
from emote3d.safe_pickle import load_pickle, to_array

if TYPE_CHECKING:
    import h5py

Split = Literal["train", "val", "test", "all"]
_FOLDERS = {"angry": "anger", "disgusted": "disgust", "surprised": "surprise"}
_SPLITS: dict[str, tuple[str, ...]] = {
    "train": MEAD_TRAIN_SUBJECTS,
    "val": ("M032", "M033", "M034", "M035", "W033", "W035", "W036"),
    "test": ("M037", "M039", "M040", "M041", "M042", "W037", "W038", "W040"),
}
"""`random_by_identityV2_sorted_70_15_15`: men and women by themselves, sorted, 70/15/15."""
_MOST_NUMBERS = 20_000_000
"""In an array of a reconstruction: over an hour of 100 coefficients."""
_MOST_CHUNKS = 50_000
_TRACK, _FRAME_LIST = "shape_pose_cam.hdf5", "landmarks_alignment_used_frame_indices.pkl"


class MeadSet:
    """Clips of a `processed` folder of MEAD; frontal view."""

    def __init__(self, processed: Path, reconstruction: str, split: Split = "train", view: str = "front") -> None:
        """List the clips.

        Args:
            processed: folder with `audio` and `reconstructions`.
            reconstruction: name of the reconstruction, e.g. EMICA-MEAD_flame2020 (EMOTE v2) or EMICA_mead_mp_lr_mse_15 (v1).

        Raises:
            Emote3DError: it is no such folder, or no clip of the split can be used.
        """
        self.entries: Sequence[ClipEntry] = []
        self.skipped: Sequence[str] = []
        for part in ("audio", f"reconstructions/{reconstruction}"):
            if not (processed / part).is_dir():
                raise Emote3DError(f"{processed} is no processed MEAD: there is no folder {part}")
        entries: list[ClipEntry] = []
        for sound in sorted((processed / "audio").glob(f"*/{view}/*/level_*/*.wav")):
            entry = self._entry(processed, reconstruction, sound)
            if split != "all" and entry.subject not in _SPLITS[split]:
                continue
            problem = _problem(entry)
            if problem:
                self.skipped.append(f"{entry.name}: {problem}")
            else:
                entries.append(entry)
        self.entries = entries
        if not entries:
            raise Emote3DError(
                f"{processed} has no clip of the split '{split}' that can be used ({len(self.skipped)} skipped)"
            )

    @staticmethod
    def _entry(processed: Path, reconstruction: str, sound: Path) -> ClipEntry:
        inside = sound.relative_to(processed / "audio").with_suffix("")
        subject, _, emotion, level, _ = inside.parts
        emotion = _FOLDERS.get(emotion, emotion)
        digits = level.removeprefix("level_")
        frame_list = processed / "landmarks_original" / "mediapipe" / inside / _FRAME_LIST
        return ClipEntry(
            name=inside.as_posix(),
            sound=sound,
            track=processed / "reconstructions" / reconstruction / inside / _TRACK,
            frame_list=frame_list if frame_list.is_file() else None,
            emotion=EMOTIONS.index(emotion) if emotion in EMOTIONS else -1,
            intensity=int(digits) - 1 if digits.isdecimal() else -1,
            subject=subject,
        )

    def read(self, entry: ClipEntry) -> FaceClip:
        """Read a clip.

        Raises:
            Emote3DError: a file of it is damaged.
        """
        arrays = _read_track(entry.track)
        frames = len(arrays["exp"])
        valid = np.ones(frames, dtype=bool)
        if entry.frame_list is not None:
            with entry.frame_list.open("rb") as file:
                used = to_array(load_pickle(file, str(entry.frame_list)), str(entry.frame_list)).ravel()
            if used.size and used.dtype.kind not in "iu":
                raise Emote3DError(f"{entry.frame_list}: expected numbers of frames, got {used.dtype}")
            valid = np.isin(np.arange(frames), used.astype(np.int64))
        shape = arrays["shape"]
        if len(shape) > frames:
            raise Emote3DError(f"{entry.track}: {len(shape)} frames of shape, {frames} of exp")
        kept = valid[: len(shape)]
        clip = FaceClip(
            waveform=load_speech(entry.sound).waveform.numpy(),
            expression=arrays["exp"],
            jaw_axis_angle=arrays["jaw"],
            shape=shape[kept].mean(axis=0) if kept.any() else shape.mean(axis=0),
            valid=valid,
        )
        return checked_clip(clip, entry.name)


def _problem(entry: ClipEntry) -> str | None:
    if entry.emotion < 0 or not 0 <= entry.intensity <= 2:
        return "an unknown emotion or level"
    if not entry.track.is_file():
        return f"there is no {entry.track.name}"
    return None


def _read_track(path: Path) -> dict[str, np.ndarray]:
    """Shape, exp and jaw of a reconstruction, without the leading axis."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            missing = [key for key in ("shape", "exp", "jaw") if key not in list(file)]  # `in file` follows links
            if missing:
                raise Emote3DError(f"{path} has no {', '.join(missing)}")
            arrays = {key: _held(file, key, path) for key in ("shape", "exp", "jaw")}
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise Emote3DError(f"{path} cannot be read ({error})") from error
    bad = {key: array.shape for key, array in arrays.items() if array.ndim != 3 or array.shape[0] != 1}
    if bad or arrays["jaw"].shape[2] != 3:
        raise Emote3DError(f"{path}: expected arrays (1, frames, n) with 3 for jaw, got {bad or arrays['jaw'].shape}")
    return {key: array[0] for key, array in arrays.items()}


def _held(file: h5py.File, key: str, path: Path) -> np.ndarray:
    """An array that lies in the file itself: links and storage elsewhere are not followed."""
    import h5py

    lies_here = file.id.links.get_info(key.encode()).type == h5py.h5l.TYPE_HARD  # pyright: ignore[reportAttributeAccessIssue]
    part = file[key] if lies_here else None
    if not isinstance(part, h5py.Dataset) or part.dtype.kind not in "iuf" or (part.size or 0) > _MOST_NUMBERS:
        raise Emote3DError(f"{path}: expected an array of numbers as {key}, got {part}")
    if part.chunks and (part.size or 0) / math.prod(part.chunks) > _MOST_CHUNKS:
        raise Emote3DError(f"{path}: {key} is cut into more than {_MOST_CHUNKS} pieces")
    if part.external or part.is_virtual:
        raise Emote3DError(f"{path}: {key} lies in another file, which is not read")
    return np.asarray(part, dtype=np.float32)
