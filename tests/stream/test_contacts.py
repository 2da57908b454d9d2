import pytest
import torch

from emote3d.decoders.face import CHANNELS
from emote3d.decoders.operators import lip_gap_mm
from emote3d.names import ARKIT_52
from emote3d.stream.contacts import Contacts


def pose(**values: float) -> torch.Tensor:
    x = torch.zeros(1, CHANNELS)
    for name, value in values.items():
        x[0, ARKIT_52.index(name)] = value
    return x


def performed(shut: list[float], tucked: list[float], apart: list[float], still: torch.Tensor) -> torch.Tensor:
    contacts = Contacts(30)
    return torch.cat([contacts.step(still, lips) for lips in torch.tensor([shut, tucked, apart]).T])


def test_lips_meet_on_p_b_m_and_let_go_of_what_parts_them_slowly():
    still = pose(jawOpen=0.3, mouthLowerDownLeft=0.3)
    sure = [0.0] * 4 + [1.0] * 3 + [0.0] * 8
    out = performed(sure, [0.0] * 15, [0.0] * 15, still)
    gap = lip_gap_mm(out)
    assert gap[4:7].abs().max() < 0.01 and (gap[[3, 9]] > 4).all()
    assert torch.equal(out[:4], still.expand(4, -1))
    assert out[:, ARKIT_52.index("mouthLowerDownLeft")].diff().abs().max() < 0.1


def test_a_doubtful_closure_ends_at_its_peak_and_a_certain_one_holds():
    gap = lip_gap_mm(performed([0.0, 0.1, 0.15, 0.1, 0.05, 0.9, 0.7, 0.9], [0.0] * 8, [0.0] * 8, pose(jawOpen=0.3)))
    whole = gap[0]
    assert 0 < gap[2] < gap[1] < whole and (gap[3:5] > 0.999 * whole).all()
    assert gap[5:].abs().max() < 0.01


def test_the_lower_lip_is_tucked_on_f_and_v_and_comes_back():
    out = performed([0.0] * 20, [0.0] * 4 + [1.0] * 4 + [0.0] * 12, [0.0] * 20, pose(jawOpen=0.4, browInnerUp=0.3))
    rolled = out[:, ARKIT_52.index("mouthRollLower")]
    assert rolled[7] > 0.5 and rolled[19] < 0.05 and rolled.diff().abs().max() < 0.35
    assert torch.equal(out[:, ARKIT_52.index("browInnerUp")], torch.full((20,), 0.3))


def test_lips_stay_apart_in_other_sounds_and_shut_ones_win():
    met = pose(jawOpen=0.2, mouthClose=0.2)
    out = performed([0.0, 0.0, 0.9], [0.0, 0.0, 0.9], [0.1, 0.9, 0.9], met)
    gap = lip_gap_mm(out)
    assert gap[0] < 0.01 and gap[1] > 1 and gap[2] < 0.01


@pytest.mark.parametrize("lips", [[0.2, 0.1, 0.1], [0.1, 0.45, 0.1], [0.1, 0.1, 0.65]])
def test_rounding_is_not_magnified(lips: list[float]):
    still, one, other = pose(jawOpen=0.2, mouthClose=0.15), Contacts(30), Contacts(30)
    for _ in range(5):
        first = one.step(still, torch.tensor(lips))
        second = other.step(still, torch.tensor(lips) + 1e-6)
    assert (first - second).abs().max() < 1e-5
