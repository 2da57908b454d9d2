"""Reader of any folder of recordings with motion npz of the same name beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emote3d.audio.load import load_speech
from emote3d.data.face_clips import CLIP_FPS, ClipEntry, FaceClip, at_rate, checked_clip
from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS
from emote3d.safe_pickle import load_npz, to_array

_NAMES = {
    "expression": ("expression", "exp", "expressions"),
    "jaw": ("jaw_axis_angle", "jaw", "jaw_pose"),
    "shape": ("shape", "betas"),
    "fps": ("fps", "mocap_frame_rate"),
    "valid": ("valid", "mask"),
    "emotion": ("emotion",),
    "intensity": ("intensity",),
    "subject": ("subject",),
}
"""What a member may be called; expression and jaw must be there."""
_SOUNDS = (".wav", ".flac", ".mp3", ".ogg")


class FlameFolder:
    """Pairs `name.wav` + `name.npz` of a folder and its subfolders.

    An npz holds `expression` (frames, n) and `jaw_axis_angle` (frames, 3), perhaps `shape`, `fps` (default 25), `valid`,
    `emotion` (a name or index; default neutral), `intensity` (0 to 2) and `subject` (default: the name of its folder).
    """

    def __init__(self, folder: Path) -> None:
        """List the pairs; raises Emote3DError where there is none that can be used."""
        self.entries: Sequence[ClipEntry] = []
        self.skipped: Sequence[str] = []
        if not folder.is_dir():
            raise Emote3DError(f"there is no folder {folder}")
        entries = []
        for sound in sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SOUNDS):
            name = sound.relative_to(folder).with_suffix("").as_posix()
            try:
                entries.append(self._entry(name, sound))
            except Emote3DError as error:
                self.skipped.append(f"{name}: {error}")
        self.entries = entries
        if not entries:
            raise Emote3DError(
                f"{folder} has no recording with a usable npz of the same name ({len(self.skipped)} skipped)"
            )

    @staticmethod
    def _entry(name: str, sound: Path) -> ClipEntry:
        track = sound.with_suffix(".npz")
        if not track.is_file():
            raise Emote3DError(f"there is no {track.name}")
        values = _members(track, ("emotion", "intensity", "subject"))
        return ClipEntry(
            name=name,
            sound=sound,
            track=track,
            emotion=_emotion(values.get("emotion")),
            intensity=int(values["intensity"].item()) if "intensity" in values else 0,
            subject=str(values["subject"].item()) if "subject" in values else sound.parent.name,
        )

    def read(self, entry: ClipEntry) -> FaceClip:
        """Read a pair; raises Emote3DError where it is damaged."""
        values = _members(entry.track, ("expression", "jaw", "shape", "fps", "valid"))
        missing = [key for key in ("expression", "jaw") if key not in values]
        if missing:
            raise Emote3DError(f"{entry.track} has no {', '.join(missing)}")
        fps = float(values["fps"].item()) if "fps" in values else float(CLIP_FPS)
        expression, jaw = (_resampled(values[key], fps, entry) for key in ("expression", "jaw"))
        valid = np.ones(len(expression), dtype=bool)
        if "valid" in values:
            valid = _resampled(values["valid"].astype(np.float32)[:, None], fps, entry)[:, 0] > 0.99
        shape = values.get("shape", np.zeros(1, np.float32))
        clip = FaceClip(
            waveform=load_speech(entry.sound).waveform.numpy(),
            expression=expression,
            jaw_axis_angle=jaw,
            shape=shape.mean(axis=0) if shape.ndim == 2 else shape,
            valid=valid,
        )
        return checked_clip(clip, entry.name)


def _members(path: Path, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    members = load_npz(path)
    found: dict[str, np.ndarray] = {}
    for key in wanted:
        name = next((name for name in _NAMES[key] if name in members), None)
        if name is not None:
            found[key] = to_array(members[name](), f"{path.name}: {name}")
            if key not in ("emotion", "subject") and found[key].dtype.kind not in "biuf":
                raise Emote3DError(f"{path.name}: expected numbers in {name}, got {found[key].dtype}")
            if key in ("emotion", "intensity", "subject", "fps") and found[key].size != 1:
                raise Emote3DError(f"{path.name}: expected one value in {name}, got {list(found[key].shape)}")
            if found[key].dtype.kind == "f" and not np.isfinite(found[key]).all():
                raise Emote3DError(f"{path.name}: {name} holds values that are not finite")
    return found


def _emotion(value: np.ndarray | None) -> int:
    if value is None:
        return 0
    value = value.reshape(())
    if value.dtype.kind in "US":
        if str(value) not in EMOTIONS:
            raise Emote3DError(f"unknown emotion '{value}'; known are {', '.join(EMOTIONS)}")
        return EMOTIONS.index(str(value))
    if not 0 <= int(value) < len(EMOTIONS):
        raise Emote3DError(f"emotion {value} is none of the {len(EMOTIONS)}")
    return int(value)


def _resampled(array: np.ndarray, fps: float, entry: ClipEntry) -> np.ndarray:
    """An array per frame at the clips' frame rate."""
    import torch

    if array.ndim != 2 or not 1 <= fps <= 1000:
        raise Emote3DError(f"{entry.track}: expected (frames, n) at 1 to 1000 fps, got {array.shape} at {fps:g}")
    return at_rate(torch.from_numpy(array.astype(np.float32)), fps, CLIP_FPS).numpy()
