"""Training of FLINT: 1e6 x mean squared vertex error + 1e-3 x KL (specs/emote.md 3.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from emote3d.prior.flint import MotionVAE
from emote3d.training.clip_batches import ClipSource, FaceBatch
from emote3d.training.faces import FacePoser, masked_vertex_error
from emote3d.training.settings import FlintTraining
from emote3d.training.stepwise import StepwiseTask


class FlintTask(StepwiseTask):
    """The temporal VAE on tracked faces."""

    def __init__(
        self, prior: MotionVAE, poser: FacePoser, source: ClipSource, settings: FlintTraining, workers: int = 0
    ) -> None:
        super().__init__(source, settings.seed, (settings.batch, settings.frames), workers)
        self.prior, self.poser, self.settings = prior, poser, settings

    def on_fit_start(self) -> None:
        """Bring the body model to the training's device."""
        self.poser.model = self.poser.model.to(self.device)

    def training_step(self, batch: FaceBatch, index: int) -> Tensor:
        """One step; each clip draws its own noise, so that a batch is the same in one process or many."""
        motion = torch.cat([batch.expression, batch.jaw_axis_angle], dim=-1)
        latents = motion.shape[1] // self.prior.config.frames_per_latent
        noise = torch.stack([_noise(int(seed), latents, self.prior.config.d) for seed in batch.noise]).to(motion)
        rebuilt, kl = self.prior(motion, noise)
        tracked = self.poser.pose(batch.expression, batch.jaw_axis_angle, batch.shape)
        posed = self.poser.pose(rebuilt[..., :-3], rebuilt[..., -3:], batch.shape)
        vertex = masked_vertex_error(posed.vertices_m, tracked.vertices_m, batch.valid)
        loss = self.settings.vertex_weight * vertex + self.settings.kl_weight * kl
        self.log_losses({"loss": loss, "vertex_mm2": 1e6 * vertex, "kl": kl})
        return loss

    def configure_optimizers(self) -> Any:
        """Adam without a schedule."""
        return torch.optim.Adam(self.prior.parameters(), lr=self.settings.learning_rate)


def _noise(seed: int, latent_frames: int, d: int) -> Tensor:
    return torch.randn(latent_frames, d, generator=torch.Generator().manual_seed(seed))
