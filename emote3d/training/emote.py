"""Training of EMOTE: stage 1 on vertices, stage 2 with lip reading, emotion and the exchange of emotions (specs/emote.md 3.3, 3.4)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from emote3d.audio.wav2vec import ResampledWav2Vec
from emote3d.checkpoint import save_component
from emote3d.decoders.regression import RegressionDecoder
from emote3d.latents.condition import EmoteCondition
from emote3d.latents.speech import SpeechEncoder
from emote3d.prior.flint import FlintConfig, FlintDecoder
from emote3d.training.clip_batches import ClipSource, FaceBatch
from emote3d.training.faces import FacePoser, FaceShapes, directions_apart, masked_mean, masked_vertex_error
from emote3d.training.perceptual import Eyes, Perceivers
from emote3d.training.settings import EmoteTraining
from emote3d.training.stepwise import StepwiseTask


class EmoteNet(nn.Module):
    """The networks of an EMOTE checkpoint, together."""

    def __init__(
        self,
        audio: ResampledWav2Vec,
        latents: SpeechEncoder,
        condition: EmoteCondition,
        decoder: RegressionDecoder,
        prior: FlintDecoder,
        prior_config: FlintConfig,
    ) -> None:
        super().__init__()
        self.audio, self.latents, self.condition, self.decoder, self.prior = audio, latents, condition, decoder, prior
        self.prior_config = prior_config

    def hear(self, waveform: Float[Tensor, "batch samples"], frames: int) -> Float[Tensor, "batch frames content_d"]:
        """Content of windows of speech, each normalised by itself."""
        samples = 32768 * waveform
        mean, variance = samples.mean(dim=1, keepdim=True), samples.var(dim=1, correction=0, keepdim=True)
        return self.latents(self.audio((samples - mean) / torch.sqrt(variance + 1e-7), frames))

    def perform(
        self, content: Float[Tensor, "batch frames content_d"], labels: Int[Tensor, "batch 3"]
    ) -> Float[Tensor, "batch frames channels"]:
        """Motion under the conditions of training clips."""
        frames = content.shape[1]
        condition = self.condition.of_labels(labels).to(content)[:, None].expand(-1, frames, -1)
        return self.prior(self.decoder(content, condition))[:, :frames]

    def save(self, folder: Path, note: dict[str, Any]) -> None:
        """Write the components of a checkpoint folder that `--checkpoint` takes."""
        parts: list[tuple[str, nn.Module, object]] = [
            ("audio", self.audio, self.audio.config),
            ("latents", self.latents, self.latents.config),
            ("condition", self.condition, self.condition.config),
            ("decoder", self.decoder, self.decoder.config),
            ("prior", self.prior, self.prior_config),
        ]
        for name, module, config in parts:
            save_component(folder / name, module, config, note)


class EmoteTask(StepwiseTask):
    """Either stage; FLINT is frozen and keeps its running statistics."""

    def __init__(
        self,
        net: EmoteNet,
        poser: FacePoser,
        source: ClipSource,
        settings: EmoteTraining,
        perceivers: Perceivers | None = None,
        workers: int = 0,
    ) -> None:
        """`perceivers` are needed in stage 2; they are frozen and not saved with the training."""
        super().__init__(source, settings.seed, (settings.batch, settings.frames), workers)
        assert settings.stage == 1 or perceivers is not None
        self.net, self.poser, self.settings = net, poser, settings
        net.prior.requires_grad_(False)
        net.audio.requires_grad_(settings.stage == 1)
        net.audio.model.freeze_feature_encoder()  # else it asks for a gradient of its input, and goes all the way back
        self._perceivers = perceivers
        self._eyes = Eyes(poser.model) if perceivers is not None else None

    def on_fit_start(self) -> None:
        """Bring what is no part of the checkpoint to the training's device."""
        self.poser.model = self.poser.model.to(self.device)
        if self._perceivers is not None:
            for net in (self._perceivers.lips, self._perceivers.emotion):
                if isinstance(net, nn.Module):
                    net.to(self.device)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Keep what is frozen in evaluation mode."""
        super().on_train_batch_start(batch, batch_idx)
        self.net.prior.eval()
        if self.settings.stage == 2:
            self.net.audio.eval()

    def training_step(self, batch: FaceBatch, index: int) -> Tensor:
        """One step on a batch."""
        losses = self.losses(batch)
        weights = {
            "vertex": self.settings.vertex_weight,
            "lip": self.settings.lip_weight,
            "emotion": self.settings.emotion_weight,
        }
        total = torch.stack([weights[name.split("_")[0]] * value for name, value in losses.items()]).sum()
        self.log_losses({"loss": total.detach(), **{name: value.detach() for name, value in losses.items()}})
        return total

    def losses(self, batch: FaceBatch) -> dict[str, Float[Tensor, ""]]:
        """Every loss before weighting: vertex, and in stage 2 lip and emotion, and both on the exchanged half."""
        clips, frames = batch.expression.shape[:2]
        content = self.net.hear(batch.waveform, frames)
        exchanging = self.settings.stage == 2 and self.settings.exchange
        labels = batch.labels
        if exchanging:
            content = content.repeat(2, 1, 1)
            labels = torch.cat([labels, exchanged(batch)])
        motion = self.net.perform(content, labels)
        tracked = self.poser.pose(batch.expression, batch.jaw_axis_angle, batch.shape)
        original = self._posed(motion[:clips], batch)
        losses = {"vertex": masked_vertex_error(original.vertices_m, tracked.vertices_m, batch.valid)}
        if self.settings.stage == 1:
            return losses
        losses |= {
            "lip": self._lips_apart(original, tracked, batch.valid),
            "emotion": self._feelings_apart(original, batch.valid, tracked, batch.valid),
        }
        if exchanging:
            swapped = self._posed(motion[clips:], batch)
            partner = self.poser.pose(batch.partner_expression, batch.partner_jaw_axis_angle, batch.partner_shape)
            losses |= {
                "lip_exchanged": self._lips_apart(swapped, tracked, batch.valid),
                "emotion_exchanged": self._feelings_apart(swapped, batch.valid, partner, batch.partner_valid),
            }
        return losses

    def _posed(self, motion: Tensor, batch: FaceBatch) -> FaceShapes:
        return self.poser.pose(motion[..., :-3], motion[..., -3:], batch.shape)

    def _lips_apart(self, ours: FaceShapes, theirs: FaceShapes, valid: Tensor) -> Tensor:
        """Per frame, over the valid ones."""
        assert self._perceivers is not None and self._eyes is not None
        lips = self._perceivers.lips
        with torch.no_grad():
            target = lips.read(self._eyes.see(theirs, lips.sight))
        return masked_mean(directions_apart(lips.read(self._eyes.see(ours, lips.sight)), target), valid)

    def _feelings_apart(self, ours: FaceShapes, valid: Tensor, theirs: FaceShapes, their_valid: Tensor) -> Tensor:
        """Per sequence."""
        assert self._perceivers is not None and self._eyes is not None
        net = self._perceivers.emotion
        with torch.no_grad():
            target = net.feel(self._eyes.see(theirs, net.sight), their_valid)
        return directions_apart(net.feel(self._eyes.see(ours, net.sight), valid), target).mean()

    def configure_optimizers(self) -> Any:
        """Adam on what is not frozen; without a schedule unless the settings have one."""
        learning = [value for value in self.net.parameters() if value.requires_grad]
        optimizer = torch.optim.Adam(learning, lr=self.settings.learning_rate)
        if not self.settings.decay_steps:
            return optimizer
        end = self.settings.decay_steps
        fall = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * min(step / end, 1.0))
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": fall, "interval": "step"}}


def exchanged(batch: FaceBatch) -> Int[Tensor, "batch 3"]:
    """Labels of the exchanged half: emotion and intensity of the partner, the subject stays."""
    return torch.cat([batch.partner_labels[:, :2], batch.labels[:, 2:]], dim=1)
