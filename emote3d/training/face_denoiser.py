"""Training of the face's denoiser: the teacher's motion with its chances drawn, through frozen encoder, decoder and prior."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from emote3d.audio.encoder import CompactEncoder, resample_features
from emote3d.data.acting import act
from emote3d.decoders.denoiser import Conditions, Denoiser, DenoiserConfig
from emote3d.decoders.face_diffusion import BLINK_RATES, LIFE_CHANNELS, face_conditions, life_rows
from emote3d.decoders.life import draw_life
from emote3d.decoders.regression import RegressionDecoder
from emote3d.decoders.schedule import ScheduleConfig
from emote3d.latents.speech import SpeechEncoder
from emote3d.prior.flint import MotionVAE
from emote3d.training.diffusion import DiffusionTask, DiffusionTraining
from emote3d.training.face import draw_direction
from emote3d.training.tape import FPS

_CHUNK_S = 60
_WHIM_S, _WHIM = 0.7, 0.75
"""How fast and how much a speaker's way with accents wanders: the same word is stressed with the brows or not."""


class FaceWindow(NamedTuple):
    """Windows of speech with what its teacher made of them."""

    content: Float[Tensor, "batch frames content_d"]
    emotion: Float[Tensor, "batch frames 8"]
    style: Float[Tensor, "batch frames 4"]
    """The face's style latent and the logarithm of the blink rate."""
    motion: Float[Tensor, "batch frames channels"]
    life: Float[Tensor, "batch latents life_d"]


@dataclass(frozen=True, kw_only=True)
class FaceParts:
    """The trained components of the face that the denoiser builds on."""

    audio: CompactEncoder
    latents: SpeechEncoder
    decoder: RegressionDecoder
    prior: MotionVAE

    def denoiser_config(self, d: int, layers: int, heads: int = 4) -> DenoiserConfig:
        """A denoiser that fits them."""
        group, latent_d = self.prior.config.frames_per_latent, self.prior.config.d
        return DenoiserConfig(
            latent_d=latent_d + group * LIFE_CHANNELS,
            content_d=group * self.latents.config.content_d + latent_d,
            emotion_d=self.latents.config.emotions,
            style_d=4,
            d=d,
            heads=heads,
            feedforward_d=2 * d,
            layers=layers,
            dropout=0.0,
            prediction="velocity",
            conditioning="latents",
            null_twins=True,
            schedule=ScheduleConfig(zero_terminal=True),
        )


def hear_tape(tape: Path, parts: FaceParts, hours: float) -> Float[np.ndarray, "frames content_d"]:
    """Content latents at the motion rate of the first hours of a tape."""
    mel = np.load(tape / "mel.npy", mmap_mode="r")
    rows, content = 100 * _CHUNK_S, []
    for start in range(0, min(len(mel), round(hours * 3600 * 100)) - rows + 1, rows):
        with torch.inference_mode():
            features = parts.audio(torch.from_numpy(mel[start : start + rows].astype(np.float32))[None])
            features = resample_features(features, parts.audio.config.feature_rate, FPS, _CHUNK_S * FPS)
            content.append(parts.latents(features)[0].half().numpy())
    return np.concatenate(content)


@dataclass(frozen=True, kw_only=True)
class ActedWindows:
    """What the teacher acts for the face's denoiser."""

    seed: int = 0
    windows: int = 3000
    """Windows to act."""
    seconds: int = 8
    """Length of a window; a multiple of what a latent spans."""
    frames_per_latent: int = 8


_ACTED = ("emotion", "style", "motion", "life")


def act_tape(tape: Path, folder: Path, frames_heard: int, settings: ActedWindows) -> None:
    """Act windows of a tape, each once under a random direction with random accents and life, and keep them in a folder."""
    members = [np.load(tape / f"{name}.npy", mmap_mode="r") for name in ("articulation", "accent", "loudness")]
    rng = np.random.default_rng(settings.seed)
    frames = settings.seconds * FPS
    starts = rng.integers(0, (frames_heard - frames) // 3, size=settings.windows) * 3
    acted = []
    for start in starts:
        articulation, accent, loudness = (np.asarray(member[start : start + frames], float) for member in members)
        acted.append(_act(articulation, accent, loudness, settings.frames_per_latent, rng))
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in zip(_ACTED, zip(*acted, strict=True), strict=True):
        np.save(folder / f"{name}.npy", np.stack(part).astype(np.float16))
    np.save(folder / "start.npy", starts)


def _act(
    articulation: np.ndarray, accent: np.ndarray, loudness: np.ndarray, frames_per_latent: int, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    frames = len(accent)
    emotion, style = draw_direction(rng, frames)
    rate = np.exp(rng.uniform(*np.log(BLINK_RATES))) if rng.random() < 0.4 else 1.0
    whim = gaussian_filter1d(rng.normal(size=frames + 120), _WHIM_S * FPS)[60:-60]
    whim *= _WHIM * np.sqrt(2 * np.sqrt(np.pi) * _WHIM_S * FPS)
    motion = act(articulation, accent * np.exp(whim - 0.5 * _WHIM**2), loudness, emotion, style)
    life = draw_life(emotion, loudness, FPS, rng, rate)
    styles = np.broadcast_to(np.append(style, np.log(rate)), (frames, 4))
    return emotion, styles, motion, life_rows(life, frames_per_latent, frames // frames_per_latent).numpy()


class FaceWindows:
    """Random batches of acted windows with the content that was heard in them."""

    def __init__(
        self, folder: Path, content: Float[np.ndarray, "heard content_d"], settings: DiffusionTraining
    ) -> None:
        self._members = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ACTED]
        self._starts = np.load(folder / "start.npy")
        self._content, self._settings = content, settings

    def __iter__(self) -> Iterator[FaceWindow]:
        rng = np.random.default_rng(self._settings.seed)
        frames = self._members[0].shape[1]
        while True:
            rows = rng.integers(0, len(self._starts), size=self._settings.batch)
            content = np.stack([self._content[start : start + frames] for start in self._starts[rows]])
            parts = (content, *(member[rows] for member in self._members))
            yield FaceWindow(*(torch.from_numpy(part).float() for part in parts))


class FaceDiffusionTask(DiffusionTask):
    """The denoiser on what the prior's latents have beyond the regression decoder's, and on the life beside them."""

    def __init__(self, denoiser: Denoiser, parts: FaceParts, settings: DiffusionTraining) -> None:
        super().__init__(denoiser, settings)
        self.decoder = parts.decoder.eval().requires_grad_(False)
        self.prior = parts.prior.eval().requires_grad_(False)

    def latents(self, batch: FaceWindow) -> tuple[Float[Tensor, "batch latents latent_d"], Conditions]:
        """Departures from the expected latents beside the life, and the conditions."""
        self.decoder.eval()
        self.prior.eval()
        expected = self.decoder(batch.content, torch.cat([batch.emotion, batch.style[..., :3]], dim=2))
        mean, _ = self.prior.encoder(batch.motion)
        group = self.prior.config.frames_per_latent
        conditions = face_conditions(batch.content, expected, batch.emotion, batch.style, group)
        return torch.cat([mean - expected, batch.life], dim=2), conditions
