import numpy as np

from emote3d.data.timed import build_timed
from emote3d.metrics.lips import audio_lag, lip_report

CLIP = build_timed(
    np.zeros(32000, np.int16),
    [(0.0, ("sil",), 0), (0.5, ("a",), 2), (0.9, ("p",), 0), (1.0, ("a",), 2), (1.5, ("sil",), 0)],
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


def test_lag_is_found():
    loudness = np.sin(np.arange(200) / 5) + np.random.default_rng(0).normal(size=200)
    assert audio_lag(np.roll(loudness, 3), loudness)[0] == 3
