"""Training of the face's denoiser: the teacher's motion with its chances drawn, in the latents of a frozen prior."""

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

from emote3d.data.acting import act
from emote3d.decoders.denoiser import Conditions, Denoiser, DenoiserConfig
from emote3d.decoders.face_diffusion import BLINK_RATES, LIFE_CHANNELS, face_conditions, life_rows
from emote3d.decoders.life import draw_life
from emote3d.decoders.schedule import ScheduleConfig
from emote3d.errors import existing
from emote3d.names import EMOTIONS
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.training.diffusion import DiffusionTask, DiffusionTraining
from emote3d.training.face import draw_direction
from emote3d.training.tape import FPS

_WHIM_S, _WHIM = 0.7, 0.75
"""How fast and how much a speaker's way with accents wanders: the same word is stressed with the brows or not."""
_DOUBT = 0.15
"""Deviation of what the regression decoder may be wrong by, relative to that of the latents it expects."""


class FaceWindow(NamedTuple):
    """Windows of latents: what a voice determines of the teacher's motion, and what it leaves open."""

    expected: Float[Tensor, "batch latents latent_d"]
    """Latents of the motion with the average way to stress."""
    departure: Float[Tensor, "batch latents latent_d"]
    """What the actual way adds."""
    life: Float[Tensor, "batch latents life_d"]
    emotion: Float[Tensor, "batch frames 8"]
    style: Float[Tensor, "batch frames 4"]
    """The face's style latent and the logarithm of the blink rate."""


@dataclass(frozen=True, kw_only=True)
class ActedWindows:
    """What the teacher acts for the face's denoiser."""

    seed: int = 0
    windows: int = 2000
    """Windows to act."""
    seconds: int = 8
    """Length of a window; a multiple of what a latent spans."""


def face_denoiser_config(prior: FlintConfig, d: int, layers: int, heads: int = 4) -> DenoiserConfig:
    """A denoiser that fits a prior."""
    return DenoiserConfig(
        latent_d=prior.d + prior.frames_per_latent * LIFE_CHANNELS,
        content_d=prior.d,
        emotion_d=len(EMOTIONS),
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


def act_windows(tape: Path, prior: MotionVAE, settings: ActedWindows) -> FaceWindow:
    """Act windows of a tape, each once under a random direction with random accents and life, and encode them."""
    existing(tape, "a tape, which scripts/train_face.py make-tape writes")
    members = [np.load(tape / f"{name}.npy", mmap_mode="r") for name in ("articulation", "accent", "loudness")]
    rng = np.random.default_rng(settings.seed)
    frames = settings.seconds * FPS
    rows = []
    for start in rng.integers(0, (len(members[0]) - frames) // 3, size=settings.windows) * 3:
        speech = [np.asarray(member[start : start + frames], float) for member in members]
        rows.append(_act(speech[0], speech[1], speech[2], prior, rng))
    return FaceWindow(*(torch.stack(part) for part in zip(*rows, strict=True)))


def _act(
    articulation: np.ndarray, accent: np.ndarray, loudness: np.ndarray, prior: MotionVAE, rng: np.random.Generator
) -> FaceWindow:
    frames, group = len(accent), prior.config.frames_per_latent
    emotion, style = draw_direction(rng, frames)
    rate = np.exp(rng.uniform(*np.log(BLINK_RATES))) if rng.random() < 0.4 else 1.0
    whim = gaussian_filter1d(rng.normal(size=frames + 120), _WHIM_S * FPS)[60:-60]
    whim *= _WHIM * np.sqrt(2 * np.sqrt(np.pi) * _WHIM_S * FPS)
    motions = [
        act(articulation, accent * stress, loudness, emotion, style)
        for stress in (np.ones(frames), np.exp(whim - 0.5 * _WHIM**2))
    ]
    with torch.inference_mode():
        mean, _ = prior.encoder(torch.from_numpy(np.stack(motions)).float())
    life = draw_life(emotion, loudness, FPS, rng, rate)
    styles = np.tile(np.append(style, np.log(rate)), (frames, 1))
    return FaceWindow(
        expected=mean[0],
        departure=mean[1] - mean[0],
        life=life_rows(life, group, frames // group),
        emotion=torch.from_numpy(emotion).float(),
        style=torch.from_numpy(styles).float(),
    )


class FaceWindows:
    """Random batches of acted windows."""

    def __init__(self, windows: FaceWindow, batch: int, seed: int) -> None:
        self._windows, self._batch, self._seed = windows, batch, seed

    def __iter__(self) -> Iterator[FaceWindow]:
        rng = np.random.default_rng(self._seed)
        while True:
            rows = torch.from_numpy(rng.integers(0, len(self._windows.life), size=self._batch))
            yield FaceWindow(*(part[rows] for part in self._windows))


class FaceDiffusionTask(DiffusionTask):
    """The denoiser on what the teacher's latents have beyond the expected ones, and on the life beside them."""

    def __init__(self, denoiser: Denoiser, settings: DiffusionTraining, frames_per_latent: int) -> None:
        super().__init__(denoiser, settings)
        self.frames_per_latent = frames_per_latent

    def latents(self, batch: FaceWindow) -> tuple[Float[Tensor, "batch latents latent_d"], Conditions]:
        """Departures beside the life, and the conditions; what is expected may be a little wrong."""
        doubt = torch.randn(batch.expected.shape, generator=self.noise).to(batch.expected)
        expected = batch.expected + _DOUBT * batch.expected.std(dim=(0, 1)) * doubt
        conditions = face_conditions(expected, batch.emotion, batch.style, self.frames_per_latent)
        return torch.cat([batch.departure, batch.life], dim=2), conditions
