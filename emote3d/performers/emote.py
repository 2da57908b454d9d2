"""The performer of EMOTE checkpoints: wav2vec2, emotion + intensity + subject, FLAME expression and jaw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.folded import FoldedWav2Vec
from emote3d.audio.loudness import frame_loudness
from emote3d.audio.rhythm import hear_accents
from emote3d.audio.wav2vec import ResampledWav2Vec, Wav2VecConfig, framed, normalised, resampled
from emote3d.checkpoint import load_component
from emote3d.decoders.beats import announced
from emote3d.decoders.face import with_gaze_and_drift
from emote3d.decoders.life import draw_life
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.errors import Emote3DError
from emote3d.latents.condition import EmoteCondition, EmoteConditionConfig
from emote3d.latents.direction import Direction
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig, direct
from emote3d.latents.timeline import draw_timeline
from emote3d.names import EMOTIONS, LIPS
from emote3d.performers.directed import aim_of
from emote3d.performers.face import Heard
from emote3d.prior.flint import FlintConfig, FlintDecoder
from emote3d.records import FaceMotion, Speech, SpeechLatents
from emote3d.windows import blended

JAW_CHANNELS = 3
_WINDOW_FRAMES, _OVERLAP_FRAMES = 1200, 240
"""48 s, the longest clip the original could take, is seen at once; longer ones in windows that share 9.6 s."""


class EmoteFace:
    """Drives FLAME's expression and jaw; head and eyes, which EMOTE does not know, come from our own life."""

    def __init__(
        self,
        audio: ResampledWav2Vec,
        latents: SpeechEncoder,
        condition: EmoteCondition,
        decoder: RegressionDecoder,
        prior: FlintDecoder,
        demo_compat: bool = False,
    ) -> None:
        self.audio = audio.eval().requires_grad_(False)
        self.folded = FoldedWav2Vec(self.audio)
        self.latents = latents.eval().requires_grad_(False)
        self.condition = condition
        self.decoder = decoder.eval().requires_grad_(False)
        self.prior = prior.eval().requires_grad_(False)
        self.demo_compat = demo_compat

    @classmethod
    def from_pretrained(cls, folder: Path, demo_compat: bool = False) -> EmoteFace:
        """Load what `emote3d import-checkpoint emote` or `emote3d train emote` made.

        Args:
            demo_compat: hear the audio as EMOTE's own demo does, with its padding mistake.
        """
        return cls(
            load_component(folder / "audio", ResampledWav2Vec, Wav2VecConfig),
            load_component(folder / "latents", SpeechEncoder, SpeechEncoderConfig),
            load_component(folder / "condition", EmoteCondition, EmoteConditionConfig),
            load_component(folder / "decoder", RegressionDecoder, RegressionConfig),
            load_component(folder / "prior", FlintDecoder, FlintConfig),
            demo_compat,
        )

    @property
    def fps(self) -> float:
        """Frame rate of the checkpoint, 25."""
        return self.audio.config.frame_rate

    def listen(self, speech: Speech) -> Heard:
        """Content of a recording of any length; the one pass of wav2vec2 that all emotions share."""
        waveform, frames = framed(speech.waveform, self.audio.config.samples_per_frame, self.demo_compat)
        with torch.inference_mode():
            features = resampled(self.folded.convolve(normalised(waveform)), frames)
            content = blended(
                lambda part: self.latents(self.folded.encode(features[:, part])),
                frames,
                _WINDOW_FRAMES,
                _OVERLAP_FRAMES,
            )[0]
        latents = SpeechLatents(
            content=content,
            emotion=torch.eye(len(EMOTIONS))[:1],
            style=torch.zeros(0),
        )
        return Heard(
            latents=latents,
            loudness=frame_loudness(speech, self.fps, frames),
            accents=hear_accents(speech, self.fps, frames),
            contacts=torch.zeros(frames, len(LIPS)),
        )

    def check(self, direction: Direction) -> None:
        """Raise `Emote3DError` where emotions are to be heard or a face sampled, which EMOTE has no networks for."""
        if direction.is_auto:
            raise Emote3DError("an EMOTE checkpoint does not hear emotions; name one instead of auto, e.g. happy:0.8")
        if direction.sample:
            raise Emote3DError("an EMOTE checkpoint has no denoiser to sample a face with; leave out --sample")
        self.condition.subject_index(direction.subject)

    def act(self, heard: Heard, direction: Direction, seed: int) -> FaceMotion:
        """Perform under a direction: emotion, intensity and subject; blinks are not in FLAME's basis and left out."""
        self.check(direction)
        frames = len(heard.loudness)
        timeline = draw_timeline(direction, frames, self.fps, heard.words)
        emotion = direct(heard.latents, timeline.emotion, timeline.style()).emotion
        condition = self.condition(emotion, self.condition.subject_index(direction.subject))
        expression, jaw_axis_angle = self.decode(heard.latents.content, condition)
        rng = np.random.default_rng(seed)
        loudness, accents = heard.loudness.double().numpy(), announced(heard.accents.double().numpy(), self.fps)
        life = draw_life(emotion.double().numpy(), loudness, self.fps, rng, aim=aim_of(timeline), accents=accents)
        still = FaceMotion(
            expression=expression.clamp(0, 1) if self.condition.config.basis == "arkit52" else expression,
            basis=self.condition.config.basis,
            jaw_axis_angle=jaw_axis_angle,
            neck_axis_angle=torch.zeros(frames, 3),
            eyes_axis_angle=torch.zeros(frames, 2, 3),
        )
        return with_gaze_and_drift(still, life, torch.from_numpy(timeline.head_motion))

    def decode(
        self, content: Float[Tensor, "frames content_d"], condition: Float[Tensor, "#frames condition_d"]
    ) -> tuple[Float[Tensor, "frames expression"], Float[Tensor, "frames 3"]]:
        """Content and condition (of one row for all frames, or one each) to expression and jaw axis-angle."""
        frames, group = len(content), self.decoder.config.frames_per_latent
        condition = condition.expand(frames, -1)

        def run(part: slice) -> Tensor:
            z = self.decoder(content[None, part], condition[None, part])
            return self.prior(z)[0]

        with torch.inference_mode():
            motion = blended(run, frames + -frames % group, _WINDOW_FRAMES, _OVERLAP_FRAMES)[:frames]
        return motion[:, :-JAW_CHANNELS], motion[:, -JAW_CHANNELS:]
