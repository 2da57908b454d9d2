"""`emote3d bench`: how fast this machine is, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emote3d.cli.reporting import Flag, Reporting
from emote3d.errors import Emote3DError


@dataclass(frozen=True, kw_only=True)
class Bench(Reporting):
    """Time every stage, with floors, percentiles and memory; warm-up runs are not counted."""

    speech: Path | None = None
    """Recording (default: the demo)."""
    size: str = "512x512"
    """Size of the pictures."""
    repeats: int = 3
    """Runs of each stage, at least 1."""
    backends: str = "gl,software,pyrender,pytorch3d"
    """Renderers; those that are not installed are left out."""
    rendering: Flag[bool] = False
    """Only the rendering table: three mesh sizes by pixels, backend and batch."""
    sizes: str = "256,512,1024"
    """Sides of the square pictures of the rendering table; even."""
    batches: str = "1,8"
    """Frames handed over at once in the rendering table."""

    def run(self) -> None:
        """Measure and print; raises `Emote3DError` for counts and sizes that cannot be, and where nothing can draw."""
        from emote3d.benchmark import benchmark, machine, rendering_table
        from emote3d.export.film import parse_size
        from emote3d.files import asset_path

        if self.repeats < 1:
            raise Emote3DError(f"expected at least 1 repeat; got {self.repeats}")
        backends = self.backends.split(",")
        if self.rendering:
            sides, batches = _numbers(self.sizes, "sizes", 4096), _numbers(self.batches, "batches", 256)
            if any(side % 2 for side in sides):
                raise Emote3DError(f"expected even --sizes; got '{self.sizes}'")
            rows = rendering_table(backends, sides, batches, 10 * self.repeats)
            if not rows:
                raise Emote3DError(f"none of the backends {self.backends} can draw here")
            self.report({"machine": machine(), "rendering": rows}, _rows(machine(), rows))
            return
        path = self.speech or asset_path("assets", "audio", "demo-congrats.flac")
        facts = benchmark(path, parse_size(self.size), self.repeats, backends)
        self.report(facts, _table(facts))


def _numbers(text: str, what: str, most: int) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= most for part in parts):
        raise Emote3DError(f"expected --{what} of 1 to {most}, joined by commas; got '{text}'")
    return [int(part) for part in parts]


def _rows(header: dict[str, object], rows: list[dict[str, object]]) -> str:
    lines = [
        _line(header),
        f"{'mesh':12s} {'verts':>6s} {'px':>5s} {'backend':10s} {'batch':>5s} {'ms':>8s} {'p95':>8s} {'cpu ms':>8s} {'floor':>7s}",
    ]
    lines += [
        f"{row['mesh']:12} {row['verts']:6} {row['px']:5} {row['backend']:10} {row['batch']:5} {row['wall_ms']:8} {row['p95_ms']:8} {row['cpu_ms']:8} {row['floor_ms']:7}"
        for row in rows
    ]
    return "\n".join(lines)


def _line(header: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in header.items() if value is not None)


def _table(facts: dict[str, object]) -> str:
    header, stages = facts["machine"], facts["stages"]
    assert isinstance(header, dict) and isinstance(stages, list)
    lines = [_line(header), f"{'stage':36s} {'per':6s} {'ms':>9s} {'p95':>9s} {'cpu ms':>9s} {'floor':>8s}"]
    for row in stages:
        floor = "" if row["floor_ms"] is None else f"{row['floor_ms']:.3f}"
        lines.append(
            f"{row['stage']:36s} {row['per']:6s} {row['wall_ms']:9.2f} {row['p95_ms']:9.2f} {row['cpu_ms']:9.2f} {floor:>8s}"
        )
    beside = f", {facts['drawing_x_pyrender']} times pyrender's rate" if "drawing_x_pyrender" in facts else ""
    if "drawn_by" in facts:
        lines.append(
            f"skin, draw and read back: {facts['drawn_frames_per_s']} frames a second by {facts['drawn_by']}{beside}"
        )
    lines += [
        f"audio to parameters: {facts['audio_to_parameters_x_real_time']} times real time",
        f"whole render: {facts['render_s_per_s']} of the clip's length, {facts['render_cpu_s_per_s']} of it in processor time",
        f"peak memory: {facts['peak_memory_mb']} MB",
    ]
    return "\n".join(lines)
