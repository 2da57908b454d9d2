"""An AMUSE checkpoint of tiny size and random weights, as the import writes it."""

from pathlib import Path

import torch

from emote3d.checkpoint import save_component
from emote3d.decoders.denoiser import Denoiser, DenoiserConfig
from emote3d.latents.ast import AstConfig, AstEncoder
from emote3d.performers.amuse import PARTS
from emote3d.prior.body import CHANNELS
from emote3d.prior.mld import MldConfig, MldVAE


def write_amuse(folder: Path) -> Path:
    """Write the components."""
    torch.manual_seed(0)
    ast = AstConfig(
        labels=0, frames=64, patch=16, stride=16, d=8, layers=1, heads=2, feedforward_d=8, feature_d=6, labels_from="tokens"
    )  # fmt: skip
    prior = MldConfig(channels=CHANNELS, d=8, heads=2, feedforward_d=8, layers=3, max_frames=310)
    denoiser = DenoiserConfig(
        latent_d=8, content_d=6, emotion_d=6, style_d=6, d=8, heads=2, feedforward_d=8, layers=3, time_d=8, max_tokens=5
    )
    for name in PARTS:
        save_component(folder / name, AstEncoder(ast), ast, {})
    save_component(folder / "prior", MldVAE(prior), prior, {})
    save_component(folder / "denoiser", Denoiser(denoiser), denoiser, {})
    return folder
