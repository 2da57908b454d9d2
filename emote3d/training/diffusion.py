"""Training of latent diffusion, whatever the latents are of: noise, time, dropped conditions, loss, average weights."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders.denoiser import Conditions, Denoiser, draw_keep
from emote3d.decoders.schedule import add_noise, diffusion_loss, draw_steps, training_target


@dataclass(frozen=True, kw_only=True)
class DiffusionTraining:
    """Settings of the training of a denoiser."""

    steps: int = 6000
    batch: int = 32
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    drop: float = 0.1
    """Probability with which each condition is dropped, and again all of them; 0 for a denoiser without null twins."""
    average: float = 0.998
    """Decay of the running average of the weights, which is what is kept."""
    weighted: bool = True
    """Weight the loss by signal-to-noise ratio; AMUSE does not."""
    seed: int = 0


def set_latent_scale(denoiser: Denoiser, z: Float[Tensor, "many latent_d"]) -> None:
    """Let the denoiser normalise by the mean and deviation of these latents."""
    denoiser.latent_mean.copy_(z.mean(dim=0))
    denoiser.latent_std.copy_(z.std(dim=0).clamp_min(1e-3))


def denoising_loss(
    denoiser: Denoiser,
    z: Float[Tensor, "batch latents latent_d"],
    conditions: Conditions,
    settings: DiffusionTraining,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Noise the latents of the prior to random steps and let the denoiser predict."""
    config = denoiser.config
    clean = denoiser.normalise(z)
    step = draw_steps(len(z), config.schedule.steps, generator)
    alpha = config.schedule.alphas_cumprod()[step].to(z)
    noise = torch.randn(z.shape, generator=generator).to(z)
    keep = draw_keep(len(z), settings.drop, generator).to(z.device) if config.null_twins else None
    given = denoiser(add_noise(clean, noise, alpha), step.to(z.device), conditions, keep)
    target = training_target(config.prediction, clean, noise, alpha)
    return diffusion_loss(config.prediction, given, target, alpha, settings.weighted)


class DiffusionTask(lightning.LightningModule, ABC):
    """Base of the trainings of face and body: a subclass says what latents and conditions a batch has."""

    def __init__(self, denoiser: Denoiser, settings: DiffusionTraining) -> None:
        super().__init__()
        self.denoiser, self.settings = denoiser, settings
        self.averaged = copy.deepcopy(denoiser).requires_grad_(False).eval()
        self.noise = torch.Generator().manual_seed(settings.seed)

    @abstractmethod
    def latents(self, batch: Any) -> tuple[Float[Tensor, "batch latents latent_d"], Conditions]:
        """The latents of the prior and the conditions of a batch."""

    def training_step(self, batch: Any, index: int) -> Tensor:
        """One step on a batch."""
        with torch.no_grad():
            z, conditions = self.latents(batch)
        loss = denoising_loss(self.denoiser, z, conditions, self.settings, self.noise)
        self.log("loss", loss)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the average towards the weights; early on it follows them closely."""
        decay = min(self.settings.average, (1 + self.global_step) / (10 + self.global_step))
        with torch.no_grad():
            mine = dict(self.denoiser.named_parameters())
            for name, average in self.averaged.named_parameters():
                average.lerp_(mine[name], 1 - decay)
            self.averaged.load_state_dict(dict(self.denoiser.named_buffers()), strict=False)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state of the noise, so that a resumed training goes on as if it had not stopped."""
        checkpoint["noise_state"] = self.noise.get_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the noise up where it was."""
        self.noise.set_state(checkpoint["noise_state"].cpu())

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        settings = self.settings
        optimizer = torch.optim.AdamW(
            self.denoiser.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            settings.learning_rate,
            total_steps=settings.steps,
            pct_start=min(0.5, max(0.05, 2 / settings.steps)),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
