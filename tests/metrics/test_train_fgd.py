"""`scripts/train_fgd.py` as a user runs it, on what the engine made of a real recording."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emote3d import Emote3D
from emote3d.errors import ending_in_one_line
from emote3d.motion import save_motion
from emote3d.records import BodyMotion, Motion

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_fgd", ROOT / "scripts" / "train_fgd.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of motions: three seeds, a fourth, and the fourth with its body frozen."""
    engine, root = Emote3D.from_pretrained(), tmp_path_factory.mktemp("sets")
    for name, seed in (("real", 0), ("real", 1), ("real", 3), ("alike", 2)):
        (root / name).mkdir(exist_ok=True)
        motion = engine.animate(ROOT / "assets/audio/demo-congrats.flac", seed=seed)
        save_motion(motion, root / name / f"{seed}.npz")
    assert motion.body is not None
    still = BodyMotion(
        joints_axis_angle=motion.body.joints_axis_angle[:1].expand(motion.frames, -1, -1).clone(),
        translation_m=motion.body.translation_m[:1].expand(motion.frames, -1).clone(),
    )
    (root / "frozen").mkdir()
    save_motion(replace(motion, body=still), root / "frozen" / "2.npz")
    (root / "short").mkdir()
    save_motion(
        Motion(body=BodyMotion(joints_axis_angle=torch.zeros(20, 55, 3), translation_m=torch.zeros(20, 3)), fps=30.0),
        root / "short" / "a.npz",
    )
    return root


def run(script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["train_fgd.py", *map(str, words)])
    code = 0
    try:
        with ending_in_one_line("train_fgd"):
            script.main()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    said = capsys.readouterr()
    return code, said.out if code == 0 else said.err


def test_frozen_bodies_are_further_away_than_other_seeds(script, sets: Path, capsys, monkeypatch, tmp_path: Path):
    kept, real = tmp_path / "fgd", sets / "real"
    code, said = run(script, capsys, monkeypatch, real, "--steps", 40, "--measure", sets / "alike", "--keep", kept)
    trained = json.loads(said)
    assert code == 0 and trained["windows"] > 20 and trained["reconstruction_error"] < 0.2 and trained["floor"] < 1e-6
    code, said = run(script, capsys, monkeypatch, real, "--network", kept, "--measure", sets / "alike")
    again = json.loads(said)
    assert code == 0 and again["fgd"] == pytest.approx(trained["fgd"], rel=1e-3) and "reconstruction_error" not in again
    _, said = run(script, capsys, monkeypatch, real, "--network", kept, "--measure", sets / "frozen")
    assert json.loads(said)["fgd"] > 2 * trained["fgd"]
    assert json.loads((kept / "manifest.json").read_text())["metrics"]["fgd"] == pytest.approx(trained["fgd"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none"], "expected motions with a body"),
        (["short"], "give 0 windows"),
        (["real", "--network", "none"], "there is no checkpoint folder"),
        (["real", "--steps", "1", "--measure", "none"], "expected motions with a body"),
    ],
)
def test_bad_input_is_one_line(script, sets: Path, capsys, monkeypatch, words: list[str], says: str):
    places = [sets / word if word.isalpha() else word for word in words]
    code, said = run(script, capsys, monkeypatch, *places)
    assert code == 2 and says in said and len(said.strip().splitlines()) == 1, said
