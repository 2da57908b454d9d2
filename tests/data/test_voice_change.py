"""Another voice: pitch, formants and length change apart from each other."""

import numpy as np
import pytest

from emote3d.audio.pitch import track_pitch
from emote3d.data.voice_change import change_voice, move_formants, stretch

RATE = 16000


def _vowel(pitch_hz: float = 120.0, formant_hz: float = 700.0, seconds: float = 1.0) -> np.ndarray:
    """Harmonics under one resonance."""
    time = np.arange(round(seconds * RATE)) / RATE
    orders = np.arange(1, int(7000 / pitch_hz))
    level = 1 / (1 + ((orders * pitch_hz - formant_hz) / 150) ** 2)
    return (level[:, None] * np.sin(2 * np.pi * pitch_hz * orders[:, None] * time)).sum(0).astype(np.float32) * 0.1


def _pitch_hz(wave: np.ndarray) -> float:
    track = track_pitch(wave, RATE, 160)
    return float(np.median(track.hz[track.voiced]))


def _formant_hz(wave: np.ndarray) -> float:
    """Centre of the power under 3 kHz."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    hz = np.fft.rfftfreq(len(wave), 1 / RATE)
    power[hz > 3000] = 0
    return float(power @ hz / power.sum())


@pytest.mark.parametrize("factor", [0.8, 1.3])
def test_stretching_keeps_the_pitch(factor: float):
    wave = stretch(_vowel(), factor)
    assert len(wave) == round(RATE * factor)
    assert _pitch_hz(wave) == pytest.approx(120, rel=0.02)


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_formants_move_and_the_pitch_stays(factor: float):
    before, after = _vowel(), move_formants(_vowel(), factor)
    assert len(after) == len(before)
    assert _pitch_hz(after) == pytest.approx(120, rel=0.01)
    assert _formant_hz(after) / _formant_hz(before) == pytest.approx(factor, rel=0.06)


def test_each_is_changed_for_itself():
    before = _vowel()
    higher = change_voice(before, 1.25, 1.0, 1.1)
    assert len(higher) == pytest.approx(RATE / 1.1, rel=0.01)
    assert _pitch_hz(higher) == pytest.approx(150, rel=0.02)
    assert _formant_hz(higher) / _formant_hz(before) == pytest.approx(1, rel=0.06)


def test_nothing_asked_changes_little():
    before = _vowel()
    after = change_voice(before, 1.0, 1.0, 1.0)
    inner = slice(1000, -1000)
    assert np.abs(after - before)[inner].max() < 0.02 * np.abs(before).max()
