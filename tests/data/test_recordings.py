"""The readers of the corpora on folders of their layout, and of FACEGOOD's curves."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from emote3d.data.facegood import JAW, ROUNDING, TRAINED_SHARE, jaw_curve, load_take, rounding_curve, unseen_part
from emote3d.data.recordings import emodb_clips, facegood_clips, ljspeech_clips
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
