import numpy as np
import pytest
import torch

from emote3d import Direction, Emote3D
from emote3d.audio.load import load_speech
from emote3d.files import asset_path
from emote3d.metrics.gestures import faults, foot_slide_cm_s, joint_speed_deg, places_of, seam_ratio
from emote3d.names import BODY_STYLES
from emote3d.performers.open_body import OpenBody, style_of_voice
from emote3d.records import BodyMotion, Speech


@pytest.fixture(scope="module")
def body() -> OpenBody:
    return OpenBody.from_pretrained(asset_path("checkpoints", "open-v1"))


@pytest.fixture(scope="module")
def speech() -> Speech:
    whole = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    return Speech(waveform=whole.waveform[: 12 * 16000], sample_rate=16000)


def _act(body: OpenBody, speech: Speech, emotion: str = "neutral", seed: int = 0) -> BodyMotion:
    rhythm = body.listen(speech)
    weights = torch.tensor([Direction(emotion=emotion).emotion_weights()]).expand(len(rhythm.loudness), -1)
    return body.act(rhythm, weights, style_of_voice(rhythm), seed)


def test_the_body_talks_and_nothing_breaks(body: OpenBody, speech: Speech) -> None:
    moved = _act(body, speech)
    speed = joint_speed_deg(moved, 30)
    excess, inside_mm = faults(moved, body.skeleton, body.torso)
    assert 15 < speed[[16, 17, 18, 19, 20, 21]].mean() < 120
    assert speed[25:].min() > 1
    assert excess == 0 and inside_mm == 0
    assert foot_slide_cm_s(places_of(moved, body.skeleton), 30) < 1


def test_same_seed_repeats_and_seeds_differ(body: OpenBody, speech: Speech) -> None:
    first, again, other = (_act(body, speech, seed=seed).joints_axis_angle for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert (first - other)[:, 16:22].norm(dim=-1).mean() > 0.1


def test_emotions_differ(body: OpenBody, speech: Speech) -> None:
    angry, sad = (joint_speed_deg(_act(body, speech, emotion), 30)[3:22].mean() for emotion in ("anger", "sad"))
    assert angry > 1.3 * sad


def test_start_and_end_pose_are_taken(body: OpenBody, speech: Speech) -> None:
    rhythm = body.listen(speech)
    neutral = torch.eye(8)[:1].expand(len(rhythm.loudness), -1)
    pose = _act(body, speech, seed=1)
    held = BodyMotion(joints_axis_angle=pose.joints_axis_angle[200:201], translation_m=pose.translation_m[200:201])
    moved = body.act(rhythm, neutral, torch.zeros(len(BODY_STYLES)), 2, start=held, end=held)
    free = body.act(rhythm, neutral, torch.zeros(len(BODY_STYLES)), 2)
    arms = slice(16, 20)
    for frame in (3, -5):
        near, far = (one.joints_axis_angle[frame, arms] - held.joints_axis_angle[0, arms] for one in (moved, free))
        assert near.norm(dim=-1).mean() < 0.2
        assert near.norm() < 0.6 * far.norm()


def test_feet_and_hands_are_put_right_in_stretches_as_in_one_go(
    body: OpenBody, speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    rhythm = body.listen(speech)
    emotion = torch.eye(8)[6:7].expand(len(rhythm.loudness), -1)
    channels = body.channels(rhythm, emotion, torch.zeros(len(BODY_STYLES)), 0)
    whole = body.grounded(channels, body.stance(emotion, 0))
    monkeypatch.setattr("emote3d.performers.footing._STRETCH_FRAMES", 90)
    parts = body.grounded(channels, body.stance(emotion, 0))
    assert torch.allclose(whole.joints_axis_angle, parts.joints_axis_angle, atol=1e-5)
    assert torch.allclose(whole.translation_m, parts.translation_m, atol=1e-6)


def test_minutes_have_no_seam(body: OpenBody, speech: Speech) -> None:
    long = Speech(waveform=speech.waveform.repeat(8), sample_rate=16000)
    moved = _act(body, long)
    assert len(moved.joints_axis_angle) == 8 * 360
    assert seam_ratio(moved, 30) < 3


def test_engine_gives_face_and_body_in_step(speech: Speech) -> None:
    engine = Emote3D.from_pretrained()
    whole = engine.animate(speech, Direction(emotion="happy"), fps=25)
    face = engine.animate(speech, Direction(emotion="happy"), fps=25, body=False)
    assert whole.face is not None and whole.body is not None and face.body is None and face.face is not None
    assert len(whole.body.joints_axis_angle) == len(whole.face.expression) == 300
    assert torch.equal(whole.face.expression, face.face.expression)
    assert torch.allclose(whole.body.joints_axis_angle[:, 22], whole.face.jaw_axis_angle, atol=1e-4)


def test_silence_stands_almost_still(body: OpenBody) -> None:
    silent = Speech(waveform=torch.zeros(16000 * 5), sample_rate=16000)
    moved = _act(body, silent)
    assert np.isfinite(moved.joints_axis_angle.numpy()).all()
    assert joint_speed_deg(moved, 30)[16:22].mean() < 5
