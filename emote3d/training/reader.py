"""Training of the speech reader: phones, and what they want of the lips, from sound of which a part is disturbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightning
import torch
from torch import Tensor

from emote3d.audio.lips import SpeechReader
from emote3d.training.hearing import heard, phone_losses
from emote3d.training.run import Schedule, one_cycle
from emote3d.training.tape import TapeWindow, disturb


@dataclass(frozen=True, kw_only=True)
class ReaderTraining(Schedule):
    """How the speech reader is trained."""

    disturbed: float = 0.5
    """Share of the windows that are heard in noise, rooms and through a telephone; the others are as they lie on the tape."""
    known_rate: float = 0.4
    """Learning rate of what the encoder brought with it, relative to that of the blocks behind it."""


class ReaderTask(lightning.LightningModule):
    """Teaches a reader whose encoder had so many blocks when it came."""

    def __init__(self, reader: SpeechReader, settings: ReaderTraining, known_blocks: int) -> None:
        super().__init__()
        self.reader, self.settings = reader.train().requires_grad_(True), settings
        self.known_blocks = known_blocks
        self.noise = torch.Generator().manual_seed(settings.seed)

    def training_step(self, batch: TapeWindow, index: int) -> Tensor:
        """One step on a batch."""
        count = round(self.settings.disturbed * len(batch.mel))
        mel = torch.cat([disturb(batch.mel[:count], self.noise), batch.mel[count:]])
        losses = phone_losses(self.reader.phones, self.reader(mel), batch.phone)
        self.log_dict(losses, prog_bar=False)
        return heard(losses)

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        rate = self.settings.learning_rate
        added = [*self.reader.encoder.blocks[self.known_blocks :].parameters()]
        known = [one for one in self.reader.parameters() if not any(one is other for other in added)]
        groups = [{"params": known, "lr": self.settings.known_rate * rate}]
        return one_cycle([*groups, {"params": added, "lr": rate}], self.settings)
