"""The figures of body motion on motions whose figures are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from emote3d.body import open_avatar
from emote3d.body.kinematics import Skeleton
from emote3d.decoders.face import face_from_arkit
from emote3d.metrics.gestures import (
    audio_onsets,
    beat_gap,
    describe,
    faults,
    foot_slide_cm_s,
    gesture_onsets,
    joint_speed_deg,
    onset_f1,
    places_of,
    seam_ratio,
    seen_of,
    whole_body,
    wrist_acceleration,
)
from emote3d.names import SMPLX_JOINTS
from emote3d.records import BodyMotion, Motion

FPS = 30.0
FRAMES = 600
SHOULDER, ELBOW = SMPLX_JOINTS.index("left_shoulder"), SMPLX_JOINTS.index("left_elbow")


@pytest.fixture(scope="module")
def skeleton() -> Skeleton:
    model = open_avatar()
    return Skeleton(joints_m=model.joints_m.double(), parents=model.parents)


def moving(angle: np.ndarray, joint: int = SHOULDER, axis: int = 2) -> BodyMotion:
    """Only one joint moves, about one axis (radians)."""
    joints = torch.zeros(len(angle), 55, 3)
    joints[:, joint, axis] = torch.from_numpy(angle).float()
    return BodyMotion(joints_axis_angle=joints, translation_m=torch.zeros(len(angle), 3))


def strokes(at_s: np.ndarray, seconds: float = FRAMES / FPS) -> np.ndarray:
    """An arm that is raised or lowered by 40 degrees around each time, quickest at it."""
    time_s = np.arange(round(seconds * FPS)) / FPS
    signs = np.where(np.arange(len(at_s)) % 2, -1, 1)
    return np.radians(20) * (signs[:, None] * np.tanh((time_s - at_s[:, None]) / 0.12)).sum(axis=0)


def test_speed_is_that_of_the_joint():
    speed = joint_speed_deg(moving(np.radians(60) * np.arange(90) / FPS), FPS)
    assert speed[SHOULDER] == pytest.approx(60, abs=0.1)
    assert speed[[0, ELBOW, 20, 40]].abs().max() < 1e-3


def test_a_turned_head_is_shared_by_neck_and_head():
    body = moving(np.radians(30) * np.ones(4))
    face = face_from_arkit(torch.zeros(4, 52))
    turned = replace(face, neck_axis_angle=torch.tensor([[0.0, 0.4, 0.0]]).repeat(4, 1))
    joints = whole_body(Motion(face=turned, body=body, fps=FPS)).joints_axis_angle
    assert torch.allclose(joints[:, [12, 15]], torch.tensor([0.0, 0.2, 0.0]).expand(4, 2, 3), atol=1e-5)
    assert torch.allclose(joints[:, SHOULDER], body.joints_axis_angle[:, SHOULDER], atol=1e-5)
    assert joints[:, [0, ELBOW, 22, 40]].abs().max() < 1e-5
    alone = whole_body(Motion(body=body, fps=FPS))
    assert torch.allclose(alone.joints_axis_angle, body.joints_axis_angle, atol=1e-5)


def test_strokes_are_found_where_they_are(skeleton):
    at_s = np.array([2.0, 4.1, 6.6, 9.0, 12.3, 15.0, 17.7])
    found = gesture_onsets(places_of(moving(strokes(at_s)), skeleton), FPS)
    assert onset_f1(at_s, found, 0.07) == 1.0
    assert onset_f1(at_s, found + 0.5) == 0.0
    assert onset_f1(at_s, found[:-1], 0.07) == pytest.approx(2 * 6 / 13)
    assert onset_f1(np.zeros(0), np.zeros(0)) == 1.0


def test_beats_with_the_sound_score_above_shifted_ones(skeleton):
    at_s = np.sort(np.random.default_rng(1).uniform(0.5, 19.5, 14))
    rest_s = 0.5 * (at_s[1:] + at_s[:-1])  # the arm is slowest half-way between strokes
    waving = moving(strokes(at_s) + 0.02 * np.sin(2 * math.pi * 0.9 * np.arange(FRAMES) / FPS))
    own, shifted = beat_gap(rest_s, places_of(waving, skeleton), FPS)
    assert 0 <= shifted < own <= 1


def test_a_slide_and_a_seam_are_seen(skeleton):
    still = moving(np.zeros(FRAMES))
    places = places_of(still, skeleton)
    assert foot_slide_cm_s(places, FPS) == 0
    drift = torch.arange(FRAMES)[:, None, None] / FPS * torch.tensor([0.03, 0.5, 0.04])
    assert foot_slide_cm_s(places + drift, FPS) == pytest.approx(5.0, abs=1e-6)
    swinging = 0.5 * np.sin(2 * math.pi * 0.5 * np.arange(4 * FRAMES) / FPS)
    assert seam_ratio(moving(swinging), FPS) < 1.1
    swinging[2 * FRAMES :] += 0.6
    assert seam_ratio(moving(swinging), FPS) > 3


def test_a_bent_back_elbow_is_a_fault(skeleton):
    from emote3d.body.torso import Torso

    torso = Torso.of(open_avatar())
    fine, _ = faults(moving(np.full(3, -0.5), ELBOW, 1), skeleton, torso)
    broken, _ = faults(moving(np.full(3, 1.2), ELBOW, 1), skeleton, torso)
    assert fine < 5
    assert broken > 30


def test_onsets_of_sound_are_heard():
    at_s, rate = np.array([0.5, 1.1, 1.9]), 16000
    time_s = np.arange(3 * rate) / rate
    wave = sum(np.sin(2 * np.pi * 440 * time_s) * np.exp(-8 * (time_s - at)) * (time_s >= at) for at in at_s)
    found = audio_onsets(np.asarray(wave, np.float32), rate)
    apart = np.abs(found[:, None] - at_s)
    assert apart.min(axis=0).max() < 0.03 and apart.min(axis=1).max() < 0.07, found  # all of them, and no others


def test_descriptions_tell_a_lively_body_from_a_still_one(skeleton: Skeleton):
    still, lively = (describe(moving(size * np.sin(np.arange(90) / 5)), skeleton, FPS) for size in (0.0, 0.5))
    assert still.shape == lively.shape and np.isfinite(lively).all()
    assert np.abs(still - describe(moving(np.zeros(90)), skeleton, FPS)).max() == 0 < np.abs(still - lively).max()


def test_what_is_seen_is_what_was_done(skeleton: Skeleton):
    at_s = np.array([2.0, 4.1, 6.6, 9.0, 12.3, 15.0, 17.7])
    still, moved = (seen_of(moving(angle), skeleton, FPS) for angle in (np.zeros(FRAMES), strokes(at_s)))
    assert still.wrists_cm_s == still.strokes_a_minute == still.stroke_cm_s == 0
    assert still.lean_deg == pytest.approx(seen_of(moving(np.full(4, 0.5)), skeleton, FPS).lean_deg)
    assert moved.strokes_a_minute == 7 * 60 / (FRAMES / FPS) and moved.left_share == pytest.approx(1.0)
    arm_m = (skeleton.joints_m[SMPLX_JOINTS.index("left_wrist")] - skeleton.joints_m[SHOULDER]).norm()
    assert moved.stroke_cm_s == pytest.approx(100 * float(arm_m) * np.radians(20) / 0.12, rel=0.03)
    assert moved.upper_deg_s == pytest.approx(float(joint_speed_deg(moving(strokes(at_s)), FPS)[SHOULDER]) / 13)
    largest = float(wrist_acceleration(places_of(moving(strokes(at_s)), skeleton), FPS).max())
    assert largest == pytest.approx(float(arm_m) * np.radians(20) / 0.12**2 * 4 / 27**0.5, rel=0.15)


def test_a_posture_is_seen(skeleton: Skeleton):
    still = seen_of(moving(np.zeros(4)), skeleton, FPS)
    bent = seen_of(moving(np.full(4, 0.3), 0, 0), skeleton, FPS)  # all of it, forward about the pelvis
    assert bent.lean_deg - still.lean_deg == pytest.approx(np.degrees(0.3), abs=0.01)
    assert bent.head_down_deg - still.head_down_deg == pytest.approx(np.degrees(0.3), abs=0.01)
    turned = seen_of(moving(np.full(4, -0.2), SMPLX_JOINTS.index("spine2"), 1), skeleton, FPS)
    assert turned.turned_deg == pytest.approx(np.degrees(0.2), abs=0.01)
    low = seen_of(moving(np.full(4, -1.2)), skeleton, FPS)  # the left arm hangs
    assert low.hands_up_cm < still.hands_up_cm - 15 and low.hands_aside_cm < still.hands_aside_cm - 10
