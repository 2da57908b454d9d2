import numpy as np

from emote3d.decoders.life import draw_life

NEUTRAL = np.eye(1, 8).repeat(1800, axis=0)


def test_a_quiet_minute_has_blinks_gaze_and_a_head_that_moves_smoothly():
    life = draw_life(NEUTRAL, np.zeros(1800), 30, np.random.default_rng(0))
    blinks = int((np.diff((life.blink > 0.5).astype(int)) == 1).sum())
    assert 8 <= blinks <= 32
    assert np.degrees(np.abs(life.gaze_rad)).max() > 3
    assert np.degrees(life.head_rad.std(axis=0)).min() > 0.3
    assert np.degrees(np.abs(np.diff(life.head_rad, axis=0))).max() < 1.5


def test_seed_decides():
    first, again, other = (draw_life(NEUTRAL, np.zeros(1800), 30, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first.blink, again.blink)
    assert not np.array_equal(first.head_rad, other.head_rad)


def test_no_blinks_when_none_are_wanted():
    assert draw_life(NEUTRAL, np.ones(1800), 30, np.random.default_rng(0), blink_rate=0).blink.max() == 0


def test_one_frame():
    assert draw_life(NEUTRAL[:1], np.zeros(1), 30, np.random.default_rng(0)).blink.shape == (1,)
