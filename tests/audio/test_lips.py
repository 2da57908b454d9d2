"""What the lips must do, from made-up probabilities."""

import numpy as np
import pytest
import torch

from emote3d.audio.lips import PhoneReader, PhoneReaderConfig, lip_contacts


def contacts(shut: list[float], tucked: list[float] | None = None, apart: list[float] | None = None) -> list[list[int]]:
    """Shut, tucked and apart frames of probabilities."""
    none = [0.0] * len(shut)
    return lip_contacts(torch.tensor([shut, tucked or none, apart or none]).T).int().T.tolist()


def test_the_peaks_of_a_likely_closure_shut_the_lips():
    shut, tucked, apart = contacts([0.0, 0.01, 0.2, 0.5, 0.4, 0.1, 0.0, 0.01, 0.0, 0.3, 0.0])
    assert shut == [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]
    assert not any(tucked) and not any(apart)


def test_two_peaks_are_two_closures():
    assert contacts([0.9, 0.5, 0.85, 0.8, 0.1])[0] == [1, 0, 1, 0, 0]


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_short_sounds_are_heard_out(frames: int):
    assert contacts([0.5] * frames)[0] == [1] * frames
    assert contacts([0.0] * frames)[0] == [0] * frames


def test_shut_lips_win_over_a_tucked_one_and_that_over_open_ones():
    shut, tucked, apart = contacts([0.5, 0.5, 0.0, 0.0], [0.45, 0.45, 0.9, 0.0], [0.05, 0.05, 0.1, 0.99])
    assert (shut, tucked, apart) == ([1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1])


def test_a_far_likelier_tucked_lip_wins_over_shut_lips():
    assert contacts([0.0, 0.03, 0.0], [0.1, 0.9, 0.1])[:2] == [[0, 0, 0], [0, 1, 0]]
    assert contacts([0.0, 0.0, 0.03, 0.0], [0.1, 0.9, 0.5, 0.1])[:2] == [[0] * 4, [0, 1, 0, 0]], (
        "in the frame beside it"
    )
    assert contacts([0.0, 0.06, 0.0], [0.1, 0.9, 0.1])[:2] == [[0, 1, 0], [0, 0, 0]]


def test_lips_are_kept_apart_where_that_may_be():
    assert contacts([0.01] * 3, None, [0.05, 0.99, 0.2])[2] == [0, 1, 1]


def test_the_probabilities_are_those_of_the_phones_in_each_group():
    reader = PhoneReader(PhoneReaderConfig(feature_d=3, phones=5, shut=(1, 3), tucked=(0,), apart=(2, 4)))
    features = torch.randn(6, 3)
    p = reader(features).softmax(-1)
    expected = torch.stack([p[:, 1] + p[:, 3], p[:, 0], p[:, 2] + p[:, 4]], dim=1)
    np.testing.assert_allclose(reader.lips(features).detach(), expected.detach(), rtol=1e-5)
