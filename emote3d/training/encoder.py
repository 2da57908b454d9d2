"""Pre-training of the compact encoder: phones and the movements of the mouth, from sound alone."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig
from emote3d.training.hearing import Hearing, heard
from emote3d.training.run import Schedule, one_cycle
from emote3d.training.tape import TapeWindow, disturb


class EncoderTask(lightning.LightningModule):
    """Phones and articulation from disturbed audio."""

    def __init__(self, config: CompactEncoderConfig, settings: Schedule) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = CompactEncoder(config)
        self.encoder.log_mel.fill_filters()
        self.hearing = Hearing(config)
        self.noise = torch.Generator().manual_seed(settings.seed)

    def training_step(self, batch: TapeWindow, index: int) -> Tensor:
        """One step on a batch."""
        losses = self.hearing(self.encoder(disturb(batch.mel, self.noise)), batch)
        self.log_dict(losses, prog_bar=False)
        return heard(losses)

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        return one_cycle([{"params": list(self.parameters()), "lr": self.settings.learning_rate}], self.settings)
