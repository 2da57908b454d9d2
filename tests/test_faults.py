"""A full disk, kill -9, Ctrl-C and shared caches: the old file or the new one is there, and one line says what happened.

EMOTE3D_SLOW_TESTS=1 tries every verb at 40 moments instead of 2, batch, and Ctrl-C while kernels are compiled.
"""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults_driver import OLD, tone
from retarget.synthetic import make_model
from test_cli import run_here

from emote3d.export.reading import read_motion

ROOT = Path(__file__).parents[1]
SLOW = bool(os.environ.get("EMOTE3D_SLOW_TESTS"))
slow = pytest.mark.skipif(not SLOW, reason="takes minutes: set EMOTE3D_SLOW_TESTS=1")
linux = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks at /proc")


def patience() -> float:
    """A second on a free machine, more on one whose cores are busy with other things."""
    return 1.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """Files of this process cannot grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tone(tmp_path_factory.mktemp("faults") / "speech.wav", 0.6)


@pytest.fixture(scope="module")
def motion(speech: Path) -> Path:
    path = speech.with_name("motion.npz")
    assert run_here("animate", speech, "-o", path, "-q").returncode == 0
    return path


def check_refused(result: subprocess.CompletedProcess[str], folder: Path, output: Path) -> None:
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 and "cannot write" in result.stderr, result.stderr
    assert output.read_bytes() == OLD
    assert [path.name for path in folder.iterdir()] == [output.name]


@linux
@pytest.mark.parametrize(
    ("verb", "name"), [("animate", "a.npz"), ("animate", "a.glb"), ("export", "a.csv"), ("render", "a.mp4")]
)
def test_a_full_disk_is_one_line(verb: str, name: str, speech: Path, motion: Path, tmp_path: Path):
    output = tmp_path / name
    output.write_bytes(OLD)
    extra = ["--size", "64x64", "--backend", "software"] if verb == "render" else []
    with small_files(1 << 10):
        result = run_here(verb, motion if verb == "export" else speech, "-o", output, "-q", *extra)
    check_refused(result, tmp_path, output)


@linux
def test_a_disk_that_is_really_full(motion: Path, tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount a disk")
    try:
        output = disk / "a.glb"
        output.write_bytes(OLD)
        check_refused(run_here("export", motion, "-o", output, "-q"), disk, output)
    finally:
        subprocess.run(["umount", disk], check=True)


@linux
def test_a_full_disk_for_what_is_printed_is_one_line(motion: Path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "emote3d", "explain", motion],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.fixture(scope="module")
def tries(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What Ctrl-C and kill -9 did at random moments of each verb."""
    folder, times = tmp_path_factory.mktemp("scene"), 40 if SLOW else 2
    command = [sys.executable, ROOT / "tests" / "faults_driver.py", folder, str(times), "0"]
    here = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=here, timeout=2400 if SLOW else 240)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@linux
def test_kill_leaves_the_old_or_the_new_file(tries: list[dict[str, object]]):
    killed = [one for one in tries if one["signal"] == "SIGKILL"]
    assert len(killed) >= 8 and not [one for one in killed if one["problem"]], killed
    assert [one for one in killed if one["code"] == -signal.SIGKILL], "killed before the end"


@linux
def test_ctrl_c_ends_within_a_second(tries: list[dict[str, object]]):
    stopped = [one for one in tries if one["signal"] == "SIGINT"]
    assert [one for one in stopped if one["code"] == 130], stopped
    for one in stopped:
        assert one["code"] in (0, 130) and not one["problem"] and not one["left"], one
        assert one["code"] == 0 or len(one["said"]) == 1, one
        assert one["ended_s"] < patience(), one


@linux
def test_an_error_that_a_library_made_of_ctrl_c_is_not_told():
    script = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts without
from emote3d import cli
from emote3d.errors import Emote3DError
def load():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        [None for _ in range(10**6)]
    except KeyboardInterrupt:
        raise Emote3DError("the file is damaged")
cli._run = load
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "emote3d: interrupted; no unfinished file is left\n")


