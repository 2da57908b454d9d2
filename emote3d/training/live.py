"""Training of the live face: encoder, content head and decoder at once, through the frozen causal prior."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import CompactEncoder, LiveEncoderConfig, resample_features
from emote3d.audio.level import USUAL_LEVEL, RunningLevel
from emote3d.decoders.regression import RegressionDecoder
from emote3d.latents.speech import SpeechEncoder
from emote3d.prior.flint import MotionVAE
from emote3d.training.face import motion_losses, perform, weighted
from emote3d.training.geometry import FaceGeometry
from emote3d.training.hearing import Hearing, heard
from emote3d.training.run import Schedule
from emote3d.training.tape import FPS, TapeWindow, disturb, shuffle_pieces

_LEVELS = (-13.5, -7.5)
"""Levels of speech that a microphone may bring."""


@dataclass(frozen=True, kw_only=True)
class LiveTraining(Schedule):
    """Settings of the live training."""

    minutes: float = 50.0
    """The schedule ends after the steps or this time, whatever comes first."""
    encoder_rate: float = 0.6
    """The encoder's learning rate relative to the rest."""
    look_aheads: tuple[int, ...] = (2, 2, 2, 2, 4, 2, 2, 0, 4, 2, 1, 2, 2, 4, 2, 3)
    """Features that the encoder looks ahead, one a step in turn: one checkpoint serves all of them."""
    shuffled: int = 0
    """Windows of the batch whose pieces are heard in another order too, as `EncoderTraining.shuffled`."""


def start_from(offline: CompactEncoder, live: CompactEncoder) -> None:
    """Give a live encoder the weights of an offline one of the same sizes; taps that would lie too far ahead are lost."""
    state, given = live.state_dict(), offline.state_dict()
    shifts = {"stem": (2, offline.config.stem_future() - live.config.stem_future())}
    pairs = zip(offline.config.future_taps(), live.config.future_taps(), strict=True)
    for block, (before, now) in enumerate(pairs):
        shifts[f"blocks.{block}.depthwise"] = (2, before - now)
    for name, value in given.items():
        assert state[name].shape == value.shape, name
        _, shift = shifts.get(name.removesuffix(".weight"), (0, 0))
        moved = value.roll(shift, dims=-1) if shift else value.clone()
        if shift:
            moved[..., :shift] = 0
        state[name] = moved
    live.load_state_dict(state)


def as_heard_live(
    mel: Float[Tensor, "batch mel_frames mels"], rng: np.random.Generator
) -> Float[Tensor, "batch mel_frames mels"]:
    """Put each row at some microphone's level and subtract the running level, half of them from its very beginning."""
    batch = len(mel)
    level = rng.uniform(*_LEVELS, batch)
    known = rng.random(batch) < 0.5
    running = RunningLevel(
        level=np.where(known, level + rng.normal(0, 0.4, batch), USUAL_LEVEL),
        floor=np.where(known, level - rng.uniform(4, 12, batch), USUAL_LEVEL - 6.0),
        voiced=np.where(known, 500.0, 0.0),
    )
    return running.run(mel + torch.from_numpy(level).to(mel)[:, None, None])


class LiveTask(lightning.LightningModule):
    """Motion of the teacher from disturbed audio heard live; phones and articulation keep the encoder on the ground."""

    def __init__(
        self,
        audio: CompactEncoder,
        latents: SpeechEncoder,
        decoder: RegressionDecoder,
        prior: MotionVAE,
        settings: LiveTraining,
        face: FaceGeometry,
    ) -> None:
        super().__init__()
        assert isinstance(audio.config, LiveEncoderConfig), "an encoder with a choice of look-aheads"
        self.audio, self.latents, self.decoder, self.prior = audio, latents, decoder, prior
        self.settings, self.face = settings, face
        prior.requires_grad_(False)
        self.hearing = Hearing(audio.config)
        self.began_s = time.monotonic()
        self.rng = np.random.default_rng(settings.seed)
        self.noise = torch.Generator().manual_seed(settings.seed)

    def training_step(self, batch: TapeWindow, index: int) -> Tensor:
        """One step on a batch, at the look-ahead whose turn it is."""
        self.prior.eval()
        condition, motion = perform(batch, self.rng)
        turns = self.settings.look_aheads
        look_ahead = turns[self.global_step % len(turns)]
        with torch.autocast(batch.mel.device.type, torch.bfloat16):
            features = self.audio(self._heard(batch.mel), look_ahead)
            told = self.hearing(features, batch)
            strange = {}
            if self.settings.shuffled:
                pieces, phone = shuffle_pieces(batch, self.settings.shuffled, self.noise)
                strange = self.hearing.phone_losses(self.audio(self._heard(pieces), look_ahead), phone)
            features = resample_features(features, self.audio.config.feature_rate, FPS, motion.shape[1])
            rebuilt = self.prior.decoder(self.decoder(self.latents(features), condition)).float()
        losses = motion_losses(rebuilt, motion, self.face)
        self.log_dict(losses | told | {f"shuffled_{name}": value for name, value in strange.items()})
        return weighted(losses) + heard(told) + heard(strange)

    def _heard(self, mel: Float[Tensor, "batch mel_frames mels"]) -> Float[Tensor, "batch mel_frames mels"]:
        """Disturbed, and live."""
        return as_heard_live(disturb(mel, self.noise), self.rng)

    def configure_optimizers(self) -> Any:
        """AdamW; the rates rise, then fall to nothing at the end of the steps or the time. The encoder moves less."""
        rate = self.settings.learning_rate
        heads = (self.latents.content, self.decoder, self.hearing)
        groups = [
            {"params": [p for head in heads for p in head.parameters()], "lr": rate},
            {"params": list(self.audio.parameters()), "lr": rate * self.settings.encoder_rate},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self.rate_factor(step))  # noqa: PLW0108 - a method would be saved
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def rate_factor(self, step: int) -> float:
        """Share of the learning rate at a step: linear rise over 60 steps, then a cosine down to the end."""
        elapsed = (time.monotonic() - self.began_s) / (60 * self.settings.minutes)
        done = min(1.0, max(step / self.settings.steps, elapsed))
        return min(1.0, (step + 1) / 60) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-4

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop when the time is over."""
        if time.monotonic() - self.began_s > 60 * self.settings.minutes:
            self.trainer.should_stop = True
