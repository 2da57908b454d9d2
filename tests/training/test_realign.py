"""Phone times of recordings moved to where the shipped encoder hears them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig
from emote3d.audio.hearing import hear
from emote3d.audio.lips import PhoneReader, PhoneReaderConfig
from emote3d.audio.load import load_speech
from emote3d.checkpoint import load_component
from emote3d.data.corpus import SpeechClip, SpeechEntry, append_index, read_clips, read_index, write_clips
from emote3d.data.phones import SYMBOLS
from emote3d.data.timed import TimedSpeech
from emote3d.errors import Emote3DError
from emote3d.training.realign import Realigner, best_starts, realign_set

ROOT = Path(__file__).parents[2]
FACE = ROOT / "checkpoints" / "open-v1"


@pytest.fixture(scope="module")
def heard() -> TimedSpeech:
    """Six seconds of the demo with the phones that are heard in it."""
    speech = load_speech(ROOT / "assets" / "audio" / "demo-congrats.flac")
    speech = replace(speech, waveform=speech.waveform[: 6 * speech.sample_rate])
    encoder = load_component(FACE / "audio", CompactEncoder, CompactEncoderConfig).eval()
    reader = load_component(FACE / "phones", PhoneReader, PhoneReaderConfig)
    with torch.inference_mode():
        phones = reader(hear(encoder, speech, 100)[0].features).argmax(dim=1).numpy()
    changes = np.flatnonzero(np.diff(phones)) + 1
    starts = np.concatenate([[0], changes[np.diff(np.append(changes, len(phones))) >= 3]])
    edges = np.append(starts / 100, 6.0).astype(np.float32)
    return TimedSpeech(
        waveform=np.round(speech.waveform.numpy() * 32767).astype(np.int16),
        start_s=edges[:-1],
        end_s=edges[1:],
        phone=[SYMBOLS[phones[start]] for start in starts],
        stress=np.zeros(len(starts), np.int8),
    )


def moved(clip: TimedSpeech, by_s: np.ndarray) -> TimedSpeech:
    """The clip with its inner boundaries moved, in order still."""
    edges = np.maximum.accumulate(np.clip(clip.start_s[1:] + by_s, 0.01, 5.99)).astype(np.float32)
    return replace(clip, start_s=np.append(clip.start_s[:1], edges), end_s=np.append(edges, clip.end_s[-1:]))


def test_the_most_probable_beginnings_are_found():
    logs = np.full((10, 3), -5.0)
    for phone, frames in enumerate((range(3), range(3, 4), range(4, 10))):
        logs[list(frames), phone] = 0.0
    logs[4, 1] = -4.0
    near, one = np.array([0, 5, 8]), np.ones(3, int)
    assert list(best_starts(logs, near, 4, one)) == [0, 3, 4]
    assert list(best_starts(logs, near, 1, one)) == [0, 4, 7]  # no further than may be
    assert list(best_starts(logs, near, 4, np.array([1, 2, 1]))) == [0, 3, 5]  # no shorter
    assert list(best_starts(logs[:3], near, 1, one)) == [0, 1, 2]  # there must be room for all


def test_moved_boundaries_come_back(heard: TimedSpeech):
    off_s = np.random.default_rng(0).normal(0.0, 0.06, len(heard.phone) - 1)
    wrong = moved(heard, off_s)
    back = Realigner(FACE)(wrong)
    assert back is not None and back.timed and back.speech.phone == heard.phone
    before, after = (np.abs(clip.start_s - heard.start_s) for clip in (wrong, back.speech))
    assert np.percentile(before, 75) > 0.05 and np.percentile(after, 75) < 0.02
    assert np.array_equal(back.speech.start_s[1:], back.speech.end_s[:-1]) and (np.diff(back.speech.start_s) > 0).all()


def test_a_set_is_written_anew(heard: TimedSpeech, tmp_path: Path):
    """People's clips are moved or, where they say something else, untimed; synthetic voices and what is held out stay."""
    off = moved(heard, np.full(len(heard.phone) - 1, 0.06))
    other = replace(off, phone=list(np.random.default_rng(0).permutation(list(off.phone))))
    known = {"speaker": "x", "language": "en-us", "emotion": None, "duration_s": 6.0, "timed": True}
    sounds = {
        "spoken": ("asterisk", off),
        "other": ("asterisk", other),
        "made": ("espeak-ng", off),
        "kept": ("asterisk", off),
    }
    clips = [
        SpeechClip(
            entry=SpeechEntry(id=name, source=source, split="heldout" if name == "kept" else "train", **known),
            speech=speech,
        )  # pyright: ignore[reportArgumentType]
        for name, (source, speech) in sounds.items()
    ]
    corpus = tmp_path / "set"
    corpus.mkdir()
    append_index(corpus, write_clips(corpus, clips))
    assert realign_set(corpus, tmp_path / "anew", FACE) == (2, 1)
    found = {clip.entry.id: clip for clip in read_clips(tmp_path / "anew")}
    assert {name: clip.entry.timed for name, clip in found.items()} == {name: name != "other" for name in sounds}
    assert all(np.array_equal(found[name].speech.start_s, off.start_s) for name in ("made", "kept"))
    assert np.median(np.abs(found["spoken"].speech.start_s - heard.start_s)) < 0.02
    assert json.loads((tmp_path / "anew" / "index.jsonl").read_text().splitlines()[0])["id"] == "spoken"
    with pytest.raises(Emote3DError, match="without a set"):
        realign_set(corpus, tmp_path / "anew", FACE)
    with pytest.raises(Emote3DError, match="build_training_set"):
        read_index(tmp_path / "none")
