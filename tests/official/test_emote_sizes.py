"""EMOTE checkpoints of other sizes and lengths than the given fixtures, against a second writing of the published network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d import Direction
from emote3d.layers import alibi_slopes
from emote3d.official.emote import import_emote
from emote3d.performers.emote import EmoteFace
from emote3d.pipeline import Emote3D
from emote3d.records import Speech
from official.emote_twin import EmoteTwin, Sizes, make_twin, write_twin

CASES = [
    Sizes(subjects=5, intensities=4, wav2vec_d=48, wav2vec_heads=6, wav2vec_layers=3),
    Sizes(expression=100, flint_d=64, flint_heads=4, flint_stages=2, flint_layers=2, wav2vec_large=True),
    Sizes(content_d=48, style_d=24, heads=6, layers=2, feedforward_d=40, period=25, flint_stages=4, flint_d=32),
]


def _imported(sizes: Sizes, folder: Path) -> tuple[EmoteTwin, EmoteFace]:
    twin = make_twin(sizes, 0)
    import_emote(write_twin(twin, folder / "official"), folder / "ours")
    return twin, EmoteFace.from_pretrained(folder / "ours")


def _ours(face: EmoteFace, waveform: np.ndarray, condition: torch.Tensor) -> torch.Tensor:
    heard = face.listen(Speech(waveform=torch.from_numpy(waveform), sample_rate=16000))
    return torch.cat(face.decode(heard.latents.content, condition), dim=1)


def _noise(samples: int) -> np.ndarray:
    return np.random.default_rng(samples).normal(0, 0.2, samples).clip(-1, 0.99).astype(np.float32)


@pytest.mark.parametrize("sizes", CASES)
def test_checkpoints_of_all_sizes_give_what_the_published_network_gives(sizes: Sizes, tmp_path: Path):
    twin, face = _imported(sizes, tmp_path)
    for samples in (640, 5119, 25600, 61000):
        waveform = _noise(samples)
        condition = face.condition.one_hot(samples % 8, sizes.intensities - 1, sizes.subjects - 1)
        assert (_ours(face, waveform, condition) - twin(waveform, condition)).abs().max() < 1e-5
    frames = len(waveform) // 640
    changing = torch.rand(frames, face.condition.config.d, generator=torch.Generator().manual_seed(1))
    assert (_ours(face, waveform, changing) - twin(waveform, changing)).abs().max() < 1e-5


def test_more_than_48_seconds_are_those_of_one_pass(tmp_path: Path):
    twin, face = _imported(CASES[0], tmp_path)
    waveform = _noise(49 * 16000)
    condition = face.condition.one_hot(1, 2, 3)
    ours, whole = _ours(face, waveform, condition), twin(waveform, condition)
    assert ours.shape == whole.shape == (1225, 23)
    assert (ours - whole).abs().max() < 0.05 * whole.std()
    assert ours.diff(dim=0).norm(dim=1).max() < 1.001 * whole.diff(dim=0).norm(dim=1).max(), "no jump at a seam"


def test_samples_of_all_kinds_give_the_same_motion(tmp_path: Path):
    _imported(CASES[0], tmp_path)
    engine = Emote3D.from_pretrained(tmp_path / "ours")
    short = (32768 * _noise(20000)).astype(np.int16)
    kinds = [short, np.stack([short, short]), np.stack([short, short], axis=1), short.astype(np.int32) << 16]
    kinds += [short / 32768, (short / 32768).astype(np.float32)]
    first, *others = [
        engine.animate((samples, 16000), Direction(emotion="fear"), fps=25, body=False).face for samples in kinds
    ]
    assert first is not None
    for other in others:
        assert other is not None and torch.equal(other.expression, first.expression)


def test_slopes_are_those_of_alibi():
    assert torch.equal(alibi_slopes(8), 2.0 ** -torch.arange(1.0, 9))
    assert torch.allclose(alibi_slopes(6), 2.0 ** -torch.tensor([2.0, 4, 6, 8, 1, 3]))
