import pytest
import torch

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig, LiveEncoderConfig, resample_features
from emote3d.audio.hearing import hear, in_windows, log_mel
from emote3d.records import Speech

TINY = CompactEncoderConfig(mels=8, d=8, dilations=(1, 2))


def _encoder(config: CompactEncoderConfig = TINY) -> CompactEncoder:
    torch.manual_seed(0)
    encoder = CompactEncoder(config).eval().requires_grad_(False)
    encoder.log_mel.fill_filters()
    return encoder


@pytest.mark.parametrize(
    "config", [TINY, LiveEncoderConfig(mels=8, d=8, dilations=(1, 2), taps_after=(1, 0))], ids=["both", "live"]
)
def test_windows_join_to_the_same_as_one_pass(config: CompactEncoderConfig):
    encoder = _encoder(config)
    speech = Speech(waveform=0.1 * torch.randn(16000 * 75), sample_rate=16000)
    mel = log_mel(encoder, speech)
    whole = encoder.log_mel(speech.waveform[None])[0]
    assert torch.allclose(mel - mel.mean(), (whole - whole.mean())[: len(mel)], atol=1e-4)
    context = int(config.context_s * config.feature_rate) + 1
    joined = in_windows(lambda part: encoder(part[None])[0], mel, 2, context)
    assert torch.allclose(joined, encoder(mel[None])[0][: len(joined)], atol=1e-4)


def test_features_stand_at_the_motion_frames():
    encoder = _encoder()
    speech = Speech(waveform=torch.zeros(16000), sample_rate=16000)
    heard, loudness = hear(encoder, speech, 30)
    assert heard.features.shape == (30, 8)
    assert loudness.max() == 0


def test_loudness_does_not_matter():
    encoder = _encoder()
    wave = 0.5 * torch.randn(32000) * torch.linspace(0.01, 1, 32000)
    loud, quiet = (log_mel(encoder, Speech(waveform=gain * wave, sample_rate=16000)) for gain in (1.0, 0.1))
    assert torch.allclose(loud[100:], quiet[100:], atol=0.05)


def test_resampling_is_linear_in_time():
    ramp = torch.arange(50.0)[None, :, None]
    assert torch.allclose(resample_features(ramp, 50, 30, 30)[0, :, 0], torch.arange(30) * 50 / 30, atol=1e-4)
