import numpy as np
import pytest

from emote3d.body import open_avatar
from emote3d.data.timed import build_timed
from emote3d.metrics.curves import best_lag, correlation, jerk
from emote3d.metrics.lips import LipReport, audio_lag, lip_report, timing_errors
from emote3d.metrics.mouth import mouth_curves
from emote3d.records import Motion

CLIP = build_timed(
    np.zeros(32000, np.int16),
    [(0.0, ("sil",), 0), (0.5, ("a",), 2), (0.9, ("p",), 0), (1.0, ("a",), 2), (1.3, ("f",), 0), (1.5, ("sil",), 0)],
)


def _gap(closed_at_s: float) -> np.ndarray:
    time = np.arange(60) / 30
    gap = ((time > 0.5) & (time < 1.5)).astype(float)
    gap[np.abs(time - closed_at_s) < 0.04] = 0
    return gap


def test_a_closure_on_time_counts_and_a_late_one_does_not():
    loudness = _gap(9)
    assert lip_report(_gap(0.95), CLIP, loudness, 30).recall == 1
    assert lip_report(_gap(1.3), CLIP, loudness, 30).recall == 0


def test_a_mouth_that_never_opens_fails_on_vowels():
    report = lip_report(np.concatenate([np.zeros(56), np.ones(4)]), CLIP, _gap(9), 30)
    assert report.false_closures == 1
    assert report.closed_elsewhere == 1


def test_closed_frames_inside_a_vowel_are_counted():
    report = lip_report(_gap(0.7), CLIP, _gap(9), 30)  # frames 20, 21, 22; the vowels have frames 15..27 and 30..39
    assert (report.closed_other_frames, report.other_frames) == (4, 23)  # frame 15 lies on the edge, still closed


def test_timing_is_the_distance_of_the_middles():
    closed = np.zeros(60, bool)
    closed[30:33] = True  # middle 31 / 30 s; the phone's is 0.95 s
    assert timing_errors(closed, CLIP, 30) == pytest.approx((31 / 30 - 0.95,))
    beside_a_pause = build_timed(np.zeros(16000, np.int16), [(0.0, ("sil",), 0), (0.4, ("p",), 0), (0.5, ("a",), 2)])
    assert timing_errors(closed, beside_a_pause, 30) == ()


def test_teeth_on_lip_count_within_a_frame():
    teeth = np.zeros(60, bool)
    teeth[46] = True  # f ends at 1.5 s, frame 45
    assert lip_report(_gap(0.95), CLIP, _gap(9), 30, teeth).teeth_share == 1
    assert lip_report(_gap(0.95), CLIP, _gap(9), 30, np.roll(teeth, 3)).teeth_share == 0


def test_reports_add_up():
    one = lip_report(_gap(0.95), CLIP, _gap(9), 30)
    both = one + lip_report(_gap(1.3), CLIP, _gap(9), 30)
    assert (both.recall, both.closures, len(both.lags_frames)) == (0.5, 2, 2)
    assert one + LipReport() == one


def test_lag_is_found():
    loudness = np.sin(np.arange(200) / 5) + np.random.default_rng(0).normal(size=200)
    assert audio_lag(np.roll(loudness, 3), loudness)[0] == 3
    assert best_lag(loudness, loudness) == (0, pytest.approx(1.0))


def test_correlation_and_jerk_by_hand():
    assert correlation(np.array([0.0, 1, 2]), np.array([1.0, 3, 5])) == pytest.approx(1)
    assert correlation(np.zeros(3), np.arange(3.0)) == 0
    time = np.arange(10) / 30
    assert jerk(np.stack([time**3, time**2], 1), 30) == pytest.approx([6, 0], abs=1e-6)
    assert jerk(np.zeros((3, 2)), 30).tolist() == [0, 0]


def test_the_avatars_mouth_opens_closes_and_bites_its_lip(arkit_face):
    shapes = [
        {},
        {"jawOpen": 0.5},
        {"jawOpen": 0.12, "mouthRollLower": 0.6, "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3},
    ]
    mouth = mouth_curves(open_avatar(), Motion(face=arkit_face(shapes), fps=30))
    assert mouth.gap_mm[1] > 5 > abs(mouth.gap_mm[0])
    assert mouth.teeth_on_lip.tolist() == [False, False, True]


def test_reports_of_several_recordings_have_medians():
    report = LipReport(lags_frames=(1,), correlations=(0.5,)) + LipReport(
        lags_frames=(2, 4), correlations=(0.7, 0.9), timing_errors_s=(0.01, 0.03, 0.02)
    )
    assert (report.lag_frames, report.timing_error_s) == (2, 0.02) and report.correlation == pytest.approx(0.7)
    assert np.isnan([LipReport().lag_frames, LipReport().timing_error_s, LipReport().correlation]).all()
