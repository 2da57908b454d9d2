"""From noise to latents: DDIM (Song et al. 2021) and DPM-Solver++ 2M (Lu et al. 2022), as pure functions and one loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from emote3d.decoders.schedule import Prediction, ScheduleConfig, to_clean

Predict = Callable[[Float[Tensor, "batch latents d"], int], Float[Tensor, "batch latents d"]]
"""A denoiser with its conditions bound: noisy latents and step to a prediction."""
Constrain = Callable[[Float[Tensor, "batch latents d"]], Float[Tensor, "batch latents d"]]
"""Replaces what is known of the clean latents, e.g. a pose to start from."""


@dataclass(frozen=True, kw_only=True)
class SamplerConfig:
    """How to sample; `AMUSE_SAMPLER` is what the published code does."""

    kind: Literal["ddim", "dpm++"] = "dpm++"
    steps: int = 10
    spacing: Literal["leading", "trailing", "quadratic", "logsnr"] = "quadratic"
    """leading: 0, k, 2k, ... plus one (diffusers' steps_offset 1); trailing: from the last step of the schedule down;
    quadratic: likewise, closer together where little noise is left; logsnr: even in the logarithm of the noise
    level, whatever the schedule (Lu et al. 2022), where ten steps of the second order do what fifty do."""
    noise_levels: tuple[float, float] = (100.0, 0.027)
    """For logsnr: noise per signal at the second step and at the last."""
    clamp: float | None = None
    """Limit of the clean latents at every step."""

    def timesteps(self, schedule: ScheduleConfig) -> Int[Tensor, "steps"]:
        """Steps of the schedule to visit, from noise to clean; logsnr visits a step once, so many may be fewer."""
        schedule_steps = schedule.steps
        if self.spacing == "logsnr":
            return _even_in_log(schedule, self.steps, self.noise_levels)
        if self.spacing == "leading":
            stride = schedule_steps // self.steps
            return torch.arange(self.steps - 1, -1, -1) * stride + 1
        if self.spacing == "quadratic":
            visited = np.round((schedule_steps - 1) * (np.arange(self.steps, 0, -1) / self.steps) ** 2)
        else:
            visited = np.round(np.arange(schedule_steps, 0, -schedule_steps / self.steps)) - 1
        return torch.from_numpy(visited[: self.steps].astype(np.int64))


def _even_in_log(schedule: ScheduleConfig, count: int, levels: tuple[float, float]) -> Int[Tensor, "steps"]:
    """The last step of a schedule, then those nearest to noise levels that are even in their logarithm."""
    alpha = schedule.alphas_cumprod().double().clamp(1e-12, 1 - 1e-12).numpy()
    level = np.log((1 - alpha) / alpha) / 2
    most, least = (max(level[0], min(level[-1], np.log(limit))) for limit in levels)
    inner = count - (most < level[-1])
    visited = np.abs(level[None] - np.linspace(most, least, inner)[:, None]).argmin(axis=1)
    return torch.from_numpy(np.unique([*visited, schedule.steps - 1])[::-1].copy())


AMUSE_SAMPLER = SamplerConfig(kind="ddim", steps=50, spacing="leading", clamp=1.0)


def ddim_step(
    noisy: Float[Tensor, "batch latents d"],
    clean: Float[Tensor, "batch latents d"],
    noise: Float[Tensor, "batch latents d"],
    next_alpha: Float[Tensor, ""],
) -> Float[Tensor, "batch latents d"]:
    """Move to the next noise level without new noise (eta 0); `noise` is what is predicted in `noisy`."""
    return next_alpha.sqrt() * clean + (1 - next_alpha).sqrt() * noise


def _log_snr_half(alpha: Tensor) -> Tensor:
    return 0.5 * (torch.log(alpha.clamp_min(1e-8)) - torch.log((1 - alpha).clamp_min(1e-8)))


def dpm_step(
    noisy: Float[Tensor, "batch latents d"],
    clean: Float[Tensor, "batch latents d"],
    before: tuple[Float[Tensor, "batch latents d"], Float[Tensor, ""]] | None,
    alpha: Float[Tensor, ""],
    next_alpha: Float[Tensor, ""],
) -> Float[Tensor, "batch latents d"]:
    """DPM-Solver++: second order (midpoint) with the clean latents and alpha of the step before, else first order."""
    if next_alpha >= 1.0:
        return clean
    now, then = _log_snr_half(alpha), _log_snr_half(next_alpha)
    ahead = then - now
    direction = clean
    if before is not None:
        earlier, earlier_alpha = before
        ratio = (now - _log_snr_half(earlier_alpha)) / ahead
        direction = clean + (clean - earlier) / (2 * ratio)
    scale = ((1 - next_alpha) / (1 - alpha)).sqrt()
    return scale * noisy - next_alpha.sqrt() * torch.expm1(-ahead) * direction


def sample(
    predict: Predict,
    noise: Float[Tensor, "batch latents d"],
    prediction: Prediction,
    schedule: ScheduleConfig,
    sampler: SamplerConfig,
    constrain: Constrain | None = None,
) -> Float[Tensor, "batch latents d"]:
    """Denoise `noise`; deterministic, so the same noise gives the same latents."""
    alphas = schedule.alphas_cumprod().to(noise)
    steps = sampler.timesteps(schedule)
    x, before = noise, None
    for index, step in enumerate(steps.tolist()):
        alpha = alphas[step]
        given = predict(x, step)
        clean = to_clean(prediction, given, x, alpha.expand(len(x)))
        # The noise belongs to the prediction as it was made: clamping the clean latents leaves it alone, as in diffusers.
        eps = given if prediction == "epsilon" else (x - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        if sampler.clamp is not None:
            clean = clean.clamp(-sampler.clamp, sampler.clamp)
        if constrain is not None:
            clean = constrain(clean)
        next_alpha = _next_alpha(alphas, steps, index, sampler)
        if sampler.kind == "ddim":
            x = ddim_step(x, clean, eps, next_alpha)
        else:
            first_order = index == 0 or (index == len(steps) - 1 and len(steps) < 15)
            x = dpm_step(x, clean, None if first_order else before, alpha, next_alpha)
        before = (clean, alpha)
    return x if constrain is None else constrain(x)


def _next_alpha(
    alphas: Float[Tensor, "schedule_steps"], steps: Int[Tensor, "steps"], index: int, sampler: SamplerConfig
) -> Float[Tensor, ""]:
    """Alpha after a step. The last goes to no noise at all, but AMUSE's way (leading) to the schedule's first level."""
    if sampler.spacing == "leading":
        stride = len(alphas) // sampler.steps
        return alphas[max(0, int(steps[index]) - stride)]
    if index + 1 < len(steps):
        return alphas[steps[index + 1]]
    return torch.ones_like(alphas[0])


def draw_noise(seeds: Sequence[int], latents: int, d: int) -> Float[Tensor, "batch latents d"]:
    """Gaussian noise of each item from its own seed; a longer item begins as a shorter one."""
    rows = [np.random.default_rng(seed).standard_normal((latents, d), dtype=np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(rows))
