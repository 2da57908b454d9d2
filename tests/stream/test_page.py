"""The page of `emote3d view` in headless Chromium: drop a recording, the avatar speaks."""

import csv
import json
import os
import shutil
import subprocess
import wave
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from emote3d.export.reading import read_motion
from emote3d.names import ARKIT_52
from emote3d.records import Speech
from emote3d.stream.server.page import FORMATS
from stream.listening import listening

HERE = Path(__file__).parent
MODULES = HERE.parent / "readers" / "node_modules" / "puppeteer-core"


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
    with listening("view") as url:
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


def test_the_page_has_its_files_and_exports(tmp_path: Path):
    rows = np.zeros((6, 64), "<f4")
    rows[:, ARKIT_52.index("jawOpen")] = np.linspace(0, 0.5, 6)

    def ask(path: str, body: bytes | None = None) -> bytes:
        with urlopen(Request(url + path, data=body), timeout=60) as answer:
            return answer.read()

    with listening("view") as url:
        assert b"<title>" in ask("/") and json.loads(ask("/columns"))[0] == "eyeBlinkLeft"
        assert ask("/avatar.glb")[:4] == b"glTF"
        for kind in FORMATS:
            (tmp_path / f"talk.{kind}").write_bytes(ask(f"/export/{kind}", rows.tobytes()))
        for path, body in (
            ("mp4", rows.tobytes()),
            ("csv", b"123"),
            ("npz", np.full((1, 64), np.nan, "<f4").tobytes()),
        ):
            with pytest.raises(HTTPError, match=r"40[04]"):
                ask(f"/export/{path}", body)
    motion = read_motion(tmp_path / "talk.npz")
    assert motion.face is not None and motion.fps == 30
    np.testing.assert_allclose(motion.face.expression[:, ARKIT_52.index("jawOpen")], np.linspace(0, 0.5, 6), atol=1e-6)
    with (tmp_path / "talk.csv").open() as table:
        assert [round(float(line["JawOpen"]), 3) for line in csv.DictReader(table)] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert (tmp_path / "talk.glb").read_bytes()[:4] == b"glTF" and json.loads((tmp_path / "talk.json").read_text())
