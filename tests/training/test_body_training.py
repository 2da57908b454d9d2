"""The trainings of the body learn, and go on after a stop."""

from pathlib import Path

import numpy as np
import torch

from emote3d.decoders.denoiser import Denoiser, DenoiserConfig
from emote3d.decoders.diffusion import sample_latents
from emote3d.decoders.samplers import SamplerConfig, draw_noise
from emote3d.decoders.schedule import ScheduleConfig
from emote3d.prior.body import CHANNELS
from emote3d.prior.mld import MldConfig, MldVAE
from emote3d.training.body import BodyBatch, BodyDiffusionTask, BodyPriorTask, BodyPriorTraining, set_channel_scale
from emote3d.training.diffusion import DiffusionTraining, set_latent_scale
from emote3d.training.run import fit_batches

PRIOR = MldConfig(
    channels=CHANNELS,
    frames=32,
    latents=4,
    d=32,
    heads=4,
    feedforward_d=64,
    layers=3,
    dropout=0.0,
    positions="distances",
)
DENOISER = DenoiserConfig(
    latent_d=32, content_d=8, emotion_d=8, style_d=3, d=32, heads=4, feedforward_d=64, layers=3, time_d=16, dropout=0.0,
    prediction="velocity", conditioning="latents", null_twins=True, schedule=ScheduleConfig(zero_terminal=True),
)  # fmt: skip


class Swings:
    """Motion of which every channel follows the content; no two windows are the same."""

    def __init__(self, batch: int = 8) -> None:
        self.batch = batch

    def __iter__(self):
        rng = np.random.default_rng(0)
        shape = np.random.default_rng(1).normal(size=CHANNELS)
        while True:
            at = np.arange(32) / 32 * rng.uniform(0.5, 1.5, (self.batch, 1)) + rng.uniform(0, 1, (self.batch, 1))
            wave = np.sin(2 * np.pi * at)
            yield BodyBatch(
                motion=torch.from_numpy(wave[..., None] * shape).float(),
                content=torch.from_numpy(wave[..., None]).float(),
                emotion=torch.zeros(self.batch, 1, 8),
                style=torch.zeros(self.batch, 1, 3),
            )


def new_prior() -> MldVAE:
    torch.manual_seed(0)
    prior = MldVAE(PRIOR)
    set_channel_scale(prior, next(iter(Swings(64))).motion.flatten(0, 1))
    return prior


def test_prior_and_denoiser_learn_what_follows_the_content(tmp_path: Path):
    prior = new_prior()
    curve = fit_batches(
        BodyPriorTask(prior, BodyPriorTraining(steps=100, learning_rate=3e-3, kl_weight=1e-3)),
        Swings(),
        tmp_path / "prior",
        steps=100,
        seed=0,
    )
    assert curve["error"][-1] < 0.3
    batch = next(iter(Swings(64)))
    torch.manual_seed(0)
    denoiser = Denoiser(DENOISER)
    with torch.inference_mode():
        set_latent_scale(denoiser, prior.eval().encode(batch.motion)[0].flatten(0, 1))
    task = BodyDiffusionTask(denoiser, prior, DiffusionTraining(steps=160, learning_rate=3e-3, average=0.98))
    fit_batches(task, Swings(), tmp_path / "denoiser", steps=160, seed=0)
    with torch.inference_mode():
        _, conditions = task.latents(batch)
        right = prior.decode(sample_latents(task.averaged, draw_noise(range(64), 4, 32), conditions, SamplerConfig()))
        other = conditions._replace(content=conditions.content.roll(1, 0))
        wrong = prior.decode(sample_latents(task.averaged, draw_noise(range(64), 4, 32), other, SamplerConfig()))
    of_right, of_wrong = ((motion - batch.motion).square().mean() for motion in (right, wrong))
    assert of_right < 0.5 * of_wrong
    assert of_right < 0.5 * batch.motion.square().mean()


def test_a_stopped_training_goes_on(tmp_path: Path):
    """Three steps and then three more are six; weights, optimiser, schedule and average are all taken up again."""

    def trained(steps: tuple[int, ...], runs: Path) -> BodyDiffusionTask:
        for stop in steps:
            torch.manual_seed(0)
            task = BodyDiffusionTask(Denoiser(DENOISER), new_prior(), DiffusionTraining(steps=6, batch=2))
            fit_batches(task, Constant(), runs, steps=stop, seed=0)
        return task

    whole, parts = trained((6,), tmp_path / "whole"), trained((3, 6), tmp_path / "parts")
    assert parts.global_step == 6
    for name, tensor in whole.state_dict().items():
        assert torch.allclose(parts.state_dict()[name], tensor, atol=1e-6), name


def test_a_stopped_prior_goes_on(tmp_path: Path):
    def trained(steps: tuple[int, ...], runs: Path) -> BodyPriorTask:
        for stop in steps:
            task = BodyPriorTask(new_prior(), BodyPriorTraining(steps=4))
            fit_batches(task, Constant(), runs, steps=stop, seed=0)
        return task

    whole, parts = trained((4,), tmp_path / "whole"), trained((2, 4), tmp_path / "parts")
    assert torch.equal(whole.noise.get_state(), parts.noise.get_state())
    for name, tensor in whole.state_dict().items():
        assert torch.allclose(parts.state_dict()[name], tensor, atol=1e-6), name


class Constant:
    """The same batch for ever."""

    def __iter__(self):
        batch = next(iter(Swings(2)))
        while True:
            yield batch
