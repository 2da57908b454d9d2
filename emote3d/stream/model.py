"""The live networks: loading them, what they look ahead, and the slow twin that performs a whole recording in one go."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import CompactEncoder, LiveEncoderConfig
from emote3d.audio.hearing import FULL_SCALE_BELOW_LEVEL
from emote3d.audio.level import RunningLevel
from emote3d.audio.lips import PhoneReader, PhoneReaderConfig
from emote3d.audio.rhythm_stream import AccentStream
from emote3d.checkpoint import load_component
from emote3d.decoders.face import face_from_channels, with_life
from emote3d.decoders.life import Aim, draw_life
from emote3d.decoders.regression import LiveRegressionConfig, RegressionDecoder
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.latents.direction import Direction
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.latents.voice import VoiceEmotion, VoiceEmotionConfig
from emote3d.names import EMOTIONS
from emote3d.prior.flint import LiveFlintConfig, MotionVAE
from emote3d.records import Motion, Speech
from emote3d.stream.contacts import Contacts
from emote3d.stream.directing import LIVE_FPS, Steering
from emote3d.stream.posture import Posture
from emote3d.stream.resting import Resting

MAX_LOOK_AHEAD_MS = 120.0
LIVE_LEAD_S = 0.08
"""Beats rise in this time: an accent is heard about when it is there, and they should not come late."""

_SILENT_S = 2
"""Silence in which a face has come to rest."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When the frames of a stream can be made; times in samples, so that nothing drifts."""

    encoder: LiveEncoderConfig
    look_ahead: int
    """Features that the encoder looks ahead."""

    def features_of(self, frame: int) -> tuple[int, float]:
        """The feature before a motion frame, and how far towards the next one it lies."""
        position = frame * self.encoder.sample_rate
        spacing = 2 * self.encoder.hop * LIVE_FPS
        return position // spacing, position % spacing / spacing

    def samples_for(self, frame: int) -> int:
        """Samples from the beginning that must be there to make a motion frame."""
        config = self.encoder
        low, weight = self.features_of(frame)
        feature = low + (weight > 0) + self.look_ahead
        return (2 * feature + config.stem_future()) * config.hop + config.window // 2

    @property
    def look_ahead_ms(self) -> float:
        """Sound after a motion frame that it depends on, at most."""
        config = self.encoder
        waits = [self.samples_for(k) / config.sample_rate - k / LIVE_FPS for k in range(3 * LIVE_FPS)]
        return 1000 * max(waits)


