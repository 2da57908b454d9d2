import torch

from emote3d.body import open_avatar
from emote3d.decoders import operators
from emote3d.decoders.face import JAW, NECK, face_from_channels
from emote3d.metrics.mouth import INNER_LIPS
from emote3d.names import ARKIT_52
from emote3d.records import Motion

NAMES = {name: index for index, name in enumerate(ARKIT_52)}


def channels(**values: float) -> torch.Tensor:
    x = torch.zeros(5, 64)
    for name, value in values.items():
        x[:, NAMES[name]] = value
    return x


def test_regions_keep_their_own():
    out = operators.compose(channels(browInnerUp=1, mouthFrownLeft=1), channels(mouthSmileLeft=1, noseSneerLeft=1))
    assert (
        out[0, NAMES["browInnerUp"]] == 1
        and out[0, NAMES["mouthSmileLeft"]] == 1
        and out[0, NAMES["noseSneerLeft"]] == 1
    )
    assert out[0, NAMES["mouthFrownLeft"]] == 0


def test_asymmetry_takes_one_side_and_leaves_the_speech():
    neutral = channels(mouthStretchLeft=0.2, mouthStretchRight=0.2)
    felt = neutral + channels(mouthSmileLeft=0.8, mouthSmileRight=0.8)
    out = operators.lean(felt, neutral, torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0]))
    assert torch.allclose(out[:, NAMES["mouthSmileLeft"]], torch.tensor([0.0, 0.4, 0.8, 0.8, 0.8]))
    assert torch.allclose(out[:, NAMES["mouthSmileRight"]], torch.tensor([0.8, 0.8, 0.8, 0.4, 0.0]))
    assert torch.allclose(out[:, NAMES["mouthStretchRight"]], torch.tensor(0.2))


def test_jaw_and_lips_are_apart():
    neutral = channels(jawOpen=0.4, mouthPucker=0.5)
    wide = operators.articulate(neutral, neutral, torch.full((5,), 1.5), torch.ones(5))
    assert torch.allclose(wide[0, [NAMES["jawOpen"], NAMES["mouthPucker"]]], torch.tensor([0.6, 0.5]))
    assert wide[0, JAW.start] > 0
    round_ = operators.articulate(neutral, neutral, torch.ones(5), torch.full((5,), 0.5))
    assert torch.allclose(round_[0, [NAMES["jawOpen"], NAMES["mouthPucker"]]], torch.tensor([0.4, 0.25]))


def test_closed_lips_close_under_any_emotion_and_open_ones_are_left_alone():
    neutral = torch.cat([channels(jawOpen=0.3, mouthClose=0.3), *[channels(jawOpen=0.4)] * 4])
    felt = neutral + channels(jawOpen=0.2, mouthUpperUpLeft=0.4, mouthLowerDownLeft=0.3, mouthFunnel=0.1)[:1]
    out = operators.keep_closures(felt, neutral, torch.ones(25))
    assert operators.lip_gap_mm(felt)[0] > 6
    assert operators.lip_gap_mm(out)[:4].abs().max() < 1e-3
    assert torch.allclose(out[18:], felt[18:], atol=1e-6)


def test_no_slit_stays_beside_the_middle_of_lips_that_a_lopsided_smile_pulls():
    neutral = channels(jawOpen=0.1, mouthClose=0.1)
    contempt = neutral + channels(mouthSmileLeft=0.63, mouthDimpleLeft=0.98, mouthLeft=0.17)
    smile = neutral + channels(mouthSmileRight=1.0)
    head = open_avatar().cropped("head")

    def widest_mm(x: torch.Tensor) -> float:
        mesh = head.pose(Motion(face=face_from_channels(x), fps=30.0))
        lips = head.landmarks(mesh.vertices_m)[0]
        return max(1000 * float(lips[upper, 1] - lips[lower, 1]) for upper, lower in INNER_LIPS)

    for felt in (contempt, smile):
        assert widest_mm(felt) > 0
        assert widest_mm(operators.keep_closures(felt, neutral, torch.ones(5))) < -0.3


def test_a_raised_lip_does_not_twitch_where_lips_meet():
    neutral = torch.cat([channels(jawOpen=0.3)] * 6)
    neutral[14:16, NAMES["mouthClose"]] = 0.3
    felt = neutral + channels(mouthUpperUpLeft=0.45, mouthUpperUpRight=0.45)[:1]
    out = operators.keep_closures(felt, neutral, torch.ones(30))
    assert operators.lip_gap_mm(out)[14:16].max() < 0.05
    assert out[:, NAMES["mouthUpperUpLeft"]].diff(n=3).abs().max() < 0.2


def test_movement_is_scaled_about_the_posture():
    x = torch.zeros(120, 64)
    x[:, NECK.start] = 0.1 + 0.05 * torch.sin(torch.arange(120) * 2)
    out = operators.move(x, torch.zeros(120), torch.ones(120), 30)
    assert (out[30:90, NECK.start] - 0.1).abs().max() < 0.01
    assert torch.equal(operators.move(x, torch.ones(120), torch.ones(120), 30), x)


def test_smoothing_leaves_the_eyes():
    x = torch.rand(60, 64, generator=torch.Generator().manual_seed(0))
    out = operators.smooth(x, torch.full((60,), 0.1), 30)
    assert torch.equal(out[:, NAMES["eyeBlinkLeft"]], x[:, NAMES["eyeBlinkLeft"]])
    assert out[:, NAMES["jawOpen"]].diff().abs().mean() < 0.5 * x[:, NAMES["jawOpen"]].diff().abs().mean()


def test_long_motion_is_smoothed_as_in_one_piece(monkeypatch):
    channels = torch.rand(500, 64, generator=torch.Generator().manual_seed(0))
    whole = operators.settle(channels, 30.0)
    monkeypatch.setattr(operators, "_SMOOTHED_AT_ONCE", 77)
    torch.testing.assert_close(operators.settle(channels, 30.0), whole, atol=1e-6, rtol=0)


def test_lips_that_press_are_not_parted_by_the_operator_itself():
    neutral = channels(jawOpen=0.0, mouthClose=0.03)
    felt = neutral + channels(mouthUpperUpLeft=0.3, mouthUpperUpRight=0.3)
    assert operators.lip_gap_mm(operators.keep_closures(felt, neutral, torch.ones(5))).max() < 0.05
