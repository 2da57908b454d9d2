"""Which frames shut the lips, from made-up probabilities and from the shipped checkpoint on a real recording."""

import numpy as np
import pytest
import torch

from emote3d.audio.closures import PhoneReader, PhoneReaderConfig, lip_closures


def test_a_peak_shuts_the_frames_that_share_it():
    p = torch.tensor([0.0, 0.01, 0.2, 0.5, 0.4, 0.1, 0.0, 0.02, 0.0, 0.05, 0.0])
    assert lip_closures(p).tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0]


def test_two_peaks_leave_the_valley_open():
    p = torch.tensor([0.9, 0.5, 0.85, 0.8, 0.1])
    assert lip_closures(p).tolist() == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_sounds_are_heard_out(frames: int):
    assert lip_closures(torch.full((frames,), 0.5)).tolist() == [1] * frames
    assert lip_closures(torch.zeros(frames)).tolist() == [0] * frames


def test_the_probability_is_that_of_the_shut_phones():
    reader = PhoneReader(PhoneReaderConfig(feature_d=3, phones=4, shut=(1, 3)))
    features = torch.randn(5, 3)
    expected = reader(features).softmax(-1)
    np.testing.assert_allclose(reader.shut(features).detach(), (expected[:, 1] + expected[:, 3]).detach(), rtol=1e-6)
