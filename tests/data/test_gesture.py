import numpy as np
import torch

from emote3d.body.limits import excess_deg
from emote3d.body.torso import hands_inside_m
from emote3d.data.gesture import Beats, gesture, open_teacher
from emote3d.data.gesture_forms import STATE_D
from emote3d.data.gesture_hands import SHAPES, fingers
from emote3d.data.gesture_plan import Track
from emote3d.names import EMOTIONS
from emote3d.records import BodyMotion
from emote3d.rotations import axis_angle_to_matrix

FPS = 30


def _beats(seconds: float = 20.0) -> Beats:
    spoken = [(start, start + 3.5) for start in np.arange(0.5, seconds - 4, 6.5)]
    accents = np.concatenate([np.arange(start + 0.3, end, 0.45) for start, end in spoken])
    return Beats(duration_s=seconds, phrases=tuple(spoken), accent_s=accents, accent_size=np.full(len(accents), 0.8))


def _perform(emotion: str = "neutral", seed: int = 0) -> BodyMotion:
    weights = np.zeros((600, len(EMOTIONS)))
    weights[:, EMOTIONS.index(emotion)] = 1.0
    return gesture(_beats(), weights, np.zeros(5), FPS, np.random.default_rng(seed))


def _wrist_speed(body: BodyMotion) -> np.ndarray:
    skeleton = open_teacher().skeleton
    joints_m = skeleton.posed(axis_angle_to_matrix(body.joints_axis_angle.double()))[1]
    return joints_m[:, [20, 21]].diff(dim=0).norm(dim=-1).sum(dim=1).numpy() * FPS


def test_same_seed_same_motion_two_seeds_two_motions() -> None:
    first, again, other = _perform(seed=3), _perform(seed=3), _perform(seed=4)
    assert torch.equal(first.joints_axis_angle, again.joints_axis_angle)
    assert (first.joints_axis_angle - other.joints_axis_angle).abs().max() > 0.2


def test_no_emotion_breaks_the_body() -> None:
    teacher = open_teacher()
    for emotion in ("neutral", "anger", "fear"):
        body = _perform(emotion)
        rotations = axis_angle_to_matrix(body.joints_axis_angle.double())
        turned, joints_m = teacher.skeleton.posed(rotations)
        assert excess_deg(rotations).max() < 3.0
        assert hands_inside_m(teacher.skeleton, teacher.torso, turned, joints_m).max() < 0.005
        ankles = joints_m[:, [7, 8]] + body.translation_m.double()[:, None]
        assert ankles.diff(dim=0).norm(dim=-1).mean() * FPS < 0.01


def test_hands_move_with_the_speech_and_rest_in_pauses() -> None:
    speed = _wrist_speed(_perform())
    time = np.arange(len(speed)) / FPS
    speaking = np.zeros(len(speed), bool)
    for start, end in _beats().phrases:
        speaking |= (time > start) & (time < end)
    pauses = np.zeros(len(speed), bool)
    for _, end in _beats().phrases:
        pauses |= (time > end + 1.1) & (time < end + 1.7)
    assert speed[speaking].mean() > 3 * speed[pauses].mean()


def test_anger_is_larger_and_quicker_than_sadness() -> None:
    angry, sad = (_wrist_speed(_perform(emotion)).mean() for emotion in ("anger", "sad"))
    assert angry > 1.8 * sad


def test_movements_end_where_they_are_sent_without_jumps() -> None:
    track = Track(np.zeros(STATE_D))
    track.go(np.ones(STATE_D), 0.2, 0.5)
    track.go(2 * np.ones(STATE_D), 0.5, 0.5)
    states = track.states(60, FPS)
    assert np.allclose(states[0], 0) and np.allclose(states[-1], 2)
    assert np.diff(states, axis=0).max() < 0.2 and np.diff(states, axis=0).min() >= -1e-9


def test_every_hand_shape_is_possible() -> None:
    shapes = fingers(np.eye(len(SHAPES)), np.zeros((len(SHAPES), 5)))
    rotations = torch.eye(3).double().repeat(len(SHAPES), 55, 1, 1)
    rotations[:, 25:40] = axis_angle_to_matrix(torch.from_numpy(shapes))
    assert excess_deg(rotations).max() == 0
