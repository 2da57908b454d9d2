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
    spec = importlib.util.spec_from_file_location("fuzz_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_script"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory by /proc")
def test_damaged_files_are_refused_or_read():
    command = [sys.executable, str(SCRIPT), "--inputs", "165", "--seed", "11"]
    here = os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=here)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory by /proc")
def test_what_goes_wrong_is_noticed(script, tmp_path: Path):
    def careless(path: Path) -> None:
        raise KeyError(path.name)

    def greedy(path: Path) -> None:
        np.ones(3 << 28)

    def littering(path: Path) -> None:
        path.with_suffix(".left").touch()

    (tmp_path / "one").mkdir()
    for read, problem in (
        (careless, "KeyError"),
        (greedy, "more than 1 GB|MemoryError|memory"),
        (littering, "left a file"),
    ):
        found = script.batch([(".bin", read, b"abc")], 0, 1, 0, tmp_path / "one")
        assert len(found) == 1 and any(word in found[0] for word in problem.split("|"))


def test_damage_is_repeatable(script):
    first, second = (script.damaged(b"some bytes" * 9, np.random.default_rng([0, 3])) for _ in range(2))
    assert first == second != b"some bytes" * 9
