"""The latent denoiser: noisy motion latents, time, content, emotion and style to a prediction (MLD, AMUSE; body and face).

AMUSE's conditions are a token each beside its one latent; ours act on the latent of their own time, so any length runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from emote3d.decoders.schedule import Prediction, ScheduleConfig
from emote3d.errors import Emote3DError
from emote3d.layers import EncoderLayer, SkipTransformer, distance_bias, learned

CONDITIONS = ("content", "emotion", "style")


class Conditions(NamedTuple):
    """What drives the motion, a row for each latent, or one row for all of them."""

    content: Float[Tensor, "batch content_rows content_d"]
    emotion: Float[Tensor, "batch emotion_rows emotion_d"]
    style: Float[Tensor, "batch style_rows style_d"]

    def cut(self, place: slice) -> Conditions:
        """The conditions of a stretch of the latents."""
        return Conditions(*(rows if rows.shape[1] == 1 else rows[:, place] for rows in self))

    def repeated(self, times: int) -> Conditions:
        """The batch, several times over."""
        return Conditions(*(rows.repeat(times, 1, 1) for rows in self))


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """Weight of each condition in classifier-free guidance: 1 is none, more exaggerates it, 0 ignores it."""

    content: float = 1.0
    emotion: float = 1.0
    style: float = 1.0


NO_GUIDANCE = Guidance()


@dataclass(frozen=True, kw_only=True)
class DenoiserConfig:
    """Sizes of a denoiser; the defaults are AMUSE's."""

    latent_d: int = 128
    content_d: int = 256
    """Width of a row of content; for our own checkpoints `frames_per_latent` content latents side by side."""
    emotion_d: int = 256
    style_d: int = 256
    d: int = 128
    time_d: int = 256
    heads: int = 4
    feedforward_d: int = 512
    layers: int = 9
    dropout: float = 0.1
    prediction: Prediction = "epsilon"
    conditioning: Literal["tokens", "latents"] = "tokens"
    """tokens: one row of each condition, as tokens beside the latents; latents: rows act on the latents of their time."""
    max_tokens: int = 500
    """Learned positions, where conditions are tokens."""
    null_twins: bool = False
    """Whether each condition has a learned stand-in for its absence, so that guidance is possible."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        """Refuse sizes that do not go together."""
        if self.layers % 2 == 0 or self.d % self.heads or self.time_d % 2:
            raise ValueError("layers must be odd, d a multiple of heads, time_d even")
        if self.conditioning == "tokens" and self.latent_d != self.d:
            raise ValueError("where conditions are tokens, the network is as wide as a latent")
        if self.schedule.zero_terminal and self.prediction == "epsilon":
            raise ValueError("a schedule that ends in pure noise cannot be learned by predicting the noise")


def time_code(step: Int[Tensor, "batch"], d: int) -> Float[Tensor, "batch d"]:
    """Sinusoids of the step, cosines first, frequencies 1 to 1e-4 (DDPM's, in diffusers' flipped order)."""
    frequency = torch.exp(-math.log(10_000.0) * torch.arange(d // 2, device=step.device) / (d // 2))
    angle = step[:, None].float() * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=1)


class Denoiser(nn.Module):
    """Predicts noise, clean latents or velocity of normalised latents."""

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        d = config.d
        self.time = nn.Sequential(nn.Linear(config.time_d, d), nn.SiLU(), nn.Linear(d, d))
        self.content = nn.Linear(config.content_d, d)
        self.emotion = nn.Linear(config.emotion_d, d)
        self.style = nn.Linear(config.style_d, d)
        self.transformer = SkipTransformer(
            lambda: EncoderLayer(d, config.heads, config.feedforward_d, config.dropout), d, config.layers
        )
        if config.conditioning == "tokens":
            self.pe = learned(config.max_tokens, d)
        else:
            self.enter = nn.Linear(config.latent_d, d)
            self.leave = nn.Linear(d, config.latent_d)
            nn.init.zeros_(self.leave.weight)
            nn.init.zeros_(self.leave.bias)
        if config.null_twins:
            self.null = learned(len(CONDITIONS), d)
        self.register_buffer("latent_mean", torch.zeros(config.latent_d))
        self.register_buffer("latent_std", torch.ones(config.latent_d))

    def normalise(self, z: Float[Tensor, "*batch latent_d"]) -> Float[Tensor, "*batch latent_d"]:
        """Latents of the prior to zero mean and unit deviation, which is what is diffused."""
        return (z - self.latent_mean) / self.latent_std

    def denormalise(self, x: Float[Tensor, "*batch latent_d"]) -> Float[Tensor, "*batch latent_d"]:
        """Back to latents of the prior."""
        return x * self.latent_std + self.latent_mean

    def forward(
        self,
        noisy: Float[Tensor, "batch latents latent_d"],
        step: Int[Tensor, "batch"],
        conditions: Conditions,
        keep: Bool[Tensor, "batch 3"] | None = None,
    ) -> Float[Tensor, "batch latents latent_d"]:
        """Predict; where `keep` is false, the null twin takes the place of content, emotion or style."""
        embedded = self._embed(conditions, keep)
        time = self.time(time_code(step, self.config.time_d))[:, None]
        latents = noisy.shape[1]
        if self.config.conditioning == "tokens":
            tokens = torch.cat([noisy, time, *embedded], dim=1)
            return self.transformer(tokens + self.pe[: tokens.shape[1]])[:, :latents]
        x = self.enter(noisy) + time
        for rows in embedded:
            x = x + rows
        at = torch.arange(latents, device=x.device, dtype=x.dtype)
        return self.leave(self.transformer(x, distance_bias(self.config.heads, at, at)))

    def _embed(self, conditions: Conditions, keep: Tensor | None) -> list[Tensor]:
        """Conditions at the width of the network."""
        embedded = []
        for index, rows in enumerate(conditions):
            layer: nn.Module = getattr(self, CONDITIONS[index])
            # AMUSE rectifies before it projects; our content has a sign that means something.
            code = layer(nn.functional.relu(rows) if self.config.conditioning == "tokens" else rows)
            if keep is not None:
                assert self.config.null_twins, "this denoiser was trained with all conditions always there"
                code = torch.where(keep[:, index, None, None], code, self.null[index])
            embedded.append(code)
        return embedded


def draw_keep(batch: int, share: float, generator: torch.Generator) -> Bool[Tensor, "batch 3"]:
    """Which conditions stay in a training step: each is dropped with probability `share`, and all of them in as many."""
    keep = torch.rand(batch, len(CONDITIONS), generator=generator) >= share
    return keep & (torch.rand(batch, 1, generator=generator) >= share)


def guided(
    denoiser: Denoiser,
    noisy: Float[Tensor, "batch latents latent_d"],
    step: int,
    conditions: Conditions,
    guidance: Guidance = NO_GUIDANCE,
) -> Float[Tensor, "batch latents latent_d"]:
    """Prediction under guidance: p(all) + sum over conditions of (w - 1) (p(all) - p(without it)).

    Raises:
        Emote3DError: guidance is asked of a denoiser without null twins.
    """
    weights = {index: getattr(guidance, name) for index, name in enumerate(CONDITIONS)}
    weights = {index: weight for index, weight in weights.items() if weight != 1.0}
    batch = len(noisy)
    steps = torch.full((batch * (1 + len(weights)),), step, device=noisy.device)
    if not weights:
        return denoiser(noisy, steps, conditions)
    if not denoiser.config.null_twins:
        raise Emote3DError("this denoiser was trained without dropping conditions (AMUSE's was): leave guidance at 1")
    keep = torch.ones(1 + len(weights), batch, len(CONDITIONS), dtype=torch.bool, device=noisy.device)
    for row, index in enumerate(weights, start=1):
        keep[row, :, index] = False
    times = 1 + len(weights)
    given = denoiser(noisy.repeat(times, 1, 1), steps, conditions.repeated(times), keep.flatten(0, 1))
    full, *without = given.chunk(times)
    return full + sum(
        ((weight - 1) * (full - part) for weight, part in zip(weights.values(), without, strict=True)),
        torch.zeros_like(full),
    )


def by_latent(
    rows: Float[Tensor, "batch frames d"], frames_per_latent: int, latents: int | None = None
) -> Float[Tensor, "batch latents grouped_d"]:
    """Per-frame rows to one row a latent: those of its frames side by side; the last row fills up what is missing."""
    latents = latents or -(-rows.shape[1] // frames_per_latent)
    missing = latents * frames_per_latent - rows.shape[1]
    if missing > 0:
        rows = torch.cat([rows, rows[:, -1:].expand(-1, missing, -1)], dim=1)
    return rows[:, : latents * frames_per_latent].unflatten(1, (latents, frames_per_latent)).flatten(2)


def mean_by_latent(
    rows: Float[Tensor, "batch rows d"], frames_per_latent: int
) -> Float[Tensor, "batch averaged_rows d"]:
    """Per-frame rows averaged over the frames of each latent; one row for all frames stays one."""
    if rows.shape[1] == 1:
        return rows
    return by_latent(rows, frames_per_latent).unflatten(2, (frames_per_latent, -1)).mean(dim=2)


def conditions_by_latent(
    content: Float[Tensor, "batch frames content_d"],
    emotion: Float[Tensor, "batch emotion_rows emotion_d"],
    style: Float[Tensor, "batch style_rows style_d"],
    frames_per_latent: int,
) -> Conditions:
    """Per-frame content, emotion and style to rows per latent: content side by side, the others averaged."""
    return Conditions(
        by_latent(content, frames_per_latent),
        mean_by_latent(emotion, frames_per_latent),
        mean_by_latent(style, frames_per_latent),
    )
