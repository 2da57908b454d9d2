"""The resampled wav2vec2: long recordings, framing, another source of weights."""

from pathlib import Path

import pytest
import torch

from emote3d.audio import folded
from emote3d.audio.folded import FoldedWav2Vec
from emote3d.audio.wav2vec import ResampledWav2Vec, Wav2VecConfig, framed, normalised, resampled
from emote3d.errors import Emote3DError

TINY = Wav2VecConfig(conv_d=(16,) * 7, d=32, layers=1, heads=2, feedforward_d=32, position_kernel=8, position_groups=2)


STABLE = Wav2VecConfig(
    conv_d=(16, 24, 16), conv_kernels=(10, 3, 2), conv_strides=(5, 2, 2), conv_norm="layer", conv_bias=True, d=32, layers=2,
    heads=4, feedforward_d=48, norm_first=True, position_kernel=5, position_groups=4,
)  # fmt: skip


def _shaken(config: Wav2VecConfig) -> ResampledWav2Vec:
    """Every weight random, those of the norms too."""
    torch.manual_seed(0)
    encoder = ResampledWav2Vec(config).eval().requires_grad_(False)
    for name, value in encoder.named_parameters():
        if "norm" in name or name.endswith("bias"):
            value.add_(0.3 * torch.randn_like(value))
    return encoder


@pytest.mark.parametrize("config", [TINY, STABLE], ids=["base", "large"])
@pytest.mark.parametrize("samples", [400, 960, 40000])
def test_the_folded_network_gives_what_the_network_gives(
    config: Wav2VecConfig, samples: int, monkeypatch: pytest.MonkeyPatch
):
    encoder = _shaken(config)
    quick = FoldedWav2Vec(encoder)
    waveform = normalised(0.1 * torch.randn(samples) * torch.linspace(0.1, 1, samples))
    with torch.inference_mode():
        whole = encoder.model.feature_extractor(waveform[None])
        monkeypatch.setattr(folded, "_OUTER_FEATURES", 17)
        monkeypatch.setattr(folded, "_INNER_ROWS", 23)
        features = quick.convolve(waveform)
        assert features.shape == whole.shape == (1, config.conv_d[-1], (samples - config.field) // config.stride + 1)
        assert torch.allclose(features, whole, atol=2e-5)
        frames = resampled(whole, max(1, samples // 640))
        assert torch.allclose(quick.encode(frames), encoder.encode(frames), atol=2e-5)


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
