import torch

from emote3d.performers.settling import pauses, settled


def _spoken() -> torch.Tensor:
    spoken = torch.ones(200, dtype=torch.bool)
    spoken[80:110] = False
    spoken[150:154] = False
    return spoken


def test_long_pauses_are_found() -> None:
    assert pauses(_spoken(), 30) == [(80, 110)]
    assert pauses(torch.zeros(60, dtype=torch.bool), 30) == [(0, 60)]


def test_motion_rests_in_the_pause_and_nowhere_else() -> None:
    motion = torch.sin(torch.arange(200)[:, None] / torch.tensor([3.0, 5.0]))
    calm = settled(motion, _spoken(), 30)
    assert torch.equal(calm[:70], motion[:70]) and torch.equal(calm[120:], motion[120:])
    speed, before = calm.diff(dim=0).abs(), motion.diff(dim=0).abs()
    assert speed[92:98].mean() < 0.15 * before[92:98].mean()
    assert speed.max() < 1.5 * before.max()


def test_silence_is_held_from_end_to_end() -> None:
    motion = torch.sin(torch.arange(90.0)[:, None] / 4)
    calm = settled(motion, torch.zeros(90, dtype=torch.bool), 30)
    assert calm.diff(dim=0).abs().mean() < 0.1 * motion.diff(dim=0).abs().mean()
