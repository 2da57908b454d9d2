"""EMOTE's two stages on a handful of clips that the teacher acted; `scripts/overfit_emote.py` is the whole check."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emote3d.data.timed import build_timed
from emote3d.training.acted_clips import ActedClip, write_acted
from training.face_sets import write_wav2vec


def _curve(runs: Path, name: str) -> list[float]:
    with (runs / "log" / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def test_our_own_clips_are_overfitted_and_the_exchange_is_learnt(tmp_path: Path, train: Callable[[list[str]], None]):
    write_acted(tmp_path / "clips", [_acted(index) for index in range(4)])
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


def _acted(index: int) -> ActedClip:
    """A sound with phones, of its own pitch, in one emotion."""
    symbols = np.random.default_rng(index).permutation(["m", "a", "p", "i", "b", "u", "f", "ɛ", "t", "ɔ"]).tolist()
    time_s = np.arange(32 * 640) / 16000
    pitch = 120 + 60 * index + 40 * np.floor(time_s / 0.128)
    waveform = (6000 * np.sin(2 * np.pi * pitch * time_s)).astype(np.int16)
    spans = [(0.128 * place, (symbol,), 0) for place, symbol in enumerate(symbols)]
    return ActedClip(
        name=f"clip{index}", speech=build_timed(waveform, spans), emotion=(1, 2, 3, 6)[index], speaker=f"voice{index}"
    )
