"""The whole flow on one page: speech to motion."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig
from emote3d.audio.hearing import hear
from emote3d.audio.load import load_speech
from emote3d.checkpoint import load_component
from emote3d.decoders.face import face_from_channels, with_life
from emote3d.decoders.life import draw_life
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.files import asset_path
from emote3d.latents.direction import Direction
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig, direct, recognise_emotion
from emote3d.motion import resample_motion
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.records import Motion, Speech, SpeechFeatures, SpeechLatents

if TYPE_CHECKING:
    from emote3d.body import BodyModel

MOTION_FPS = 30
"""Frame rate of the default checkpoint."""
_WINDOW_FRAMES, _OVERLAP_FRAMES = 1200, 240


class Emote3D:
    """Speech in, motion out."""

    def __init__(
        self, audio: CompactEncoder, latents: SpeechEncoder, decoder: RegressionDecoder, prior: MotionVAE
    ) -> None:
        self.audio = audio.eval().requires_grad_(False)
        self.latents = latents.eval().requires_grad_(False)
        self.decoder = decoder.eval().requires_grad_(False)
        self.prior = prior.eval().requires_grad_(False)

    @classmethod
    def from_pretrained(cls, checkpoint: Path | str | None = None) -> Emote3D:
        """Load a checkpoint folder, by default the shipped `checkpoints/open-v1`; damaged ones raise `Emote3DError`."""
        folder = Path(checkpoint) if checkpoint is not None else asset_path("checkpoints", "open-v1")
        return cls(
            load_component(folder / "audio", CompactEncoder, CompactEncoderConfig),
            load_component(folder / "latents", SpeechEncoder, SpeechEncoderConfig),
            load_component(folder / "decoder", RegressionDecoder, RegressionConfig),
            load_component(folder / "prior", MotionVAE, FlintConfig),
        )

    @cached_property
    def avatar(self) -> BodyModel:
        """The open avatar."""
        from emote3d.body import open_avatar

        return open_avatar()

    def animate(
        self,
        source: str | Path | tuple[np.ndarray, int] | Speech,
        direction: Direction | None = None,
        *,
        seed: int = 0,
        fps: float = MOTION_FPS,
    ) -> Motion:
        """Perform a recording: a path, a (samples, rate) pair, or a `Speech`. The same seed gives the same motion.

        Raises:
            Emote3DError: the recording cannot be used; the message says why.
        """
        direction = direction or Direction()
        speech = load_speech(source)
        with torch.inference_mode():
            features, loudness = hear(self.audio, speech, MOTION_FPS)
            latents = direct(self.understand(features), direction)
            face = face_from_channels(self.decode(latents))
        emotion = latents.emotion.expand(len(loudness), -1).double().numpy()
        rng = np.random.default_rng(seed)
        life = draw_life(emotion, loudness.double().numpy(), MOTION_FPS, rng, direction.blink_rate)
        face = with_life(face, life, direction.head_motion)
        return resample_motion(Motion(face=face, fps=MOTION_FPS), fps, speech.duration_s)

    def understand(self, features: SpeechFeatures) -> SpeechLatents:
        """Content of the speech, the emotion heard in the voice, and the average style."""
        return SpeechLatents(
            content=self.latents(features.features[None])[0],
            emotion=recognise_emotion(self.latents, features),
            style=torch.zeros(self.decoder.config.condition_d - self.latents.config.emotions),
        )

    def decode(self, latents: SpeechLatents) -> Float[Tensor, "frames channels"]:
        """Content and condition to motion channels; long clips in windows that are blended over their overlap."""
        frames = len(latents.content)
        condition = torch.cat([latents.emotion.expand(frames, -1), latents.style.expand(frames, -1)], dim=1)
        step = _WINDOW_FRAMES - _OVERLAP_FRAMES
        total, weights = torch.zeros(frames, self.prior.config.channels), torch.zeros(frames, 1)
        for start in range(0, max(1, frames - _OVERLAP_FRAMES), step):
            window = slice(start, min(frames, start + _WINDOW_FRAMES))
            z = self.decoder(latents.content[None, window], condition[None, window])
            count = window.stop - window.start
            motion = self.prior.decoder(z)[0, :count]
            ramp = (torch.arange(count) + 1.0) / _OVERLAP_FRAMES
            rising = ramp if start else torch.ones(count)
            falling = ramp.flip(0) if window.stop < frames else torch.ones(count)
            weight = torch.minimum(rising, falling).clamp(max=1.0)[:, None]
            total[window] += weight * motion
            weights[window] += weight
        return total / weights
