"""The open face sampled, with the shipped networks and a small denoiser of random weights."""

import numpy as np
import pytest
import torch

from emote3d import Direction
from emote3d.checkpoint import load_component
from emote3d.decoders.denoiser import Denoiser
from emote3d.decoders.diffusion import sample_latents
from emote3d.decoders.face_diffusion import SAMPLER, face_conditions, life_of_rows, life_rows
from emote3d.decoders.life import Aim, Life, aimed, draw_life
from emote3d.decoders.samplers import SamplerConfig, draw_noise
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.performers.open_face import OpenFace
from emote3d.performers.sampled import load_face_denoiser
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.records import Speech
from emote3d.training.face_denoiser import face_denoiser_config


@pytest.fixture(scope="module")
def face() -> OpenFace:
    """The shipped face with a denoiser that says something."""
    loaded = OpenFace.from_pretrained(asset_path("checkpoints", "open-v1"))
    torch.manual_seed(0)
    denoiser = Denoiser(face_denoiser_config(loaded.prior.config, d=16, layers=3))
    with torch.no_grad():
        denoiser.leave.weight.normal_(0, 0.1)
        denoiser.latent_std.fill_(0.05)
    loaded.__dict__["denoiser"] = denoiser.eval()
    return loaded


@pytest.fixture(scope="module")
def heard(face):
    rng = np.random.default_rng(0)
    tone = np.sin(2 * np.pi * 150 * np.arange(48000) / 16000) * (1 + np.sin(2 * np.pi * 3 * np.arange(48000) / 16000))
    waveform = 0.2 * tone + 0.02 * rng.normal(size=48000)
    return face.listen(Speech(waveform=torch.from_numpy(waveform).float().clamp(-1, 1), sample_rate=16000))


def test_seeds_differ_and_repeat(face, heard):
    direction = Direction(emotion="happy", sample=True)
    first, again, other = (face.act(heard, direction, seed) for seed in (1, 1, 2))
    assert first.expression.shape == (90, 52)
    assert torch.equal(first.expression, again.expression)
    for name in ("expression", "neck_axis_angle", "eyes_axis_angle"):
        assert (getattr(first, name) - getattr(other, name)).abs().max() > 1e-3


def test_the_gaze_goes_where_it_is_asked(face, heard):
    free = face.act(heard, Direction(sample=True), 0).eyes_axis_angle[60:, :, 1].mean()
    left = face.act(heard, Direction(sample=True, gaze="left"), 0).eyes_axis_angle[60:, :, 1].mean()
    assert left - free > np.radians(6)


def test_no_blinks_where_none_are_wanted(face, heard):
    lids = face.act(heard, Direction(sample=True, blink_rate=0.0), 0).expression[:, 0]
    assert lids.max() < 0.25


def test_without_a_denoiser_it_is_refused(tmp_path):
    with pytest.raises(Emote3DError, match="leave out --sample"):
        load_face_denoiser(tmp_path)


def test_life_survives_its_rows():
    emotion = np.eye(8)[np.zeros(240, dtype=int)]
    life = draw_life(emotion, np.full(240, 0.7), 30, np.random.default_rng(3))
    back = life_of_rows(life_rows(life, 8, 30), 240)
    assert np.abs(back.head_rad - life.head_rad).max() < np.radians(0.6)
    assert np.median(np.abs(back.gaze_rad - life.gaze_rad)) < np.radians(0.3)
    assert ((back.blink > 0.5) == (life.blink > 0.5)).mean() > 0.98


def test_aiming_afterwards_is_aiming_at_once():
    emotion, held = np.eye(8)[np.zeros(90, dtype=int)], np.zeros(90)
    held[30:60] = 1
    aim = Aim(gaze_rad=np.tile([0.2, 0.1], (90, 1)), held=held)
    at_once = draw_life(emotion, np.full(90, 0.5), 30, np.random.default_rng(3), 1.0, aim)
    afterwards: Life = aimed(draw_life(emotion, np.full(90, 0.5), 30, np.random.default_rng(3)), aim, 30)
    assert np.allclose(at_once.gaze_rad, afterwards.gaze_rad)
    assert np.allclose(at_once.head_rad, afterwards.head_rad)


def test_the_shipped_denoiser_fits_its_prior():
    folder = asset_path("checkpoints", "open-v1")
    if not (folder / "face_denoiser").is_dir():
        pytest.skip("the checkpoint has no face_denoiser")
    prior = load_component(folder / "prior", MotionVAE, FlintConfig)
    denoiser = load_face_denoiser(folder)
    assert denoiser.config.content_d == prior.config.d


def test_ten_steps_of_the_shipped_denoiser_come_near_to_where_fifty_end(heard):
    folder = asset_path("checkpoints", "open-v1")
    denoiser, shipped = load_face_denoiser(folder), OpenFace.from_pretrained(folder)
    content = heard.latents.content[None]
    emotion, style = torch.eye(8)[6].expand(1, content.shape[1], -1), torch.zeros(1, content.shape[1], 4)
    expected = shipped.decoder(content, torch.cat([emotion, style[..., :-1]], dim=2)).detach()
    conditions = face_conditions(expected, emotion, style, shipped.prior.config.frames_per_latent)
    noise = draw_noise([0], expected.shape[1], denoiser.config.latent_d)

    def drawn(sampler: SamplerConfig) -> torch.Tensor:
        return denoiser.normalise(sample_latents(denoiser, noise, conditions, sampler))

    many = drawn(SamplerConfig(steps=50, spacing="logsnr"))
    few, even = (drawn(sampler) for sampler in (SAMPLER, SamplerConfig(steps=10, spacing="trailing")))
    assert (few - many).square().mean().sqrt() < 0.1 * many.std()
    assert (few - many).square().mean() < (even - many).square().mean()
