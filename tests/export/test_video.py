from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from sounds import write_wav

from emote3d.errors import Emote3DError
from emote3d.export.video import write_video
from emote3d.records import Speech

SIZE = (64, 48)
G722 = Path("/usr/share/asterisk/sounds/en_US_f_Allison/vm-goodbye.g722")


def pictures(count):
    for step in range(count):
        yield np.full((SIZE[1], SIZE[0], 3), (step * 7 % 256, 120, 60), np.uint8)


def beep(rate, duration_s, at_s, channels=1):
    times_s = np.arange(int(rate * duration_s)) / rate
    tone = 0.8 * np.sin(2 * np.pi * 440 * times_s) * ((times_s >= at_s) & (times_s < at_s + 0.1))
    return np.repeat(tone[:, None], channels, 1)


def decode_video(path):
    """Presentation times in seconds as fractions, and pictures."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [frame.pts * frame.time_base for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]


def decode_sound(path):
    """Samples [channels, n] from time 0 and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        assert frames[0].time == pytest.approx(0, abs=1e-6)
        return np.concatenate([frame.to_ndarray() for frame in frames], 1), stream.sample_rate


@pytest.mark.parametrize("fps", [25, 30, 29.97, Fraction(30000, 1001), 12.5])
def test_frame_k_is_at_k_over_fps(tmp_path, fps):
    path = tmp_path / "talk.mp4"
    write_video(path, pictures(20), fps, SIZE)
    times_s, decoded = decode_video(path)
    exact = Fraction(fps).limit_denominator(1001)
    assert times_s == [step / exact for step in range(20)]
    assert decoded[0].shape == (SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize("sound_s", [0.3, 2.0, 5.0])
@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (11000, 1), (192000, 1)])
def test_sound_is_as_long_as_the_video(tmp_path, sound_s, rate, channels):
    path = tmp_path / "talk.mp4"
    sound = write_wav(tmp_path / "in.wav", beep(rate, sound_s, 0.1, channels), rate)
    write_video(path, pictures(60), 30, SIZE, sound)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert audio.channels == channels
        assert audio.sample_rate >= min(rate, 48000)
        assert float(video.duration * video.time_base) == pytest.approx(2.0)
        assert float(audio.duration * audio.time_base) == pytest.approx(2.0, abs=1 / 30)


@pytest.mark.parametrize("as_record", [False, True])
def test_sound_stays_in_step(tmp_path, as_record):
    rate, path = 16000, tmp_path / "talk.mp4"
    samples = beep(rate, 2.0, 1.0)
    record = Speech(waveform=torch.from_numpy(samples[:, 0]).float(), sample_rate=rate)
    write_video(path, pictures(60), 30, SIZE, record if as_record else write_wav(tmp_path / "in.wav", samples, rate))
    decoded, decoded_rate = decode_sound(path)
    loud = np.flatnonzero(np.abs(decoded[0]) > 0.3) / decoded_rate
    assert loud[0] == pytest.approx(1.0, abs=0.01)
    assert loud[-1] == pytest.approx(1.1, abs=0.01)


@pytest.mark.skipif(not G722.exists(), reason="Debian's asterisk-core-sounds-en-g722 is not installed")
def test_g722_is_taken_as_it_is(tmp_path):
    path = tmp_path / "talk.mp4"
    write_video(path, pictures(15), 30, SIZE, G722)
    decoded, rate = decode_sound(path)
    assert rate == 16000
    assert np.abs(decoded).max() > 0.01


def test_colours_survive(tmp_path):
    path = tmp_path / "talk.mp4"
    colour = np.array((210, 150, 120), np.uint8)
    write_video(path, (np.broadcast_to(colour, (48, 64, 3)).copy() for _ in range(5)), 25, SIZE)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 1)
    luma, chroma_b, chroma_r = (float(bytes(plane)[10 * plane.line_size + 10]) for plane in frame.planes)
    r, g, b = colour / 255
    expected = 0.2126 * r + 0.7152 * g + 0.0722 * b
    assert luma == pytest.approx(16 + 219 * expected, abs=2)
    assert chroma_b == pytest.approx(128 + 224 * (b - expected) / 1.8556, abs=2)
    assert chroma_r == pytest.approx(128 + 224 * (r - expected) / 1.5748, abs=2)


def test_the_index_comes_first(tmp_path):
    path = tmp_path / "talk.mp4"
    write_video(path, pictures(5), 25, SIZE)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def failing(error):
    yield from pictures(12)
    raise error


@pytest.mark.parametrize("error", [ValueError("no more"), KeyboardInterrupt()])
def test_nothing_is_left_when_drawing_fails(tmp_path, error):
    (tmp_path / "talk.mp4").write_bytes(b"the old one")
    with pytest.raises(type(error)):
        write_video(tmp_path / "talk.mp4", failing(error), 30, SIZE)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("talk.mp4", b"the old one")]


def test_what_fails_in_the_encoder_reaches_the_caller(tmp_path):
    with pytest.raises(AssertionError, match="not of the video's size"):
        write_video(tmp_path / "talk.mp4", (np.zeros((64, 64, 3), np.uint8) for _ in range(40)), 30, SIZE)
    assert not list(tmp_path.iterdir())


def never():
    raise AssertionError("a frame was drawn")
    yield


def test_bad_places_and_sounds_are_refused_before_a_frame_is_drawn(tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("this is not sound, " * 50)
    silent = tmp_path / "silent.mp4"
    write_video(silent, pictures(3), 25, SIZE)
    cases = [
        (tmp_path / "missing" / "talk.mp4", None, "there is no folder"),
        (tmp_path / "talk.txt", None, "ending in"),
        (tmp_path / "talk.mp4", text, "sound"),
        (tmp_path / "talk.mp4", tmp_path / "none.wav", "none.wav"),
        (tmp_path / "talk.mp4", silent, "without an audio stream"),
    ]
    for path, sound, message in cases:
        with pytest.raises(Emote3DError, match=message):
            write_video(path, never(), 30, SIZE, sound)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["silent.mp4", "text.wav"]
    with pytest.raises(Emote3DError, match="at least one picture"):
        write_video(tmp_path / "talk.mp4", iter(()), 30, SIZE)
    with pytest.raises(Emote3DError, match="frames per second; got 0"):
        write_video(tmp_path / "talk.mp4", never(), 0, SIZE)
    assert not (tmp_path / "talk.mp4").exists()
