"""FLINT and its layers, also against the published code's tensors where they lie beside the checkout."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d.layers import EncoderLayer, alibi_bias
from emote3d.prior.flint import FlintConfig, MotionVAE

PARITY = Path(__file__).parents[3] / "shared" / "parity" / "emote"


def test_explicit_attention_is_that_of_torch():
    torch.manual_seed(0)
    ours, theirs = EncoderLayer(16, 4, 32), torch.nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True)
    state = {
        name.replace("self_attn.", "").replace("in_proj_", "in_proj."): t for name, t in theirs.state_dict().items()
    }
    ours.load_state_dict(state)
    x, bias = torch.randn(2, 10, 16), alibi_bias(4, 10)
    expected = theirs.train()(x, src_mask=bias.repeat(2, 1, 1))
    assert torch.allclose(ours(x, bias), expected, atol=1e-6)


def test_bias_halves_per_head_and_grows_per_period():
    bias = alibi_bias(8, 61, period=30)
    assert bias[0, 0, 29] == 0
    assert bias[0, 0, 30] == -0.5
    assert bias[1, 60, 0] == -0.5


def test_one_latent_stands_for_eight_frames():
    vae = MotionVAE(FlintConfig(channels=6, d=16, heads=4, feedforward_d=16)).eval()
    rebuilt, kl = vae(torch.randn(2, 24, 6), torch.zeros(2, 3, 16))
    assert rebuilt.shape == (2, 24, 6)
    assert kl.ndim == 0


def _ours(name: str) -> str:
    for theirs, mine in (
        ("motion_", ""),
        ("encoder_transformer", "transformer"),
        ("decoder_transformer", "transformer"),
        ("encoder_linear_embedding", "embedding"),
        ("decoder_linear_embedding", "embedding"),
        ("post_transformer_linear", "post"),
        ("cross_smooth_layer", "smooth"),
        ("self_attn.in_proj_", "in_proj."),
        ("self_attn.", ""),
    ):
        name = name.replace(theirs, mine)
    return name


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_agrees_with_the_published_code(version: str):
    folder = PARITY / version
    if not folder.is_dir():
        pytest.skip("no parity fixtures beside the checkout")
    (checkpoint,) = folder.glob("FLINT*/checkpoints/*/*.ckpt")

    class Placeholder:
        pass

    name = "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"
    with torch.serialization.safe_globals([(Placeholder, name)]):
        state = torch.load(checkpoint, weights_only=True)["state_dict"]
    fixture = np.load(folder / "flint.npz")
    vae = MotionVAE(FlintConfig(channels=fixture["input_sequence"].shape[2])).eval()
    vae.load_state_dict({_ours(key): value for key, value in state.items() if key.startswith("motion_")})
    with torch.inference_mode():
        mean, logvar = vae.encoder(torch.from_numpy(fixture["input_sequence"]))
        decoded = vae.decoder(torch.from_numpy(fixture["mean"]))
    assert np.abs(mean.numpy() - fixture["mean"]).max() < 1e-5
    assert np.abs(logvar.numpy() - fixture["logvar"]).max() < 1e-5
    assert np.abs(decoded.numpy() - fixture["decoded_from_mean"]).max() < 1e-5
