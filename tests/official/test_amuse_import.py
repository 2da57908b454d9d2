"""AMUSE's files at AMUSE's sizes, with the weights of the parity fixture, and what is refused."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d.audio.kaldi import FbankConfig, fbank, normalised
from emote3d.checkpoint import load_component
from emote3d.decoders.denoiser import Conditions, Denoiser, DenoiserConfig
from emote3d.decoders.diffusion import sample_latents
from emote3d.decoders.samplers import AMUSE_SAMPLER
from emote3d.errors import Emote3DError
from emote3d.latents.ast import AstConfig, AstEncoder
from emote3d.latents.disentangle import FbankDecoder, FbankDecoderConfig
from emote3d.official.amuse import import_amuse
from emote3d.official.amuse_files import AmuseFiles, find_amuse
from emote3d.prior.body import body_from_channels
from emote3d.prior.mld import MldConfig, MldVAE

SHARED = Path(__file__).parents[3] / "shared"
FIXTURE = SHARED / "parity" / "amuse" / "fixture.npz"
needs_fixture = pytest.mark.skipif(not FIXTURE.exists(), reason="no parity fixture beside the checkout")


def weight(prefix: str, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The rule of shared/parity/README.md."""
    seed = zlib.crc32(f"{prefix}/{key}".encode()) & 0x7FFFFFFF
    a = np.random.RandomState(seed).standard_normal(shape).astype(np.float32)
    if len(shape) >= 2 and not key.endswith(("pe", "token", "pos_embed")):
        a *= 1 / np.sqrt(np.prod(shape[1:]))
    elif key.endswith("weight"):
        a = 1 + 0.05 * a
    else:
        a *= 0.05 if key.endswith("bias") else 0.5
    return torch.from_numpy(a.astype(np.float32))


def shapes(section: str) -> dict[str, tuple[int, ...]]:
    text = (SHARED / "specs" / "amuse_state_dict.txt").read_text().split(f"# ==== {section}")[1].split("# ====")[0]
    rows = [line.split("\t") for line in text.splitlines() if line.count("\t") == 2]
    return {key: tuple(int(size) for size in shape.strip("()").split(",") if size.strip()) for key, shape, _ in rows}


@pytest.fixture(scope="module")
def fixture() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in np.load(FIXTURE).items()}


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Path:
    """Prior and denoiser through files in the published layout."""
    folder = tmp_path_factory.mktemp("amuse")
    prior = {key: weight("prior", key, shape) for key, shape in shapes("MotionPrior").items()}
    denoiser = {key: weight("ldm", key, shape) for key, shape in shapes("LatentDiffusionModel").items()}
    torch.save({"epoch": 6000, "model_state_dict": prior}, folder / "prior_model_NoOpt_x_e6000.pt")
    optimiser = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4}]}
    saved = {"epoch": 6000, "model_state_dict": denoiser, "optimizer_state_dict": optimiser}
    torch.save(saved, folder / "latdiff_model_wOpt_x_e6000.pt")
    import_amuse(find_amuse(folder), folder / "out")
    return folder / "out"


def worst(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got - expected).abs().max())


@needs_fixture
def test_filterbank(fixture):
    wave = fixture["wav"][0]
    raw = fbank(wave - wave.mean(), FbankConfig())
    assert worst(raw, fixture["fbank_raw"]) < 1e-3
    assert worst(normalised(fixture["fbank_raw"], FbankConfig(), 1024), fixture["fbank"]) < 1e-6
    assert worst(normalised(raw, FbankConfig(), 1024), fixture["fbank"]) < 1e-4


@needs_fixture
def test_denoiser_and_prior(fixture, imported):
    denoiser = load_component(imported / "denoiser", Denoiser, DenoiserConfig)
    prior = load_component(imported / "prior", MldVAE, MldConfig)
    conditions = Conditions(fixture["den_con"], fixture["den_emo"], fixture["den_sty"])
    with torch.inference_mode():
        for step in (1, 481, 981):
            got = denoiser(fixture["den_x"], torch.full((2,), step), conditions)
            assert worst(got, fixture[f"den_eps_t{step}"]) < 1e-5
        mean, logvar = prior.encode(fixture["motion_feats"])
        assert worst(mean, fixture["vae_mu"].transpose(0, 1)) < 1e-5
        assert worst(torch.exp(0.5 * logvar), fixture["vae_std"].transpose(0, 1)) < 1e-5
        assert worst(prior.decode(fixture["vae_mu"].transpose(0, 1)), fixture["vae_decode_mu"]) < 1e-5
        assert worst(denoiser.config.schedule.alphas_cumprod(), fixture["alphas_cumprod"]) < 1e-7
        drawn = Conditions(*(fixture[f"ast_{name}"][None, None] for name in ("con", "emo", "sty")))
        z = sample_latents(denoiser, fixture["ddim_x_T"], drawn, AMUSE_SAMPLER)
        channels = prior.decode(z)
    assert worst(z[0], fixture["ddim_traj"][-1]) < 1e-4
    assert worst(channels, fixture["gen_feats"]) < 1e-4
    body = body_from_channels(channels[0], full_turns=True)
    apart = (body.joints_axis_angle - fixture["gen_poses_aa"][0]).abs().amax(dim=2).flatten()
    assert apart.max() < 5e-3
    assert (apart < 1e-3).float().mean() >= 0.999
    assert worst(body.translation_m, fixture["gen_trans"][0]) < 1e-4


