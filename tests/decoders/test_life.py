import numpy as np
import torch

from emote3d.body import open_avatar
from emote3d.decoders.beats import LEAD_S, announced
from emote3d.decoders.face import VERGENCE_RAD, face_from_channels, with_life
from emote3d.decoders.life import LifeStream, draw_life

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


def _announced() -> np.ndarray:
    accents = np.zeros(1800)
    accents[20::19] = 1.4
    accents[20::57] = 2.2
    return accents


def test_beats_come_on_accents_and_nowhere_else():
    accents = _announced()
    life = draw_life(NEUTRAL, np.full(1800, 0.6), 30, np.random.default_rng(0), accents=accents)
    tops = np.flatnonzero((np.diff(life.brow[:-1]) > 0) & (np.diff(life.brow[1:]) <= 0)) + 1
    assert 10 <= len(tops) <= 75
    behind = np.array([(top - np.flatnonzero(accents))[np.flatnonzero(accents) <= top].min() for top in tops]) / 30
    assert np.abs(behind - LEAD_S).max() <= 0.05
    without = draw_life(NEUTRAL, np.full(1800, 0.6), 30, np.random.default_rng(0))
    nods = np.degrees(life.head_rad[:, 0] - without.head_rad[:, 0])
    assert 2 < nods.max() < 6 and nods.min() > -2
    assert without.brow.max() == 0
    assert np.degrees(np.abs(np.diff(life.head_rad, axis=0))).max() < 2.5


def test_beats_of_a_live_life_are_those_of_the_clip():
    accents, rng = _announced(), np.random.default_rng(3)
    stream = LifeStream(30, rng)
    frames = [stream.step(NEUTRAL[0], 0.6, accent=float(one)) for one in accents]
    whole = draw_life(NEUTRAL, np.full(1800, 0.6), 30, np.random.default_rng(3), accents=accents)
    assert np.array_equal(np.concatenate([frame.head_rad for frame in frames]), whole.head_rad)


def test_strong_accents_have_more_and_sadness_less():
    accents = _announced()
    strong = np.where(accents > 2, accents, 0.0)
    sad = np.eye(8)[[2]].repeat(1800, axis=0)
    sums = [
        np.mean(
            [draw_life(felt, np.full(1800, 0.6), 30, np.random.default_rng(s), accents=accents).brow for s in range(6)]
        )
        for felt in (NEUTRAL, sad)
    ]
    assert sums[1] < 0.8 * sums[0]
    raised = np.zeros(1800)
    for seed in range(12):
        raised += draw_life(NEUTRAL, np.full(1800, 0.6), 30, np.random.default_rng(seed), accents=accents).brow
    at = np.minimum(np.flatnonzero(accents) + round(LEAD_S * 30), 1799)
    loud = strong[np.flatnonzero(accents)] > 0
    assert raised[at][loud].mean() > 1.3 * raised[at][~loud].mean()


def test_blinks_gather_where_the_speech_pauses():
    loudness = np.where(np.arange(18000) % 90 < 72, 0.7, 0.0)
    life = draw_life(np.eye(1, 8).repeat(18000, axis=0), loudness, 30, np.random.default_rng(0))
    starts = np.flatnonzero(np.diff((life.blink > 0.5).astype(int)) == 1)
    in_pause = ((starts % 90) >= 72).mean()
    assert in_pause > 2 * 0.2
    assert 12 <= len(starts) / 10 <= 26


def test_announced_is_earlier_by_the_lead():
    accents = np.zeros(60)
    accents[[1, 30]] = 1.5
    assert np.flatnonzero(announced(accents, 30)).tolist() == [0, 30 - round(LEAD_S * 30)]


def test_the_eyes_meet_a_metre_ahead():
    life = draw_life(NEUTRAL[:30], np.zeros(30), 30, np.random.default_rng(0))
    eyes = with_life(face_from_channels(torch.zeros(30, 64)), life, 1.0).eyes_axis_angle
    left, right = (eyes[:, side, 1].double().numpy() for side in (0, 1))  # yaw to the avatar's left
    assert np.allclose(left, right - 2 * VERGENCE_RAD, atol=1e-6) and 0.02 < VERGENCE_RAD < 0.04
    avatar = open_avatar()
    apart_m = float((avatar.rest().joints_m[0, 23] - avatar.rest().joints_m[0, 24])[0])
    assert abs(apart_m / 2 / np.tan(VERGENCE_RAD) - 1.0) < 0.02
