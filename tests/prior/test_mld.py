import pytest
import torch

from emote3d.layers import DecoderLayer, EncoderLayer, attend, attend_written_out
from emote3d.prior.body import CHANNELS, body_from_channels, channels_from_body
from emote3d.prior.mld import MldConfig, MldVAE
from emote3d.records import BodyMotion
from emote3d.rotations import axis_angle_to_matrix
from emote3d.windows import blended, overlapping

WHOLE = MldConfig(channels=9, frames=24, d=16, heads=4, feedforward_d=16, layers=3, max_frames=40)
LOCAL = MldConfig(channels=9, frames=24, latents=3, d=16, heads=4, feedforward_d=16, layers=3, positions="distances")


def vae(config: MldConfig) -> MldVAE:
    torch.manual_seed(0)
    return MldVAE(config).eval()


def test_decoder_layer_is_that_of_torch():
    torch.manual_seed(0)
    ours = DecoderLayer(16, 4, 32)
    theirs = torch.nn.TransformerDecoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True)
    state = {}
    for name, tensor in theirs.state_dict().items():
        if name.startswith("multihead_attn.in_proj_"):
            kind = name.rsplit("_", 1)[1]
            state[f"cross_query.{kind}"], state[f"cross_memory.{kind}"] = tensor[:16], tensor[16:]
        else:
            name = name.replace("multihead_attn.out_proj", "cross_out").replace("self_attn.", "")
            state[name.replace("in_proj_", "in_proj.")] = tensor
    ours.load_state_dict(state)
    x, memory = torch.randn(2, 10, 16), torch.randn(2, 3, 16)
    assert torch.allclose(ours(x, None, memory), theirs(x, memory), atol=1e-6)


def test_attention_in_blocks_is_attention_at_once():
    query, key, value = torch.randn(3, 2, 300, 16, requires_grad=True)
    bias = torch.randn(4, 300, 300)
    heads = [x.unflatten(-1, (4, 4)).transpose(1, 2) for x in (query, key, value)]
    scores = heads[0] @ heads[1].transpose(-1, -2) / 2 + bias
    expected = (scores.softmax(dim=-1) @ heads[2]).transpose(1, 2).flatten(2)
    got = attend(query, key, value, 4, bias)
    assert torch.allclose(got, expected, atol=1e-5)
    ours, theirs = (torch.autograd.grad(x.square().sum(), query, retain_graph=True)[0] for x in (got, expected))
    assert torch.allclose(ours, theirs, atol=1e-3, rtol=1e-4)


def test_dropout_acts_in_training_only():
    layer = EncoderLayer(16, 4, 32, dropout=0.5)
    x = torch.randn(1, 5, 16)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize("config", [WHOLE, LOCAL])
def test_shapes_and_gradients(config):
    prior = vae(config).train()
    rebuilt, kl = prior(torch.randn(2, 24, 9), torch.randn(2, config.latents, 16))
    assert rebuilt.shape == (2, 24, 9)
    (rebuilt.square().mean() + kl).backward()
    unused = [name for name, parameter in prior.named_parameters() if parameter.grad is None]
    assert not unused


def test_whole_windows_may_be_shorter():
    assert vae(WHOLE).decode(torch.randn(1, 1, 16), 10).shape == (1, 10, 9)


def test_a_local_prior_takes_any_length_and_moves_with_the_motion():
    prior, group = vae(LOCAL), LOCAL.frames_per_latent
    motion = torch.randn(1, 30 * group, 9)
    with torch.inference_mode():
        mean, _ = prior.encode(motion)
        later, _ = prior.encode(motion[:, group:])
        decoded, shifted = prior.decode(mean), prior.decode(mean[:, 1:])
    assert mean.shape == (1, 30, 16)
    assert decoded.shape == motion.shape
    inner = slice(12, 18)
    assert torch.allclose(mean[:, 1:][:, inner], later[:, inner], atol=0.05)
    frames = slice(12 * group, 18 * group)
    assert torch.allclose(decoded[:, group:][:, frames], shifted[:, frames], atol=0.05)


def test_long_motion_is_decoded_in_windows():
    prior = vae(LOCAL)
    z = torch.randn(2, 200, 16)
    with torch.inference_mode():
        whole, parts = prior.decode(z), prior.decode_long(z)
    assert torch.allclose(whole, parts, atol=0.05)


def test_channels_are_normalised_inside():
    prior = vae(LOCAL)
    motion, z = torch.randn(1, 24, 9), torch.randn(1, 3, 16)
    with torch.inference_mode():
        plain, decoded = prior.encode(motion)[0], prior.decode(z)
        prior.channel_mean.fill_(3.0)
        prior.channel_std.fill_(2.0)
        assert torch.allclose(prior.encode(motion * 2 + 3)[0], plain, atol=1e-5)
        assert torch.allclose(prior.decode(z), decoded * 2 + 3, atol=1e-5)


def test_a_body_survives_its_channels():
    body = BodyMotion(joints_axis_angle=torch.randn(5, 55, 3), translation_m=torch.randn(5, 3))
    channels = channels_from_body(body)
    assert channels.shape == (5, CHANNELS)
    back = body_from_channels(channels)
    before, after = axis_angle_to_matrix(body.joints_axis_angle), axis_angle_to_matrix(back.joints_axis_angle)
    assert torch.allclose(before, after, atol=1e-5)
    assert torch.equal(back.translation_m, body.translation_m)


def test_windows_cover_and_overlap():
    windows = list(overlapping(100, 40, 10))
    assert windows[0].start == 0
    assert windows[-1].stop == 100
    assert all(later.start <= earlier.stop - 10 for earlier, later in zip(windows, windows[1:], strict=False))
    assert list(overlapping(30, 40, 10)) == [slice(0, 30)]


def test_blending_what_agrees_changes_nothing():
    x = torch.randn(2, 100, 3)
    assert torch.allclose(blended(lambda place: x[:, place], 100, 40, 10), x, atol=1e-6)


def test_quick_attention_is_the_written_out_one_with_its_gradients():
    generator = torch.Generator().manual_seed(0)
    tokens = [torch.randn(2, 150, 16, generator=generator, requires_grad=True) for _ in range(3)]
    quick, slow = (one(*tokens, 4) for one in (attend, attend_written_out))
    assert torch.allclose(quick, slow, atol=1e-6)
    for a, b in zip(
        torch.autograd.grad(quick.square().sum(), tokens), torch.autograd.grad(slow.square().sum(), tokens), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-5)
