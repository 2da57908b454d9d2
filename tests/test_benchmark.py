"""What `emote3d bench` measures with, and the one line about compiling."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from faults_driver import tone
from sounds import write_wav
from test_cli import run_here

from emote3d.audio.load import load_speech
from emote3d.benchmark import (
    Timing,
    copy_rate_bytes_per_s,
    drawing_facts,
    machine,
    multiply_rate_per_s,
    peak_memory_mb,
    timed,
)
from emote3d.benchmark_meshes import COUNTS
from emote3d.cli.bench import _numbers, _table
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.render import compiling

ROOT = Path(__file__).parents[1]


def test_timings_and_rates():
    calls = []
    timing, result = timed("x", "clip", 3, lambda: calls.append(1) or len(calls))
    assert len(calls) == 4 and result == 4 and 0 <= timing.wall_ms <= timing.p95_ms
    assert copy_rate_bytes_per_s() > 1e8 and multiply_rate_per_s() > 1e8 and peak_memory_mb() > 10
    assert machine()["cores"] == os.cpu_count()
    assert _numbers("1,8", "batches", 256) == [1, 8]
    for bad in ("", "0", "1,x", "300"):
        with pytest.raises(Emote3DError, match="batches"):
            _numbers(bad, "batches", 256)


def test_bench_times_every_stage(tmp_path: Path):
    speech = tone(tmp_path / "speech.wav", 0.6)
    words = ["bench", "--speech", str(speech), "--size", "64x64", "--repeats", "1", "--backends", "software,none"]
    done = run_here(*words, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    stages = {row["stage"]: row for row in facts["stages"]}
    wanted = {"load checkpoint", "decode audio file", "hear (audio encoder, latents)", "act (decoder, prior, life)"}
    wanted |= {"audio to parameters", "skin", "draw and read back (software)", "encode"}
    assert wanted < stages.keys() and [name for name in stages.keys() - wanted if name.startswith("whole render (")]
    assert {row["per"] for row in stages.values()} == {"clip", "frame"}
    for name in ("skin", "draw and read back (software)"):
        assert stages[name]["p95_ms"] >= stages[name]["wall_ms"] and stages[name]["cpu_ms"] > 0
        assert 0 < stages[name]["floor_ms"] < stages[name]["wall_ms"], stages[name]
    assert facts["drawn_by"] == "software" and facts["drawn_frames_per_s"] > 0 and "drawing_x_pyrender" not in facts
    assert facts["audio_to_parameters_x_real_time"] > 0 and facts["render_s_per_s"] > 0


def test_bench_prints_the_rendering_table():
    words = ["bench", "--rendering", "--backends", "software,none", "--sizes", "32,64", "--batches", "1,2"]
    done = run_here(*words, "--repeats", "1", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["machine"]["cores"] == os.cpu_count()
    rows = facts["rendering"]
    assert len({(row["mesh"], row["px"], row["batch"]) for row in rows}) == len(rows) == 3 * 2 * 2
    for row in rows:
        assert 0 < row["floor_ms"] < row["wall_ms"] <= row["p95_ms"] and row["backend"] == "software", row
        assert 0.95 < row["verts"] / COUNTS[row["mesh"]] < 1.06
    assert run_here(*words, "--sizes", "x").returncode == 2
    assert run_here(*words, "--sizes", "33").returncode == 2
    assert run_here("bench", "--rendering", "--backends", "none", "--sizes", "32", "--repeats", "1").returncode == 2


def test_the_table_says_what_the_bars_ask():
    def row(stage: str, wall_ms: float, per: str = "frame") -> Timing:
        return Timing(stage=stage, wall_ms=wall_ms, p95_ms=wall_ms, cpu_ms=wall_ms, per=per)

    frames = [row("skin", 1.0), row("draw and read back (gl)", 4.0), row("draw and read back (pyrender)", 24.0)]
    facts = drawing_facts(frames)
    assert facts == {"drawn_frames_per_s": 200.0, "drawn_by": "gl", "drawing_x_pyrender": 5.0}
    assert drawing_facts(frames[:1]) == {}
    rest = {"audio_to_parameters_x_real_time": 90.0, "render_s_per_s": 0.5, "render_cpu_s_per_s": 0.8}
    table = _table(
        {"machine": {"cores": 2}, "stages": [vars(one) for one in frames], "peak_memory_mb": 1, **facts, **rest}
    )
    assert "200.0 frames a second by gl, 5.0 times pyrender's rate" in table
    assert "whole render: 0.5 of the clip's length" in table and table.startswith("cores 2\n")
    assert row("x", 30.0, "clip").shared(3) == row("x", 10.0)


def test_only_a_cold_cache_is_spoken_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = tmp_path / "little.py"
    source.write_text("def twice(x):\n    return 2 * x\n")

    def made():
        spec = importlib.util.spec_from_file_location("little", source)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return compiling.kernel(module.twice)

    monkeypatch.setattr(compiling, "_kernels", [])
    first = made()
    assert compiling.is_cold()
    assert first(np.float64(2)) == 4 and not compiling.is_cold()
    made()
    assert not compiling.is_cold(), "the second run finds it on disk"
    later = source.stat().st_mtime + 100
    os.utime(source, (later, later))
    made()
    assert compiling.is_cold(), "its source has changed"


def test_other_ways_to_run_the_networks_are_held_against_eager(tmp_path: Path):
    """`scripts/bench_encoder.py` on a second and a half of the demo, where there is no C++ compiler."""
    demo = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    clip = write_wav(tmp_path / "clip.wav", demo.waveform[:24000].numpy())
    words = [sys.executable, "scripts/bench_encoder.py", "--speech", str(clip), "--rounds", "1"]
    surroundings = os.environ | {"PYTHONPATH": ".", "CXX": str(tmp_path / "none")}
    done = subprocess.run(words, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    header, *rows = map(json.loads, done.stdout.splitlines())
    ways = {row["way"]: row for row in rows}
    assert header["clip_s"] == 1.5 and {"eager", "bfloat16", "int8"} <= ways.keys() and "compile" not in ways
    assert "compile left out: " in done.stderr and "C++" in done.stderr
    assert ("onnx left out: needs onnx" in done.stderr) == ("onnx" not in ways)
    eager = ways["eager"]
    assert eager["animate_x_eager"] == 1 and eager["vertex_change_mm"] == 0 and eager["shut_frames_changed"] == 0
    assert eager["animate_ms"] > eager["encoder_ms"] > 0 and eager["animate_ms"] > eager["decoder_ms"] > 0
    for way in ("bfloat16", "int8"):
        assert 0 < ways[way]["coefficient_change"] < 0.2 and 0 < ways[way]["vertex_change_mm"] < 5, ways[way]
    assert ways["bfloat16"]["vertex_change_mm"] < ways["int8"]["vertex_change_mm"]
