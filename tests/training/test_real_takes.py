"""Real face motion beside its sound: windows of a folder in FACEGOOD's layout, and the losses against known curves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sounds import write_wav

from emote3d.data.facegood import FPS, JAW, ROUNDING, TRAINED_SHARE
from emote3d.decoders.face import CHANNELS
from emote3d.names import ARKIT_52
from emote3d.training import real_takes
from emote3d.training.real_takes import RealTakes, take_losses

SECONDS = 8


@pytest.fixture
def takes(tmp_path: Path) -> Path:
    """Jaw and sound are loud in the first half of each second, so that what belongs together can be told."""
    columns = [*JAW, *(name for group in ROUNDING for name in group)]
    (tmp_path / "names.json").write_text(json.dumps(columns))
    (tmp_path / "blendshapes").mkdir()
    (tmp_path / "wav").mkdir()
    time_s = np.arange(SECONDS * 16000) / 16000
    loud = 0.1 * np.random.default_rng(0).normal(size=len(time_s)) * (time_s % 1 < 0.5)
    frames = round(SECONDS * FPS)
    curves = np.zeros((frames, len(columns)), np.float32)
    curves[:, 0] = np.arange(frames) / FPS % 1 < 0.5
    for name in TRAINED_SHARE:
        np.save(tmp_path / "blendshapes" / f"{name}.npy", curves)
        write_wav(tmp_path / "wav" / f"{name}.wav", loud.astype(np.float32))
    return tmp_path


def test_windows_keep_sound_and_motion_together(takes: Path):
    window = next(RealTakes(takes, passes=1).windows(6, 2, np.random.default_rng(0)))
    assert window.mel.shape == (6, 200, 80) and window.curves.shape == (6, 2 * round(FPS), 2)
    assert window.curves[..., 1].abs().max() == 0
    for mel, jaw in zip(window.mel, window.curves[..., 0], strict=True):
        at = torch.linspace(0, 199, len(jaw)).round().long()
        loud = mel.mean(dim=1)[at]
        assert np.corrcoef(loud.numpy(), jaw.numpy())[0, 1] > 0.7


def test_the_jaw_of_a_recording_without_motion_is_guessed_from_its_sound(takes: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(real_takes, "_LISTENER_STEPS", 40)
    (first, *others) = TRAINED_SHARE
    curves = np.load(takes / "blendshapes" / f"{first}.npy")
    curves[:, 1:] = curves[:, :1]
    for name in (first, *others):
        np.save(takes / "blendshapes" / f"{name}.npy", curves)
    shutil.copy(takes / "wav" / f"{first}.wav", takes / "wav" / "unseen.wav")
    window = next(RealTakes(takes, passes=2, listeners=2).windows(40, 2, np.random.default_rng(0)))
    guessed = window.curves[..., 1].std(dim=1) == 0
    assert 1 <= guessed.sum() < 20
    for mel, jaw in zip(window.mel[guessed], window.curves[guessed][..., 0], strict=True):
        loud = mel.mean(dim=1)[torch.linspace(0, 199, len(jaw)).round().long()]
        assert np.corrcoef(loud.numpy(), jaw.numpy())[0, 1] > 0.7
    assert all(row.std() > 0 for row in window.curves[..., 0]), "a take that was seen keeps its motion"


def test_losses_are_one_minus_the_correlation_where_something_moves():
    time = torch.arange(60) / 30
    wave, other = torch.sin(6 * time), torch.cos(6 * time)
    other = other - (other @ wave) / (wave @ wave) * wave
    predicted = torch.zeros(3, 60, CHANNELS)
    predicted[0, :, ARKIT_52.index("jawOpen")] = 0.4 + 0.2 * wave
    predicted[1, :, ARKIT_52.index("jawOpen")] = 0.4 - 0.1 * wave
    predicted[:, :, ARKIT_52.index("mouthPucker")] = 0.1 * wave
    predicted[:, :, ARKIT_52.index("mouthFunnel")] = 0.1 * wave
    curves = torch.stack([torch.stack([wave, wave], dim=1)] * 3)
    curves[2] = 0.01 * curves[2]  # says nothing: a take that hardly moves
    losses = take_losses(predicted, curves)
    assert losses["take_jaw"].item() == pytest.approx((0 + 2) / 2, abs=1e-4)
    assert losses["take_rounding"].item() == pytest.approx(0, abs=1e-4)
