"""The scripts say in one line what they miss, and end with exit code 2."""

import runpy
import sys
from pathlib import Path

import pytest

from emote3d.files import asset_path

SCRIPTS = Path(__file__).parents[1] / "scripts"
MISSING = "no-such-folder"
OURS = str(asset_path("checkpoints", "open-v1"))
CALLS = (
    ("bench_encoder", "--speech", f"{MISSING}/a.wav"),
    ("bench_live", "closures", "--data", MISSING),
    ("build_training_set", "--out", "set", "--data", MISSING),
    ("build_training_set", "--out", "set", "--docs", MISSING),
    ("check_retarget", f"{MISSING}/a.npz"),
    ("compare_samplers", "--tape", MISSING),
    ("compare_samplers", "--part", "body", "--tape", MISSING),
    ("evaluate_body", "--data", MISSING, "--only", "motion"),
    ("evaluate_body", "--sounds", MISSING),
    ("evaluate_body", "--data", ".", "--checkpoint", MISSING),
    ("evaluate_direction", "--data", MISSING, "--only", "settings"),
    ("evaluate_direction", "--sounds", MISSING, "--only", "emotions"),
    ("evaluate_face", "--data", MISSING),
    ("evaluate_face", "--checkpoint", MISSING),
    ("evaluate_life", "--data", MISSING, "--sounds", MISSING),
    ("make_pictures", "--recording", f"{MISSING}/a.wav", "--folder", "."),
    ("overfit_emote", "--corpus", MISSING, "--work", "work"),
    ("train_body", "make-tape", "--corpus", MISSING, "--tape", "tape"),
    ("train_body", "train-prior", "--tape", MISSING, "--runs", "runs", "--out", "out"),
    ("train_face", "make-tape", "--corpus", MISSING, "--tape", "tape"),
    ("train_face", "train-prior", "--tape", MISSING, "--runs", "runs", "--out", "out"),
    ("train_face", "train-emotion", "--data", MISSING, "--read", MISSING, "--runs", "runs"),
    ("train_face_denoiser", "--tape", MISSING, "--runs", "runs", "--checkpoint", OURS),
    ("train_fgd", MISSING),
    ("train_live", "prior", "--tape", MISSING, "--runs", "runs", "--out", "out"),
    ("train_live", "face", "--start", MISSING, "--tape", "tape", "--runs", "runs", "--out", "out"),
)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_missing_path_is_one_line(
    call: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    name, *words = call
    for folder in (SCRIPTS, SCRIPTS.parent, SCRIPTS.parent / "tests"):
        monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    said = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == 2
    assert len(said) == 1 and said[0].startswith(f"{name}: ") and MISSING in said[0], said
