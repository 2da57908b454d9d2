"""AMUSE's body at a tiny size: any length, one latent a window, latents kept on disk."""

import pytest
import torch

from emote3d.audio.kaldi import FbankConfig
from emote3d.latents.disentangle import window_starts
from emote3d.latents.kept import kept
from emote3d.performers.amuse import AmuseBody
from emote3d.records import Speech
from performers.tiny_amuse import write_amuse


@pytest.fixture
def folder(tmp_path):
    """Components as the import writes them."""
    return write_amuse(tmp_path)


@pytest.fixture
def body(folder, monkeypatch):
    monkeypatch.setenv("EMOTE3D_CACHE", str(folder / "cache"))
    return AmuseBody.from_pretrained(folder)


def speech(seconds: float, seed: int = 0) -> Speech:
    waveform = torch.randn(round(16000 * seconds), generator=torch.Generator().manual_seed(seed))
    return Speech(waveform=0.1 * waveform.clamp(-5, 5), sample_rate=16000)


@pytest.mark.parametrize("seconds", [0.1, 4.0, 10.0, 27.3])
def test_any_length(body, seconds):
    heard = body.listen(speech(seconds))
    motion = body.act(heard, seed=0)
    assert motion.joints_axis_angle.shape == (round(30 * seconds), 55, 3)
    assert torch.isfinite(motion.joints_axis_angle).all()


def test_windows_are_joined_without_a_jump(body):
    motion = body.act(body.listen(speech(27.3)), seed=0)
    speed = motion.translation_m.diff(dim=0).norm(dim=1)
    assert speed.max() < 20 * speed.median()


def test_seeds_and_borrowed_emotions(body):
    heard, donor = body.listen(speech(12)), body.listen(speech(5, seed=1), parts=("emotion",))
    same = body.act(heard, seed=3).joints_axis_angle
    assert torch.equal(same, body.act(heard, seed=3).joints_axis_angle)
    assert not torch.equal(same, body.act(heard, seed=4).joints_axis_angle)
    borrowed = heard.with_(emotion=donor)
    assert torch.equal(borrowed.content, heard.content)
    assert torch.allclose(borrowed.emotion, donor.emotion.mean(dim=0).expand_as(heard.emotion))
    assert torch.allclose(heard.with_(emotion=donor, share=0.0).emotion, heard.emotion)


def test_a_second_hearing_comes_from_the_disk(body, monkeypatch):
    first = body.listen(speech(3))

    def refuse(*_: object) -> None:
        raise AssertionError("the encoder ran again")

    for encoder in body.encoders.values():
        monkeypatch.setattr(encoder, "forward", refuse)
    again = body.listen(speech(3))
    assert torch.equal(again.emotion, first.emotion)
    with pytest.raises(AssertionError, match="ran again"):
        body.listen(speech(3, seed=9))


def test_a_damaged_or_unwritable_cache_is_no_error(tmp_path):
    made = kept(speech(1), "a", lambda: torch.ones(1, 2), tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"broken")
    assert torch.equal(kept(speech(1), "a", lambda: torch.ones(1, 2), tmp_path), made)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert torch.equal(kept(speech(1), "b", lambda: torch.ones(1, 2), blocked), made)


def test_windows_of_hearing_cover_the_recording():
    assert window_starts(100, 160, 32) == [0]
    starts = window_starts(1000, 160, 32)
    assert starts[-1] == 840
    assert all(later - earlier <= 128 for earlier, later in zip(starts, starts[1:], strict=False))


def test_the_filterbank_of_a_tone_peaks_at_its_pitch():
    from emote3d.audio.kaldi import fbank

    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 16000)
    config = FbankConfig()
    energies = fbank(tone, config)
    assert energies.shape == (config.frames(16000), 128)
    mel = 1127 * torch.log(torch.tensor(1 + 1000 / 700))
    low, high = (1127 * torch.log(torch.tensor(1 + hz / 700)) for hz in (20.0, 8000.0))
    assert abs(energies.mean(dim=0).argmax() - ((mel - low) / (high - low) * 129 - 1)) < 1
