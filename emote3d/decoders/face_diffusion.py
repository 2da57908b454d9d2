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
from scipy.ndimage import gaussian_filter1d, median_filter
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
_NO_BLINK = 0.1
"""A closure below this is none, and one this near to a full one is full."""
_GAZE_FRAMES, _HEAD_FRAMES = 5, 4.0
"""Width of the median of the gaze and deviation of the smoothing of the head, small against fixations and drift."""
SAMPLER = SamplerConfig(kind="dpm++", steps=10, spacing="logsnr", noise_levels=(50.0, 0.12))
"""Ends 4% of the latents' spread from where a hundred steps end; evenly spaced steps end 10% away, quadratic ones 16%."""


def life_rows(life: Life, frames_per_latent: int, latents: int) -> Float[Tensor, "latents life_d"]:
    """Blinks, gaze and head of a latent's frames side by side."""
    columns = np.concatenate([life.blink[:, None], life.gaze_rad, life.head_rad], axis=1)
    return by_latent(torch.from_numpy(columns).float()[None], frames_per_latent, latents)[0]


def life_of_rows(rows: Float[Tensor, "latents life_d"], frames: int) -> Life:
    """Back to curves of so many frames, without the noise that a denoiser leaves: heads move slowly, eyes rest or jump."""
    columns = rows.unflatten(1, (-1, LIFE_CHANNELS)).flatten(0, 1)[:frames].double().numpy()
    return Life(
        blink=np.clip((columns[:, 0] - _NO_BLINK) / (1 - 2 * _NO_BLINK), 0.0, 1.0),
        gaze_rad=median_filter(columns[:, 1:3], size=(_GAZE_FRAMES, 1), mode="nearest"),
        head_rad=gaussian_filter1d(columns[:, 3:6], _HEAD_FRAMES, axis=0, mode="nearest"),
        brow=np.zeros(frames),
    )


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
