"""Runs the scripts of this folder; a test that needs a reader which is not there is skipped."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def node(script: str, *arguments: str | Path, **environment: str) -> str:
    """What a script prints; scripts/install_readers.sh brings what it needs."""
    if shutil.which("node") is None or not (HERE / "node_modules").is_dir():
        pytest.skip("needs node and scripts/install_readers.sh")
    command = ["node", str(HERE / script), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=400, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def chromium() -> str:
    """Path of Chromium, or the test is skipped."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium")
    return path
