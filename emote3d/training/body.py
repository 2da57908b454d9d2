"""Training of the body: the motion prior, then the latent denoiser that drives it from speech, emotion and style."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import lightning
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders.denoiser import Conditions, Denoiser, conditions_by_latent
from emote3d.prior.body import ROTATIONS
from emote3d.prior.mld import MldVAE
from emote3d.prior.patch import PatchPrior
from emote3d.training.diffusion import DiffusionTask, DiffusionTraining

_LEAST_ROTATION, _LEAST_TRANSLATION_M = 0.05, 0.02
"""Channels that vary less are normalised as if they varied so much, or their noise would count as much as gestures."""


class BodyBatch(NamedTuple):
    """Windows of body motion with what drives them (a tuple, since Lightning moves no frozen dataclass to a device)."""

    motion: Float[Tensor, "batch frames channels"]
    """Channels of `emote3d.prior.body`."""
    content: Float[Tensor, "batch frames content_d"]
    emotion: Float[Tensor, "batch emotion_rows emotion_d"]
    """A row for each frame, or one for all."""
    style: Float[Tensor, "batch 1 style_d"]


@dataclass(frozen=True, kw_only=True)
class BodyPriorTraining:
    """Settings of the training of the motion prior."""

    steps: int = 6000
    batch: int = 16
    learning_rate: float = 5e-4
    kl_weight: float = 1e-4
    velocity_weight: float = 4.0
    """Of the squared error of the frame-to-frame change, relative to that of the channels."""
    seed: int = 0


def set_channel_scale(prior: MldVAE, motion: Float[Tensor, "many channels"]) -> None:
    """Let the prior normalise by the mean and deviation of these frames."""
    least = torch.full_like(prior.channel_std, _LEAST_TRANSLATION_M)
    least[ROTATIONS] = _LEAST_ROTATION
    prior.channel_mean.copy_(motion.mean(dim=0))
    prior.channel_std.copy_(torch.maximum(motion.std(dim=0), least))


class BodyPriorTask(lightning.LightningModule):
    """The prior on windows of motion: reconstruction, its velocity, KL."""

    def __init__(self, prior: MldVAE, settings: BodyPriorTraining) -> None:
        super().__init__()
        self.prior, self.settings = prior, settings
        self.noise = torch.Generator().manual_seed(settings.seed)

    def training_step(self, batch: BodyBatch, index: int) -> Tensor:
        """One step on a batch."""
        config = self.prior.config
        latents = batch.motion.shape[1] // config.frames_per_latent
        noise = torch.randn(len(batch.motion), latents, config.d, generator=self.noise).to(batch.motion)
        rebuilt, kl = self.prior(batch.motion, noise)
        error = (rebuilt - batch.motion) / self.prior.channel_std
        losses = {"error": error.square().mean(), "velocity": error.diff(dim=1).square().mean(), "kl": kl}
        self.log_dict(losses)
        return losses["error"] + self.settings.velocity_weight * losses["velocity"] + self.settings.kl_weight * kl

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state of the noise."""
        checkpoint["noise_state"] = self.noise.get_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the noise up where it was."""
        self.noise.set_state(checkpoint["noise_state"].cpu())

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        rate = self.settings.learning_rate
        optimizer = torch.optim.AdamW(self.prior.parameters(), lr=rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rate, total_steps=self.settings.steps, pct_start=min(0.5, max(0.05, 2 / self.settings.steps))
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class BodyDiffusionTask(DiffusionTask):
    """The denoiser on latents of the frozen prior."""

    def __init__(self, denoiser: Denoiser, prior: MldVAE | PatchPrior, settings: DiffusionTraining) -> None:
        super().__init__(denoiser, settings)
        self.prior = prior.eval().requires_grad_(False)

    def latents(self, batch: BodyBatch) -> tuple[Float[Tensor, "batch latents latent_d"], Conditions]:
        """Latents drawn from the prior's encoder, and the conditions at their rate."""
        self.prior.eval()
        mean, logvar = self.prior.encode(batch.motion)
        noise = torch.randn(mean.shape, generator=self.noise).to(mean)
        conditions = conditions_by_latent(
            batch.content, batch.emotion, batch.style, self.prior.config.frames_per_latent
        )
        return mean + noise * torch.exp(0.5 * logvar), conditions
