"""Our samplers beside those of diffusers, step for step."""

import diffusers
import pytest
import torch

from emote3d.decoders.samplers import AMUSE_SAMPLER, SamplerConfig, draw_noise, sample
from emote3d.decoders.schedule import (
    ScheduleConfig,
    add_noise,
    diffusion_loss,
    draw_steps,
    loss_weight,
    to_clean,
    training_target,
)

BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
NAMES = {"epsilon": "epsilon", "sample": "sample", "velocity": "v_prediction"}


def network(noisy: torch.Tensor, step: int) -> torch.Tensor:
    """Something that depends on the latents and the step, not linearly."""
    return torch.tanh(noisy.flip(-1)) * (0.3 + step / 1500) + 0.1 * noisy


def loop_of_diffusers(scheduler, noise: torch.Tensor, steps: int) -> torch.Tensor:
    scheduler.set_timesteps(steps)
    x = noise
    for step in scheduler.timesteps:
        x = scheduler.step(network(x, int(step)), step, x).prev_sample
    return x


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "velocity"])
@pytest.mark.parametrize("clamp", [None, 1.0])
def test_ddim_is_that_of_diffusers(prediction, clamp):
    scheduler = diffusers.DDIMScheduler(
        **BETAS,
        clip_sample=clamp is not None,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=NAMES[prediction],
    )
    noise = draw_noise([1, 2], 3, 8)
    sampler = SamplerConfig(kind="ddim", steps=50, spacing="leading", clamp=clamp)
    expected = loop_of_diffusers(scheduler, noise, 50)
    got = sample(network, noise, prediction, ScheduleConfig(), sampler)
    assert sampler.timesteps(ScheduleConfig()).tolist() == scheduler.timesteps.tolist()
    assert torch.allclose(got, expected, atol=1e-4, rtol=1e-5)


def test_amuse_steps_are_981_to_1():
    steps = AMUSE_SAMPLER.timesteps(ScheduleConfig()).tolist()
    assert (steps[0], steps[1], steps[-1], len(steps)) == (981, 961, 1, 50)


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "velocity"])
@pytest.mark.parametrize("steps", [10, 20])
def test_dpm_solver_is_that_of_diffusers(prediction, steps):
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **BETAS, timestep_spacing="trailing", final_sigmas_type="zero", prediction_type=NAMES[prediction]
    )
    noise = draw_noise([5], 4, 8)
    expected = loop_of_diffusers(scheduler, noise, steps)
    got = sample(network, noise, prediction, ScheduleConfig(), SamplerConfig(steps=steps, spacing="trailing"))
    assert (
        SamplerConfig(steps=steps, spacing="trailing").timesteps(ScheduleConfig()).tolist()
        == scheduler.timesteps.tolist()
    )
    assert torch.allclose(got, expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("zero_terminal", [False, True])
def test_schedule_is_that_of_diffusers(zero_terminal):
    theirs = diffusers.DDIMScheduler(**BETAS, rescale_betas_zero_snr=zero_terminal).alphas_cumprod
    ours = ScheduleConfig(zero_terminal=zero_terminal).alphas_cumprod()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_cosine_schedule_is_that_of_diffusers():
    theirs = diffusers.DDIMScheduler(beta_schedule="squaredcos_cap_v2").alphas_cumprod
    assert torch.allclose(ScheduleConfig(kind="cosine").alphas_cumprod(), theirs, atol=1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "velocity"])
def test_target_gives_back_the_clean_latents(prediction):
    clean, noise = torch.randn(2, 4, 3, 5)
    alpha = torch.tensor([0.9, 0.5, 0.2, 0.05])
    noisy = add_noise(clean, noise, alpha)
    target = training_target(prediction, clean, noise, alpha)
    assert torch.allclose(to_clean(prediction, target, noisy, alpha), clean, atol=1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "velocity"])
def test_weighting_makes_the_predictions_losses_the_same(prediction):
    """An error in x0 costs the same, whatever the network predicts."""
    clean, noise, error = torch.randn(3, 4, 3, 5)
    alpha = torch.tensor([0.98, 0.5, 0.2, 0.05])
    noisy = add_noise(clean, noise, alpha)
    root, spread = alpha.sqrt()[:, None, None], (1 - alpha).sqrt()[:, None, None]
    wrong = clean + error
    implied = (noisy - root * wrong) / spread
    given = implied if prediction == "epsilon" else root * implied - spread * wrong
    loss = diffusion_loss(prediction, given, training_target(prediction, clean, noise, alpha), alpha)
    of_clean = diffusion_loss("sample", wrong, clean, alpha)
    assert torch.allclose(loss, of_clean, rtol=1e-4)
    assert loss_weight("sample", alpha).max() <= 5.0


def test_steps_cover_the_schedule():
    steps = draw_steps(100, 1000, torch.Generator().manual_seed(0)).sort().values
    assert steps.min() >= 0
    assert steps.max() < 1000
    assert steps.diff().max() <= 20


@pytest.mark.parametrize("kind", ["ddim", "dpm++"])
@pytest.mark.parametrize("zero_terminal", [False, True])
def test_known_data_is_sampled_in_ten_steps(kind, zero_terminal):
    """With the exact denoiser of a Gaussian of mean 2 and deviation 0.5, samples have that mean and deviation."""
    schedule = ScheduleConfig(zero_terminal=zero_terminal)
    alphas = schedule.alphas_cumprod()

    def exact(noisy: torch.Tensor, step: int) -> torch.Tensor:
        alpha = alphas[step]
        gain = alpha.sqrt() * 0.25 / (alpha * 0.25 + 1 - alpha)
        return 2 + gain * (noisy - alpha.sqrt() * 2)

    noise = draw_noise(range(64), 16, 16)
    got = sample(exact, noise, "sample", schedule, SamplerConfig(kind=kind, steps=10))
    # A schedule that does not end in pure noise is started as if it did: a little of the mean is lost (Lin et al. 2024).
    assert abs(got.mean() - 2) < (0.02 if zero_terminal else 0.08)
    assert abs(got.std() - 0.5 * noise.std()) < (0.01 if kind == "dpm++" else 0.08)


def test_visited_steps_fall():
    for spacing in ("leading", "trailing", "quadratic"):
        for count in (1, 5, 10, 30):
            steps = SamplerConfig(steps=count, spacing=spacing).timesteps(ScheduleConfig())
            assert len(steps) == count
            assert (steps.diff() < 0).all()


@pytest.mark.parametrize(
    "schedule", [ScheduleConfig(), ScheduleConfig(kind="cosine"), ScheduleConfig(zero_terminal=True)]
)
def test_steps_are_even_in_the_logarithm_of_the_noise(schedule):
    steps = SamplerConfig(steps=10, spacing="logsnr").timesteps(schedule)
    alphas = schedule.alphas_cumprod().double()[steps[1:]].clamp(1e-9, 1 - 1e-9)
    levels = torch.log((1 - alphas) / alphas)
    assert len(steps) == 10 and steps[0] == 999
    assert (steps.diff() < 0).all()
    assert levels.diff()[1:-1].std() < 0.2 * levels.diff()[1:-1].abs().mean()
    assert len(SamplerConfig(steps=1, spacing="logsnr").timesteps(schedule)) == 1


def test_a_longer_item_begins_as_a_shorter_one():
    assert torch.equal(draw_noise([3, 4], 9, 8)[1, :5], draw_noise([4], 5, 8)[0])
