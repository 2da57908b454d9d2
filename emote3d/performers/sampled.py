"""The open face by latent diffusion: lips as the voice has them, and brows, nods, blinks, gaze and head drawn from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.checkpoint import load_component, read_manifest
from emote3d.decoders.denoiser import Denoiser, DenoiserConfig
from emote3d.decoders.face import face_from_channels, with_life
from emote3d.decoders.face_diffusion import BLINK_RATES, directed_life, face_conditions, sample_face
from emote3d.decoders.life import Life
from emote3d.decoders.regression import RegressionDecoder
from emote3d.errors import Emote3DError
from emote3d.latents.speech import direct
from emote3d.latents.timeline import Timeline
from emote3d.performers.directed import aim_of, directed_channels, lopsided
from emote3d.performers.face import Heard
from emote3d.prior.flint import MotionVAE
from emote3d.records import FaceMotion, SpeechLatents
from emote3d.windows import blended

_WINDOW_LATENTS, _OVERLAP_LATENTS = 150, 30


def load_face_denoiser(folder: Path) -> Denoiser:
    """The component `face_denoiser` of a checkpoint folder.

    Raises:
        Emote3DError: there is none, or it was trained for another prior than the one beside it.
    """
    if not (folder / "face_denoiser").is_dir():
        raise Emote3DError(f"the checkpoint {folder} has no face_denoiser, which sampling needs; leave out --sample")
    denoiser = load_component(folder / "face_denoiser", Denoiser, DenoiserConfig)
    made_for = read_manifest(folder / "face_denoiser").get("prior_sha256")
    if made_for is not None and made_for != read_manifest(folder / "prior").get("sha256"):
        raise Emote3DError(f"the face_denoiser in {folder} was trained for another prior; train it again")
    return denoiser


class FaceSampler:
    """Draws motion channels and life for one recording, one timeline and one seed."""

    def __init__(
        self, denoiser: Denoiser, decoder: RegressionDecoder, prior: MotionVAE, timeline: Timeline, seed: int
    ) -> None:
        self.denoiser, self.decoder, self.prior = denoiser, decoder, prior
        self.seed = seed
        self._rate = torch.from_numpy(np.log(timeline.blink_rate.clip(*BLINK_RATES))).float()[:, None]
        self._drawn: list[tuple[Tensor, tuple[Tensor, Life]]] = []

    def decode(self, latents: SpeechLatents) -> Float[Tensor, "frames channels"]:
        """Motion channels; the same noise whatever the emotion."""
        return self._decode_latents(self._draw(latents)[0], len(latents.content))

    def life(self, latents: SpeechLatents) -> Life:
        """Blinks, gaze and head drift that belong to them."""
        return self._draw(latents)[1]

    def _draw(self, latents: SpeechLatents) -> tuple[Float[Tensor, "1 latents latent_d"], Life]:
        for emotion, drawn in self._drawn:
            if torch.equal(emotion, latents.emotion):
                return drawn
        frames, group = len(latents.content), self.prior.config.frames_per_latent
        emotion, style = (rows.expand(frames, -1)[None] for rows in (latents.emotion, latents.style))
        content = latents.content[None]
        expected = self._expect(content, torch.cat([emotion, style], dim=2))
        conditions = face_conditions(expected, emotion, torch.cat([style, self._rate[None]], dim=2), group)
        z, lives = sample_face(self.denoiser, expected, conditions, [self.seed], frames)
        self._drawn.append((latents.emotion, (z, lives[0])))
        return z, lives[0]

    def _expect(self, content: Tensor, condition: Tensor) -> Float[Tensor, "1 latents latent_d"]:
        """Latents of the regression decoder, long clips in windows."""
        group = self.decoder.config.frames_per_latent

        def run(place: slice) -> Tensor:
            frames = slice(place.start * group, place.stop * group)
            return self.decoder(content[:, frames], condition[:, frames])

        return blended(run, -(-content.shape[1] // group), _WINDOW_LATENTS, _OVERLAP_LATENTS)

    def _decode_latents(self, z: Tensor, frames: int) -> Float[Tensor, "frames channels"]:
        group = self.prior.config.frames_per_latent

        def run(place: slice) -> Tensor:
            return self.prior.decoder(z[:, place]).unflatten(1, (-1, group)).flatten(2)

        rows = blended(run, z.shape[1], _WINDOW_LATENTS, _OVERLAP_LATENTS)
        return rows.unflatten(2, (group, -1)).flatten(1, 2)[0, :frames]


def perform_sampled(sampler: FaceSampler, heard: Heard, timeline: Timeline, fps: float) -> FaceMotion:
    """Perform what was heard, all that the voice leaves open drawn by the denoiser."""
    with torch.inference_mode():
        channels = directed_channels(sampler.decode, heard, lopsided(timeline, sampler.seed), fps)
        life = sampler.life(direct(heard.latents, timeline.emotion, timeline.style()))
    life = directed_life(life, timeline.blink_rate, aim_of(timeline), fps)
    return with_life(face_from_channels(channels), life, torch.from_numpy(timeline.head_motion))
