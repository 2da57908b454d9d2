"""Sampling motion latents of any length under conditions: noise by seed, guidance, windows denoised jointly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from emote3d.decoders.denoiser import NO_GUIDANCE, Conditions, Denoiser, Guidance, guided
from emote3d.decoders.samplers import Constrain, SamplerConfig, sample
from emote3d.windows import blended

WINDOW_LATENTS, OVERLAP_LATENTS = 160, 32
"""Longer sequences are denoised in such windows, whose predictions are blended at every step."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Latents of the prior that are given, e.g. to begin or end in a certain pose."""

    z: Float[Tensor, "latents latent_d"]
    given: Bool[Tensor, "latents"]
    """Which rows of `z` count."""


def sample_latents(
    denoiser: Denoiser,
    noise: Float[Tensor, "batch latents latent_d"],
    conditions: Conditions,
    sampler: SamplerConfig,
    guidance: Guidance = NO_GUIDANCE,
    known: Known | None = None,
) -> Float[Tensor, "batch latents latent_d"]:
    """Latents of the prior; a sequence longer than a window stays one: its windows agree after every step."""

    def predict(noisy: Tensor, step: int) -> Tensor:
        return blended(
            lambda place: guided(denoiser, noisy[:, place], step, conditions.cut(place), guidance),
            noisy.shape[1],
            WINDOW_LATENTS,
            OVERLAP_LATENTS,
        )

    config = denoiser.config
    with torch.inference_mode():
        constrain = None if known is None else _constrain(denoiser, known)
        return denoiser.denormalise(sample(predict, noise, config.prediction, config.schedule, sampler, constrain))


def _constrain(denoiser: Denoiser, known: Known) -> Constrain:
    wanted, given = denoiser.normalise(known.z), known.given[:, None]
    return lambda clean: torch.where(given, wanted, clean)
