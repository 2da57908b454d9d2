"""Measures against values worked out by hand, and against other implementations."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from emote3d.metrics import body, distribution, vertices
from emote3d.metrics.features import FeatureConfig, body_windows, features_of, train_features
from emote3d.names import SMPLX_JOINTS
from emote3d.records import BodyMotion

RNG = np.random.default_rng(0)
REF = RNG.normal(size=(4, 6, 3))
LIPS = np.array([1, 2])


def _moved(vertex: int, by: tuple[float, float, float]) -> np.ndarray:
    pred = REF.copy()
    pred[:, vertex] += by
    return pred


def test_vertex_errors_by_hand():
    pred = _moved(1, (3.0, 0.0, 4.0))  # 5 away, one vertex of six
    assert vertices.mve(pred, REF) == pytest.approx(5 / 6)
    assert vertices.lve(pred, REF, LIPS) == pytest.approx(5)
    assert vertices.lve(pred, REF, LIPS, "max_squared") == pytest.approx(25)
    assert vertices.lve(pred, REF, LIPS, "mean") == pytest.approx(2.5)
    assert vertices.eve(pred, REF, np.array([4, 5])) == 0


def test_squared_lve_is_that_of_torchmetrics():
    module = pytest.importorskip("torchmetrics.functional.multimodal.lve")
    pred = REF + RNG.normal(size=REF.shape)
    theirs = module.lip_vertex_error(torch.from_numpy(pred), torch.from_numpy(REF), LIPS.tolist())
    assert vertices.lve(pred, REF, LIPS, "max_squared") == pytest.approx(float(theirs))


def test_upper_face_dynamics_by_hand():
    template, ref = np.zeros((2, 3)), np.zeros((2, 2, 3))
    ref[1, 0, 0] = 2.0  # |x|^2 is 0 then 4: its deviation is 2; the other vertex rests: mean 1
    assert vertices.dynamics(ref, template, np.arange(2)) == pytest.approx(1)
    assert vertices.fdd(np.zeros_like(ref), ref, template, np.arange(2)) == pytest.approx(1)
    assert vertices.fdd(2 * ref, ref, template, np.arange(2)) == pytest.approx(1 - 4)


def test_mouth_opening_by_hand():
    faces = np.zeros((2, 2, 3))
    faces[:, 1, 1] = -3.0, -5.0
    opening = vertices.mouth_opening(faces, 0, 1)
    assert opening.tolist() == [3, 5]
    assert vertices.mod(opening, np.array([3.0, 3.0])) == 1


def test_diversity_recall_and_velocity_by_hand():
    assert body.l1_diversity(np.array([[0.0, 0.0], [2.0, 4.0]])) == pytest.approx(3)
    ref = np.zeros((2, 2, 3))
    pred = ref.copy()
    pred[1, 0, 0] = 0.2
    assert body.srgr(pred, ref) == pytest.approx(3 / 4)
    assert body.srgr(pred, ref, np.array([1.0, 3.0])) == pytest.approx((2 + 3) / 4 / 2)
    assert body.lvd(pred, ref, 30.0) == pytest.approx(0.2 * 30 / 2)
    assert distribution.seed_diversity([np.zeros((3, 2)), np.ones((3, 2))]) == pytest.approx(np.sqrt(2))
    assert distribution.unweighted_recall(["a", "a", "a", "b"], ["a", "a", "b", "b"]) == pytest.approx((2 / 3 + 1) / 2)


def test_jitter_of_a_cubic():
    time = np.arange(12) / 30
    points = np.zeros((12, 1, 3))
    points[:, 0, 0] = time**3
    assert body.jitter(points, 30) == pytest.approx(6)


def test_beats_at_onsets_score_one_and_far_ones_less():
    time = np.arange(300) / 30
    swing = np.zeros((300, 1, 3))
    slowest = np.arange(9) + 0.7
    swing[:, 0, 0] = time - 0.8 * np.sin(2 * np.pi * (time - 0.7)) / (
        2 * np.pi
    )  # 1 m/s on average, 0.2 at 0.7, 1.7, ... s
    assert body.beat_consistency(swing, slowest, 30, threshold=0.1) == pytest.approx(1, abs=0.01)
    off = body.beat_consistency(swing, slowest[:-1] + 0.3, 30, threshold=0.1)
    assert off == pytest.approx(np.exp(-0.5), abs=0.03)
    # A fifth of the mean speed is no beat by EMAGE's first threshold, and one again where the joint is usually slower.
    assert body.beat_consistency(swing, slowest, 30) == 0
    assert body.beat_consistency(swing, slowest, 30, usual_m_per_s=np.array([0.5])) == pytest.approx(1, abs=0.01)
    assert body.beat_consistency(swing, np.zeros(0), 30) == 0
    assert body.alignment(np.array([1.0]), [np.array([0.7, 3.0]), np.zeros(0)]) == pytest.approx(np.exp(-0.5) / 2)


def test_only_standing_feet_slide():
    points = np.zeros((30, 55, 3))
    left, right = (SMPLX_JOINTS.index(name) for name in body.FEET)
    points[:, left, 0] = np.arange(30) / 30  # slides at 1 m/s
    points[:, right, 0], points[:, right, 1] = np.arange(30) / 3, 0.5  # in the air
    assert body.foot_slide(points, 30) == pytest.approx(1)


def test_a_knee_bent_too_far_is_counted():
    turns = np.zeros((4, 55, 3))
    turns[1, SMPLX_JOINTS.index("left_knee"), 0] = np.radians(170)
    turns[2, SMPLX_JOINTS.index("left_knee"), 0] = np.radians(120)
    turns[3, SMPLX_JOINTS.index("pelvis"), 1] = np.radians(170)  # faces the other way: no joint
    assert body.joint_limit_violations(turns) == 0.25


def test_frechet_distance_of_gaussians():
    a = RNG.normal(size=(4000, 3))
    assert distribution.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert distribution.frechet_distance(a + [3, 0, 0], a) == pytest.approx(9)
    centred = a - a.mean(axis=0)
    assert distribution.frechet_distance(2 * centred, centred) == pytest.approx(np.trace(np.cov(a.T)), rel=1e-6)


def test_frechet_distance_is_that_of_scipy():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(90, 6)) @ rng.normal(size=(6, 6)) + 1
    mean, cov_a, cov_b = a.mean(0) - b.mean(0), np.cov(a.T), np.cov(b.T)
    expected = mean @ mean + np.trace(cov_a + cov_b - 2 * np.real(sqrtm(cov_a @ cov_b)))
    assert distribution.frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    flat = np.concatenate([a, a[:, :1]], axis=1)  # singular covariances
    assert distribution.frechet_distance(flat, flat) == pytest.approx(0, abs=1e-6)
    assert distribution.frechet_distance(flat, flat + 1) == pytest.approx(7)


def test_features_learn_and_tell_bodies_apart():
    config = FeatureConfig(window_frames=16, hidden=16, features=8)
    generator = torch.Generator().manual_seed(0)

    def body_of(amplitude: float) -> BodyMotion:
        time = torch.arange(320)[:, None, None] / 10
        turns = amplitude * torch.sin(time + 6 * torch.rand(1, 55, 3, generator=generator))
        return BodyMotion(joints_axis_angle=turns, translation_m=torch.zeros(320, 3))

    calm, wild = body_of(0.1), body_of(0.8)
    windows = body_windows(calm, 16, 4)
    _, first = train_features(windows, config, 1)
    network, last = train_features(windows, config, 60)
    assert last < 0.7 * first
    near, far = (
        distribution.frechet_distance(features_of(network, [one], 4), features_of(network, [calm], 4))
        for one in (calm, wild)
    )
    assert near < 1e-6 < far
