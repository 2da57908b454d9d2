"""`scripts/train_body.py`: a speech set to a body, at tiny size."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from emote3d.audio.load import load_speech
from emote3d.checkpoint import read_manifest
from emote3d.data.corpus import SpeechClip, SpeechEntry, append_index, write_clips
from emote3d.data.timed import SPEECH_RATE, build_timed
from emote3d.files import asset_path
from emote3d.latents.direction import Direction
from emote3d.performers.open_body import OpenBody
from emote3d.prior.body import CHANNELS
from emote3d.prior.patch import PatchConfig
from emote3d.records import Speech
from emote3d.training.body_runs import denoiser_config
from emote3d.training.body_tape import BodyTape
from emote3d.training.diffusion import DiffusionTraining

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_body.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_body_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_body_script"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two clips of the demo with made-up phones: a vowel every quarter of a second."""
    waveform = (load_speech(asset_path("assets", "audio", "demo-congrats.flac")).waveform.numpy() * 32767).astype(
        np.int16
    )
    folder = tmp_path / "speech"
    folder.mkdir()
    clips = []
    for index in range(2):
        speech = build_timed(
            waveform[index * 64000 : (index + 1) * 64000],
            [(0.25 * k, ("a",) if k % 2 else ("t",), 1 if k % 6 == 1 else 0) for k in range(16)],
        )
        entry = SpeechEntry(
            id=f"clip-{index}", source="test", speaker="allison", language="en-us", emotion=None, split="train",
            duration_s=64000 / SPEECH_RATE, timed=True,
        )  # fmt: skip
        clips.append(SpeechClip(entry=entry, speech=speech))
    append_index(folder, write_clips(folder, clips))
    return folder


def test_a_speech_set_becomes_a_body_that_moves(script: ModuleType, corpus: Path, tmp_path: Path):
    places = {"tape": tmp_path / "tape", "runs": tmp_path / "runs", "out": tmp_path / "out"}
    script.MakeTape(corpus=corpus, hours=0.001, **places).run()
    tape = BodyTape(places["tape"])
    batch = tape.draw(2, 240, np.random.default_rng(0))
    assert batch.motion.shape == (2, 240, CHANNELS) and batch.motion.std(dim=1).max() > 0.05
    script.TrainPrior(model=PatchConfig(channels=CHANNELS, d=12), windows=10, **places).run()
    assert 0.3 < read_manifest(places["out"] / "body_prior")["metrics"]["variance_rebuilt"] < 1
    settings = DiffusionTraining(steps=5, batch=4)
    model = denoiser_config(12, 8, d=16, layers=3)
    script.TrainDenoiser(settings=settings, model=model, seconds=4, **places).run()
    body = OpenBody.from_pretrained(places["out"])
    demo = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    rhythm = body.listen(Speech(waveform=demo.waveform[:48000], sample_rate=16000))
    weights = torch.tensor([Direction(emotion="happy").emotion_weights()]).expand(90, -1)
    moved = body.act(rhythm, weights, torch.zeros(5), 0)
    assert torch.isfinite(moved.joints_axis_angle).all()
    assert moved.joints_axis_angle.diff(dim=0).abs().max() > 1e-4
