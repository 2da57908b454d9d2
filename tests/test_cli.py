"""The command line as a user meets it: exit codes, one line, no leftovers."""

import io
import json
import resource
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import av
import numpy as np
import pytest

from emote3d.cli import main

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "assets" / "audio" / "demo-congrats.flac"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emote3d", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def run_here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has imported torch already; an exception that gets out fails the test."""
    out, err, code, before = io.StringIO(), io.StringIO(), 0, sys.argv
    try:
        sys.argv = ["emote3d", *map(str, arguments)]
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def _wav(path: Path, seconds: float, rate: int = 16000) -> Path:
    samples = (0.1 * np.sin(np.arange(int(seconds * rate)) * 0.05) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_help_is_quick():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "render" in run("--help").stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0  # whatever else the machine does


@pytest.mark.parametrize(
    "case", ["missing", "empty", "text", "truncated", "emotion", "folder", "suffix", "view", "size"]
)
def test_bad_input_gives_one_line_and_no_file(case: str, tmp_path: Path):
    speech, output = _wav(tmp_path / "good.wav", 1.0), tmp_path / "out.mp4"
    extra: list[str] = []
    if case == "missing":
        speech = tmp_path / "none.wav"
    elif case == "empty":
        speech = tmp_path / "empty.wav"
        speech.touch()
    elif case == "text":
        speech = tmp_path / "text.wav"
        speech.write_text("not a recording\n" * 50)
    elif case == "truncated":
        whole = speech.read_bytes()
        speech.write_bytes(whole[: len(whole) // 2])
    elif case == "folder":
        output = tmp_path / "nowhere" / "out.mp4"
    elif case == "suffix":
        output = tmp_path / "out.txt"
    else:
        extra = {"emotion": ["--emotion", "bored"], "view": ["--view", "back"], "size": ["--size", "7x7"]}[case]
    before = set(tmp_path.rglob("*"))
    result = (run if case == "truncated" else run_here)("render", speech, "-o", output, *extra)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert set(tmp_path.rglob("*")) <= before | {speech}


def test_damaged_checkpoint_gives_one_line(tmp_path: Path):
    checkpoint = tmp_path / "open"
    shutil.copytree(ROOT / "checkpoints" / "open-v1", checkpoint)
    weights = checkpoint / "prior" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    result = run_here("animate", DEMO, "-o", tmp_path / "m.npz", "--checkpoint", checkpoint)
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "m.npz").exists()


def test_renders_a_recording_with_its_sound(tmp_path: Path):
    speech, output = _wav(tmp_path / "a.wav", 1.37, 22050), tmp_path / "a.mp4"
    options = ["--size", "192x96", "--view", "face,left", "--backend", "software", "--json", "--emotion", "happy:0.8"]
    result = run("render", speech, "-o", output, *options)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["frames"] == 41
    with av.open(str(output)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height, video.frames) == (192, 96, 41)
        times = [frame.time for frame in container.decode(video)]
        assert np.allclose(times, np.arange(41) / 30, atol=1e-4)
        assert abs(float(audio.duration * audio.time_base) - 41 / 30) <= 1 / 30


def test_animates_in_silence(tmp_path: Path):
    output = tmp_path / "m.npz"
    result = run("animate", DEMO, "-o", output, "-q")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    with np.load(output, allow_pickle=False) as file:
        assert file["expression"].shape[1] == 52
        assert list(file["expression_names"][:1]) == ["eyeBlinkLeft"]
