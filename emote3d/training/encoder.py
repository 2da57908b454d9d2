"""Pre-training of the compact encoder: phones and the movements of the mouth, and phones in masked speech without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightning
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig
from emote3d.training.hearing import Hearing, heard
from emote3d.training.run import Schedule, one_cycle
from emote3d.training.tape import TapeWindow, disturb, mask_spans, shuffle_pieces

_TEACHER_DECAY = 0.999


@dataclass(frozen=True, kw_only=True)
class EncoderTraining(Schedule):
    """How the encoder is trained."""

    unlabelled: int = 0
    """Windows of speech without labels in a step, besides `batch`: their phones are predicted where they are masked."""
    masked_weight: float = 0.3
    """Of the masked prediction."""
    shuffled: int = 0
    """Windows of the batch whose pieces are heard in another order too, as words that nobody knows: their phones must be told by their sound."""
    dropout: float = 0.0
    """Share of the blocks' inner units left out in a step, against knowing the set's voices by heart."""


class EncoderTask(lightning.LightningModule):
    """Phones and articulation from disturbed audio, and masked prediction on unlabelled speech.

    The targets of masked prediction are the phones, as probabilities, that a slowly following copy of encoder and phone
    reader hears in the same speech clean and whole: HuBERT's task (Hsu et al. 2021) with a mean teacher (Tarvainen and Valpola 2017) instead of clusters.
    """

    def __init__(self, config: CompactEncoderConfig, settings: EncoderTraining) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = CompactEncoder(config)
        self.encoder.log_mel.fill_filters()
        self.encoder.drop(settings.dropout)
        self.hearing = Hearing(config)
        self.noise = torch.Generator().manual_seed(settings.seed)
        self.teacher = None
        if settings.unlabelled:
            self.teacher = AveragedModel(self._reader, multi_avg_fn=get_ema_multi_avg_fn(_TEACHER_DECAY)).eval()

    @property
    def _reader(self) -> nn.Sequential:
        """Log-mel to the logits of phones."""
        return nn.Sequential(self.encoder, self.hearing.phones)

    def training_step(self, batch: TapeWindow, index: int) -> Tensor:
        """One step on a batch."""
        losses = self.hearing(self.encoder(disturb(batch.mel, self.noise)), batch)
        loss = heard(losses)
        if self.settings.shuffled:
            mel, phone = shuffle_pieces(batch, self.settings.shuffled, self.noise)
            strange = self.hearing.phone_losses(self.encoder(disturb(mel, self.noise)), phone)
            losses |= {f"shuffled_{name}": value for name, value in strange.items()}
            loss = loss + heard(strange)
        if self.teacher is not None:
            losses["masked_ce"] = self._masked_prediction(self.teacher, batch.unlabelled)
            loss = loss + self.settings.masked_weight * losses["masked_ce"]
        self.log_dict(losses, prog_bar=False)
        return loss

    def on_train_start(self) -> None:
        """The teacher begins as a copy of what the training starts from; a resumed one has its own state."""
        if self.teacher is not None and not self.teacher.n_averaged:
            self.teacher.update_parameters(self._reader)

    def on_train_batch_end(self, outputs: Any, batch: TapeWindow, batch_idx: int) -> None:
        """The teacher follows."""
        if self.teacher is not None:
            self.teacher.update_parameters(self._reader)

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        taught = [*self.encoder.parameters(), *self.hearing.parameters()]
        return one_cycle([{"params": taught, "lr": self.settings.learning_rate}], self.settings)

    def _masked_prediction(self, teacher: nn.Module, mel: Float[Tensor, "rows mel_frames mels"]) -> Tensor:
        """Cross-entropy at the masked frames."""
        masked, hidden = mask_spans(disturb(mel, self.noise), self.noise)
        with torch.no_grad():
            told = teacher(mel).softmax(dim=2)
        errors = nn.functional.cross_entropy(
            self._reader(masked).transpose(1, 2), told.transpose(1, 2), reduction="none"
        )
        return errors[hidden].mean()
