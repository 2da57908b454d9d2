"""Pre-training of the compact encoder: phones and the movements of the mouth, from sound alone."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor, nn

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig, resample_features
from emote3d.data.coarticulation import ARTICULATION
from emote3d.data.phones import SYMBOLS
from emote3d.training.run import Schedule, one_cycle
from emote3d.training.tape import FPS, TapeWindow, disturb

CLOSURE = ARTICULATION.index("closure")


class EncoderTask(lightning.LightningModule):
    """Phone cross-entropy at the feature rate and articulation regression at the motion rate, on disturbed audio."""

    def __init__(self, config: CompactEncoderConfig, settings: Schedule) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = CompactEncoder(config)
        self.encoder.log_mel.fill_filters()
        self.phones = nn.Linear(config.d, len(SYMBOLS))
        self.articulation = nn.Linear(config.d, len(ARTICULATION))
        self.noise = torch.Generator().manual_seed(settings.seed)

    def training_step(self, batch: TapeWindow, index: int) -> Tensor:
        """One step on a batch."""
        features = self.encoder(disturb(batch.mel, self.noise))
        cross_entropy = nn.functional.cross_entropy(self.phones(features).transpose(1, 2), batch.phone)
        resampled = resample_features(features, self.encoder.config.feature_rate, FPS, batch.accent.shape[1])
        error = self.articulation(resampled) - batch.articulation
        mse = error.square().mean()
        closure = error[..., CLOSURE].square().mean()
        velocity = error.diff(dim=1).square().mean()
        values = {"phone_ce": cross_entropy, "articulation_mse": mse, "closure_mse": closure}
        self.log_dict(values, prog_bar=False)
        return 0.3 * cross_entropy + 10 * mse + 3 * closure + 10 * velocity

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        return one_cycle([{"params": list(self.parameters()), "lr": self.settings.learning_rate}], self.settings)
