"""The resampled wav2vec2: long recordings, framing, another source of weights."""

from pathlib import Path

import pytest
import torch

from emote3d.audio import wav2vec
from emote3d.audio.wav2vec import ResampledWav2Vec, Wav2VecConfig, framed, normalised
from emote3d.errors import Emote3DError

TINY = Wav2VecConfig(conv_d=(16,) * 7, d=32, layers=1, heads=2, feedforward_d=32, position_kernel=8, position_groups=2)


def test_long_recordings_are_convolved_as_short_ones(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    encoder = ResampledWav2Vec(TINY).eval()
    waveform = normalised(0.1 * torch.randn(40000) * torch.linspace(0.1, 1, 40000))
    with torch.inference_mode():
        whole = encoder.convolve(waveform)
        monkeypatch.setattr(wav2vec, "_CHUNK_FRAMES", 17)
        chunked = encoder.convolve(waveform)
    assert whole.shape == (1, 16, (40000 - TINY.field) // TINY.stride + 1)
    assert torch.allclose(whole, chunked, atol=2e-5)


def test_sizes_follow_from_each_other():
    config = Wav2VecConfig()
    assert (config.stride, config.field, config.samples_per_frame) == (320, 400, 640)
    assert Wav2VecConfig.from_hf(config.hf()) == config


def test_the_demo_puts_a_click_after_every_frame():
    waveform = torch.arange(1, 1300, dtype=torch.float32)
    clean, frames = framed(waveform, 640, demo_compat=False)
    assert (len(clean), frames) == (1280, 2)
    demo, frames = framed(waveform, 640, demo_compat=True)
    assert (len(demo), frames) == (3 * 641, 3)
    assert demo[640] == 0 and demo[641] == 641 and not demo[2 * 641 :].any()


def test_less_than_a_frame_is_a_frame():
    cut, frames = framed(torch.ones(10), 640, demo_compat=False)
    assert (len(cut), frames) == (640, 1)


def test_weights_come_from_a_folder_in_transformers_layout(tmp_path: Path):
    torch.manual_seed(0)
    encoder = ResampledWav2Vec(TINY).eval()
    encoder.model.save_pretrained(tmp_path)
    again = ResampledWav2Vec.from_transformers(tmp_path).eval()
    assert again.config == TINY
    waveform = torch.randn(1, 6400)
    with torch.inference_mode():
        assert torch.allclose(again(waveform, 10), encoder(waveform, 10))
    with pytest.raises(Emote3DError, match="transformers"):
        ResampledWav2Vec.from_transformers(tmp_path / "none")
