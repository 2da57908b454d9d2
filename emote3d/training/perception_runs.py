"""One command each: the lip reader and the motion emotion network, trained, measured on voices left out, saved."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emote3d.checkpoint import save_component
from emote3d.data.phones import SYMBOLS
from emote3d.names import EMOTIONS
from emote3d.perception.networks import LandmarkEmotionNet, LandmarkLipReader, PerceiverConfig
from emote3d.training.acted_faces import acted_batches, spoken_clips
from emote3d.training.perception import (
    EmotionNetTask,
    LipReaderTask,
    emotion_net_metrics,
    lip_reader_metrics,
)
from emote3d.training.run import EndlessBatches, fit_batches, machine
from emote3d.training.settings import PerceptionTraining


def train_lip_reader(corpus: Path, out: Path, runs: Path, settings: PerceptionTraining) -> dict[str, float]:
    """Train on the teacher's performances of a speech set; gives the figures on voices left out."""
    net = LandmarkLipReader(PerceiverConfig(classes=SYMBOLS, d=80, dilations=(1, 2, 1)))
    curve = _fit(LipReaderTask(net, settings), corpus, runs, settings)
    metrics = lip_reader_metrics(net, spoken_clips(corpus, "heldout", 120))
    return _save(net, out, metrics, curve)


def train_emotion_net(corpus: Path, out: Path, runs: Path, settings: PerceptionTraining) -> dict[str, float]:
    """Train on the teacher's performances of a speech set; gives the figures on voices left out."""
    net = LandmarkEmotionNet(PerceiverConfig(classes=EMOTIONS, d=64, dilations=(1, 2, 4)))
    curve = _fit(EmotionNetTask(net, settings), corpus, runs, settings)
    metrics = emotion_net_metrics(net, spoken_clips(corpus, "heldout", 120))
    return _save(net, out, metrics, curve)


def _fit(
    task: LipReaderTask | EmotionNetTask, corpus: Path, runs: Path, settings: PerceptionTraining
) -> dict[str, list[float]]:
    clips = spoken_clips(corpus, "train", settings.clips, settings.seed)
    batches = EndlessBatches(
        lambda: acted_batches(clips, settings.batch, settings.frames, np.random.default_rng(settings.seed))
    )
    return fit_batches(task, batches, runs, steps=settings.steps, seed=settings.seed)


def _save(
    net: LandmarkLipReader | LandmarkEmotionNet, out: Path, metrics: dict[str, float], curve: dict[str, list[float]]
) -> dict[str, float]:
    rounded = {name: round(value, 4) for name, value in metrics.items()}
    note: dict[str, Any] = {
        "training_command": " ".join(["emote3d", *sys.argv[1:]]),
        "data": "the teacher's performances (emote3d/data/acting.py) of the timed speech set, on random heads",
        "metrics": {"voices": "held out", **rounded},
        "machine": machine(),
        "licence": "Apache-2.0",
        "curve": curve,
    }
    save_component(out, net, net.config, note, dtype=torch.float16)
    return rounded
