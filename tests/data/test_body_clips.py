"""Readers on files laid out exactly as BEAT2 and AMASS are."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d.data.body_clips import beat_facts, find_clips, read_clip
from emote3d.errors import Emote3DError
from emote3d.rotations import axis_angle_to_matrix

TAKES = {"2_scott_0_1_1": "train", "2_scott_0_65_65": "val", "1_wayne_0_73_73": "test", "2_scott_1_5_5": "additional"}


@pytest.fixture
def beat2(tmp_path: Path) -> Path:
    """The tree of beat_english_v2.0.0 with keys, shapes and types of a real file (specs/amuse.md 3)."""
    root = tmp_path / "beat_english_v2.0.0"
    for name in ("smplxflame_30", "wave16k"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in TAKES:
        np.savez(
            root / "smplxflame_30" / f"{name}.npz",
            poses=(0.2 * rng.normal(size=(90, 165))).astype(np.float32),
            expressions=rng.normal(size=(90, 100)),
            trans=rng.normal(size=(90, 3)) * 0.01 + [0.3, 1.2, -0.5],
            betas=rng.normal(size=300).astype(np.float32),
            model="smplx2020",
            gender="neutral",
            mocap_frame_rate=30,
        )
        (root / "wave16k" / f"{name}.wav").write_bytes(b"")
    table = "id,type\n" + "".join(f"{name},{split}\n" for name, split in TAKES.items()) + "9_missing_0_1_1,train\n"
    (root / "train_test_split.csv").write_text(table)
    return root


def test_beat2_with_its_split(beat2):
    for place in (beat2, beat2.parent):
        clips = {clip.name: clip for clip in find_clips(place)}
        assert {name: clip.split for name, clip in clips.items()} == TAKES
    assert clips["1_wayne_0_73_73"].speaker == "1"
    assert clips["1_wayne_0_73_73"].emotion == "anger"
    assert clips["2_scott_0_1_1"].speech == beat2 / "wave16k" / "2_scott_0_1_1.wav"


def test_beat2_motion_is_as_it_lies(beat2):
    clip = find_clips(beat2)[0]
    body = read_clip(clip, 30)
    with np.load(clip.motion) as file:
        poses, trans = torch.from_numpy(file["poses"]), file["trans"]
    expected = axis_angle_to_matrix(poses.unflatten(1, (55, 3)))
    assert torch.allclose(axis_angle_to_matrix(body.joints_axis_angle), expected, atol=1e-5)
    assert np.allclose(body.translation_m[:, 1], trans[:, 1], atol=1e-5)
    assert body.translation_m[0, 0] == 0


@pytest.mark.parametrize(
    ("take", "emotion"),
    [(1, "neutral"), (64, "neutral"), (65, "happy"), (80, "anger"), (86, "sad"), (87, "contempt"), (95, "surprise"),
     (103, "fear"), (111, "disgust"), (118, "disgust")],
)  # fmt: skip
def test_emotions_of_takes(take, emotion):
    assert beat_facts(f"2_scott_0_{take}_{take}") == ("2", emotion)


@pytest.fixture
def amass(tmp_path: Path) -> Path:
    """<data set>/<subject>/<clip>_poses.npz of SMPL-H at 120 Hz, and *_stageii.npz of SMPL-X."""
    still = np.zeros((240, 156))
    still[:, 0] = np.pi / 2  # stands upright where z is up
    still[:, 66:] = 0.1
    trans = np.stack([np.linspace(0, 1, 240), np.linspace(0, 2, 240), np.full(240, 0.9)], axis=1)
    for dataset in ("CMU", "SSM_synced"):
        (tmp_path / dataset / "01").mkdir(parents=True)
        np.savez(
            tmp_path / dataset / "01" / "01_01_poses.npz",
            poses=still, trans=trans, betas=np.zeros(16), dmpls=np.zeros((240, 8)), gender="male", mocap_framerate=120.0,
        )  # fmt: skip
    (tmp_path / "SFU" / "0005").mkdir(parents=True)
    poses = np.concatenate([still[:, :66], np.zeros((240, 9)), still[:, 66:]], axis=1)
    np.savez(
        tmp_path / "SFU" / "0005" / "walk_stageii.npz",
        poses=poses, trans=trans, betas=np.zeros(16), gender="neutral", surface_model_type="smplx", mocap_frame_rate=120.0,
    )  # fmt: skip
    return tmp_path


def test_amass_with_its_split_stands_upright(amass):
    clips = {clip.name: clip for clip in find_clips(amass)}
    assert {name: clip.split for name, clip in clips.items()} == {
        "CMU/01/01_01_poses": "train",
        "SSM_synced/01/01_01_poses": "test",
        "SFU/0005/walk_stageii": "val",
    }
    for clip in clips.values():
        body = read_clip(clip, 30)
        assert len(body.joints_axis_angle) == 60
        assert body.joints_axis_angle[:, 0].abs().max() < 1e-5
        assert torch.allclose(body.translation_m[:, 1], torch.full((60,), 0.9), atol=1e-5)
        assert body.translation_m[-1, 2] < -1.9
        assert body.joints_axis_angle[:, 22:25].abs().max() == 0
        assert torch.allclose(body.joints_axis_angle[:, 25:], torch.full((60, 30, 3), 0.1), atol=1e-4)


def test_what_is_refused(tmp_path, beat2):
    with pytest.raises(Emote3DError, match="no data folder"):
        find_clips(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Emote3DError, match="expected BEAT2"):
        find_clips(tmp_path / "empty")
    clip = find_clips(beat2)[0]
    np.savez(clip.motion, poses=np.zeros((5, 72)), trans=np.zeros((5, 3)), mocap_frame_rate=30)
    with pytest.raises(Emote3DError, match="got 72"):
        read_clip(clip, 30)
    clip.motion.write_bytes(b"PK broken")
    with pytest.raises(Emote3DError, match="copy it again"):
        read_clip(clip, 30)
    (beat2 / "train_test_split.csv").write_text(f"id,type\n{'x' * 5000},train\n")
    with pytest.raises(Emote3DError, match="longer than"):
        find_clips(beat2)
    (beat2 / "train_test_split.csv").unlink()
    with pytest.raises(Emote3DError, match=r"train_test_split\.csv"):
        find_clips(beat2)
