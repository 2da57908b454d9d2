"""Running a training: Lightning with the settings that all our stages share."""

from __future__ import annotations

import csv
import platform
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, IterableDataset

from emote3d.training.tape import Tape, TapeWindow

_CURVE_POINTS = 25


Precision = Literal["32-true", "bf16-mixed"]
"""Of a training; bf16 halves the time on processors that have it."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The course of a training."""

    steps: int = 1200
    batch: int = 16
    """Windows of the tape in a step."""
    seconds: int = 4
    """Length of a window."""
    learning_rate: float = 1e-3
    """Peak of a one-cycle schedule."""
    seed: int = 0
    precision: Precision = "32-true"


def one_cycle(groups: list[dict[str, Any]], schedule: Schedule) -> Any:
    """AdamW on parameter groups, each with its own peak `lr`, under a one-cycle schedule, as Lightning takes it."""
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    rates = [group["lr"] for group in groups]
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=schedule.steps, pct_start=0.08)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


class EndlessBatches(IterableDataset[Any]):
    """Whole batches from a function that begins anew."""

    def __init__(self, begin: Callable[[], Iterator[Any]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[Any]:
        return self._begin()


def fit(
    task: lightning.LightningModule, tape: Path, runs: Path, schedule: Schedule, unlabelled: int = 0
) -> dict[str, list[float]]:
    """Train on windows of a tape, with rows of unlabelled speech where asked for; see `fit_batches`."""
    windows = Tape(tape)

    def begin() -> Iterator[TapeWindow]:
        return windows.windows(schedule.batch, schedule.seconds, np.random.default_rng(schedule.seed), unlabelled)

    course = {"steps": schedule.steps, "seed": schedule.seed}
    return fit_batches(task, EndlessBatches(begin), runs, **course, precision=schedule.precision)


def fit_batches(
    task: lightning.LightningModule,
    batches: Iterable[Any],
    runs: Path,
    *,
    steps: int,
    seed: int,
    precision: Precision = "32-true",
) -> dict[str, list[float]]:
    """Train for a number of steps on whole batches, resuming from `runs/last.ckpt` where there is one; gives the training curve.

    Args:
        batches: gives batches (tuples of tensors) without end each time it is iterated.
    """
    lightning.seed_everything(seed, verbose=False)
    saver = ModelCheckpoint(runs, save_last=True, every_n_train_steps=250, save_top_k=0)
    trainer = lightning.Trainer(
        max_steps=steps,
        precision=precision,
        accelerator="auto",
        devices=1,
        logger=CSVLogger(runs, name="log", flush_logs_every_n_steps=50),
        callbacks=[saver],
        log_every_n_steps=max(1, min(25, steps)),
        gradient_clip_val=1.0,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
    )
    last = runs / "last.ckpt"
    dataset = batches if isinstance(batches, IterableDataset) else EndlessBatches(lambda: iter(batches))
    loader = DataLoader(dataset, batch_size=None)
    trainer.fit(task, loader, ckpt_path=last if zipfile.is_zipfile(last) else None, weights_only=False)
    return read_curve(runs / "log")


def read_curve(logs: Path) -> dict[str, list[float]]:
    """The losses that the runs of a training logged, one folder each, thinned out for the manifest."""
    rows: dict[int, dict[str, str]] = {}
    for path in sorted(logs.glob("version_*/metrics.csv"), key=lambda path: path.stat().st_mtime):
        with path.open(newline="") as file:
            rows |= {int(row["step"]): row for row in csv.DictReader(file) if row.get("step")}
    steps = sorted(rows)
    kept = [rows[step] for step in [*steps[:: max(1, len(steps) // _CURVE_POINTS)], steps[-1]]]
    names = [name for name in kept[0] if name != "epoch" and kept[0][name]]
    return {name: [float(f"{float(row[name]):.4g}") for row in kept if row[name]] for name in names}


def machine() -> str:
    """The machine and the torch that a figure was made with."""
    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
