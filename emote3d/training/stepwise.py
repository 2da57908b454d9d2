"""Running a training that survives kill -9 and runs on any number of devices: every step depends on its number alone."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from emote3d.errors import Emote3DError
from emote3d.training.clip_batches import Share, StepBatches, StepSource
from emote3d.training.settings import Machines


class StepwiseTask(lightning.LightningModule):
    """A task whose batches and randomness are functions of the step."""

    def __init__(self, source: StepSource, seed: int, size: tuple[int, int], workers: int = 0) -> None:
        """`size` is clips in the whole batch (of all processes together) and frames."""
        super().__init__()
        self.source, self.seed, self.size, self.workers = source, seed, size, workers

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches that are still to come."""
        share = Share(rank=self.trainer.global_rank, world=self.trainer.world_size)
        batches = StepBatches(self.source, self.trainer.global_step, self.seed, self.size, share)
        return DataLoader(batches, batch_size=None, num_workers=self.workers)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Dropout begins each step from the step's own seed."""
        torch.manual_seed((self.seed * 1_000_003 + self.trainer.global_step) * 64 + self.trainer.global_rank)

    def log_losses(self, values: dict[str, torch.Tensor]) -> None:
        """Log the means over all processes."""
        self.log_dict(values, sync_dist=self.trainer.world_size > 1)


def newest_state(runs: Path) -> Path | None:
    """The newest whole state of a training; one that was being written when the machine died is passed over."""
    states = sorted(runs.glob("step=*.ckpt"), key=lambda path: int(path.stem.split("=")[1]), reverse=True)
    return next((path for path in states if zipfile.is_zipfile(path)), None)


def run_training(task: StepwiseTask, runs: Path, steps: int, machines: Machines) -> bool:
    """Train up to a number of steps, going on from the newest state in `runs`; True in the process that is to save the result.

    Raises:
        Emote3DError: the devices are not there.
    """
    # without a metric to go by, the two newest states are kept
    saver = ModelCheckpoint(
        runs, filename="{step}", monitor="step", mode="max", save_top_k=2, every_n_train_steps=machines.save_every
    )
    try:
        trainer = lightning.Trainer(
            max_steps=steps,
            accelerator=machines.accelerator,
            devices=machines.devices,
            num_nodes=machines.nodes,
            strategy="ddp_find_unused_parameters_true" if machines.devices * machines.nodes > 1 else "auto",
            precision=machines.precision,
            logger=_logger(machines, runs),
            callbacks=[saver],
            log_every_n_steps=max(1, min(25, steps // 20)),
            enable_progress_bar=sys.stderr.isatty(),
            enable_model_summary=False,
            use_distributed_sampler=False,
            sync_batchnorm=machines.devices * machines.nodes > 1 and torch.cuda.is_available(),
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise Emote3DError(f"cannot train on these machines: {str(error).splitlines()[0]}") from error
    # the state is our own file in the runs folder; Lightning needs its non-tensor members
    trainer.fit(task, ckpt_path=newest_state(runs), weights_only=False)
    return trainer.is_global_zero


def _logger(machines: Machines, runs: Path) -> Any:
    if machines.logger == "tensorboard":
        from lightning.pytorch.loggers import TensorBoardLogger

        return TensorBoardLogger(runs, name="", version="log")
    return CSVLogger(runs, name="", version="log", flush_logs_every_n_steps=1)
