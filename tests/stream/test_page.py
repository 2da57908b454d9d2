"""The page of `emote3d view` in headless Chromium: drop a recording, the avatar speaks."""

import json
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from emote3d.records import Speech

HERE = Path(__file__).parent
MODULES = HERE.parent / "readers" / "node_modules" / "puppeteer-core"


@contextmanager
def viewing(*options: str) -> Iterator[str]:
    """`emote3d view` on a free port; gives its address."""
    command = [sys.executable, "-m", "emote3d.cli", "view", "--port", "0", "--json", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    ) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["url"]
        finally:
            server.terminate()
            assert server.wait(20) == 0


def test_drop_a_recording_and_the_avatar_speaks(demo: Speech, tmp_path: Path):
    image = pytest.importorskip("PIL.Image")
    if shutil.which("node") is None or shutil.which("chromium") is None or not MODULES.is_dir():
        pytest.skip("needs scripts/install_readers.sh")
    with wave.open(str(tmp_path / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((demo.waveform.numpy() * 32767).astype("<i2").tobytes())
    pictures = Path(os.environ.get("EMOTE3D_PICTURES", tmp_path))
    with viewing() as url:
        command = ["node", str(HERE / "page.mjs"), url, str(tmp_path / "speech.wav"), str(pictures)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["problems"], seen["foreign"], seen["failure"]) == ([], [], None)
    assert seen["shapes"] >= 52 and seen["frames"] == 120 and seen["exported"] == 22
    assert seen["spoken"] >= 2
    first, second = (
        np.asarray(image.open(pictures / f"{name}.png").convert("L"), float) for name in ("open", "closed")
    )
    mouth, forehead = (np.abs(first - second)[rows, 150:270].mean() for rows in (slice(230, 330), slice(60, 110)))
    assert mouth > 2
    assert mouth > 2 * forehead
