"""The performer of our own checkpoints: compact encoder, ARKit coefficients, head and eyes."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig
from emote3d.audio.hearing import hear
from emote3d.audio.lips import PhoneReader, PhoneReaderConfig, lip_contacts
from emote3d.audio.rhythm import hear_rhythm
from emote3d.checkpoint import load_component
from emote3d.decoders.denoiser import Denoiser
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.latents.timeline import draw_timeline
from emote3d.latents.voice import VoiceEmotion, VoiceEmotionConfig, recognise_emotion
from emote3d.names import EMOTIONS
from emote3d.performers.directed import perform
from emote3d.performers.face import Heard
from emote3d.performers.sampled import FaceSampler, load_face_denoiser, perform_sampled
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.records import FaceMotion, Speech, SpeechFeatures, SpeechLatents
from emote3d.windows import blended

MOTION_FPS = 30
"""Frame rate of the default checkpoint."""
_WINDOW_FRAMES, _OVERLAP_FRAMES = 1200, 240


class OpenFace:
    """Drives ARKit's 52 shapes, neck and eyes."""

    fps: float = MOTION_FPS

    def __init__(
        self,
        audio: CompactEncoder,
        phones: PhoneReader,
        latents: SpeechEncoder,
        voice: VoiceEmotion,
        decoder: RegressionDecoder,
        prior: MotionVAE,
    ) -> None:
        self.audio = audio.eval().requires_grad_(False)
        self.phones = phones.eval().requires_grad_(False)
        self.latents = latents.eval().requires_grad_(False)
        self.voice = voice.eval().requires_grad_(False)
        self.decoder = decoder.eval().requires_grad_(False)
        self.prior = prior.eval().requires_grad_(False)
        self._folder: Path | None = None

    @classmethod
    def from_pretrained(cls, folder: Path) -> OpenFace:
        """Load the components of a checkpoint folder."""
        face = cls(
            load_component(folder / "audio", CompactEncoder, CompactEncoderConfig),
            load_component(folder / "phones", PhoneReader, PhoneReaderConfig),
            load_component(folder / "latents", SpeechEncoder, SpeechEncoderConfig),
            load_component(folder / "voice", VoiceEmotion, VoiceEmotionConfig),
            load_component(folder / "decoder", RegressionDecoder, RegressionConfig),
            load_component(folder / "prior", MotionVAE, FlintConfig),
        )
        face._folder = folder
        return face

    @cached_property
    def denoiser(self) -> Denoiser:
        """The latent denoiser of this face, loaded when it is first asked for; `Emote3DError` where there is none."""
        if self._folder is None:
            raise Emote3DError("a face that was not loaded from a checkpoint folder has no denoiser to sample with")
        return load_face_denoiser(self._folder)

    def check(self, direction: Direction) -> None:
        """Refuse to sample without a denoiser."""
        if direction.sample:
            _ = self.denoiser

    def listen(self, speech: Speech) -> Heard:
        """Content, emotion and loudness of a recording."""
        with torch.inference_mode():
            features, loudness = hear(self.audio, speech, MOTION_FPS)
            emotion = recognise_emotion(self.voice, speech, len(loudness))
            rhythm = hear_rhythm(speech, MOTION_FPS)
            return Heard(
                latents=self.understand(features, emotion),
                loudness=loudness * rhythm.speech,
                accents=rhythm.accents,
                rhythm=rhythm,
                contacts=lip_contacts(self.phones.lips(features.features)),
            )

    def act(self, heard: Heard, direction: Direction, seed: int) -> FaceMotion:
        """Perform under a direction, with blinks, gaze and head drift drawn from the seed; sampled, brows and nods too."""
        timeline = draw_timeline(direction, len(heard.loudness), MOTION_FPS, heard.words)
        if direction.sample:
            sampler = FaceSampler(self.denoiser, self.decoder, self.prior, timeline, seed)
            return perform_sampled(sampler, heard, timeline, MOTION_FPS)
        return perform(self.decode, heard, timeline, MOTION_FPS, seed)

    @cached_property
    def fingerprint(self) -> str:
        """Tells content latents of one checkpoint from those of another."""
        return hashlib.sha256(self.latents.content.weight.numpy().tobytes()).hexdigest()[:12]

    def understand(self, features: SpeechFeatures, emotion: Float[Tensor, "frames emotions"]) -> SpeechLatents:
        """Content of the speech (as exact as a motion file keeps it), the emotion heard in the voice, the average style."""
        return SpeechLatents(
            content=self.latents(features.features[None])[0].half().float(),
            emotion=emotion,
            style=torch.zeros(self.decoder.config.condition_d - len(EMOTIONS)),
        )

    def decode(self, latents: SpeechLatents) -> Float[Tensor, "frames channels"]:
        """Content and condition to motion channels; long clips in windows that are blended over their overlap."""
        frames = len(latents.content)
        emotion, style = latents.emotion.expand(frames, -1), latents.style.expand(frames, -1)
        condition = torch.cat([emotion, style], dim=1)

        def run(window: slice) -> Tensor:
            z = self.decoder(latents.content[None, window], condition[None, window])
            return self.prior.decoder(z)[0, : window.stop - window.start]

        return blended(run, frames, _WINDOW_FRAMES, _OVERLAP_FRAMES)
