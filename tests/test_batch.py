"""Many recordings at once: what fails fails alone, what is done is not done again, and engines agree."""

import csv
import importlib.util
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from emote3d.batch.engines import by_ray
from emote3d.batch.manifest import Asked, direction_of, read_manifest
from emote3d.errors import Emote3DError

HEADER = ["id", "speech", "emotion", "intensity", "seed"]


def tone(path: Path, seconds: float = 0.5, pitch: float = 150.0) -> None:
    time_s = np.arange(int(16000 * seconds)) / 16000
    sound = 0.3 * np.sign(np.sin(2 * np.pi * pitch * time_s)) * np.abs(np.sin(2 * np.pi * 3 * time_s))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def manifest(folder: Path, rows: list[list[str]], header: list[str] = HEADER) -> Path:
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "emote3d", "batch", *map(str, arguments), "--json"]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=300)


def asked(folder: Path) -> Asked:
    return Asked(suffixes=(".npz",), fps=30, seed=5, folder=folder, checkpoint=None)


def test_a_failed_line_stops_nothing_and_a_second_run_does_only_what_is_left(tmp_path: Path):
    for name in ("a", "b"):
        tone(tmp_path / f"{name}.wav")
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    rows = [["a", "a.wav", "happy", "0.5", "1"], ["bad", "bad.wav", "", "", ""], ["wild", "a.wav", "happy", "x", ""],
            ["b", "b.wav", "sad", "", ""], ["gone", "gone.wav", "", "", ""]]  # fmt: skip
    path, out = manifest(tmp_path, rows), tmp_path / "out"
    done = run(path, "-o", out, "--workers", "2")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert {file.name for file in out.glob("*.*") if file.is_file()} == {"a.npz", "b.npz", "failures.csv"}
    with (out / "failures.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["bad", "gone", "wild"]
    stamps = {name: (out / f"{name}.npz").stat().st_mtime_ns for name in ("a", "b")}
    before = (out / "a.npz").read_bytes()
    rows = [["a", "a.wav", "happy", "0.5", "1"], ["b", "b.wav", "anger", "", ""]]
    again = run(manifest(tmp_path, rows), "-o", out, "--workers", "1")
    assert again.returncode == 0, again.stderr
    assert '"before": 1' in again.stdout and not (out / "failures.csv").exists()
    assert (out / "a.npz").stat().st_mtime_ns == stamps["a"] and (out / "a.npz").read_bytes() == before
    assert (out / "b.npz").stat().st_mtime_ns != stamps["b"]


def test_a_killed_worker_loses_nothing(tmp_path: Path):
    for index in range(4):
        tone(tmp_path / f"{index}.wav", pitch=100 + 20 * index)
    path, out = manifest(tmp_path, [[str(k), f"{k}.wav", "", "", ""] for k in range(4)]), tmp_path / "out"
    with subprocess.Popen(command(path, "-o", out, "--workers", "1"), stderr=subprocess.PIPE, text=True) as batch:
        worker = None
        while worker is None and batch.poll() is None:
            time.sleep(0.05)
            worker = next(iter(spawned(batch.pid)), None)
        assert worker is not None
        while not list(out.glob("*.npz")) and batch.poll() is None:
            time.sleep(0.02)
        if batch.poll() is None:
            os.kill(worker, signal.SIGKILL)
        assert batch.wait(300) == 0, batch.stderr.read() if batch.stderr else ""
    assert len(list(out.glob("*.npz"))) == 4
    assert not list(out.glob(".*.tmp*"))


def spawned(parent: int) -> list[int]:
    """Worker processes of a parent."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def test_ray_gives_the_same_files(tmp_path: Path):
    pytest.importorskip("ray")
    if not os.environ.get("EMOTE3D_SLOW_TESTS"):
        pytest.skip("starts a cluster: set EMOTE3D_SLOW_TESTS=1")
    for name in ("a", "b"):
        tone(tmp_path / f"{name}.wav")
    path = manifest(tmp_path, [["a", "a.wav", "happy", "", "3"], ["b", "b.wav", "", "", ""]])
    for engine in ("local", "ray"):
        done = run(path, "-o", tmp_path / engine, "--engine", engine, "--workers", "2", "--to", ".npz", ".csv")
        assert done.returncode == 0, done.stderr
    for name in ("a.npz", "a.csv", "b.npz", "b.csv"):
        assert (tmp_path / "local" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes()


def test_ray_that_is_missing_is_said(tmp_path: Path):
    if importlib.util.find_spec("ray"):
        pytest.skip("ray is installed")
    with pytest.raises(Emote3DError, match=r"needs Ray: pip install 'emote3d\[ray\]'"):
        next(by_ray([], 1))


def test_settings_of_a_line(tmp_path: Path):
    rows = [["x/a.wav", "happy", "0.5", "0.1:sad; 0.3:anger", "left"], ["b.wav", "", "", "", ""]]
    path = manifest(tmp_path, rows, ["speech", "emotion", "intensity", "at", "gaze"])
    first, second = read_manifest(path, asked(tmp_path))
    direction, seed = direction_of(first)
    assert (first.id, direction.intensity, direction.at, direction.gaze, seed) == (
        "a",
        0.5,
        ("0.1:sad", "0.3:anger"),
        "left",
        5,
    )
    assert direction_of(second)[0].emotion == "neutral"


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [(["file"], [["a.wav"]], "unknown columns file"), (["id"], [["a"]], "no column speech"), (["speech"], [], "no line"),
     (["speech"], [["a.wav"], ["x/a.wav"]], "each once"), (["id", "speech"], [["../a", "a.wav"]], "plain names")],
)  # fmt: skip
def test_a_bad_manifest_is_refused_in_one_line(tmp_path: Path, header: list[str], rows: list, message: str):
    with pytest.raises(Emote3DError, match=message) as error:
        read_manifest(manifest(tmp_path, rows, header), asked(tmp_path))
    assert "\n" not in str(error.value)


def test_a_batch_that_is_ended_at_once_says_nothing_of_what_is_tidied_up_after_it(tmp_path: Path):
    program = tmp_path / "ended.py"
    program.write_text(
        "import os, time\n"
        "from emote3d.batch.engines import _processes\n"
        "if __name__ == '__main__':\n"
        "    _processes(1).submit(time.sleep, 60)\n"
        "    time.sleep(1)\n"
        "    os._exit(130)\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, "")
