"""Emotion and style from other recordings and motions."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d import Direction, Emote3D, Emote3DError
from emote3d.audio.load import load_speech
from emote3d.audio.prosody import measure_prosody
from emote3d.motion import save_motion
from emote3d.names import ARKIT_52, EMOTIONS
from emote3d.performers.reference import STYLES, emotion_of, style_of
from emote3d.records import Motion, Speech

DEMO = Path(__file__).parents[1] / "assets" / "audio" / "demo-congrats.flac"
ANGRY = DEMO.with_name("angry-german.flac")


@cache
def engine() -> Emote3D:
    return Emote3D.from_pretrained()


@cache
def performed() -> Motion:
    return engine().animate(Speech(waveform=load_speech(DEMO).waveform[: 6 * 16000], sample_rate=16000))


def _voice(semitones: float, seconds: float = 3.0) -> Speech:
    """A buzz whose pitch swings by so much about 120 Hz."""
    time = np.arange(round(seconds * 16000)) / 16000
    pitch = 120 * 2 ** (semitones * np.sin(2 * np.pi * 0.8 * time) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    wave = sum(np.sin(k * phase) / k for k in range(1, 9)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    return Speech(waveform=torch.from_numpy(0.1 * wave).float(), sample_rate=16000)


@pytest.mark.parametrize("swing", [0.5, 2.0, 5.0])
def test_pitch_movement_is_measured(swing: float):
    assert measure_prosody(_voice(swing)).pitch_semitones == pytest.approx(0.87 * swing, rel=0.2)


def test_a_style_needs_a_voice():
    with pytest.raises(Emote3DError, match="voice"):
        measure_prosody(
            Speech(waveform=torch.randn(32000, generator=torch.Generator().manual_seed(0)), sample_rate=16000)
        )


@pytest.mark.parametrize("style", STYLES)
def test_the_style_of_a_motion_is_what_made_it(style: str, tmp_path: Path):
    found = []
    for factor in (0.6, 1.4):
        made = Direction(emotion="happy", **{style: factor})  # pyright: ignore[reportArgumentType]
        save_motion(engine().redirect(performed(), made), tmp_path / "m.npz")
        found.append(style_of(tmp_path / "m.npz", engine().face, engine().redirect)[style])
    low, high = found
    if style == "blink_rate":  # six seconds have few blinks to count
        assert low <= high
    else:
        assert low == pytest.approx(0.6, abs=0.12) and high == pytest.approx(1.4, abs=0.15)


def test_the_emotion_of_a_motion_is_taken_over(tmp_path: Path):
    save_motion(engine().redirect(performed(), Direction(emotion="anger")), tmp_path / "m.npz")
    voice = emotion_of(tmp_path / "m.npz", engine().face)
    assert EMOTIONS[int(voice[1:].argmax()) + 1] == "anger"
    taken = engine().redirect(performed(), Direction(emotion_from=tmp_path / "m.npz"))
    plain = engine().redirect(performed(), Direction(emotion="anger"))
    assert taken.face is not None and plain.face is not None
    assert (taken.face.expression - plain.face.expression).abs().mean() < 0.03
    assert taken.origin is not None and performed().origin is not None
    assert torch.equal(taken.origin.voice, performed().origin.voice)  # the voice itself is not forgotten


def test_emotion_and_style_of_a_recording_act(tmp_path: Path):
    assert EMOTIONS[int(emotion_of(ANGRY, engine().face).argmax())] == "anger"
    directed = engine().redirect(performed(), Direction(emotion_from=ANGRY))
    styled = engine().redirect(performed(), Direction(style_from=DEMO))
    plain = engine().redirect(performed(), Direction())
    assert directed.face is not None and styled.face is not None and plain.face is not None
    lowered = ARKIT_52.index("browDownLeft")
    assert (directed.face.expression - plain.face.expression)[:, lowered].mean() > 0.2
    assert (styled.face.expression - plain.face.expression).abs().mean() > 0.001
