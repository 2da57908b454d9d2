"""The readers of the corpora on folders of their layout, and of FACEGOOD's curves."""

import gzip
import json
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from emote3d.data import recordings
from emote3d.data.facegood import JAW, ROUNDING, TRAINED_SHARE, jaw_curve, load_take, rounding_curve, unseen_part
from emote3d.data.recordings import asterisk_clips, emodb_clips, facegood_clips, ljspeech_clips, mfa_clips
from emote3d.errors import Emote3DError


def sound(path: Path, seconds: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (8000 * np.sin(np.arange(int(16000 * seconds)) * 0.1)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())


def test_facegood_takes(tmp_path: Path):
    columns = [*JAW, *(name for group in ROUNDING for name in group)]
    (tmp_path / "blendshapes").mkdir()
    (tmp_path / "names.json").write_text(json.dumps(columns))
    seen = next(iter(TRAINED_SHARE))
    curves = np.arange(10 * len(columns), dtype=np.float32).reshape(10, -1)
    for name in ("new", seen):
        np.save(tmp_path / "blendshapes" / f"{name}.npy", curves)
    take = load_take(tmp_path, "new")
    np.testing.assert_array_equal(jaw_curve(take), curves[:, 0])
    by_hand = sum(np.mean([take[name] for name in group], axis=0) for group in ROUNDING)
    np.testing.assert_allclose(rounding_curve(take), by_hand)
    assert unseen_part(tmp_path, "new") == slice(0, 10)
    assert unseen_part(tmp_path, seen) == slice(int(10 * TRAINED_SHARE[seen]), 10)
    np.save(tmp_path / "blendshapes" / "new.npy", curves[:, 1:])
    with pytest.raises(Emote3DError, match=r"expected \[frames, \d+\]"):
        load_take(tmp_path, "new")
    with pytest.raises(Emote3DError, match="expected a FACEGOOD take"):
        load_take(tmp_path, "missing")


def test_corpora_of_recordings(tmp_path: Path):
    for name in ("facegood/wav/1114_3_15.wav", "facegood/wav/a.wav", "emodb/wav/03a01Fa.wav", "emodb/wav/08a01Wa.wav"):
        sound(tmp_path / name)
    sound(tmp_path / "ljspeech" / "LJ001.wav")
    (tmp_path / "ljspeech" / "text.csv").write_text("LJ001||\n")
    (tmp_path / "emodb" / "intact.txt").write_text("03a01Fa\n")
    (tmp_path / "emodb" / "phones").mkdir()
    (tmp_path / "emodb" / "phones" / "03a01Fa.lablaut").write_text("signal x\n#\n0.1 121 a\n0.2 121 p\n0.4 121 t\n")
    splits = {clip.entry.id: clip.entry.split for clip in facegood_clips(tmp_path)}
    assert splits == {"1114_3_15": "heldout", "a": "train"}
    happy, angry = emodb_clips(tmp_path)
    assert (happy.entry.emotion, angry.entry.emotion) == ("happy", "anger")
    assert happy.entry.timed and not angry.entry.timed
    assert list(happy.speech.phone) == ["sil", "a", "p", "t"] and list(angry.speech.phone) == ["sil"]
    (read,) = ljspeech_clips(tmp_path)
    assert not read.entry.timed and len(read.speech.waveform) == 8000


def prompt(path: Path, seconds: float) -> None:
    """A prompt as Debian ships them: bare G.722."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="g722") as file:
        stream = file.add_stream("g722", rate=16000, layout="mono")
        samples = (8000 * np.sin(np.arange(int(16000 * seconds)) * 0.1)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:  # pyright: ignore
            file.mux(packet)


def test_prompts_of_asterisk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recordings, "ASTERISK", tmp_path / "sounds")
    monkeypatch.setattr(recordings, "ASTERISK_TEXTS", tmp_path / "doc")
    for language, lines in (("en", "; a comment\ndigits/h-12:12th\nvm-tone:[sound]\n"), ("it", "uno:\n")):
        folder = tmp_path / "doc" / f"asterisk-core-sounds-{language}"
        folder.mkdir(parents=True)
        (folder / f"core-sounds-{language}.txt.gz").write_bytes(gzip.compress(lines.encode()))
    english, italian = (tmp_path / "sounds" / recordings.VOICES[name][0] for name in ("en", "it"))
    for name, seconds in {"demo-a": 0.6, "digits/h-12": 0.5, "short": 0.2, "silence/1": 1.0, "beep": 0.5}.items():
        prompt(english / f"{name}.g722", seconds)
    prompt(italian / "uno.g722", 0.5)
    demo, twelfth = asterisk_clips("en")
    assert (demo.entry.id, demo.entry.split) == ("asterisk-en-demo-a", "heldout")
    assert (twelfth.entry.id, twelfth.entry.split) == ("asterisk-en-digits_h-12", "train")
    assert not twelfth.entry.timed and abs(twelfth.speech.duration_s - 0.5) < 0.01 and twelfth.entry.language == "en-us"
    assert np.abs(twelfth.speech.waveform).max() > 7000
    assert [clip.entry.split for clip in asterisk_clips("it")] == ["heldout"]


def test_the_recording_with_a_textgrid(tmp_path: Path):
    sound(tmp_path / "mfa" / "acoustic_corpus.wav", 1.0)
    rows = '0\n0.4\n""\n0.4\n0.6\n"P"\n0.6\n1.0\n"AY1"'
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1.0\n<exists>\n1\n"IntervalTier"\n"phones"\n0\n1.0\n3\n'
    (tmp_path / "mfa" / "acoustic_corpus.TextGrid").write_text(head + rows)
    (clip,) = mfa_clips(tmp_path)
    assert clip.entry.timed and clip.entry.split == "heldout"
    assert list(clip.speech.phone) == ["sil", "p", "a", "ɪ"]
    np.testing.assert_allclose(clip.speech.start_s, [0, 0.4, 0.6, 0.8], atol=1e-6)
