import torch

from emote3d.prior.patch import PatchConfig, PatchPrior, fit_patches


def _waves(batch: int, frames: int, channels: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(frames)[None, :, None] / 30
    phase, pace = (torch.rand(batch, 1, 3, generator=generator) for _ in range(2))
    sources = torch.sin(6.28 * (pace * time + phase))
    return sources @ torch.randn(3, channels, generator=generator)


def test_smooth_motion_is_rebuilt_without_seams() -> None:
    motion = _waves(24, 64, 10)
    prior = PatchPrior(PatchConfig(channels=10, d=16))
    share = fit_patches(prior, motion, torch.ones(10), torch.full((10,), 0.01))
    with torch.no_grad():
        rebuilt = prior.decode(prior.encode(motion)[0])
    assert share > 0.99
    assert (rebuilt - motion).abs().mean() < 0.1 * motion.abs().mean()
    inner = rebuilt[:, 8:-8].diff(dim=1, n=2).abs()
    assert inner.max() < 3 * motion[:, 8:-8].diff(dim=1, n=2).abs().max()


def test_long_motion_is_decoded_the_same_in_windows() -> None:
    prior = PatchPrior(PatchConfig(channels=4, d=6))
    z = torch.randn(1, 1100, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole, windows = prior.decode(z), prior.decode_long(z)
    assert whole.shape == (1, 8800, 4)
    assert torch.allclose(whole, windows, atol=1e-5)


def test_fewer_frames_are_the_first_ones() -> None:
    prior = PatchPrior(PatchConfig(channels=4, d=6))
    z = torch.randn(2, 5, 6)
    with torch.no_grad():
        assert torch.allclose(prior.decode(z, 13), prior.decode(z)[:, :13])
