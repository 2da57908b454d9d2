"""A linear motion prior for small machines: principal components of overlapping patches, fitted in closed form.

The same interface as the MLD-type VAE (`emote3d.prior.mld`), without its training: half a minute of least squares instead of
hours. A latent sees `window` frames and stands for `hop` of them; every patch is rebuilt from three latents and neighbouring patches
are cross-faded, so no frame shows where latents meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.windows import joined

_WINDOW_LATENTS, _CONTEXT_LATENTS = 512, 3


@dataclass(frozen=True, kw_only=True)
class PatchConfig:
    """Sizes of a patch prior."""

    channels: int
    """Motion channels per frame (see `emote3d.prior.body`)."""
    d: int = 96
    """Width of a latent."""
    hop: int = 8
    """Frames that a latent stands for."""
    window: int = 16
    """Frames that a latent sees, and that a patch has."""

    def __post_init__(self) -> None:
        """Refuse sizes that do not go together."""
        if self.window < self.hop or (self.window - self.hop) % 2:
            raise ValueError("window must exceed hop by an even number of frames")

    @property
    def frames_per_latent(self) -> int:
        """Motion frames that one latent stands for."""
        return self.hop

    @property
    def margin(self) -> int:
        """Frames of a patch on either side of its latent's own."""
        return (self.window - self.hop) // 2


class PatchPrior(nn.Module):
    """Linear encoder and decoder around normalised channels."""

    channel_mean: Tensor
    channel_std: Tensor

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Linear(config.window * config.channels, config.d)
        self.decoder = nn.Linear(3 * config.d, config.window * config.channels)
        self.register_buffer("channel_mean", torch.zeros(config.channels))
        self.register_buffer("channel_std", torch.ones(config.channels))

    def patches(self, motion: Float[Tensor, "batch frames channels"]) -> Float[Tensor, "batch latents patch_d"]:
        """Normalised patches of a motion whose frames are a multiple of the hop; its ends are held beyond it."""
        config = self.config
        assert motion.shape[1] % config.hop == 0, (motion.shape, config.hop)
        scaled = ((motion - self.channel_mean) / self.channel_std).transpose(1, 2)
        padded = nn.functional.pad(scaled, (config.margin, config.margin), mode="replicate")
        return padded.unfold(2, config.window, config.hop).permute(0, 2, 3, 1).flatten(2)

    def encode(
        self, motion: Float[Tensor, "batch frames channels"]
    ) -> tuple[Float[Tensor, "batch latents d"], Float[Tensor, "batch latents d"]]:
        """Latents of a motion, and their log-variance, which is that of nothing at all."""
        mean = self.encoder(self.patches(motion))
        return mean, torch.full_like(mean, -30.0)

    def decode(
        self, z: Float[Tensor, "batch latents d"], frames: int | None = None
    ) -> Float[Tensor, "batch frames channels"]:
        """Motion of latents, or only its first frames."""
        config = self.config
        patches = self.decoder(neighbourhoods(z)).unflatten(2, (config.window, config.channels))
        size, hop = config.window, config.hop
        ramp = ((torch.arange(size, device=z.device, dtype=z.dtype) + 0.5) / (size - hop)).clamp(max=1.0)
        fade = torch.minimum(ramp, ramp.flip(0)) if size > hop else torch.ones_like(ramp)
        fade = torch.sin(0.5 * torch.pi * fade).square()[None, :, None]
        batch, latents = z.shape[:2]
        total = z.new_zeros(batch, latents * hop + size - hop, config.channels)
        weight = z.new_zeros(1, latents * hop + size - hop, 1)
        for index in range(latents):
            place = slice(index * hop, index * hop + size)
            total[:, place] += fade * patches[:, index]
            weight[:, place] += fade
        inner = slice(config.margin, config.margin + (frames or latents * hop))
        return total[:, inner] / weight[:, inner] * self.channel_std + self.channel_mean

    def decode_long(self, z: Float[Tensor, "batch latents d"]) -> Float[Tensor, "batch frames channels"]:
        """Motion of any number of latents in bounded memory: in windows with all the context there is to a frame."""
        hop, latents = self.config.hop, z.shape[1]

        def part(start: int) -> Float[Tensor, "window batch channels"]:
            first = max(0, start - _CONTEXT_LATENTS)
            decoded = self.decode(z[:, first : start + _WINDOW_LATENTS + _CONTEXT_LATENTS])
            return decoded[:, (start - first) * hop :][:, : _WINDOW_LATENTS * hop].transpose(0, 1)

        return joined(map(part, range(0, latents, _WINDOW_LATENTS)), latents * hop).transpose(0, 1)


def neighbourhoods(z: Float[Tensor, "batch latents d"]) -> Float[Tensor, "batch latents three_d"]:
    """Each latent between its neighbours; the first and the last are their own."""
    return torch.cat([torch.cat([z[:, :1], z[:, :-1]], 1), z, torch.cat([z[:, 1:], z[:, -1:]], 1)], dim=2)


def fit_patches(
    prior: PatchPrior,
    motion: Float[Tensor, "batch frames channels"],
    importance: Float[Tensor, "channels"],
    least: Float[Tensor, "channels"],
    poses: int = 96,
) -> float:
    """Fit by principal components, of poses and then of patches, and least squares; gives the share of variance rebuilt.

    Args:
        importance: how much an error of one deviation of a channel counts.
        least: channels that deviate less count as if they deviated so much.
        poses: principal components kept of a frame.
    """
    config = prior.config
    flat = motion.flatten(0, 1)
    prior.channel_mean.copy_(flat.mean(dim=0))
    prior.channel_std.copy_(torch.maximum(flat.std(dim=0), least) / importance)
    scaled = (flat - prior.channel_mean) / prior.channel_std
    _, axes = _components(scaled.double(), min(poses, config.channels))
    rows = prior.patches(motion).flatten(0, 1).unflatten(1, (config.window, config.channels)).double()
    rows = (rows @ axes).flatten(1)
    middle = rows.mean(dim=0)
    values, basis = _components(rows - middle, config.d)
    # Half-whitened: large components stay larger, so that diffusion settles them first.
    basis = basis * values.clamp_min(1e-9) ** -0.25
    z = ((rows - middle) @ basis).unflatten(0, motion[:, :: config.hop, 0].shape)
    around = neighbourhoods(z).flatten(0, 1)
    around = torch.cat([around, torch.ones(len(around), 1).to(around)], dim=1)
    ridge = 1e-5 * len(rows) * torch.eye(around.shape[1]).to(around)
    found = torch.linalg.solve(around.T @ around + ridge, around.T @ rows)
    rebuilt = found.unflatten(1, (config.window, -1)) @ axes.T
    with torch.no_grad():
        prior.encoder.weight.copy_((axes @ basis.unflatten(0, (config.window, -1))).flatten(0, 1).T)
        prior.encoder.bias.copy_(-(middle @ basis))
        prior.decoder.weight.copy_(rebuilt[:-1].flatten(1).T)
        prior.decoder.bias.copy_(rebuilt[-1].flatten())
        error = (prior.decode(prior.encode(motion)[0]) - motion) / prior.channel_std
    return 1 - float(error.square().mean() / scaled.square().mean())


def _components(rows: Float[Tensor, "many d"], count: int) -> tuple[Float[Tensor, "count"], Float[Tensor, "d count"]]:
    """Variances and directions of the principal components of centred rows, the largest first."""
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
    order = values.argsort(descending=True)[:count]
    return values[order], vectors[:, order]
