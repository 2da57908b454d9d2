"""Latent diffusion of the face: what a voice leaves open, drawn from a seed and conditioned on the content of every frame.

A latent frame of the denoiser is how the prior's latent departs from what the regression decoder expects of the content, and
beside it the blinks, gaze and head drift of its frames. So the lips stay with the voice, and brows, nods, blinks, gaze and head
differ. The content comes as the expected latents, so the denoiser belongs to a prior and to no particular encoder.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders.denoiser import (
    NO_GUIDANCE,
    Conditions,
    Denoiser,
    Guidance,
    by_latent,
    mean_by_latent,
)
from emote3d.decoders.diffusion import sample_latents
from emote3d.decoders.life import Aim, Life, aimed
from emote3d.decoders.samplers import SamplerConfig, draw_noise

LIFE_CHANNELS = 6
"""Per frame: blink, gaze yaw and pitch, head pitch, yaw and roll."""
BLINK_RATES = (0.3, 3.0)
"""Blink rates that the denoiser was trained on."""
SAMPLER = SamplerConfig(kind="dpm++", steps=10)


def life_rows(life: Life, frames_per_latent: int, latents: int) -> Float[Tensor, "latents life_d"]:
    """Blinks, gaze and head of a latent's frames side by side."""
    columns = np.concatenate([life.blink[:, None], life.gaze_rad, life.head_rad], axis=1)
    return by_latent(torch.from_numpy(columns).float()[None], frames_per_latent, latents)[0]


def life_of_rows(rows: Float[Tensor, "latents life_d"], frames: int) -> Life:
    """Back to curves of so many frames."""
    columns = rows.unflatten(1, (-1, LIFE_CHANNELS)).flatten(0, 1)[:frames].double().numpy()
    return Life(blink=columns[:, 0].clip(0, 1), gaze_rad=columns[:, 1:3], head_rad=columns[:, 3:6])


def face_conditions(
    expected: Float[Tensor, "batch latents latent_d"],
    emotion: Float[Tensor, "batch frames 8"],
    style: Float[Tensor, "batch frames 4"],
    frames_per_latent: int,
) -> Conditions:
    """Rows of conditions: what the regression decoder makes of the content; emotion; style.

    Args:
        style: the face's style latent, then the logarithm of the blink rate.
    """
    return Conditions(expected, mean_by_latent(emotion, frames_per_latent), mean_by_latent(style, frames_per_latent))


def sample_face(
    denoiser: Denoiser,
    expected: Float[Tensor, "batch latents latent_d"],
    conditions: Conditions,
    seeds: list[int],
    frames: int,
    guidance: Guidance = NO_GUIDANCE,
    sampler: SamplerConfig = SAMPLER,
) -> tuple[Float[Tensor, "batch latents latent_d"], list[Life]]:
    """Latents of the face prior, and the life beside them, each item from its own seed."""
    noise = draw_noise(seeds, expected.shape[1], denoiser.config.latent_d)
    drawn = sample_latents(denoiser, noise, conditions, sampler, guidance)
    latent_d = expected.shape[2]
    return expected + drawn[..., :latent_d], [life_of_rows(rows, frames) for rows in drawn[..., latent_d:]]


def directed_life(life: Life, blink_rate: Float[np.ndarray, "frames"], aim: Aim, fps: float) -> Life:
    """A drawn life under a direction: the gaze goes where it is asked to be, and where no blinks are wanted there are none."""
    life = aimed(life, aim, fps)
    return replace(life, blink=life.blink * np.clip(blink_rate / BLINK_RATES[0], 0, 1))
