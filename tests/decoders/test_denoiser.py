import pytest
import torch

from emote3d.decoders.denoiser import (
    Conditions,
    Denoiser,
    DenoiserConfig,
    Guidance,
    by_latent,
    draw_keep,
    guided,
)
from emote3d.decoders.diffusion import Known, sample_latents
from emote3d.decoders.samplers import SamplerConfig, draw_noise
from emote3d.decoders.schedule import ScheduleConfig
from emote3d.errors import Emote3DError

SIZES = {"d": 16, "latent_d": 16, "content_d": 6, "emotion_d": 8, "style_d": 3, "time_d": 8, "heads": 4, "layers": 3}
OURS = DenoiserConfig(
    **SIZES,
    feedforward_d=16,
    prediction="velocity",
    conditioning="latents",
    null_twins=True,
    schedule=ScheduleConfig(zero_terminal=True),
)
AMUSE = DenoiserConfig(**SIZES, feedforward_d=16)


def randomised(config: DenoiserConfig, size: float = 0.3) -> Denoiser:
    torch.manual_seed(0)
    denoiser = Denoiser(config)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            parameter.normal_(0, size)
        denoiser.latent_mean.normal_()
        denoiser.latent_std.uniform_(0.5, 2)
    return denoiser.eval()


def conditions(batch: int, latents: int) -> Conditions:
    torch.manual_seed(1)
    return Conditions(torch.randn(batch, latents, 6), torch.randn(batch, 1, 8), torch.randn(batch, 1, 3))


@pytest.mark.parametrize(("config", "latents"), [(OURS, 7), (AMUSE, 1)])
def test_a_batch_gives_what_its_items_give_alone(config, latents):
    denoiser, rows = randomised(config), conditions(3, latents)
    guidance = Guidance(emotion=2.0, content=1.5) if config.null_twins else Guidance()
    together = sample_latents(denoiser, draw_noise([7, 8, 9], latents, 16), rows, SamplerConfig(), guidance)
    for item in range(3):
        own = Conditions(*(row[item : item + 1] for row in rows))
        alone = sample_latents(denoiser, draw_noise([7 + item], latents, 16), own, SamplerConfig(), guidance)
        assert torch.allclose(alone[0], together[item], atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 0.1


def test_guidance_is_the_weighted_difference_from_the_null_twin():
    denoiser, rows = randomised(OURS), conditions(2, 5)
    noisy, step = torch.randn(2, 5, 16), torch.full((2,), 300)
    with torch.inference_mode():
        full = denoiser(noisy, step, rows)
        keep = torch.ones(2, 3, dtype=torch.bool)
        keep[:, 1] = False
        without = denoiser(noisy, step, rows, keep)
        got = guided(denoiser, noisy, 300, rows, Guidance(emotion=2.5))
        assert torch.allclose(guided(denoiser, noisy, 300, rows, Guidance(emotion=0.0)), without, atol=1e-4)
    assert torch.allclose(got, full + 1.5 * (full - without), atol=1e-4)
    assert (full - without).abs().max() > 1e-2


def test_without_null_twins_guidance_is_refused():
    with pytest.raises(Emote3DError, match="leave guidance at 1"):
        guided(randomised(AMUSE), torch.randn(1, 1, 16), 10, conditions(1, 1), Guidance(style=2.0))


def test_training_drops_single_and_all_conditions():
    keep = draw_keep(4000, 0.1, torch.Generator().manual_seed(0))
    assert 0.15 < 1 - keep.float().mean() < 0.23
    assert 0.08 < (~keep).all(dim=1).float().mean() < 0.13


def test_content_acts_where_it_lies():
    """Attention falls with distance: changing the content at the end moves the latents there, hardly those far away."""
    denoiser, rows = randomised(OURS, 0.1), conditions(1, 60)
    changed = rows.content.clone()
    changed[:, 55:] += 1
    with torch.inference_mode():
        noisy, step = torch.randn(1, 60, 16), torch.full((1,), 500)
        moved = (denoiser(noisy, step, rows) - denoiser(noisy, step, rows._replace(content=changed))).abs().amax(dim=2)
    assert moved[0, 55:].min() > 3 * moved[0, :10].max()


def test_long_sequences_stay_one(monkeypatch):
    """Small windows that overlap give nearly what one pass gives."""
    denoiser, rows = randomised(OURS), conditions(1, 90)
    noise = draw_noise([0], 90, 16)
    whole = sample_latents(denoiser, noise, rows, SamplerConfig())
    monkeypatch.setattr("emote3d.decoders.diffusion.WINDOW_LATENTS", 48)
    monkeypatch.setattr("emote3d.decoders.diffusion.OVERLAP_LATENTS", 24)
    parts = sample_latents(denoiser, noise, rows, SamplerConfig())
    assert (parts - whole).abs().mean() < 0.25 * whole.std()


def test_known_latents_are_kept():
    denoiser, rows = randomised(OURS), conditions(1, 12)
    z, given = torch.randn(12, 16), torch.zeros(12, dtype=torch.bool)
    given[[0, 11]] = True
    free = sample_latents(denoiser, draw_noise([0], 12, 16), rows, SamplerConfig())
    bound = sample_latents(denoiser, draw_noise([0], 12, 16), rows, SamplerConfig(), known=Known(z=z, given=given))
    assert torch.allclose(bound[0, given], z[given], atol=1e-4)
    assert (bound[0, 1] - free[0, 1]).abs().max() > 1e-3


def test_frames_of_a_latent_lie_side_by_side():
    rows = torch.arange(10.0)[None, :, None]
    assert by_latent(rows, 4).tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 9, 9]]]
    assert by_latent(rows, 4, latents=2).shape == (1, 2, 4)
