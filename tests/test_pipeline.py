"""The shipped engine on the shipped recording."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d import Direction, Emote3D
from emote3d.audio.load import load_speech
from emote3d.errors import Emote3DError
from emote3d.motion import load_motion, resample_motion, save_motion
from emote3d.names import ARKIT_52
from emote3d.records import Motion, Speech
from emote3d.training.geometry import lip_gap

DEMO = Path(__file__).parents[1] / "assets" / "audio" / "demo-congrats.flac"


@cache
def engine() -> Emote3D:
    return Emote3D.from_pretrained()


@cache
def demo(seconds: float = 8.0) -> Speech:
    speech = load_speech(DEMO)
    return Speech(waveform=speech.waveform[: round(seconds * 16000)], sample_rate=16000)


def _shape(motion: Motion, name: str) -> torch.Tensor:
    assert motion.face is not None
    return motion.face.expression[:, ARKIT_52.index(name)]


def test_lips_open_and_close_with_the_voice():
    head = engine().avatar.cropped("head")
    motion = engine().animate(demo(), Direction(emotion="neutral"))
    assert motion.frames == 240
    gap_m = torch.cat([lip_gap(head.landmarks(mesh.vertices_m)) for mesh in head.pose_chunks(motion)])
    assert torch.quantile(gap_m, 0.95) > 0.004
    assert torch.quantile(gap_m, 0.05) < 0.001  # p, b and m are about a twentieth of speech


def test_same_seed_same_bytes(tmp_path: Path):
    files = [tmp_path / "a.npz", tmp_path / "b.npz", tmp_path / "c.npz"]
    for seed, path in zip((3, 3, 4), files, strict=True):
        save_motion(engine().animate(demo(2.0), seed=seed), path)
    first, again, other = (path.read_bytes() for path in files)
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("emotion", "shape"),
    [("happy", "mouthSmileLeft"), ("sad", "mouthFrownLeft"), ("anger", "browDownLeft"), ("surprise", "browOuterUpLeft"),
     ("disgust", "noseSneerLeft"), ("fear", "browInnerUp"), ("contempt", "mouthDimpleLeft")],
)  # fmt: skip
def test_intensity_grows_with_what_is_asked(emotion: str, shape: str):
    levels = [
        float(_shape(engine().animate(demo(3.0), Direction(emotion=emotion, intensity=i)), shape).mean())
        for i in (0.0, 0.5, 1.0)
    ]
    assert levels[0] + 0.1 < levels[1] < levels[2]


def test_zeros_give_a_quiet_living_face():
    motion = engine().animate((np.zeros(16000 * 20, np.float32), 16000), Direction(emotion="neutral"))
    assert motion.face is not None
    assert _shape(motion, "jawOpen").max() < 0.08
    assert _shape(motion, "eyeBlinkLeft").max() > 0.8
    assert motion.face.neck_axis_angle.std(dim=0).max() > 0.005


def test_long_recordings_have_no_seams():
    speech = demo(8.0)
    long = Speech(waveform=speech.waveform.repeat(8), sample_rate=16000)
    motion = engine().animate(long, Direction(emotion="happy"))
    assert motion.face is not None
    mouth = [index for index, name in enumerate(ARKIT_52) if not name.startswith("eye")]  # blinks come at any time
    step = motion.face.expression[:, mouth].diff(dim=0).abs().amax(dim=1)
    seams = [start + edge for start in (960,) for edge in (0, 240)]
    around = torch.stack([step[s - 2 : s + 3].max() for s in seams])
    assert around.max() <= torch.quantile(step, 0.99)


def test_frame_rate_moves_no_pose():
    motion = engine().animate(demo(2.0))
    double = resample_motion(motion, 60, 2.0)
    assert double.frames == 120
    assert double.face is not None and motion.face is not None
    assert torch.allclose(double.face.expression[::2], motion.face.expression, atol=1e-6)
    assert torch.allclose(double.face.neck_axis_angle[::2], motion.face.neck_axis_angle, atol=1e-5)


def test_a_motion_survives_its_file(tmp_path: Path):
    motion = engine().animate(demo(1.0))
    save_motion(motion, tmp_path / "m.npz")
    loaded = load_motion(tmp_path / "m.npz")
    assert motion.face is not None and loaded.face is not None
    assert motion.body is not None and loaded.body is not None
    assert (loaded.fps, loaded.face.basis) == (30, "arkit52")
    assert torch.equal(loaded.body.joints_axis_angle, motion.body.joints_axis_angle)
    for name in ("expression", "jaw_axis_angle", "neck_axis_angle", "eyes_axis_angle"):
        assert torch.equal(getattr(loaded.face, name), getattr(motion.face, name))


@pytest.mark.parametrize("case", ["missing", "text", "other", "lengths", "nan"])
def test_a_bad_motion_file_is_refused_in_one_line(case: str, tmp_path: Path):
    path = tmp_path / "m.npz"
    save_motion(engine().animate(demo(1.0)), path)
    members = dict(np.load(path))
    if case == "missing":
        path.unlink()
    elif case == "text":
        path.write_text("no motion")
    elif case == "other":
        np.savez(path, poses=np.zeros((3, 165)))
    elif case == "lengths":
        np.savez(path, **members | {"jaw_axis_angle": np.zeros((2, 3), np.float32)})
    else:
        np.savez(path, **members | {"expression": members["expression"] * np.nan})
    with pytest.raises(Emote3DError) as error:
        load_motion(path)
    assert "\n" not in str(error.value)
