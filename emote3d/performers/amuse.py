"""The body of an imported AMUSE checkpoint: ten-second windows, each from one latent, blended over their overlaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.checkpoint import load_component, read_manifest
from emote3d.decoders.denoiser import Conditions, Denoiser, DenoiserConfig
from emote3d.decoders.diffusion import sample_latents
from emote3d.decoders.samplers import AMUSE_SAMPLER, SamplerConfig, draw_noise
from emote3d.latents.ast import AstConfig, AstEncoder
from emote3d.latents.disentangle import OVERLAP_S, encode_windows, spectrograms, window_starts
from emote3d.latents.kept import kept
from emote3d.prior.body import body_from_channels
from emote3d.prior.mld import MldConfig, MldVAE
from emote3d.records import BodyMotion, Speech

PARTS = ("content", "emotion", "style")


@dataclass(frozen=True, kw_only=True)
class AmuseHeard:
    """Latents of a recording, one row per ten-second window."""

    content: Float[Tensor, "windows d"]
    emotion: Float[Tensor, "windows d"]
    style: Float[Tensor, "windows d"]
    duration_s: float

    def with_(
        self, emotion: AmuseHeard | None = None, style: AmuseHeard | None = None, share: float = 1.0
    ) -> AmuseHeard:
        """The same words with the emotion or the style of another recording, or a mix of both (share 0..1 of the other)."""

        def mixed(mine: Tensor, other: Tensor | None) -> Tensor:
            return mine if other is None else torch.lerp(mine, other.mean(dim=0).expand_as(mine), share)

        return AmuseHeard(
            content=self.content,
            emotion=mixed(self.emotion, emotion.emotion if emotion else None),
            style=mixed(self.style, style.style if style else None),
            duration_s=self.duration_s,
        )


class AmuseBody:
    """Speech in, body out."""

    fps: int = 30

    def __init__(self, encoders: Mapping[str, AstEncoder], denoiser: Denoiser, prior: MldVAE) -> None:
        self.encoders: dict[str, AstEncoder] = dict(encoders)
        self.denoiser, self.prior = denoiser, prior
        self.hashes: dict[str, str] = dict.fromkeys(PARTS, "")

    @classmethod
    def from_pretrained(cls, folder: Path) -> AmuseBody:
        """Load what `emote3d import-checkpoint amuse` wrote; damaged or missing parts raise `Emote3DError`."""
        body = cls(
            {name: load_component(folder / name, AstEncoder, AstConfig) for name in PARTS},
            load_component(folder / "denoiser", Denoiser, DenoiserConfig),
            load_component(folder / "prior", MldVAE, MldConfig),
        )
        body.hashes = {name: read_manifest(folder / name)["sha256"] for name in PARTS}
        return body

    @property
    def window_s(self) -> float:
        """Seconds of a window of motion."""
        return self.prior.config.frames / self.fps

    def listen(self, speech: Speech, parts: tuple[str, ...] = PARTS) -> AmuseHeard:
        """Latents of a recording (16 kHz); those heard before come from the disk. Parts left out are zeros."""

        def encoded(name: str) -> Tensor:
            encoder = self.encoders[name]

            def encode() -> Tensor:
                return encode_windows(encoder, spectrograms(speech, encoder.config, self.window_s))

            return kept(speech, self.hashes[name], encode) if self.hashes[name] else encode()

        latents = {name: encoded(name) for name in parts}
        windows = max(map(len, latents.values()))
        for name in set(PARTS) - latents.keys():
            latents[name] = torch.zeros(windows, self.encoders[name].config.feature_d)
        return AmuseHeard(**latents, duration_s=speech.duration_s)

    def act(self, heard: AmuseHeard, seed: int, sampler: SamplerConfig = AMUSE_SAMPLER) -> BodyMotion:
        """Gestures; the same seed gives the same gesture under another emotion."""
        windows = len(heard.content)
        noise = draw_noise([seed], windows, self.denoiser.config.latent_d)[0][:, None]
        conditions = Conditions(heard.content[:, None], heard.emotion[:, None], heard.style[:, None])
        with torch.inference_mode():
            z = sample_latents(self.denoiser, noise, conditions, sampler)
            channels = torch.cat([self.prior.decode(one[None]) for one in z])
        return body_from_channels(self._joined(channels, heard.duration_s))

    def _joined(self, channels: Float[Tensor, "windows frames channels"], duration_s: float) -> Tensor:
        """Windows one after the other, cross-faded with a smooth weight where they overlap."""
        rate = self.encoders["content"].config.fbank.sample_rate
        starts = window_starts(round(duration_s * rate), round(self.window_s * rate), round(OVERLAP_S * rate))
        frames = max(1, round(duration_s * self.fps))
        overlap = round(OVERLAP_S * self.fps)
        total, weights = torch.zeros(frames, channels.shape[2]), torch.zeros(frames, 1)
        length = channels.shape[1]
        ramp = torch.sin((torch.arange(length) + 0.5) / overlap * torch.pi / 2).square()
        rising = torch.where(torch.arange(length) < overlap, ramp, torch.ones(length))
        for index, (start, window) in enumerate(zip(starts, channels, strict=True)):
            first = round(start / rate * self.fps)
            last = min(frames, first + length)
            weight = torch.ones(length) if index == 0 else rising
            weight = weight if index == len(starts) - 1 else weight * rising.flip(0)
            total[first:last] += (weight[:, None] * window)[: last - first]
            weights[first:last] += weight[: last - first, None]
        return total / weights.clamp_min(1e-6)
