"""EMOTE's two stages on a handful of clips that the teacher acted; `scripts/overfit_emote.py` is the whole check."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emote3d.training.acted_clips import write_acted
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
