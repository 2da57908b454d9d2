"""The commands that trained the lip reader and the emotion network, at tiny size; and the shipped ones on our own face."""

import json
from pathlib import Path

import numpy as np
import pytest

from emote3d import Direction, Emote3D
from emote3d.cli.train import TrainLipReader, TrainMotionEmotion
from emote3d.data.corpus import SpeechClip, SpeechEntry, append_index, write_clips
from emote3d.data.timed import build_timed
from emote3d.perception import load_emotion_net, load_lip_reader, read_emotion
from emote3d.training.perception import viseme_group
from emote3d.training.settings import PerceptionTraining

ROOT = Path(__file__).parents[2]
PHONES = ("sil", "m", "a", "p", "i", "f", "u", "s")


def test_both_train_and_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    waveform = (3000 * np.random.default_rng(0).standard_normal(16000 * 4)).astype(np.int16)
    spans = [(0.1 * index, (PHONES[index % len(PHONES)],), index % 3) for index in range(40)]
    for split in ("train", "heldout"):
        entry = SpeechEntry(
            id=split, source="espeak-ng", speaker="x", language="en-us", emotion=None, split=split, duration_s=4.0,
            timed=True,
        )  # fmt: skip
        append_index(tmp_path, write_clips(tmp_path, [SpeechClip(entry=entry, speech=build_timed(waveform, spans))]))
    settings = PerceptionTraining(steps=2, batch=2, frames=30)
    for verb, name in ((TrainLipReader, "lips"), (TrainMotionEmotion, "emotion")):
        verb(corpus=tmp_path, output=tmp_path / name, runs=tmp_path / "runs" / name, settings=settings, json=True).run()
    lips, emotion = (json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    assert 0 <= lips["viseme_accuracy"] <= 1 and 0 <= emotion["emotion_accuracy"] <= 1
    assert load_lip_reader(tmp_path / "lips").config.d == 80
    assert load_emotion_net(tmp_path / "emotion").config.d == 64


def test_groups_are_what_can_be_seen():
    assert [viseme_group(phone) for phone in PHONES] == [
        "silence", "closed", "open", "closed", "half", "labiodental", "rounded", "consonant",
    ]  # fmt: skip


def test_the_shipped_net_reads_the_emotion_that_was_asked_for():
    engine = Emote3D.from_pretrained()
    for name in ("happy", "sad", "anger"):
        motion = engine.animate(ROOT / "assets" / "audio" / "demo-congrats.flac", Direction(emotion=name), body=False)
        reading = read_emotion(motion)
        assert reading.emotion == name and reading.intensity > 0.3 and reading.windows.shape[1] == 8
