"""Training of the face: the motion prior, then the decoder that drives it from speech, emotion and style."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import CompactEncoder, resample_features
from emote3d.data.acting import act
from emote3d.decoders.face import EXPRESSION
from emote3d.decoders.regression import RegressionDecoder
from emote3d.latents.direction import MAX_INTENSITY, STYLE_NAMES
from emote3d.latents.speech import SpeechEncoder
from emote3d.names import ARKIT_52, EMOTIONS
from emote3d.prior.flint import MotionVAE
from emote3d.training.geometry import FaceGeometry
from emote3d.training.hearing import Hearing, heard
from emote3d.training.onlookers import Onlookers
from emote3d.training.real_takes import RealTakes, take_losses
from emote3d.training.run import Schedule, one_cycle
from emote3d.training.tape import FPS, TapeWindow, disturb

CONDITION_D = len(EMOTIONS) + len(STYLE_NAMES)
_TAKE_WEIGHT = 1.5
_TAKE_DROPOUT = 0.3
"""Share of the features left out when a take is learnt: there are four, of one speaker."""
_ROTATION_WEIGHT = 400.0
"""mm^2 per rad^2: a radian of the head counts as 20 mm of skin."""


_MATTERS = {"tongueOut": 600.0, "mouthRollLower": 3.0, "mouthUpperUp": 2.0, "mouthLowerDown": 2.0}
"""Coefficients that move little skin, or rarely, but are looked at: tongue and teeth."""
_COEFFICIENT_WEIGHTS = torch.tensor([_MATTERS.get(n.removesuffix("Left").removesuffix("Right"), 1.0) for n in ARKIT_52])


@dataclass(frozen=True, kw_only=True)
class FaceTraining(Schedule):
    """Settings of either stage."""

    kl_weight: float = 1e-4
    tune_encoder: bool = False
    """Whether the decoder's training also moves the audio encoder, at `encoder_rate` of the learning rate."""
    encoder_rate: float = 0.3
    dropout: float = 0.0
    """Share of the inner units of the encoder's blocks left out in a step, where the encoder is moved."""
    takes: Path | None = None
    """Folder of FACEGOOD's takes: jaw and rounding are then correlated with real motion as well."""
    listeners: int = 0
    """Small nets that guess the jaw of the folder's recordings without motion, which then count as takes too."""
    take_batch: int = 6
    seen_weight: float = 0.0
    """Weight of what lip reader and emotion network see of the performance (stage 2); 0 leaves them out."""


def draw_direction(
    rng: np.random.Generator, frames: int
) -> tuple[Float[np.ndarray, "frames emotions"], Float[np.ndarray, "styles"]]:
    """A random direction: neutral, one emotion or a blend, constant or changing once; and a random style."""

    def weights() -> np.ndarray:
        emotion = np.zeros(len(EMOTIONS))
        if rng.random() > 0.2:
            chosen = rng.choice(np.arange(1, len(EMOTIONS)), size=1 + (rng.random() < 0.25), replace=False)
            emotion[chosen] = rng.dirichlet(np.ones(len(chosen))) * rng.uniform(0.15, MAX_INTENSITY)
        emotion[0] = max(0.0, 1 - emotion.sum())
        return emotion

    mix = np.zeros(frames)
    if rng.random() < 0.3:
        mix = 1 / (1 + np.exp(-(np.arange(frames) - rng.uniform(0.2, 0.8) * frames) / rng.uniform(3, 12)))
    style = np.where(rng.random(len(STYLE_NAMES)) < 0.4, 0.0, rng.uniform(np.log(0.5), np.log(2.0), len(STYLE_NAMES)))
    style[0] = min(style[0], np.log(1.5))
    return weights() * (1 - mix)[:, None] + weights() * mix[:, None], style


def perform(
    window: TapeWindow, rng: np.random.Generator
) -> tuple[Float[Tensor, "batch frames condition"], Float[Tensor, "batch frames channels"]]:
    """Let the teacher act a batch under random directions: the conditions, and the motion they should give.

    Emotion and speech are paired at random: EMOTE's content-emotion exchange is built into the data.
    """
    conditions, motions = [], []
    frames = window.accent.shape[1]
    for row in range(len(window.accent)):
        emotion, style = draw_direction(rng, frames)
        channels = act(
            window.articulation[row].double().numpy(),
            window.accent[row].double().numpy(),
            window.loudness[row].double().numpy(),
            emotion,
            style,
        )
        conditions.append(np.concatenate([emotion, np.broadcast_to(style, (frames, len(style)))], axis=1))
        motions.append(channels)
    return torch.from_numpy(np.stack(conditions)).float(), torch.from_numpy(np.stack(motions)).float()


def motion_losses(
    predicted: Float[Tensor, "batch frames channels"],
    target: Float[Tensor, "batch frames channels"],
    face: FaceGeometry,
) -> dict[str, Float[Tensor, ""]]:
    """Errors of skin (mm^2), its velocity (mm^2 per frame^2), coefficients and their jerk (per frame^3, squared), rotations
    (rad^2) and lip opening (mm, more where closed)."""
    with torch.autocast(target.device.type, enabled=False):
        error = predicted.float() - target
        skin = error[..., EXPRESSION]
        gap_error = face.lip_gap(skin).abs()
        closed = (face.lip_gap(target[..., EXPRESSION]) < 0.8).float()
        return {
            "skin": face.skin_error(skin).mean(),
            "coefficients": (skin.square() * _COEFFICIENT_WEIGHTS.to(skin)).mean(),
            "jerk": skin.diff(n=3, dim=1).square().mean(),
            "velocity": face.skin_error(skin.diff(dim=1)).mean(),
            "rotation": error[..., EXPRESSION.stop :].square().sum(dim=-1).mean(),
            "gap": (gap_error * (1 + 8 * closed)).mean(),
        }


