"""EMOTE's two stages on a handful of clips that the teacher acted; `scripts/overfit_emote.py` is the whole check."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emote3d.data.corpus import SpeechClip, SpeechEntry, append_index, write_clips
from emote3d.errors import Emote3DError
from emote3d.training.acted_clips import pick_clips, write_acted
from training.face_sets import acted_clip, write_wav2vec


def _curve(runs: Path, name: str) -> list[float]:
    with (runs / "log" / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def test_our_own_clips_are_overfitted_and_the_exchange_is_learnt(tmp_path: Path, train: Callable[[list[str]], None]):
    write_acted(tmp_path / "clips", [acted_clip(index) for index in range(4)])
    write_wav2vec(tmp_path / "wav2vec2")
    common = ["--data", str(tmp_path / "clips"), "--layout", "folder", "--batch", "4", "--frames", "32", "--accelerator",
              "cpu", "--loss-verts", "100", "--learning-rate", "2e-3"]  # fmt: skip

    def stage(verb: str, name: str, steps: int, *extra: str) -> Path:
        runs = tmp_path / f"{name}-runs"
        places = ["-o", str(tmp_path / name), "--runs", str(runs)]
        train(["train", verb, *common, *places, "--steps", str(steps), *extra])
        return runs

    stage("flint", "flint", 40, "--d", "64")
    first = _curve(
        stage("emote", "one", 40, "--stage", "1", "--dropout", "0", "--flint", str(tmp_path / "flint"), "--wav2vec2",
              str(tmp_path / "wav2vec2")), "vertex")  # fmt: skip
    assert np.mean(first[-3:]) < 0.5 * first[0]
    runs = stage("emote", "two", 40, "--stage", "2", "--init", str(tmp_path / "one"), "--lip-weight", "5",
                 "--emotion-weight", "15")  # fmt: skip
    felt = _curve(runs, "emotion_exchanged")
    assert np.mean(felt[-3:]) < 0.7 * np.mean(felt[:2])


def test_other_recordings_may_be_chosen(tmp_path: Path):
    clips = []
    for index in range(5):
        speech = acted_clip(index).speech
        entry = SpeechEntry(
            id=f"{index}", source="mfa", speaker=f"voice{index // 3}", language="en", emotion=None, split="train",
            duration_s=speech.duration_s, timed=True,
        )  # fmt: skip
        clips.append(SpeechClip(entry=entry, speech=speech))
    append_index(tmp_path, write_clips(tmp_path, clips))
    first, second = ([clip.name for clip in pick_clips(tmp_path, 25, (1, 2), choice)] for choice in (0, 1))
    assert len(first) == len(second) == 2 and not set(first) & set(second)
    with pytest.raises(Emote3DError):
        pick_clips(tmp_path, 25, (1, 2), 2)
