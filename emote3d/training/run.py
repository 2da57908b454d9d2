"""Running a training: Lightning with the settings that all our stages share."""

from __future__ import annotations

import csv
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, IterableDataset

from emote3d.training.tape import Tape, TapeWindow

_CURVE_POINTS = 25


class _Batches(IterableDataset[TapeWindow]):
    """Whole batches from the tape."""

    def __init__(self, tape: Tape, batch: int, seconds: int, seed: int) -> None:
        self._make = lambda: tape.windows(batch, seconds, np.random.default_rng(seed))

    def __iter__(self) -> Iterator[TapeWindow]:
        return self._make()


class EndlessBatches(IterableDataset[Any]):
    """Whole batches from a function that begins anew."""

    def __init__(self, begin: Callable[[], Iterator[Any]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[Any]:
        return self._begin()


def fit(
    task: lightning.LightningModule, tape: Path, runs: Path, *, steps: int, batch: int, seconds: int, seed: int
) -> dict[str, list[float]]:
    """Train on windows of a tape; see `fit_batches`."""
    batches = _Batches(Tape(tape), batch, seconds, seed)
    return fit_batches(task, batches, runs, steps=steps, seed=seed)


def fit_batches(
    task: lightning.LightningModule, batches: Iterable[Any], runs: Path, *, steps: int, seed: int
) -> dict[str, list[float]]:
    """Train for a number of steps on whole batches, resuming from `runs/last.ckpt` where there is one; gives the training curve.

    Args:
        batches: gives batches (tuples of tensors) without end each time it is iterated.
    """
    lightning.seed_everything(seed, verbose=False)
    saver = ModelCheckpoint(runs, save_last=True, every_n_train_steps=250, save_top_k=0)
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="auto",
        devices=1,
        logger=CSVLogger(runs, name="", version="log", flush_logs_every_n_steps=50),
        callbacks=[saver],
        log_every_n_steps=max(1, min(25, steps)),
        gradient_clip_val=1.0,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
    )
    last = runs / "last.ckpt"
    dataset = batches if isinstance(batches, IterableDataset) else EndlessBatches(lambda: iter(batches))
    loader = DataLoader(dataset, batch_size=None)
    trainer.fit(task, loader, ckpt_path=last if last.exists() else None, weights_only=False)
    return read_curve(runs / "log" / "metrics.csv")


def read_curve(path: Path) -> dict[str, list[float]]:
    """The logged losses, thinned out for the manifest."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("step")]
    every = max(1, len(rows) // _CURVE_POINTS)
    kept = [*rows[::every], rows[-1]]
    names = [name for name in kept[0] if name != "epoch" and kept[0][name]]
    return {name: [float(f"{float(row[name]):.4g}") for row in kept if row[name]] for name in names}


def machine() -> str:
    """The machine and the torch that a figure was made with."""
    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
