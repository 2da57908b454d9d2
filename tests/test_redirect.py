"""Redirection on the shipped engine and recording."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d import Direction, Emote3D, Emote3DError
from emote3d.audio.load import load_speech
from emote3d.motion import load_motion, save_motion
from emote3d.names import ARKIT_52
from emote3d.records import Motion, Speech

DEMO = Path(__file__).parents[1] / "assets" / "audio" / "demo-congrats.flac"


@cache
def engine() -> Emote3D:
    return Emote3D.from_pretrained()


@cache
def demo(seconds: float = 4.0) -> Speech:
    return Speech(waveform=load_speech(DEMO).waveform[: round(seconds * 16000)], sample_rate=16000)


def curve(motion: Motion, name: str) -> torch.Tensor:
    assert motion.face is not None
    return motion.face.expression[:, ARKIT_52.index(name)]


@pytest.fixture(scope="module")
def neutral() -> Motion:
    return engine().animate(demo())


def test_redirected_is_what_would_have_been_performed(neutral: Motion, tmp_path: Path):
    save_motion(neutral, tmp_path / "m.npz")
    wanted = Direction(emotion="sad", at=("2:happy",), jaw=1.3, gaze="left")
    again = engine().redirect(load_motion(tmp_path / "m.npz"), wanted)
    first = engine().animate(demo(), wanted)
    assert again.face is not None and first.face is not None
    assert torch.equal(again.face.expression, first.face.expression)
    assert torch.equal(again.face.eyes_axis_angle, first.face.eyes_axis_angle)


def test_what_cannot_be_redirected_says_why(neutral: Motion, tmp_path: Path):
    with pytest.raises(Emote3DError, match="animate the recording again"):
        engine().redirect(replace(neutral, origin=None), Direction())
    assert neutral.origin is not None
    with pytest.raises(Emote3DError, match="another checkpoint"):
        engine().redirect(replace(neutral, origin=replace(neutral.origin, model="0")), Direction())
    save_motion(neutral, tmp_path / "m.npz")
    members = dict(np.load(tmp_path / "m.npz"))
    np.savez(tmp_path / "m.npz", **members | {"origin_loudness": np.zeros(3, np.float32)})
    with pytest.raises(Emote3DError, match="damaged"):
        load_motion(tmp_path / "m.npz")


def test_regions_and_sides(neutral: Motion):
    mixed = engine().redirect(neutral, Direction(upper="sad", mouth="happy"))
    assert curve(mixed, "browInnerUp").mean() > curve(neutral, "browInnerUp").mean() + 0.3
    assert curve(mixed, "mouthSmileLeft").mean() > curve(neutral, "mouthSmileLeft").mean() + 0.3
    leaning = engine().redirect(neutral, Direction(emotion="happy", asymmetry=0.8))
    assert curve(leaning, "mouthSmileLeft").mean() > curve(leaning, "mouthSmileRight").mean() + 0.25


def test_no_coefficient_jumps_at_keys(neutral: Motion):
    keys = Direction(at=("1:surprise:1.4", "1.6:anger", "2.2..2.6:sad,jaw=1.6,articulation=0.5", "3:happy,upper=fear"))
    shapes = [index for index, shape in enumerate(ARKIT_52) if not shape.startswith("eye")]
    steps = {}
    for name, direction in (("neutral", Direction()), ("keys", keys)):
        face = engine().redirect(neutral, direction).face
        assert face is not None
        steps[name] = float(face.expression[:, shapes].diff(dim=0).abs().max())
    assert steps["keys"] < steps["neutral"] + 0.12, steps


def test_gaze_goes_where_it_is_asked(neutral: Motion):
    motion = engine().redirect(neutral, Direction(gaze="left"))
    assert motion.face is not None
    gaze = motion.face.neck_axis_angle[30:, 1] + motion.face.eyes_axis_angle[30:, 0, 1]
    assert np.degrees(float(gaze.mean())) == pytest.approx(22, abs=5)
