import torch
from decoders.test_operators import NAMES, channels

from emote3d.decoders import operators
from emote3d.decoders.contacts import touch
from emote3d.decoders.face import JAW, JAW_OPEN_RAD
from emote3d.names import LIPS


def contacts(frames: int, **where: slice) -> torch.Tensor:
    x = torch.zeros(frames, len(LIPS))
    for name, part in where.items():
        x[part, LIPS.index(name)] = 1
    return x


def test_lips_that_the_voice_shuts_close_softly_and_stay_shut_in_any_emotion():
    neutral = torch.cat([channels(jawOpen=0.3, mouthLowerDownLeft=0.3, mouthFunnel=0.1)] * 5)
    shut = touch(neutral, contacts(25, shut=slice(12, 14)), 30)
    gap = operators.lip_gap_mm(shut)
    assert gap[12:14].abs().max() < 0.01 and (gap[[11, 14]] > 2).all()
    assert torch.allclose(shut[:2], neutral[:2]) and torch.allclose(shut[-1:], neutral[-1:])
    assert shut[:, NAMES["mouthLowerDownLeft"]].diff().abs().max() < 0.05
    felt = shut + channels(jawOpen=0.2, mouthUpperUpLeft=0.4)[:1]
    assert operators.lip_gap_mm(operators.keep_closures(felt, shut, torch.ones(25)))[12:14].max() < 0.05


def test_a_tucked_lip_rolls_in_smoothly_with_a_narrow_gap_and_lets_the_rest_of_the_face_be():
    wide = torch.cat([channels(jawOpen=0.5, mouthFunnel=0.2, browInnerUp=0.4)] * 6)
    out = touch(wide, contacts(30, tucked=slice(14, 17)), 30)
    assert out[15, NAMES["mouthRollLower"]] > 0.4 and 0.4 < operators.lip_gap_mm(out)[15] < 6
    assert out[:, NAMES["mouthRollLower"]].diff().abs().max() < 0.2
    assert torch.allclose(out[15, JAW.start] - wide[15, JAW.start], JAW_OPEN_RAD * (out[15, NAMES["jawOpen"]] - 0.5))
    assert torch.equal(out[:, NAMES["browInnerUp"]], wide[:, NAMES["browInnerUp"]])
    assert torch.allclose(out[0], wide[0]) and torch.allclose(out[-1], wide[-1])


def test_lips_that_must_be_apart_part_a_little_where_they_met_and_stay_as_they_are_elsewhere():
    open_, met = channels(jawOpen=0.4), channels(jawOpen=0.1, mouthClose=0.1)
    speech = torch.cat([open_, met, open_, met])
    out = touch(speech, contacts(20, apart=slice(0, 10)), 30)
    gap = operators.lip_gap_mm(out)
    assert (gap[5:10] > 0.12 * gap.max()).all() and (gap[5:10] < 0.3 * gap.max()).all()
    assert torch.equal(out[:5], speech[:5]) and torch.equal(out[10:], speech[10:])