def test_ctrl_c_while_the_command_line_is_imported():
    script = """
import sys, types
class Interrupted(types.ModuleType):
    def __getattr__(self, name):
        raise KeyboardInterrupt
sys.modules["emote3d.cli.train"] = Interrupted("emote3d.cli.train")
from emote3d.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "emote3d: interrupted; no unfinished file is left\n")


@linux
def test_ctrl_c_while_libraries_are_loaded(speech: Path, tmp_path: Path):
    ended, result = interrupted(["animate", speech, "-o", tmp_path / "m.npz"], lambda maps: "libtorch" in maps)
    assert result == (130, 1) and not list(tmp_path.iterdir()), result
    assert ended < patience() + 0.5  # a library that is being linked is linked to its end


@slow
def test_ctrl_c_while_kernels_are_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cold"))
    output = tmp_path / "out"
    output.mkdir()
    tone(tmp_path / "long.wav", 120.0)
    command = ["render", tmp_path / "long.wav", "-o", output / "m.mp4", "--backend", "software", "--size", "64x64"]
    ended, result = interrupted(command, lambda maps: "libllvmlite" in maps and any(output.iterdir()), pause_s=0.3)
    assert result == (130, 1) and not list(output.iterdir()), result
    assert ended < patience()


@slow
def test_ctrl_c_and_kill_end_a_batch_with_its_workers(speech: Path, tmp_path: Path):
    rows = "\n".join(f"{k},{speech},{k}" for k in range(200))
    (tmp_path / "m.csv").write_text(f"id,speech,seed\n{rows}\n")
    for number, codes in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        out = tmp_path / f"out{number}"
        command = [sys.executable, "-m", "emote3d", "batch", tmp_path / "m.csv", "-o", out, "--workers", "2"]
        batch = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
        while len(list(out.glob("*.npz"))) < 3:
            time.sleep(0.05)
        began = time.monotonic()
        os.killpg(batch.pid, number) if number == signal.SIGINT else batch.send_signal(number)
        assert batch.wait(10) == codes and time.monotonic() - began < patience()
        time.sleep(1)
        assert not subprocess.run(
            ["pgrep", "-r", "D,R,S,T", "-s", str(batch.pid)], capture_output=True, text=True, check=False
        ).stdout
        assert number == signal.SIGKILL or len(batch.stderr.read().strip().splitlines()) == 1
        for path in out.glob("*.npz"):
            read_motion(path)


def interrupted(arguments: list[str | Path], ready: object, pause_s: float = 0.0) -> tuple[float, tuple[int, int]]:
    """Press Ctrl-C once the libraries in memory say so; seconds until the end, exit code and lines said."""
    command = [sys.executable, "-m", "emote3d", *map(str, arguments)]
    heeding = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's child would ignore it
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        signal.signal(signal.SIGINT, heeding)
        while process.poll() is None and not ready(Path(f"/proc/{process.pid}/maps").read_text()):
            time.sleep(0.01)
        time.sleep(pause_s)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read() if process.stderr else ""
        code = process.wait(60)
        return time.monotonic() - began, (code, len(said.strip().splitlines()))


def _map_in(path: Path, folder: Path, results: object) -> None:
    os.environ["EMOTE3D_CACHE"] = str(folder)
    from emote3d.body import load_body_model
    from emote3d.retarget import map_for

    results.put(map_for(load_body_model(path)).matrix.sum().item())


@linux
@slow
def test_two_processes_share_a_cache(tmp_path: Path):
    model = make_model(tmp_path, seed=5, faces=3000, basis=20)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    both = [context.Process(target=_map_in, args=(model.path, tmp_path / "cache", results)) for _ in range(2)]
    for process in both:
        process.start()
    sums = [results.get(timeout=200) for _ in both]
    for process in both:
        process.join()
    assert sums[0] == sums[1]
    kept = tmp_path / "cache" / "retarget"
    assert len(list(kept.glob("*.npz"))) == 1 and not list(kept.glob(".*"))
