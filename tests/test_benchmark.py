"""What `emote3d bench` measures with, and the one line about compiling."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from emote3d.benchmark import (
    copy_rate_bytes_per_s,
    machine,
    multiply_rate_per_s,
    peak_memory_mb,
    rendering_table,
    timed,
)
from emote3d.cli.bench import _numbers
from emote3d.errors import Emote3DError
from emote3d.render import compiling


def test_rendering_table_has_a_row_for_each_mesh_size_backend_and_batch():
    rows = rendering_table(["software", "nothing of this name"], [32, 64], [1, 3], 3)
    assert len(rows) == 3 * 2 * 2 and {row["batch"] for row in rows} == {1, 3}

    for row in rows:
        assert 0 < float(str(row["floor_ms"])) < float(str(row["wall_ms"])) <= float(str(row["p95_ms"])), row


def test_timings_and_rates():
    calls = []
    timing, result = timed("x", "clip", 3, lambda: calls.append(1) or len(calls))
    assert len(calls) == 4 and result == 4 and 0 <= timing.wall_ms <= timing.p95_ms
    assert copy_rate_bytes_per_s() > 1e8 and multiply_rate_per_s() > 1e8 and peak_memory_mb() > 10
    assert machine()["cores"] == os.cpu_count()
    assert _numbers("1,8") == [1, 8]
    for bad in ("", "0", "1,x", "300"):
        with pytest.raises(Emote3DError, match="batches"):
            _numbers(bad)


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
