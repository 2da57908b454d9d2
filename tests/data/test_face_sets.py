"""Readers of tracked faces on files in exactly the layouts they are for."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from training.face_sets import REC, write_mead, write_mead_clip, write_wav

from emote3d.data.face_clips import window
from emote3d.data.flame_folder import FlameFolder
from emote3d.data.mead import MeadSet
from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS


def test_mead_gives_clips_masks_and_labels(tmp_path: Path):
    clips = MeadSet(write_mead(tmp_path / "processed"), REC)
    assert len(clips.entries) == 8 and not clips.skipped
    entry = next(entry for entry in clips.entries if entry.name == "M003/front/angry/level_3/001")
    assert (EMOTIONS[entry.emotion], entry.intensity, entry.subject) == ("anger", 2, "M003")
    clip = clips.read(entry)
    assert clip.waveform.shape == (40 * 640,)
    assert (clip.expression.shape, clip.jaw_axis_angle.shape, clip.shape.shape) == ((40, 100), (40, 3), (300,))
    assert clip.valid.sum() == 36 and not clip.valid[[0, 1, 38, 39]].any()
    cut = window(clip, 30, 20)
    assert (cut.frames, len(cut.waveform), int(cut.valid.sum())) == (20, 20 * 640, 8)
    assert not cut.expression[10:].any()


def test_mead_splits_by_identity(tmp_path: Path):
    processed, rng = write_mead(tmp_path / "processed"), np.random.default_rng(1)
    write_mead_clip(processed, "W036/front/fear/level_1/001", 30, rng)
    write_mead_clip(processed, "M037/front/sad/level_1/001", 30, rng)
    write_mead_clip(processed, "M037/left_30/sad/level_1/002", 30, rng)
    found = {split: [entry.subject for entry in MeadSet(processed, REC, split).entries] for split in ("val", "test")}
    assert found == {"val": ["W036"], "test": ["M037"]}
    assert len(MeadSet(processed, REC, "all").entries) == 10


@pytest.mark.parametrize(
    "damage",
    ["no track", "no exp", "no leading axis", "truncated", "nan", "no valid frame", "frames as bytes", "short sound"],
)
def test_a_damaged_mead_clip_is_named(damage: str, tmp_path: Path):
    processed = write_mead(tmp_path / "processed")
    name = "M003/front/angry/level_3/001"
    track = processed / "reconstructions" / REC / name / "shape_pose_cam.hdf5"
    if damage == "no track":
        track.unlink()
        assert [line.split(":")[0] for line in MeadSet(processed, REC).skipped] == [name]
        return
    if damage == "truncated":
        track.write_bytes(track.read_bytes()[:500])
    elif damage == "short sound":
        write_wav(processed / "audio" / f"{name}.wav", np.zeros(8000) + 0.1)
    elif damage in ("no valid frame", "frames as bytes"):
        frames = processed / "landmarks_original" / "mediapipe" / name / "landmarks_alignment_used_frame_indices.pkl"
        frames.write_bytes(pickle.dumps([] if damage == "no valid frame" else [0, 1, b"K\x03"]))
    else:
        with h5py.File(track, "a") as file:
            old = np.asarray(file["exp"])
            del file["exp"]
            if damage != "no exp":
                file["exp"] = old[0] if damage == "no leading axis" else old * np.nan
    clips = MeadSet(processed, REC)
    entry = next(entry for entry in clips.entries if entry.name == name)
    with pytest.raises(Emote3DError) as error:
        clips.read(entry)
    assert "\n" not in str(error.value)


def test_no_mead_is_refused(tmp_path: Path):
    with pytest.raises(Emote3DError, match="audio"):
        MeadSet(tmp_path, REC)


def test_a_folder_of_pairs_is_read_and_resampled(tmp_path: Path):
    rng = np.random.default_rng(0)
    write_wav(tmp_path / "anna" / "a.wav", 0.1 * rng.normal(size=32000))
    np.savez(
        tmp_path / "anna" / "a.npz", exp=np.linspace(0, 1, 60)[:, None].repeat(5, 1), jaw=np.zeros((60, 3)), fps=30.0,
        emotion="happy", intensity=2, shape=np.ones(10), valid=np.arange(60) < 30,
    )  # fmt: skip
    write_wav(tmp_path / "b.wav", 0.1 * rng.normal(size=16000))
    write_wav(tmp_path / "c.wav", 0.1 * rng.normal(size=16000))
    np.savez(tmp_path / "c.npz", exp=np.zeros((25, 5)), jaw=np.zeros((25, 3)), emotion="bored")
    clips = FlameFolder(tmp_path)
    assert [line.split(":")[0] for line in clips.skipped] == ["b", "c"]
    (entry,) = clips.entries
    assert (EMOTIONS[entry.emotion], entry.intensity, entry.subject) == ("happy", 2, "anna")
    clip = clips.read(entry)
    assert clip.frames == 50
    assert np.allclose(np.diff(clip.expression[:48, 0]), 1.2 / 59, atol=1e-4)
    assert 23 <= clip.valid.sum() <= 25
