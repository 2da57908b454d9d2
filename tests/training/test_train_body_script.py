"""`scripts/train_body.py`, `compare_samplers.py`, `evaluate_body.py`: a speech set to a body and its figures, at tiny size."""

import importlib.util
import json
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

SCRIPTS = Path(__file__).parents[2] / "scripts"


def loaded(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_script", SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"{name}_script"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script() -> ModuleType:
    return loaded("train_body")


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


def test_a_speech_set_becomes_a_body_that_moves(
    script: ModuleType, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    places = {"tape": tmp_path / "tape", "runs": tmp_path / "runs", "out": tmp_path / "out"}
    script.MakeTape(corpus=corpus, hours=0.01, **places).run()
    tape = BodyTape(places["tape"])
    batch = tape.draw(2, 240, np.random.default_rng(0))
    assert batch.motion.shape == (2, 240, CHANNELS) and batch.motion.std(dim=1).max() > 0.05
    script.TrainPrior(model=PatchConfig(channels=CHANNELS, d=12), windows=10, **places).run()
    assert 0.3 < read_manifest(places["out"] / "body_prior")["metrics"]["variance_rebuilt"] < 1
    settings = DiffusionTraining(steps=5, batch=4)
    model = denoiser_config(12, 8, d=16, layers=3)
    script.TrainDenoiser(settings=settings, model=model, seconds=4, **places).run()
    script.Average(parts=(places["out"], places["out"]), **places).run()
    assert len(read_manifest(places["out"] / "body_denoiser")["parts"]) == 2
    body = OpenBody.from_pretrained(places["out"])
    demo = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    rhythm = body.listen(Speech(waveform=demo.waveform[:48000], sample_rate=16000))
    weights = torch.tensor([Direction(emotion="happy").emotion_weights()]).expand(90, -1)
    moved = body.act(rhythm, weights, torch.zeros(5), 0)
    assert torch.isfinite(moved.joints_axis_angle).all()
    assert moved.joints_axis_angle.diff(dim=0).abs().max() > 1e-4
    compare = loaded("compare_samplers")
    capsys.readouterr()
    compare.main(compare.Options(part="body", tape=places["tape"], checkpoint=places["out"], windows=16))
    teacher, *rows = map(json.loads, capsys.readouterr().out.splitlines())
    assert len(rows) == len(compare.SAMPLERS)
    assert 0 < teacher["frechet"] < min(row["frechet"] for row in rows) and teacher["wrists_cm_s"] > 1


def test_the_figures_of_gestures_and_hands():
    evaluate = loaded("evaluate_body")
    stage = evaluate.Stage(evaluate.Options())
    demo = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    clip = Speech(waveform=demo.waveform[: 4 * 16000], sample_rate=16000)
    seen = evaluate.gestures(stage, {"demo": clip})["seen"]
    assert seen["gesture_size 0.7"]["wrists_cm_s"] < seen["gesture_size 1.45"]["wrists_cm_s"]
    assert seen["gesture_openness 0.7"]["hands_aside_cm"] < seen["gesture_openness 1.45"]["hands_aside_cm"]
    assert seen["handedness -1.0"]["left_share"] < 0.5 < seen["handedness 1.0"]["left_share"]
    assert seen["sad"]["lean_deg"] > seen["happy"]["lean_deg"] and seen["anger"]["head_down_deg"] > 0
    found = evaluate.hands(stage, [clip, clip])["hands"]
    assert found["half_minutes"] == 2 and found["beyond_joint_limits_deg"] == found["hand_in_torso_mm"] == 0
    assert 1 < found["wrists_m_s2_99.9th"] <= found["wrists_m_s2_largest"] < 300
