"""Live networks at tiny sizes with random weights, and the shipped recording."""

from pathlib import Path

import pytest
import torch

from emote3d.audio.encoder import CompactEncoder, LiveEncoderConfig
from emote3d.audio.lips import PhoneReader, PhoneReaderConfig
from emote3d.audio.load import load_speech
from emote3d.decoders.face import CHANNELS
from emote3d.decoders.regression import LiveRegressionConfig, RegressionDecoder
from emote3d.files import asset_path
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.performers.live_body import live_bodies
from emote3d.performers.open_body import OpenBody
from emote3d.prior.flint import LiveFlintConfig, MotionVAE
from emote3d.records import Speech
from emote3d.stream.gestures import BodyMaker
from emote3d.stream.model import LiveModel

DEMO = Path(__file__).parents[2] / "assets" / "audio" / "demo-congrats.flac"


@pytest.fixture(scope="session")
def tiny() -> LiveModel:
    torch.manual_seed(0)
    audio = CompactEncoder(LiveEncoderConfig(d=16, dilations=(1, 2, 1), taps_after=(2, 0, 2), expansion=1, kernel=5))
    audio.log_mel.fill_filters()
    decoder = LiveRegressionConfig(
        condition_d=11, content_d=8, style_d=8, heads=2, feedforward_d=8, layers=2, latent_d=12,
        frames_per_latent=1, past_frames=7, period=3,
    )  # fmt: skip
    prior = MotionVAE(LiveFlintConfig(channels=CHANNELS, d=12, heads=2, feedforward_d=8, past_latents=5))
    prior.train()(torch.randn(4, 40, CHANNELS), torch.randn(4, 40, 12))
    phones = PhoneReader(PhoneReaderConfig(feature_d=16, phones=9, shut=(1, 2), tucked=(3,), apart=(4, 5)))
    latents = SpeechEncoder(SpeechEncoderConfig(feature_d=16, content_d=8))
    return LiveModel(audio, phones, latents, RegressionDecoder(decoder), prior)


@pytest.fixture(scope="session")
def demo() -> Speech:
    speech = load_speech(DEMO)
    return Speech(waveform=speech.waveform[: 16000 * 4], sample_rate=16000)


@pytest.fixture(scope="session")
def open_body() -> OpenBody:
    return OpenBody.from_pretrained(asset_path("checkpoints", "open-v1"))


@pytest.fixture(scope="session")
def maker(open_body: OpenBody) -> BodyMaker:
    return live_bodies(open_body)
