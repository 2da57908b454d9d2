"""A short run of `scripts/fuzz.py`; the long one is 10,000 inputs."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "fuzz.py"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("fuzz_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_script"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return module


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory by /proc")
def test_damaged_files_are_refused_or_read():
    command = [sys.executable, str(SCRIPT), "--inputs", "175", "--seed", "11"]
    here = os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=here)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory by /proc")
def test_what_goes_wrong_is_noticed(script, tmp_path: Path):
    def careless(path: Path) -> None:
        raise KeyError(path.name)

    def greedy(path: Path) -> None:
        np.ones(3 << 26)  # 1.5 GB

    def littering(path: Path) -> None:
        path.with_suffix(".left").touch()

    (tmp_path / "one").mkdir()
    for read, problem in (
        (careless, "KeyError"),
        (greedy, "MB of memory"),
        (littering, "left a file"),
    ):
        found = script.batch([script.Case(".bin", read, b"abc")], 0, 1, 0, tmp_path / "one")
        assert len(found) == 1 and any(word in found[0] for word in problem.split("|"))


def test_a_process_that_is_started_is_noticed(script, tmp_path: Path):
    (tmp_path / "one").mkdir()
    found = script.batch([script.Case(".bin", lambda path: os.system("true"), b"abc")], 0, 1, 0, tmp_path / "one")
    assert "the process ended" in found[0]


def test_damage_is_repeatable_and_reaches_the_parser(script):
    """The same file for the same number; most are still whole zips, glTFs and so on, with another content."""
    for name, cases in script.readers().items():
        for case in cases:
            made = [[case.damaged(np.random.default_rng([0, k])) for k in range(6)] for _ in range(2)]
            assert made[0] == made[1], name
            assert any(data != case.good for data in made[0]), name
            heads = {data[:4] for data in made[0]}
            assert case.good[:4] in heads or case.suffix not in (".npz", ".vrm", ".ogg"), name
