"""Noise schedules of diffusion and what follows from them: pure functions of clean latents, noise and time.

Ho et al. 2020 (DDPM), Salimans and Ho 2022 (v), Hang et al. 2023 (weighting by signal-to-noise ratio).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

Prediction = Literal["epsilon", "sample", "velocity"]
"""What a denoiser gives: the noise, the clean latents (x0), or v = sqrt(a) noise - sqrt(1-a) x0."""


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """A discrete noise schedule; the defaults are Stable Diffusion's, MLD's and AMUSE's."""

    steps: int = 1000
    kind: Literal["scaled_linear", "cosine"] = "scaled_linear"
    first_beta: float = 0.00085
    last_beta: float = 0.012
    zero_terminal: bool = False
    """Rescale so that the last step is pure noise (Lin et al. 2024); not for epsilon prediction."""

    def alphas_cumprod(self) -> Float[Tensor, "steps"]:
        """Share of the signal's variance that is left at each step."""
        if self.kind == "scaled_linear":
            betas = torch.linspace(self.first_beta**0.5, self.last_beta**0.5, self.steps) ** 2
        else:
            level = torch.cos((torch.arange(self.steps + 1) / self.steps + 0.008) / 1.008 * math.pi / 2) ** 2
            betas = (1 - level[1:] / level[:-1]).clamp(max=0.999)
        alphas = torch.cumprod(1 - betas, dim=0)
        if not self.zero_terminal:
            return alphas
        root = alphas.sqrt()
        return ((root - root[-1]) * root[0] / (root[0] - root[-1])).square()


def _spread(alpha: Float[Tensor, "batch"], like: Tensor) -> tuple[Tensor, Tensor]:
    """Scales of signal and noise, shaped to multiply `like`."""
    alpha = alpha.reshape(-1, *(1 for _ in like.shape[1:])).to(like)
    return alpha.sqrt(), (1 - alpha).sqrt()


def add_noise(
    clean: Float[Tensor, "batch *rest"], noise: Float[Tensor, "batch *rest"], alpha: Float[Tensor, "batch"]
) -> Float[Tensor, "batch *rest"]:
    """The forward process q(x_t | x_0) at the cumulated alpha of each item."""
    signal, spread = _spread(alpha, clean)
    return signal * clean + spread * noise


def training_target(
    prediction: Prediction,
    clean: Float[Tensor, "batch *rest"],
    noise: Float[Tensor, "batch *rest"],
    alpha: Float[Tensor, "batch"],
) -> Float[Tensor, "batch *rest"]:
    """What the denoiser should give."""
    if prediction == "epsilon":
        return noise
    if prediction == "sample":
        return clean
    signal, spread = _spread(alpha, clean)
    return signal * noise - spread * clean


def to_clean(
    prediction: Prediction,
    given: Float[Tensor, "batch *rest"],
    noisy: Float[Tensor, "batch *rest"],
    alpha: Float[Tensor, "batch"],
) -> Float[Tensor, "batch *rest"]:
    """The clean latents that a prediction stands for."""
    if prediction == "sample":
        return given
    signal, spread = _spread(alpha, noisy)
    if prediction == "epsilon":
        return (noisy - spread * given) / signal
    return signal * noisy - spread * given


def loss_weight(prediction: Prediction, alpha: Float[Tensor, "batch"], most: float = 5.0) -> Float[Tensor, "batch"]:
    """Min-SNR weighting: of the squared error of what is predicted, so that each prediction has the same loss on x0."""
    snr = alpha / (1 - alpha).clamp_min(1e-8)
    limited = snr.clamp(max=most)
    if prediction == "epsilon":
        return limited / snr.clamp_min(1e-8)
    return limited if prediction == "sample" else limited / (snr + 1)


def diffusion_loss(
    prediction: Prediction,
    given: Float[Tensor, "batch *rest"],
    target: Float[Tensor, "batch *rest"],
    alpha: Float[Tensor, "batch"],
    weighted: bool = True,
) -> Float[Tensor, ""]:
    """Mean squared error of the prediction; unweighted it is AMUSE's and DDPM's simple loss."""
    error = (given - target).square().flatten(1).mean(dim=1)
    return (error * loss_weight(prediction, alpha)).mean() if weighted else error.mean()


def draw_steps(batch: int, steps: int, generator: torch.Generator) -> Int[Tensor, "batch"]:
    """A training step for each item, stratified over the schedule (Kingma et al. 2021): less noise in the loss."""
    offset = torch.rand(1, generator=generator)
    place = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (((place + offset) % 1.0) * steps).long().clamp(max=steps - 1)