def weighted(losses: dict[str, Tensor]) -> Tensor:
    """The sum that is minimised."""
    weights = {
        "skin": 1.0, "coefficients": 60.0, "jerk": 400.0, "velocity": 1.5, "rotation": _ROTATION_WEIGHT, "gap": 1.75,
    }  # fmt: skip
    return sum((weights[name] * value for name, value in losses.items()), torch.zeros(()))


class _FaceTask(lightning.LightningModule):
    """What both stages share: the optimiser and the source of randomness."""

    def __init__(self, settings: FaceTraining, face: FaceGeometry) -> None:
        super().__init__()
        self.settings, self.face = settings, face
        self.rng = np.random.default_rng(settings.seed)
        self.noise = torch.Generator().manual_seed(settings.seed)

    def trained(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimiser."""
        raise AssertionError("each stage names its parameters")

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        return one_cycle(self.trained(), self.settings)


class PriorTask(_FaceTask):
    """The motion prior on acted motion: reconstruction and KL."""

    def __init__(self, prior: MotionVAE, settings: FaceTraining, face: FaceGeometry) -> None:
        super().__init__(settings, face)
        self.prior = prior

    def trained(self) -> list[dict[str, Any]]:
        """All of the prior."""
        return [{"params": list(self.prior.parameters()), "lr": self.settings.learning_rate}]

    def training_step(self, batch: TapeWindow, index: int) -> Tensor:
        """One step on a batch."""
        _, motion = perform(batch, self.rng)
        config = self.prior.config
        shape = (len(motion), motion.shape[1] // config.frames_per_latent, config.d)
        rebuilt, kl = self.prior(motion, torch.randn(shape, generator=self.noise))
        losses = motion_losses(rebuilt, motion, self.face)
        self.log_dict(losses | {"kl": kl})
        return weighted(losses) + self.settings.kl_weight * kl


class DecoderTask(_FaceTask):
    """The decoder through the frozen prior; the encoder frozen or nearly so."""

    def __init__(
        self,
        audio: CompactEncoder,
        latents: SpeechEncoder,
        decoder: RegressionDecoder,
        prior: MotionVAE,
        settings: FaceTraining,
        face: FaceGeometry,
    ) -> None:
        super().__init__(settings, face)
        self.audio, self.latents, self.decoder, self.prior = audio, latents, decoder, prior
        prior.requires_grad_(False)
        audio.train(settings.tune_encoder).requires_grad_(settings.tune_encoder)
        audio.drop(settings.dropout)
        self.hearing = Hearing(audio.config) if settings.tune_encoder else None
        self.onlookers = Onlookers() if settings.seen_weight else None
        takes = RealTakes(settings.takes, listeners=settings.listeners) if settings.takes else None
        self.take_windows = takes and takes.windows(settings.take_batch, settings.seconds, self.rng)

    def trained(self) -> list[dict[str, Any]]:
        """Content head and decoder, and perhaps the encoder with the heads that keep it on the ground."""
        rate = self.settings.learning_rate
        groups: list[dict[str, Any]] = [
            {"params": [*self.latents.content.parameters(), *self.decoder.parameters()], "lr": rate}
        ]
        if self.hearing is not None:
            groups[0]["params"] += self.hearing.parameters()
            groups.append({"params": list(self.audio.parameters()), "lr": self.settings.encoder_rate * rate})
        return groups

    def performed(
        self, features: Float[Tensor, "batch feature_frames d"], condition: Float[Tensor, "batch frames condition"]
    ) -> Float[Tensor, "batch frames channels"]:
        """The motion that the nets give."""
        frames = condition.shape[1]
        features = resample_features(features, self.audio.config.feature_rate, FPS, frames)
        return self.prior.decoder(self.decoder(self.latents(features), condition))[:, :frames]

    def training_step(self, batch: TapeWindow, index: int) -> Tensor:
        """One step on a batch."""
        self.prior.eval()
        condition, motion = perform(batch, self.rng)
        with torch.set_grad_enabled(self.settings.tune_encoder):
            features = self.audio(disturb(batch.mel, self.noise))
        made = self.performed(features, condition)
        losses = motion_losses(made, motion, self.face)
        total = weighted(losses)
        if self.onlookers is not None:
            seen = self.onlookers.losses(made, motion)
            total, losses = total + self.settings.seen_weight * sum(seen.values()), losses | seen
        if self.hearing is not None:
            told = self.hearing(features, batch)
            total, losses = total + heard(told), losses | told
        if self.take_windows is not None:
            window = next(self.take_windows)
            condition = torch.zeros(*window.curves.shape[:2], CONDITION_D)
            condition[..., EMOTIONS.index("neutral")] = 1
            features = torch.nn.functional.dropout(self.audio(disturb(window.mel, self.noise)), _TAKE_DROPOUT)
            alike = take_losses(self.performed(features, condition), window.curves)
            total, losses = total + _TAKE_WEIGHT * sum(alike.values()), losses | alike
        self.log_dict(losses)
        return total
