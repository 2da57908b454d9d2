from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sounds import write_wav

from emote3d.audio.load import load_speech
from emote3d.errors import Emote3DError
from emote3d.records import Speech

RATE = 16_000
ASTERISK = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


def tone(rate: int, seconds: float = 1.0) -> np.ndarray:
    """A rising and falling 440 Hz tone, at most 0.5."""
    t = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * 440 * t) * np.sin(np.pi * t / seconds) ** 2).astype(np.float32)


def encode(path: Path, codec: str, samples: np.ndarray, rate: int, layout: str, fmt: str = "fltp") -> Path:
    """Write samples [channels, samples] with PyAV."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(fmt, layout, rate, frame_size=stream.codec_context.frame_size or 1024)
        for one in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(one))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout", "fmt"),
    [
        ("a.wav", "pcm_s16le", 44_100, "mono", "s16"),
        ("b.wav", "pcm_u8", 16_000, "stereo", "u8"),
        ("c.wav", "pcm_s24le", 96_000, "mono", "s32"),
        ("d.wav", "pcm_f32le", 8_000, "stereo", "flt"),
        ("e.wav", "pcm_f64le", 22_050, "5.1", "dbl"),
        ("n.wav", "pcm_s64le", 32_000, "stereo", "s64"),
        ("f.flac", "flac", 48_000, "stereo", "s16"),
        ("g.mp3", "mp3", 44_100, "stereo", "fltp"),
        ("h.m4a", "aac", 48_000, "stereo", "fltp"),
        ("i.ogg", "libopus", 48_000, "stereo", "flt"),
        ("j.opus", "libopus", 48_000, "mono", "flt"),
        ("k.mp4", "aac", 44_100, "mono", "fltp"),
        ("l.mkv", "libopus", 48_000, "stereo", "flt"),
        ("m.g722", "g722", 16_000, "mono", "s16"),
    ],
)
def test_every_format_gives_the_same_sound(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str, fmt: str
) -> None:
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    path = encode(tmp_path / name, codec, np.tile(tone(rate), (channels, 1)), rate, layout, fmt)
    speech = load_speech(path)
    assert speech.sample_rate == RATE and speech.waveform.dtype == torch.float32
    assert abs(speech.duration_s - 1.0) < 0.06
    got, want = speech.waveform.numpy()[:RATE], tone(RATE)
    got = np.pad(got, (0, RATE - len(got)))
    lag = int(np.argmax(np.correlate(got[4000:12000], want[4100:11900], "valid"))) - 100
    assert abs(lag) <= (24 if codec == "g722" else 8), lag
    assert np.abs(np.roll(got, -lag) - want).max() < (
        0.03 if codec in ("mp3", "aac", "libopus", "g722", "pcm_u8") else 2e-3
    )


def test_video_sound_is_taken(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(25):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(video.encode(picture))
        sound = av.AudioFrame.from_ndarray(tone(RATE)[None], format="fltp", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = RATE, 0, Fraction(1, RATE)
        container.mux([*video.encode(None), *audio.encode(sound), *audio.encode(None)])
    assert abs(load_speech(tmp_path / "v.mp4").duration_s - 1.0) < 0.07


def test_channels_are_averaged(tmp_path: Path) -> None:
    both = np.stack([tone(RATE), np.zeros(RATE, np.float32)])
    from_file = load_speech(encode(tmp_path / "a.wav", "pcm_f32le", both, RATE, "stereo", "flt")).waveform
    for samples in (both, both.T):
        torch.testing.assert_close(load_speech((samples, RATE)).waveform, from_file)
    torch.testing.assert_close(from_file, torch.from_numpy(tone(RATE) / 2))


@given(st.sampled_from([np.uint8, np.int16, np.int32, np.int64]), st.sampled_from([8_000, 16_000, 44_100]))
def test_integers_span_full_scale(dtype: type, rate: int) -> None:
    info = np.iinfo(dtype)
    low, high = (load_speech((np.full(rate, value, dtype), rate)).waveform for value in (info.min, info.max))
    middle = len(low) // 2
    assert low[middle].item() == pytest.approx(-1.0, abs=1e-5)
    assert high[middle].item() == pytest.approx(1.0 - 2.0 ** (1 - info.bits), abs=1e-5)


def test_resampling_streams_as_one_piece(tmp_path: Path) -> None:
    samples = tone(44_100, 1.37)
    path = encode(tmp_path / "a.wav", "pcm_f32le", samples[None], 44_100, "mono", "flt")
    torch.testing.assert_close(load_speech(path).waveform, load_speech((samples, 44_100)).waveform, atol=1e-6, rtol=0)


def test_long_recordings_are_whole(tmp_path: Path) -> None:
    """Their array grows as they are read."""
    samples = np.random.default_rng(0).integers(-30000, 30000, 400_001).astype(np.int16)
    path = write_wav(tmp_path / "a.wav", samples, RATE)
    np.testing.assert_array_equal(load_speech(path).waveform.numpy(), samples / np.float32(32768))


def test_zeros_and_speech_pass() -> None:
    quiet = load_speech((np.zeros(RATE, np.int16), RATE))
    assert not quiet.waveform.any()
    same = load_speech(Speech(waveform=torch.from_numpy(tone(RATE)), sample_rate=RATE))
    assert torch.equal(same.waveform, torch.from_numpy(tone(RATE)))
    assert load_speech((tone(RATE) * 4, RATE)).waveform.abs().max() == 1.0


@pytest.mark.parametrize(
    ("samples", "rate", "says"),
    [
        (np.zeros(0, np.float32), RATE, "empty"),
        (np.full(RATE, np.nan, np.float32), RATE, "not finite"),
        (np.array([0.0] * RATE + [np.inf], np.float32), RATE, "not finite"),
        (np.full(RATE, np.nan), 44_100, "not finite"),
        (tone(RATE) * 32768, RATE, "divide by full scale"),
        (tone(RATE), 0, "0 samples per second"),
        (tone(RATE), -16_000, "samples per second"),
        (tone(RATE), 10**9, "samples per second"),
        (tone(RATE)[:1000], RATE, "0.062 s of sound"),
        (np.zeros((200, 200), np.float32), RATE, "too many channels"),
        (np.zeros((2, 2, 2000), np.float32), RATE, "got float32"),
        (np.zeros(RATE, bool), RATE, "got bool"),
        (np.zeros(RATE, complex), RATE, "got complex128"),
    ],
)
def test_bad_arrays_are_one_line(samples: np.ndarray, rate: int, says: str) -> None:
    with pytest.raises(Emote3DError, match=says):
        load_speech((samples, rate))


def refuse(path: Path, says: str) -> None:
    with pytest.raises(Emote3DError, match=says) as caught:
        load_speech(path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)


def test_bad_files_are_one_line(tmp_path: Path) -> None:
    refuse(tmp_path / "no.wav", "there is no file")
    refuse(tmp_path, "is a folder")
    (tmp_path / "empty.wav").touch()
    refuse(tmp_path / "empty.wav", "is empty")
    for suffix in ("wav", "mp3", "flac", "ogg", "m4a", "txt"):
        path = tmp_path / f"text.{suffix}"
        path.write_text("To be, or not to be, that is the question.\n" * 50)
        refuse(path, "sound")
    refuse(Path("/dev/zero"), "not a regular file")
    (tmp_path / "list.wav").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n")
    refuse(tmp_path / "list.wav", "sound")
    with av.open(str(tmp_path / "silent.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux([*video.encode(picture), *video.encode(None)])
    refuse(tmp_path / "silent.mp4", "holds no sound")


def test_truncated_files(tmp_path: Path) -> None:
    whole = encode(tmp_path / "a.wav", "pcm_s16le", tone(RATE)[None], RATE, "mono", "s16").read_bytes()
    cut = tmp_path / "cut.wav"
    for length, says in ((20, "cut short"), (40, "cut short"), (len(whole) // 2, r"0\.50 of 1\.00 s")):
        cut.write_bytes(whole[:length])
        refuse(cut, says)
    data = whole.index(b"data") + 4
    cut.write_bytes(whole[:data] + b"\xff\xff\xff\xff" + whole[data + 4 : len(whole) // 2])
    assert 0.45 < load_speech(cut).duration_s < 0.55
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, RATE)).astype(np.float32)
    whole = encode(tmp_path / "a.flac", "flac", noise, RATE, "mono", "s16").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    refuse(tmp_path / "cut.flac", "cut short")
    whole = encode(tmp_path / "a.m4a", "aac", noise, RATE, "mono").read_bytes()
    (tmp_path / "cut.m4a").write_bytes(whole[: len(whole) // 2])
    refuse(tmp_path / "cut.m4a", "cut.m4a")


def test_random_damage_never_crashes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, codec, fmt in (("a.mp3", "mp3", "fltp"), ("a.flac", "flac", "s16"), ("a.ogg", "libopus", "flt")):
        whole = np.frombuffer(
            encode(tmp_path / name, codec, tone(48_000)[None], 48_000, "mono", fmt).read_bytes(), "u1"
        )
        for _ in range(10):
            damaged = whole.copy()
            damaged[rng.integers(len(whole), size=20)] = rng.integers(256, size=20)
            (tmp_path / name).write_bytes(damaged.tobytes())
            try:
                assert load_speech(tmp_path / name).waveform.isfinite().all()
            except Emote3DError as error:
                assert name in str(error)


@pytest.mark.skipif(not ASTERISK.is_dir(), reason="needs Debian's asterisk-core-sounds-en-g722")
def test_asterisk_recording() -> None:
    speech = load_speech(min(ASTERISK.glob("demo-*.g722")))
    assert speech.duration_s > 1 and 0.01 < speech.waveform.square().mean().sqrt() < 0.3