@needs_fixture
def test_emotion_encoder_of_full_size(fixture, tmp_path):
    speech = shapes("AST_EVP")
    state = {key: weight("ast", key, shape) for key, shape in speech.items() if key.startswith("emo_enc.")}
    emotion = _tiny_speech()
    emotion = {key: value for key, value in emotion.items() if not key.startswith("emo_enc.")} | state
    torch.save(emotion, tmp_path / "model_1_tL1_tEA97.7_vL2.pkl")
    import_amuse(find_amuse(tmp_path), tmp_path / "out")
    encoder = load_component(tmp_path / "out" / "emotion", AstEncoder, AstConfig)
    with torch.inference_mode():
        told = encoder(fixture["fbank"][None])
    assert worst(told.feature[0], fixture["ast_emo"]) < 1e-5
    assert worst(told.logits, fixture["ast_emo_logits"]) < 1e-5


def linear(name: str, outputs: int, inputs: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.randn(outputs, inputs) / inputs**0.5, f"{name}.bias": torch.randn(outputs)}


def norm(name: str, width: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.ones(width), f"{name}.bias": torch.zeros(width)}


def _tiny_encoder(name: str, labels: int, feature_d: int, d: int) -> dict[str, torch.Tensor]:
    v, block = f"{name}.v", f"{name}.v.blocks.0"
    state = {f"{v}.{token}": torch.randn(1, 1, d) for token in ("cls_token", "dist_token")}
    state[f"{v}.pos_embed"] = torch.randn(1, 1214, d)
    state[f"{v}.patch_embed.proj.weight"] = torch.randn(d, 1, 16, 16) / 16
    state[f"{v}.patch_embed.proj.bias"] = torch.randn(d)
    state |= norm(f"{block}.norm1", d) | norm(f"{block}.norm2", d) | norm(f"{v}.norm", d)
    state |= linear(f"{block}.attn.qkv", 3 * d, d) | linear(f"{block}.attn.proj", d, d)
    state |= linear(f"{block}.mlp.fc1", 32, d) | linear(f"{block}.mlp.fc2", d, 32)
    state |= linear(f"{v}.head", 10, d) | linear(f"{v}.head_dist", 10, d)
    state |= norm(f"{name}.feature_head.0", d) | linear(f"{name}.feature_head.1", feature_d, d)
    if labels:
        state |= norm(f"{name}.mlp_head.0", feature_d) | linear(f"{name}.mlp_head.1", labels, feature_d)
        state |= norm(f"{name}.mlp_head_featbased.0", d) | linear(f"{name}.mlp_head_featbased.1", labels, d)
    return state


def _tiny_stack(name: str, width: int) -> dict[str, torch.Tensor]:
    layer = f"{name}.layers.0"
    state = {f"{layer}.self_attn.in_proj_weight": torch.randn(3 * width, width) / width**0.5}
    state[f"{layer}.self_attn.in_proj_bias"] = torch.randn(3 * width)
    state |= linear(f"{layer}.self_attn.out_proj", width, width)
    state |= linear(f"{layer}.linear1", 12, width) | linear(f"{layer}.linear2", width, 12)
    return state | norm(f"{layer}.norm1", width) | norm(f"{layer}.norm2", width) | norm(f"{name}.norm", width)


def _tiny_speech(feature_d: int = 8, d: int = 64) -> dict[str, torch.Tensor]:
    """A speech model in AMUSE's layout, small but for its spectrogram."""
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    for name, labels in (("con_enc", 0), ("emo_enc", 8), ("sty_enc", 5)):
        state |= _tiny_encoder(name, labels, feature_d, d)
    for name, width in (("fusion", 3 * feature_d), ("fusion_ablation", 2 * feature_d)):
        state |= _tiny_stack(name, width) | linear(f"{name}.fc", 16, width)
    return (
        state | _tiny_stack("decode", 16) | linear("decode.projection.0", 4, 16) | linear("decode.projection.2", 512, 4)
    )


def test_speech_model_of_another_size_with_its_decoder(tmp_path):
    torch.save(_tiny_speech(), tmp_path / "model_0_tEA50.1_vL1.pkl")
    done = import_amuse(find_amuse(tmp_path), tmp_path / "out", reconstruction=True)
    assert set(done.sizes) == {"content", "emotion", "style", "reconstruction"}
    assert load_component(tmp_path / "out" / "style", AstEncoder, AstConfig).config.labels == 5
    decoder = load_component(tmp_path / "out" / "reconstruction", FbankDecoder, FbankDecoderConfig)
    assert decoder(*torch.randn(3, 2, 8)).shape == (2, 4, 128)


def test_the_best_of_several_files(tmp_path):
    for name in ("model_0_tEA97.1_vL1.pkl", "model_1_tEA97.78573690_tPA97.pkl", "prior_model_NoOpt_e800.pt"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "prior_model_NoOpt_e6000.pt").touch()
    found = find_amuse(tmp_path)
    assert found.speech is not None and found.speech.name.startswith("model_1")
    assert found.prior is not None and found.prior.parent.name == "deep"
    assert found.denoiser is None


def test_what_is_refused(tmp_path):
    with pytest.raises(Emote3DError, match="holds no AMUSE checkpoint"):
        find_amuse(tmp_path)
    file = tmp_path / "model_0.pkl"
    state = _tiny_speech()
    del state["emo_enc.v.blocks.0.attn.qkv.bias"]
    torch.save(state, file)
    with pytest.raises(Emote3DError, match="bias is missing"):
        import_amuse(AmuseFiles(speech=file), tmp_path / "out")
    torch.save({"model_state_dict": {"encoder.x": torch.zeros(1)}}, file)
    with pytest.raises(Emote3DError, match="not a checkpoint of this kind"):
        import_amuse(AmuseFiles(prior=file), tmp_path / "out")
    torch.save({"epoch": 3}, file)
    with pytest.raises(Emote3DError, match="no state_dict"):
        import_amuse(AmuseFiles(speech=file), tmp_path / "out")
    assert not (tmp_path / "out").exists()