class LiveModel:
    """The networks of a live checkpoint."""

    def __init__(
        self,
        audio: CompactEncoder,
        phones: PhoneReader,
        latents: SpeechEncoder,
        decoder: RegressionDecoder,
        prior: MotionVAE,
    ) -> None:
        assert isinstance(audio.config, LiveEncoderConfig)
        self.encoder_config: LiveEncoderConfig = audio.config
        self.audio, self.phones, self.latents, self.decoder, self.prior = audio, phones, latents, decoder, prior
        for module in (audio, phones, latents, decoder, prior):
            module.eval().requires_grad_(False)

    @classmethod
    def from_pretrained(cls, checkpoint: Path | str | None = None) -> LiveModel:
        """Load a live checkpoint folder, by default the shipped `checkpoints/live-v1`.

        Raises:
            Emote3DError: it is missing or damaged.
        """
        folder = Path(checkpoint) if checkpoint is not None else asset_path("checkpoints", "live-v1")
        return cls(
            load_component(folder / "audio", CompactEncoder, LiveEncoderConfig),
            load_component(folder / "phones", PhoneReader, PhoneReaderConfig),
            load_component(folder / "latents", SpeechEncoder, SpeechEncoderConfig),
            load_component(folder / "decoder", RegressionDecoder, LiveRegressionConfig),
            load_component(folder / "prior", MotionVAE, LiveFlintConfig),
        )

    @cached_property
    def voice(self) -> VoiceEmotion:
        """Reads the emotion of a voice; that of the shipped offline face, whatever the live checkpoint."""
        folder = asset_path("checkpoints", "open-v1") / "voice"
        return load_component(folder, VoiceEmotion, VoiceEmotionConfig).eval().requires_grad_(False)

    @cached_property
    def silent(self) -> Float[Tensor, "8 channels"]:
        """What the networks do in silence under each emotion alone."""
        rate = self.encoder_config.sample_rate
        silence = Speech(waveform=torch.zeros(_SILENT_S * rate), sample_rate=rate)
        conditions = torch.eye(len(EMOTIONS), self.decoder.config.condition_d)
        with torch.inference_mode():
            timing = self.timing(MAX_LOOK_AHEAD_MS)
            poses = [self._heard(silence, row[None], timing).channels[-1] for row in conditions]
        return torch.stack(poses)

    def timing(self, look_ahead_ms: float) -> Timing:
        """The most look-ahead that fits into so many milliseconds.

        Raises:
            Emote3DError: less than the networks can do with, or more than 120 ms.
        """
        config = self.encoder_config
        choices = [Timing(encoder=config, look_ahead=n) for n in range(config.look_ahead + 1)]
        least = choices[0].look_ahead_ms
        if not least <= look_ahead_ms <= MAX_LOOK_AHEAD_MS:
            raise Emote3DError(
                f"look_ahead_ms must lie in {np.ceil(least):g} to {MAX_LOOK_AHEAD_MS:g}, got {look_ahead_ms:g}; 80 is usual"
            )
        return [choice for choice in choices if choice.look_ahead_ms <= look_ahead_ms][-1]

    def perform(self, speech: Speech, direction: Direction, look_ahead_ms: float = 80.0, seed: int = 0) -> Motion:
        """What a stream makes of a recording under one direction, in one go: its slow twin, for tests and figures.

        Raises:
            Emote3DError: a look-ahead or a direction that cannot be had, or one that changes over time.
        """
        if direction.is_auto or direction.at:
            raise Emote3DError("perform takes one direction for all frames: no auto and no key frames; feed a stream")
        asked, config = Steering(direction).step(), self.encoder_config
        timing = self.timing(look_ahead_ms)
        with torch.inference_mode():
            heard = self._heard(speech, asked.condition, timing)
        frames = len(heard.channels)
        aim = Aim(gaze_rad=np.tile(asked.aim_rad, (frames, 1)), held=np.full(frames, asked.held))
        rng, emotion = np.random.default_rng(seed), np.tile(asked.emotion, (frames, 1))
        accents = self._accents(speech, timing, frames)
        life = draw_life(
            emotion, heard.loudness.double().numpy(), LIVE_FPS, rng, asked.blink_rate, aim, accents, LIVE_LEAD_S
        )
        posture, contacts, resting = Posture(), Contacts(LIVE_FPS), Resting(self.silent, LIVE_FPS)
        ends = [0, *((timing.samples_for(frame) - config.window // 2) // config.hop + 1 for frame in range(frames))]
        poses = []
        for pose, lips, (first, end) in zip(heard.channels, heard.lips, itertools.pairwise(ends), strict=True):
            held = contacts.step(posture.step(pose[None], asked.emotion), lips)
            poses.append(resting.step(held, asked.emotion, heard.mel[first:end]))
        face = with_life(face_from_channels(torch.cat(poses)), life, asked.head_motion, asked.brow_motion)
        return Motion(face=face, fps=LIVE_FPS)

    def _accents(self, speech: Speech, timing: Timing, frames: int) -> Float[np.ndarray, "frames"]:
        """Accents in the frames in which a stream becomes certain of them."""
        heard, missing = AccentStream(speech.sample_rate, LIVE_FPS), timing.samples_for(frames) - len(speech.waveform)
        waveform = torch.nn.functional.pad(speech.waveform, (0, max(0, missing)))
        bounds = [0, *(timing.samples_for(frame) for frame in range(frames))]
        with torch.inference_mode():
            return np.array([heard.hear(waveform[a:b]) for a, b in itertools.pairwise(bounds)])

    def _heard(self, speech: Speech, condition: Float[Tensor, "1 condition_d"], timing: Timing) -> _Heard:
        """What the networks make of a whole recording."""
        frames = max(1, round(speech.duration_s * LIVE_FPS))
        spare = max(0, timing.samples_for(frames) + 2 * self.encoder_config.fft - len(speech.waveform))
        mel = self.audio.log_mel(torch.nn.functional.pad(speech.waveform, (0, spare))[None])
        levelled = RunningLevel().run(mel)
        features = self.audio(levelled, timing.look_ahead)[0]
        places = [timing.features_of(frame) for frame in range(frames)]
        low = torch.tensor([place for place, _ in places])
        weight = torch.tensor([share for _, share in places], dtype=torch.float32)
        features = torch.lerp(features[low], features[low + 1], weight[:, None])
        z = self.decoder(self.latents(features[None]), condition[None].expand(1, frames, -1))
        return _Heard(
            channels=self.prior.decoder(z)[0],
            lips=self.phones.lips(features),
            loudness=loudness_of(levelled[0].mean(dim=1)[2 * low]),
            mel=mel[0],
        )


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """What the networks make of a recording, frame by frame, and its log-mel as it is."""

    channels: Float[Tensor, "frames channels"]
    lips: Float[Tensor, "frames lips"]
    loudness: Float[Tensor, "frames"]
    mel: Float[Tensor, "mel_frames mels"]


def loudness_of(level: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Mean log-mel relative to the level of the voice as loudness, 0 (silence) to 1."""
    return (1 + level / FULL_SCALE_BELOW_LEVEL).clamp(0, 1)
