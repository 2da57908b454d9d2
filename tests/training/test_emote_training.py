"""FLINT and EMOTE training at tiny size: losses, exchange, resumption, processes."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from body.conftest import official_members

from emote3d.audio.wav2vec import ResampledWav2Vec
from emote3d.body import load_body_model
from emote3d.data.mead import MeadSet
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.latents.condition import MEAD_TRAIN_SUBJECTS, EmoteCondition, EmoteConditionConfig
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.perception.networks import LandmarkEmotionNet, LandmarkLipReader, PerceiverConfig
from emote3d.prior.flint import FlintConfig, FlintDecoder, MotionVAE
from emote3d.training.clip_batches import ClipSource, FaceBatch, derangement
from emote3d.training.emote import EmoteNet, EmoteTask, exchanged
from emote3d.training.faces import FacePoser, directions_apart, masked_vertex_error
from emote3d.training.flint import FlintTask
from emote3d.training.perceptual import Perceivers, choose_emotion_net, choose_lip_reader
from emote3d.training.settings import EmoteTraining, FlintTraining
from training.face_sets import REC, TINY_WAV2VEC, write_flame, write_mead, write_wav2vec

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    write_mead(folder / "processed")
    write_flame(folder / "FLAME.npz", official_members(5))
    write_wav2vec(folder / "wav2vec2")
    return folder


@pytest.fixture(scope="module")
def source(place: Path) -> ClipSource:
    return ClipSource(MeadSet(place / "processed", REC), MEAD_TRAIN_SUBJECTS, 50)


@pytest.fixture(scope="module")
def poser(place: Path) -> FacePoser:
    return FacePoser(load_body_model(place / "FLAME.npz"))


def _task(source: ClipSource, poser: FacePoser, settings: EmoteTraining) -> EmoteTask:
    torch.manual_seed(0)
    config = FlintConfig(channels=53, d=32, feedforward_d=32)
    condition = EmoteCondition(EmoteConditionConfig())
    net = EmoteNet(
        ResampledWav2Vec(TINY_WAV2VEC),
        SpeechEncoder(SpeechEncoderConfig(feature_d=32, content_d=32)),
        condition,
        RegressionDecoder(RegressionConfig(condition_d=43, content_d=32, style_d=32, feedforward_d=32, latent_d=32)),
        FlintDecoder(config),
        config,
    )
    perceivers = Perceivers(
        lips=LandmarkLipReader(PerceiverConfig(classes=("a", "b"), d=16)).eval().requires_grad_(False),
        emotion=LandmarkEmotionNet(PerceiverConfig(classes=tuple("abcdefgh"), d=16)).eval().requires_grad_(False),
    )
    return EmoteTask(net.eval(), poser, source, settings, perceivers if settings.stage == 2 else None)


@pytest.mark.parametrize(
    "emotions", [[0, 1], [0, 0], [1, 2, 3, 4], [1, 1, 2, 2], [0, 0, 0, 1], [3, 3, 1, 2, 3, 4, 4, 1], [5] * 6]
)
def test_partners_feel_otherwise_wherever_the_batch_allows(emotions: list[int]):
    largest = max(emotions.count(kind) for kind in emotions)
    possible = 2 * min(largest, len(emotions) - largest) + sum(
        emotions.count(kind) for kind in set(emotions) if emotions.count(kind) < largest
    )
    for seed in range(50):
        partner = derangement(emotions, np.random.default_rng(seed))
        assert sorted(partner.tolist()) == list(range(len(emotions)))
        assert (partner != np.arange(len(emotions))).all()
        different = sum(emotions[p] != emotions[i] for i, p in enumerate(partner))
        if 2 * largest <= len(emotions):
            assert different == len(emotions)
        else:
            assert different == 2 * (len(emotions) - largest), (possible, partner)


def test_batches_depend_on_seed_and_step_alone(source: ClipSource):
    first, again, other = (source.batch(step, 3, 4, 16) for step in (7, 7, 8))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.expression, other.expression)
    assert first.valid.any(dim=1).all()


def test_stage_1_is_the_masked_vertex_error_and_freezes_what_it_should(source: ClipSource, poser: FacePoser):
    task = _task(source, poser, EmoteTraining(stage=1, dropout=0.0))
    batch = source.batch(0, 0, 3, 16)
    losses = task.losses(batch)
    assert set(losses) == {"vertex"}
    losses["vertex"].backward()
    moved = {
        name for name, value in task.net.named_parameters() if value.grad is not None and value.grad.abs().sum() > 0
    }
    assert any(name.startswith("audio.model.encoder.layers") for name in moved)
    assert not any(name.startswith(("audio.model.feature_extractor", "prior")) for name in moved)
    assert not task.net.train().audio.model.feature_extractor(batch.waveform).requires_grad, "nothing goes back there"
    a, b = torch.zeros(2, 3, 4, 3), torch.ones(2, 3, 4, 3)
    b[1] = 2
    assert float(masked_vertex_error(a, b, torch.tensor([[True, False, False], [True, True, False]]))) == pytest.approx(
        2.5
    )


def test_exchanged_half_takes_lips_from_the_audio_and_emotion_from_the_condition(source: ClipSource, poser: FacePoser):
    task = _task(source, poser, EmoteTraining(stage=2))
    batch = source.batch(0, 0, 4, 16)
    assert (batch.partner_labels[:, 0] != batch.labels[:, 0]).all()
    labels = exchanged(batch)
    assert torch.equal(labels[:, :2], batch.partner_labels[:, :2])
    assert torch.equal(labels[:, 2], batch.labels[:, 2]), "the subject stays"
    losses = task.losses(batch)
    assert set(losses) == {"vertex", "lip", "emotion", "lip_exchanged", "emotion_exchanged"}, "no vertex loss exchanged"

    perceivers, eyes = task._perceivers, task._eyes
    assert perceivers is not None and eyes is not None
    content = task.net.hear(batch.waveform, 16)
    motion = task.net.perform(content, labels)
    ours = eyes.see(poser.pose(motion[..., :-3], motion[..., -3:], batch.shape), "landmarks")
    own = eyes.see(poser.pose(batch.expression, batch.jaw_axis_angle, batch.shape), "landmarks")
    partner = eyes.see(
        poser.pose(batch.partner_expression, batch.partner_jaw_axis_angle, batch.partner_shape), "landmarks"
    )
    lip = directions_apart(perceivers.lips.read(ours), perceivers.lips.read(own))
    weight = batch.valid.float()
    expected_lip = ((lip * weight).sum(1) / weight.sum(1)).mean()
    feel = perceivers.emotion.feel
    expected_emotion = directions_apart(feel(ours, batch.valid), feel(partner, batch.partner_valid)).mean()
    wrong_emotion = directions_apart(feel(ours, batch.valid), feel(own, batch.valid)).mean()
    assert torch.allclose(losses["lip_exchanged"], expected_lip, atol=1e-6)
    assert torch.allclose(losses["emotion_exchanged"], expected_emotion, atol=1e-6)
    assert not torch.allclose(expected_emotion, wrong_emotion, atol=1e-6)
    original = task.net.perform(content, batch.labels)
    tracked = poser.pose(batch.expression, batch.jaw_axis_angle, batch.shape).vertices_m
    posed = poser.pose(original[..., :-3], original[..., -3:], batch.shape).vertices_m
    assert torch.allclose(losses["vertex"], masked_vertex_error(posed, tracked, batch.valid), atol=1e-9)


def test_slices_of_a_batch_have_the_losses_of_the_whole(source: ClipSource, poser: FacePoser):
    task = _task(source, poser, EmoteTraining(stage=2))
    batch = source.batch(5, 0, 4, 16)
    whole = task.losses(batch)
    halves = [task.losses(FaceBatch(*(value[rank::2] for value in batch))) for rank in range(2)]
    for name, value in whole.items():
        assert value.item() == pytest.approx(float(halves[0][name] + halves[1][name]) / 2, rel=1e-4), name


def test_flint_learns(source: ClipSource, poser: FacePoser):
    torch.manual_seed(0)
    prior = MotionVAE(FlintConfig(channels=53, d=32, feedforward_d=32))
    task = FlintTask(prior, poser, source, FlintTraining(batch=4, learning_rate=3e-3))
    task.log_losses = lambda values: None
    optimizer, batch = task.configure_optimizers(), source.batch(0, 0, 4, 32)
    losses = []
    for step in range(12):
        optimizer.zero_grad()
        loss = task.training_step(batch, step)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]


def test_a_users_torchscript_reads_lips_from_pictures(source: ClipSource, place: Path):
    class Flat(torch.nn.Module):
        def forward(self, seen: torch.Tensor) -> torch.Tensor:
            return seen[:, :, ::16, ::16].flatten(2)

    path = place / "lips.pt"
    torch.jit.script(Flat()).save(str(path))
    reader = choose_lip_reader(path)
    assert reader.sight == "mouth"
    assert reader.read(torch.rand(2, 3, 96, 96)).shape == (2, 3, 36)
    assert choose_lip_reader(None).sight == "landmarks"


def test_a_users_torchscript_feels_the_frames_that_count(place: Path):
    class Frames(torch.nn.Module):
        def forward(self, seen: torch.Tensor) -> torch.Tensor:
            return seen.flatten(2)

    class Whole(torch.nn.Module):
        def forward(self, seen: torch.Tensor) -> torch.Tensor:
            return seen.flatten(1)

    seen = torch.tensor([[[[1.0, 2.0]], [[3.0, 6.0]], [[9.0, 9.0]]]])
    for net, felt in ((Frames(), [[2.0, 4.0]]), (Whole(), [[1.0, 2.0, 3.0, 6.0, 9.0, 9.0]])):
        torch.jit.script(net).save(str(place / "feel.pt"))
        chosen = choose_emotion_net(place / "feel.pt")
        assert chosen.sight == "face"
        assert chosen.feel(seen, torch.tensor([[True, True, False]])).tolist() == felt


def _arguments(place: Path, runs: Path, *extra: str) -> list[str]:
    return ["train", "emote", "--stage", "1", "--data", str(place / "processed"), "--model", f"flame:{place / 'FLAME.npz'}",
            "--flint", str(place / "flint"), "--wav2vec2", str(place / "wav2vec2"), "-o", str(runs / "out"), "--runs",
            str(runs), "--batch", "4", "--frames", "16", "--accelerator", "cpu", "--learning-rate", "1e-3", *extra]  # fmt: skip


def _elsewhere(place: Path, runs: Path, *extra: str) -> subprocess.Popen[str]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "emote3d", *_arguments(place, runs, *extra)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _losses(runs: Path) -> dict[int, float]:
    rows: dict[int, float] = {}
    for path in sorted((runs / "log").glob("metrics*.csv")):
        with path.open(newline="") as file:
            rows |= {int(row["step"]): float(row["vertex"]) for row in csv.DictReader(file) if row.get("vertex")}
    return rows


@pytest.fixture(scope="module")
def flint(place: Path) -> Path:
    from emote3d.checkpoint import save_component

    torch.manual_seed(1)
    prior = MotionVAE(FlintConfig(channels=53, d=128, feedforward_d=32))
    save_component(place / "flint" / "prior", prior, prior.config, {})
    return place


def test_killed_training_resumes_to_the_same_losses(flint: Path, tmp_path: Path, train: Callable[[list[str]], None]):
    extra = ["--steps", "12", "--save-every", "2", "--decay-steps", "12"]
    runs = tmp_path / "killed"
    process = _elsewhere(flint, runs, *extra)
    while not list(runs.glob("step=4*.ckpt")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "killed before its end"
    assert not (runs / "out").exists()
    train(_arguments(flint, runs, *extra))
    train(_arguments(flint, tmp_path / "whole", *extra))
    expected, got = _losses(tmp_path / "whole"), _losses(runs)
    late = [step for step in expected if step >= 6]
    assert late and all(got[step] == expected[step] for step in late)
    for name in ("audio", "decoder"):
        files = [folder / "out" / name / "model.safetensors" for folder in (tmp_path / "whole", runs)]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_two_processes_train_as_one_with_the_joint_batch(
    flint: Path, tmp_path: Path, train: Callable[[list[str]], None]
):
    extra = ["--steps", "3", "--dropout", "0"]
    process = _elsewhere(flint, tmp_path / "2", *extra, "--devices", "2")
    train(_arguments(flint, tmp_path / "1", *extra))
    _, said = process.communicate()
    assert process.returncode == 0, said[-2000:]
    one, two = _losses(tmp_path / "1"), _losses(tmp_path / "2")
    assert len(one) == 3
    assert all(two[step] == pytest.approx(one[step], rel=1e-4) for step in one)
