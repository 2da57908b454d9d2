"""Audio of every shape, from samples and from files, through the whole flow: a motion of the right length, or one line."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emote3d import Emote3D
from emote3d.audio.load import MIN_DURATION_S, load_speech
from emote3d.errors import Emote3DError
from emote3d.records import Motion

RATES = (1000, 7350, 8000, 11025, 16000, 22050, 44100, 48000, 96000)
CALM = settings(deadline=None, max_examples=8, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def engine() -> Emote3D:
    return Emote3D.from_pretrained()


@st.composite
def sounds(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Samples of any type, layout, length (0 to 2.5 s) and kind: noise, constants, silence, impulses, numbers that are none."""
    rate = draw(st.sampled_from(RATES))
    count = round(draw(st.one_of(st.sampled_from((0.0, 0.02, 0.0999, 0.1, 0.101)), st.floats(0.1, 2.5))) * rate)
    channels = draw(st.sampled_from((0, 1, 2, 6)))
    kind = draw(st.sampled_from(("noise", "constant", "silence", "impulse", "quiet", "nan", "inf")))
    generator = np.random.default_rng(draw(st.integers(0, 1000)))
    unit = generator.uniform(-1, 1, (count, channels) if channels else count)
    if kind in ("constant", "silence", "quiet"):
        unit = np.full_like(unit, {"constant": 0.7, "silence": 0.0, "quiet": 1e-7}[kind])
    elif kind != "noise" and unit.size:
        unit[:] = 0.0 if kind == "impulse" else unit
        unit.flat[draw(st.integers(0, unit.size - 1))] = {"impulse": 1.0, "nan": np.nan, "inf": -np.inf}[kind]
    dtype = np.dtype(draw(st.sampled_from(("<i2", "<i4", "u1", "i1", "<f2", "<f4", ">f4", "<f8"))))
    with np.errstate(all="ignore"):
        if dtype.kind == "f":
            samples = unit.astype(dtype)
        else:
            half = 2.0 ** (8 * dtype.itemsize - 1)
            whole = np.nan_to_num(unit * (half - 1)) + (half if dtype.kind == "u" else 0)
            samples = whole.astype(dtype)
    return (samples.T if channels and draw(st.booleans()) else samples), rate


def check(motion: Motion, seconds: float, fps: float) -> None:
    assert motion.face is not None
    assert motion.fps == fps and motion.frames == max(1, round(seconds * fps))
    for name, value in vars(motion.face).items():
        assert not isinstance(value, torch.Tensor) or torch.isfinite(value).all(), name
    assert (motion.face.expression >= 0).all() and (motion.face.expression <= 1).all()


@CALM
@given(sound=sounds(), fps=st.sampled_from((12.5, 24.0, 25.0, 29.97, 30.0, 60.0)), seed=st.integers(0, 9))
def test_samples_become_a_motion_or_one_line(engine: Emote3D, sound: tuple[np.ndarray, int], fps: float, seed: int):
    samples, rate = sound
    count = max(samples.shape) if samples.size else 0
    try:
        speech = load_speech(sound)
    except Emote3DError as error:
        assert "\n" not in str(error)
        broken = samples.dtype.kind == "f" and not np.isfinite(samples).all()
        assert broken or count / rate < MIN_DURATION_S + 0.001
        return
    assert torch.isfinite(speech.waveform).all() and speech.waveform.abs().max() <= 1
    assert abs(speech.duration_s - count / rate) <= 1.5 / min(rate, 16000)
    check(engine.animate(sound, seed=seed, fps=fps, body=False), speech.duration_s, fps)


@st.composite
def wav_files(draw: st.DrawFn) -> tuple[bytes, float]:
    """A wav file of any rate, width and number of channels, and its length."""
    rate, channels = draw(st.sampled_from(RATES)), draw(st.integers(1, 8))
    code, width = draw(st.sampled_from(((1, 1), (1, 2), (1, 3), (1, 4), (3, 4), (3, 8), (6, 1), (7, 1))))
    frames = draw(st.integers(round(0.1 * rate) + 1, round(1.2 * rate)))
    generator = np.random.default_rng(draw(st.integers(0, 1000)))
    kind = {4: "<f4", 8: "<f8"}[width] if code == 3 else "u1"
    unit = generator.uniform(-1, 1, frames * channels)
    data = (
        unit.astype(kind).tobytes()
        if code == 3
        else generator.integers(0, 256, frames * channels * width, dtype=np.uint8).tobytes()
    )
    data += bytes(len(data) % 2)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, code, channels, rate, rate * channels * width, channels * width, 8 * width)  # fmt: skip
    return head + struct.pack("<4sI", b"data", len(data)) + data, frames / rate


@CALM
@given(wav=wav_files())
def test_files_become_a_motion(engine: Emote3D, wav: tuple[bytes, float], tmp_path: Path):
    content, seconds = wav
    path = tmp_path / "any.wav"
    path.write_bytes(content)
    speech = load_speech(path)
    assert abs(speech.duration_s - seconds) < 0.002
    check(engine.animate(path, body=False), speech.duration_s, 30.0)


@settings(CALM, max_examples=2)
@given(
    sound=sounds().filter(
        lambda sound: np.isfinite(sound[0].astype(np.float64)).all() and max(sound[0].shape) / sound[1] > 0.15
    )
)
def test_bodies_have_the_face_s_length(engine: Emote3D, sound: tuple[np.ndarray, int]):
    motion = engine.animate(sound)
    assert motion.body is not None and motion.face is not None
    assert len(motion.body.joints_axis_angle) == len(motion.face.expression) == motion.frames
    assert torch.isfinite(motion.body.joints_axis_angle).all() and torch.isfinite(motion.body.translation_m).all()
