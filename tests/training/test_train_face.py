"""The scripts that trained the shipped face, at tiny size, on a piece of the demo's recording with made-up phone times."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d import Direction, Emote3D
from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig, LiveEncoderConfig
from emote3d.audio.load import load_speech
from emote3d.checkpoint import load_component, read_manifest, save_component
from emote3d.data.corpus import SpeechClip, SpeechEntry, append_index, write_clips
from emote3d.data.timed import build_timed
from emote3d.decoders.face import CHANNELS
from emote3d.decoders.regression import LiveRegressionConfig, RegressionConfig
from emote3d.errors import Emote3DError
from emote3d.prior.flint import FlintConfig, LiveFlintConfig, MotionVAE
from emote3d.stream.model import LiveModel
from emote3d.training.average import average_component
from emote3d.training.encoder import EncoderTask, EncoderTraining
from emote3d.training.face import CONDITION_D, FaceTraining
from emote3d.training.face_denoiser import ActedWindows, act_windows
from emote3d.training.live import LiveTraining
from emote3d.training.tape import FPS, Tape, disturb, in_room, mask_spans, shuffle_pieces, times_on_tape

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import train_face  # noqa: E402  # pyright: ignore[reportMissingImports]
import train_face_denoiser  # noqa: E402  # pyright: ignore[reportMissingImports]
import train_live  # noqa: E402  # pyright: ignore[reportMissingImports]

DEMO = ROOT / "assets" / "audio" / "demo-congrats.flac"
PHONES = ("sil", "m", "a", "p", "i", "f", "u", "s")


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    waveform = np.round(load_speech(DEMO).waveform.numpy()[: 8 * 16000] * 32767).astype(np.int16)
    clips = []
    for source, times, timed in (("espeak-ng", 4.0, True), ("asterisk", 4.0, True), ("ljspeech", 4.0, False)):
        spans = [(0.1 * index, (PHONES[index % len(PHONES)],), index % 3) for index in range(int(times * 10))]
        speech = build_timed(waveform[: int(times * 16000)], spans)
        entry = SpeechEntry(
            id=f"{source}-0", source=source, speaker="x", language="en-us", emotion=None, split="train",
            duration_s=times, timed=timed,
        )  # fmt: skip
        clips.append(SpeechClip(entry=entry, speech=speech))
    append_index(folder, write_clips(folder, clips))
    out = folder / "tape"
    train_face.MakeTape(corpus=folder, tape=out, passes=1).run()
    return out


def test_recordings_of_people_count_more(tape: Path):
    seconds = Tape(tape).seconds
    assert abs(seconds - 4 * (1 + times_on_tape("asterisk"))) < 6  # augmentation changes the speed of the repeats


def test_disturbed_speech_keeps_its_level(tape: Path):
    batch = next(Tape(tape).windows(32, 4, np.random.default_rng(0)))
    heard = disturb(batch.mel, torch.Generator().manual_seed(0))
    levels = [torch.quantile(mel.mean(2), 0.95, dim=1) for mel in (batch.mel, heard)]
    assert heard.isfinite().all() and (heard - batch.mel).abs().mean() > 0.5
    assert (levels[1] - levels[0]).abs().max() < 1.5  # masked bands move it a little


def test_speech_without_labels_lies_beside_the_tape(tape: Path):
    batch = next(Tape(tape).windows(2, 2, np.random.default_rng(0), unlabelled=3))
    assert batch.unlabelled.shape == (3, 200, batch.mel.shape[2]) and batch.unlabelled.std() > 0.5
    assert len(next(Tape(tape).windows(2, 2, np.random.default_rng(0))).unlabelled) == 0
    with pytest.raises(Emote3DError, match=r"more than 30 s .* got 4\.0 s"):
        next(Tape(tape).windows(2, 30, np.random.default_rng(0), unlabelled=3))


def test_a_tape_without_one_of_its_files_is_refused(tape: Path, tmp_path: Path):
    old = tmp_path / "old"
    shutil.copytree(tape, old)
    (old / "unlabelled.npy").unlink()
    with pytest.raises(Emote3DError, match=r"found no unlabelled\.npy"):
        Tape(old)


def test_the_teacher_begins_as_what_the_training_starts_from_and_follows(tape: Path):
    task = EncoderTask(CompactEncoderConfig(d=16, dilations=(1,)), EncoderTraining(unlabelled=1))
    with torch.no_grad():
        task.encoder.stem.weight.fill_(0.5)  # as --start would
    task.on_train_start()
    assert task.teacher is not None
    followed = task.teacher.module[0].stem.weight
    assert (followed == 0.5).all()
    with torch.no_grad():
        task.encoder.stem.weight.fill_(1.5)
    task.on_train_batch_end(None, next(Tape(tape).windows(1, 2, np.random.default_rng(0))), 0)
    assert torch.allclose(followed, torch.tensor(0.501))
    task.on_train_start()
    assert torch.allclose(followed, torch.tensor(0.501))  # a resumed training keeps its teacher
    assert EncoderTask(CompactEncoderConfig(d=16, dilations=(1,)), EncoderTraining()).teacher is None


def test_masked_spans_hide_sound_from_the_features_over_them():
    mel = torch.randn(8, 400, 80)
    masked, hidden = mask_spans(mel, torch.Generator().manual_seed(0))
    covered = (masked != mel).all(dim=2)
    assert torch.equal(covered[:, ::2], hidden) and torch.equal(masked[~covered], mel[~covered])
    assert 0.2 < hidden.float().mean() < 0.45
    spans = torch.diff(torch.nonzero(torch.diff(covered[0].int(), prepend=torch.zeros(1)) != 0)[:, 0])
    assert spans[::2].min() >= 20 or len(spans) < 2


def test_shuffled_speech_keeps_its_sounds_and_their_phones_together(tape: Path):
    batch = next(Tape(tape).windows(6, 3, np.random.default_rng(0)))
    tenths = torch.arange(30.0).repeat_interleave(10).expand(6, -1)[..., None]
    numbered = batch._replace(mel=tenths.expand_as(batch.mel), phone=torch.arange(150).expand(6, -1))
    mel, phone = shuffle_pieces(numbered, 4, torch.Generator().manual_seed(0))
    assert torch.equal(mel[:, ::10, 0].sort(dim=1).values, tenths[:4, ::10, 0])
    assert torch.equal(mel[:, ::2, 0], phone.div(5, rounding_mode="floor").float())
    joints = (mel[:, ::10, 0].diff(dim=1) != 1).sum(dim=1)
    assert (joints >= 1).all()
    assert joints.max() < 20


def test_units_of_the_encoder_are_left_out_in_training_alone():
    encoder = CompactEncoder(CompactEncoderConfig(d=16, dilations=(1, 2)))
    mel = torch.randn(1, 40, 80, generator=torch.Generator().manual_seed(0))
    whole = encoder.eval()(mel)
    encoder.drop(0.5)
    assert torch.equal(encoder(mel), whole)
    encoder.train()
    assert not torch.equal(encoder(mel), encoder(mel))


def test_a_room_adds_a_tail_and_nothing_before():
    power = torch.full((64, 100, 2), 1e-5)
    power[:, 20] = 1.0
    changed = in_room(power, torch.Generator().manual_seed(0), share=0.5)
    rooms = (changed != power).any(dim=2).any(dim=1)
    assert 16 < int(rooms.sum()) < 48
    assert torch.allclose(changed[:, :21], power[:, :21], rtol=0.02, atol=2e-5)
    tail = changed[rooms, 21:, 0]
    assert (tail[:, 0] > 1e-3).all() and (tail[:, 0] > tail[:, 40]).all()


def test_the_live_face_trains_from_an_offline_encoder(tape: Path, tmp_path: Path):
    offline, live = tmp_path / "offline", tmp_path / "live"
    course = {"steps": 2, "batch": 2, "seconds": 2}
    audio = CompactEncoderConfig(d=16, dilations=(1, 2))
    train_face.TrainEncoder(
        tape=tape, runs=tmp_path / "a", out=offline, settings=EncoderTraining(**course), model=audio
    ).run()
    stage = {"tape": tape, "runs": tmp_path / "b", "out": live}
    small = {"heads": 2, "feedforward_d": 16}
    prior = LiveFlintConfig(channels=CHANNELS, d=16, **small)
    train_live.TrainPrior(**stage, settings=FaceTraining(**course), model=prior).run()
    decoder = LiveRegressionConfig(
        condition_d=CONDITION_D, content_d=16, style_d=16, latent_d=16, frames_per_latent=1, **small
    )
    encoder = LiveEncoderConfig(d=16, dilations=(1, 2), taps_after=(2, 0))
    for refine in (None, live):
        again = int(refine is not None)
        settings = replace(LiveTraining(**course), seed=again, shuffled=again)
        train_live.TrainFace(
            **stage, settings=settings, model=decoder, encoder=encoder, start=offline, refine=refine
        ).run()
        note = json.loads((live / "phones" / "manifest.json").read_text())
        assert ("shuffled_lips_ce" in note["curve"]) == bool(again)
        shutil.copytree(live, tmp_path / f"live{again}")
    parts = (tmp_path / "live0", tmp_path / "live1")
    train_live.Average(**stage, parts=parts).run()
    for part in parts:
        weights = load_component(part / "audio", CompactEncoder, LiveEncoderConfig).stem.weight
        assert not torch.equal(weights, load_component(live / "audio", CompactEncoder, LiveEncoderConfig).stem.weight)
    motion = LiveModel.from_pretrained(live).perform(load_speech(DEMO), Direction(), 40.0)
    assert motion.face is not None and motion.face.expression.isfinite().all()


def test_every_stage_trains_and_the_result_speaks(tape: Path, tmp_path: Path):
    out, runs = tmp_path / "checkpoint", tmp_path / "runs"
    stage = {"tape": tape, "runs": runs, "out": out}
    course = {"steps": 2, "batch": 2, "seconds": 2}
    audio = CompactEncoderConfig(d=16, dilations=(1, 2))
    train_face.TrainEncoder(
        **stage, settings=EncoderTraining(**course, unlabelled=1, shuffled=1, dropout=0.1), model=audio
    ).run()
    note = json.loads((out / "audio" / "manifest.json").read_text())
    assert all(error > 0 for name in ("masked_ce", "shuffled_lips_ce") for error in note["curve"][name])
    prior = FlintConfig(channels=CHANNELS, d=16, stages=2, heads=2, feedforward_d=16)
    train_face.TrainPrior(**stage, settings=FaceTraining(**course), model=prior).run()
    decoder = RegressionConfig(
        condition_d=CONDITION_D, content_d=16, style_d=16, heads=2, feedforward_d=16, latent_d=16, frames_per_latent=4
    )
    for refine in (False, True):
        settings = replace(
            FaceTraining(**course), tune_encoder=True, dropout=0.1, seed=int(refine), seen_weight=float(refine)
        )
        train_face.TrainDecoder(**stage, settings=settings, model=decoder, refine=refine).run()
    former = tmp_path / "former"
    shutil.copytree(out, former)
    with torch.no_grad():
        moved = load_component(out / "audio", CompactEncoder, CompactEncoderConfig)
        moved.stem.weight.add_(2.0)
    save_component(out / "audio", moved, moved.config, {})
    train_face.Average(**stage, parts=(former, out)).run()
    mean, was = (load_component(place / "audio", CompactEncoder, CompactEncoderConfig) for place in (out, former))
    assert torch.allclose(mean.stem.weight, was.stem.weight + 1.0, atol=2e-3)
    first, same = read_manifest(out / "decoder")["parts"]
    assert first["command"] and same == {"sha256": first["sha256"]}
    train_face.Average(**stage, parts=(former, out)).run()
    first, again = read_manifest(out / "audio")["parts"]
    assert first["command"] and again["parts"][0] == {"sha256": first["sha256"]}
    with pytest.raises(Emote3DError, match="of the same sizes"):
        average_component(
            [out / "audio", ROOT / "checkpoints" / "open-v1" / "audio"], CompactEncoder, CompactEncoderConfig
        )
    shutil.copytree(ROOT / "checkpoints" / "open-v1" / "voice", out / "voice")
    speech = load_speech(DEMO)
    motion = Emote3D.from_pretrained(out).animate((speech.waveform.numpy()[:32000], 16000), Direction(emotion="happy"))
    assert motion.frames == 60
    drawn = train_face_denoiser.Options(
        tape=tape, runs=tmp_path / "denoiser", checkpoint=out, windows=3, d=16, layers=3, steps=4, batch=2
    )
    train_face_denoiser.main(drawn)
    engine = Emote3D.from_pretrained(out)
    faces = [engine.animate((speech.waveform.numpy()[:32000], 16000), Direction(sample=True), seed=n) for n in (1, 2)]
    first, second = (one.face.expression for one in faces if one.face is not None)
    assert first.isfinite().all() and first.shape == (60, 52) and not torch.equal(first, second)


def test_the_teacher_acts_windows_by_their_seed(tape: Path):
    torch.manual_seed(0)
    prior = MotionVAE(FlintConfig(channels=CHANNELS, d=16, stages=2, heads=2, feedforward_d=16)).eval()
    first, again, other = (act_windows(tape, prior, ActedWindows(seed=n, windows=2, seconds=4)) for n in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.expected, other.expected)
    latents = 4 * FPS // prior.config.frames_per_latent
    assert first.expected.shape == first.departure.shape == (2, latents, 16)
    assert first.emotion.shape == (2, 4 * FPS, 8) and 0 < first.emotion.sum(dim=2).max() <= 1.5
    assert 0 < first.departure.abs().mean() < first.expected.abs().mean()  # whims of stress are the smaller part
