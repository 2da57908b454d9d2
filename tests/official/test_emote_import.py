"""EMOTE and FLINT checkpoints in the official layout: imported, and equal to the published code's tensors."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from sounds import write_wav

from emote3d import Direction
from emote3d.audio.load import load_speech
from emote3d.audio.wav2vec import framed, normalised, resampled
from emote3d.body import load_body_model
from emote3d.checkpoint import load_component
from emote3d.errors import Emote3DError
from emote3d.official.emote import import_emote, import_flint
from emote3d.performers import emote
from emote3d.performers.emote import EmoteFace
from emote3d.pipeline import Emote3D
from emote3d.prior.flint import FlintConfig, MotionVAE
from emote3d.records import FaceMotion, Motion, Speech
from official.emote_twin import Bomb

PARITY = Path(__file__).parents[3] / "shared" / "parity" / "emote"
MODELS = {"v1": "EMOTE", "v2": "EMOTE_v2"}
pytestmark = pytest.mark.skipif(not PARITY.is_dir(), reason="no parity fixtures beside the checkout")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("imported")
    for version, model in MODELS.items():
        import_emote(PARITY / version / model, folder / version)
    return {version: folder / version for version in MODELS}


def difference(ours: torch.Tensor, theirs: np.ndarray) -> float:
    return float(np.abs(ours.numpy().reshape(theirs.shape) - theirs).max())


CASES = [(version, path.name) for version in MODELS for path in sorted((PARITY / version).glob("emote_*.npz"))]


@pytest.mark.parametrize(("version", "name"), CASES)
def test_every_step_is_that_of_the_published_code(version: str, name: str, imported: dict[str, Path]):
    fixture = np.load(PARITY / version / name)
    face = EmoteFace.from_pretrained(imported[version], demo_compat="demo_compat" in name)
    speech = Speech(waveform=torch.from_numpy(fixture["wave"]), sample_rate=16000)
    waveform, frames = framed(speech.waveform, 640, face.demo_compat)
    assert difference(normalised(waveform), fixture["a0_processed_audio"]) < 1e-6
    convolved = face.folded.convolve(normalised(waveform))
    assert difference(convolved, fixture["a1_conv_features_BCL"]) < 1e-5
    hidden = face.folded.encode(resampled(convolved, frames))
    assert difference(hidden, fixture["a3_wav2vec2_last_hidden"]) < 1e-5
    heard = face.listen(speech)
    assert difference(heard.latents.content, fixture["b0_seq_encoder"]) < 1e-5
    condition = face.condition.one_hot(*(int(fixture[key]) for key in ("emotion", "intensity", "identity")))
    expression, jaw = face.decode(heard.latents.content, condition)
    assert difference(expression, fixture["predicted_exp"]) < 1e-5
    assert difference(jaw, fixture["predicted_jaw"]) < 1e-5
    still = torch.zeros(len(jaw), 3)
    motion = FaceMotion(
        expression=expression,
        basis="flame2020",
        jaw_axis_angle=jaw,
        neck_axis_angle=still,
        eyes_axis_angle=torch.zeros(len(jaw), 2, 3),
    )
    flame = load_body_model(PARITY / version / "FLAME" / "generic_model.pkl")
    assert difference(flame.pose(Motion(face=motion, fps=25)).vertices_m, fixture["predicted_vertices"]) < 1e-6


@pytest.mark.parametrize("version", MODELS)
def test_flint_encodes_and_decodes_as_the_published_code(version: str, tmp_path: Path):
    (model,) = (PARITY / version).glob("FLINT*")
    import_flint(model, tmp_path)
    vae = load_component(tmp_path / "prior", MotionVAE, FlintConfig)
    fixture = np.load(PARITY / version / "flint.npz")
    mean, logvar = vae.encoder(torch.from_numpy(fixture["input_sequence"]))
    assert difference(mean.detach(), fixture["mean"]) < 1e-5
    assert difference(logvar.detach(), fixture["logvar"]) < 1e-5
    with torch.inference_mode():
        assert difference(vae.decoder(torch.from_numpy(fixture["mean"])), fixture["decoded_from_mean"]) < 1e-5
        _, kl = vae(torch.from_numpy(fixture["input_sequence"]), torch.zeros_like(mean))
    assert abs(float(kl) - float(fixture["kl"])) < 1e-3


def test_the_engine_drives_a_flame_file(imported: dict[str, Path]):
    engine = Emote3D.from_pretrained(imported["v2"])
    speech = Speech(waveform=torch.from_numpy(np.load(PARITY / "v2" / "emote_n33333.npz")["wave"]), sample_rate=16000)
    neutral, happy = engine.animate_each(speech, [Direction(), Direction(emotion="happy", subject="W009")], fps=25)
    assert neutral.face is not None and happy.face is not None
    assert (neutral.face.basis, neutral.frames) == ("flame2020", 52)
    assert (neutral.face.expression - happy.face.expression).abs().max() > 0.01
    flame = load_body_model(PARITY / "v2" / "FLAME" / "generic_model.pkl")
    assert flame.pose(happy).vertices_m.isfinite().all()


def test_one_pass_of_wav2vec_serves_all_emotions(imported: dict[str, Path]):
    engine = Emote3D.from_pretrained(imported["v1"])
    assert isinstance(engine.face, EmoteFace)
    calls = []
    engine.face.audio.model.feature_projection.register_forward_hook(lambda *_: calls.append(1))
    engine.animate_each((0.1 * np.random.default_rng(0).normal(size=16000).astype(np.float32), 16000),
                        [Direction(emotion=name) for name in ("happy", "sad", "anger")])  # fmt: skip
    assert len(calls) == 1


@pytest.mark.parametrize("problem", [{"emotion": "auto"}, {"subject": "M001"}])
def test_what_emote_cannot_do_is_refused(problem: dict[str, str], imported: dict[str, Path]):
    with pytest.raises(Emote3DError):
        Emote3D.from_pretrained(imported["v1"]).animate((np.zeros(8000, np.float32), 16000), Direction(**problem))


def _copy(tmp_path: Path, **settings: object) -> Path:
    """A writable copy of the v1 model, with changed decoder settings."""
    shutil.copytree(PARITY / "v1", tmp_path / "v1", copy_function=shutil.copyfile)
    for path in (tmp_path / "v1").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    file = tmp_path / "v1" / "EMOTE" / "cfg.yaml"
    content = yaml.safe_load(file.read_text())
    content["model"]["sequence_decoder"].update(settings)
    file.write_text(yaml.safe_dump(content))
    return tmp_path / "v1" / "EMOTE"


def test_before_the_bug_fix_the_transformer_was_not_used(tmp_path: Path):
    import_emote(_copy(tmp_path, post_bug_fix=False), tmp_path / "out")
    face = EmoteFace.from_pretrained(tmp_path / "out")
    fixture = np.load(PARITY / "v1" / "emote_n20480.npz")
    styled = torch.from_numpy(fixture["c2_styled"])
    content, condition = styled[..., :128], torch.from_numpy(fixture["c0_condition"])
    expected = face.decoder.squasher(face.decoder.bottleneck(styled).reshape(1, 4, 1024))
    assert torch.allclose(face.decoder(content, condition), expected, atol=1e-5)


@pytest.mark.parametrize("where", ["callbacks", "state_dict", "bare"])
def test_a_hostile_checkpoint_executes_nothing(where: str, tmp_path: Path):
    marker, file = tmp_path / "ran", tmp_path / "last.ckpt"
    if where == "bare":
        file.write_bytes(pickle.dumps({"state_dict": {}, "callbacks": Bomb(marker)}))
    else:
        torch.save({"state_dict": {}, "epoch": 1} | {where: {"x": Bomb(marker)}}, file)
    with pytest.raises(Emote3DError) as error:
        import_emote(file, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not marker.exists()
    assert not (tmp_path / "out").exists()
    torch.load(file, weights_only=False) if where != "bare" else pickle.loads(file.read_bytes())
    assert marker.exists(), "the bomb would have gone off"


@pytest.mark.parametrize("case", ["truncated", "flint", "variant", "missing", "heads"])
def test_what_is_no_emote_is_refused_in_one_line(case: str, tmp_path: Path):
    model = _copy(tmp_path, **({"squash_type": "conv"} if case == "variant" else {}))
    file = model / "checkpoints" / "last.ckpt"
    if case == "truncated":
        file.write_bytes(file.read_bytes()[:-5000])
    elif case == "flint":
        (model,) = (PARITY / "v1").glob("FLINT*")
    elif case == "missing":
        file.unlink()
    elif case == "heads":
        shutil.rmtree(tmp_path / "v1" / "wav2vec2")
    with pytest.raises(Emote3DError) as error:
        import_emote(model, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", ["no cfg", "other keys", "string heads", "heads", "valence", "yaml"])
def test_settings_of_all_kinds(case: str, tmp_path: Path):
    changes: dict[str, dict[str, object]] = {
        "string heads": {"nhead": "${model.heads}"},
        "heads": {"nhead": 7},
        "valence": {"style_embedding": {"use_valence": True}},
        "other keys": {"something": [1, {"new": None}]},
    }
    model = _copy(tmp_path, **changes.get(case, {}))
    if case == "no cfg":
        (model / "cfg.yaml").unlink()
    elif case == "yaml":
        (model / "cfg.yaml").write_text("model: !!python/object/apply:os.system ['true']")
    if case in ("no cfg", "other keys"):
        import_emote(model, tmp_path / "out")
        fixture = np.load(PARITY / "v1" / "emote_n19000.npz")
        face = EmoteFace.from_pretrained(tmp_path / "out")
        heard = face.listen(Speech(waveform=torch.from_numpy(fixture["wave"]), sample_rate=16000))
        assert difference(heard.latents.content, fixture["b0_seq_encoder"]) < 1e-5
        return
    with pytest.raises(Emote3DError) as error:
        import_emote(model, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("samples", [1, 399, 641, 7777])
def test_recordings_of_any_length_have_their_frames(samples: int, imported: dict[str, Path]):
    for demo_compat in (False, True):
        face = EmoteFace.from_pretrained(imported["v1"], demo_compat)
        heard = face.listen(Speech(waveform=torch.full((samples,), 0.5), sample_rate=16000))
        motion = face.act(heard, Direction(emotion="fear:0.5", subject="W029"), 0)
        assert len(motion.expression) == max(1, samples // 640) + demo_compat
        assert motion.expression.isfinite().all()


def test_nothing_of_flame_is_kept(imported: dict[str, Path]):
    for part in imported["v1"].iterdir():
        assert json.loads((part / "manifest.json").read_text())["licence"].startswith("that of the published")
        assert b"v_template" not in (part / "model.safetensors").read_bytes()


def test_long_recordings_have_no_seams(imported: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    demo = load_speech(Path(__file__).parents[2] / "assets" / "audio" / "demo-congrats.flac")
    face = EmoteFace.from_pretrained(imported["v2"])
    whole = face.act(face.listen(demo), Direction(emotion="happy"), 0)
    monkeypatch.setattr(emote, "_WINDOW_FRAMES", 320)
    monkeypatch.setattr(emote, "_OVERLAP_FRAMES", 80)
    cut = face.act(face.listen(demo), Direction(emotion="happy"), 0)
    assert cut.expression.shape == whole.expression.shape
    step, step_whole = (motion.expression.diff(dim=0).norm(dim=1) for motion in (cut, whole))
    seams = [edge + start for start in (240, 437) for edge in (0, 80)]
    assert step.shape[0] > 700
    for seam in seams:
        assert step[seam - 3 : seam + 3].max() <= torch.quantile(step_whole, 0.999)


def test_renders_on_a_flame_file_from_the_command_line(imported: dict[str, Path], tmp_path: Path):
    speech = write_wav(tmp_path / "a.wav", 0.1 * np.sin(np.arange(16000) / 9))
    flame = PARITY / "v2" / "FLAME" / "generic_model.pkl"
    command = [sys.executable, "-m", "emote3d", "render", str(speech), "--checkpoint", str(imported["v2"]), "-o",
               str(tmp_path / "a.mp4"), "--size", "64x64", "--backend", "software", "--avatar"]  # fmt: skip
    done, refused = (
        subprocess.run([*command, name], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
        for name in (f"flame:{flame}", f"smplx:{flame}")
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.mp4").stat().st_size > 500
    assert refused.returncode == 2 and len(refused.stderr.strip().splitlines()) == 1


def test_an_emote_checkpoint_gestures_and_refuses_to_sample(imported: dict[str, Path], tmp_path: Path):
    engine = Emote3D.from_pretrained(imported["v2"])
    demo = load_speech(Path(__file__).parents[2] / "assets" / "audio" / "demo-congrats.flac")
    short = Speech(waveform=demo.waveform[:64000], sample_rate=16000)
    motion = engine.animate(short, Direction(emotion="happy"), fps=25)
    assert motion.face is not None and motion.body is not None
    assert len(motion.body.joints_axis_angle) == len(motion.face.expression) == 100
    assert motion.body.joints_axis_angle[:, 16:20].diff(dim=0).abs().max() > 0.01
    assert engine.animate(short, body=False).body is None
    with pytest.raises(Emote3DError, match="leave out --sample"):
        engine.animate(short, Direction(sample=True))
