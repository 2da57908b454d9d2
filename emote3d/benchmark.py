"""Times the stages of the engine one by one, beside the floor that the machine sets where one can be worked out."""

from __future__ import annotations

import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from emote3d.audio.load import load_speech
from emote3d.body import BodyModel, open_avatar
from emote3d.errors import Emote3DError
from emote3d.export.film import Shot, film, posed, set_up
from emote3d.export.video import write_video
from emote3d.files import asset_path
from emote3d.latents.direction import Direction
from emote3d.performers import load_performer
from emote3d.pipeline import Emote3D
from emote3d.records import Motion, Speech
from emote3d.render import Renderer, open_renderer

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long a stage took."""

    stage: str
    wall_ms: float
    """Median of the repeats."""
    p95_ms: float
    cpu_ms: float
    """Processor time of all threads, median: what stays the same on a machine that others use too."""
    per: str
    """What one repeat did: `clip` or `frame`."""
    floor_ms: float | None = None
    """What the machine's measured rate allows at best; None where no floor was worked out."""

    def shared(self, count: int, **changes: object) -> Timing:
        """The same a frame, where one repeat did `count` of them."""
        times = {name: getattr(self, name) / count for name in ("wall_ms", "p95_ms", "cpu_ms")}
        return replace(self, **times, per="frame", **changes)


def machine() -> dict[str, object]:
    """What this was measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def timed(stage: str, per: str, repeats: int, job: Callable[[], ResultT]) -> tuple[Timing, ResultT]:
    """Run a job once to warm up, then `repeats` times."""
    result = job()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = job()
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    median, p95, cpu_ms = float(np.median(walls)), float(np.percentile(walls, 95)), float(np.median(cpus))
    return Timing(stage=stage, per=per, wall_ms=median, p95_ms=p95, cpu_ms=cpu_ms), result


def each_frame(stage: str, frames: Iterator[object]) -> Timing:
    """Time the steps of an iterator; the first three warm up."""
    walls, cpus = [], []
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in frames:
        now, used = time.perf_counter(), time.process_time()
        walls.append(1000 * (now - wall))
        cpus.append(1000 * (used - cpu))
        wall, cpu = now, used
    walls, cpus = walls[3:] or walls, cpus[3:] or cpus
    return Timing(
        stage=stage,
        per="frame",
        wall_ms=float(np.median(walls)),
        p95_ms=float(np.percentile(walls, 95)),
        cpu_ms=float(np.mean(cpus)),
    )


def copy_rate_bytes_per_s() -> float:
    """Measured rate at which one thread reads memory, from a sum over 256 MB."""
    block = np.ones(1 << 25)
    return block.nbytes / min(_seconds(block.sum) for _ in range(3))


def multiply_rate_per_s() -> float:
    """Measured rate of multiply-adds in a matrix product, all of torch's threads."""
    matrix = torch.ones(1024, 1024)
    return 1024**3 / min(_seconds(lambda: matrix @ matrix) for _ in range(3))


def _seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def clip_stages(speech: Speech, path: Path, repeats: int) -> tuple[list[Timing], Motion]:
    """Load, hear and act: once a clip."""
    folder = asset_path("checkpoints", "open-v1")
    loading, performer = timed("load checkpoint", "clip", 1, lambda: load_performer(folder))
    engine = Emote3D(performer)
    decoding, _ = timed("decode audio file", "clip", repeats, lambda: load_speech(path))
    hearing, heard = timed("hear (audio encoder, latents)", "clip", repeats, lambda: performer.listen(speech))
    acting, _ = timed("act (decoder, prior, life)", "clip", repeats, lambda: performer.act(heard, Direction(), 0))
    whole, motion = timed("audio to parameters", "clip", repeats, lambda: engine.animate(speech))
    return [loading, decoding, hearing, acting, whole], motion


def skin_floor_ms(part: BodyModel, read_rate: float, multiply_rate: float) -> float:
    """The least time for posing a frame: its multiply-adds, and its vertices written once, at the measured rates."""
    operations = part.expression_dirs.numel() + 12 * part.skin_weights.numel() + 12 * part.template_m.shape[1]
    return 1000 * max(operations / multiply_rate, part.template_m.numel() * 4 / read_rate)


def frame_stages(
    avatar: BodyModel, motion: Motion, size: tuple[int, int], backends: list[str], repeats: int
) -> list[Timing]:
    """Skin, draw and encode: once a frame. Percentiles of skinning are over the repeats of the clip, those of drawing over frames."""
    part, cameras = set_up(avatar, ["face"])
    read_rate, multiply_rate = copy_rate_bytes_per_s(), multiply_rate_per_s()
    # Frames are posed a few at a time in a thread that works ahead, so that the whole is timed: a frame by itself has no time.
    posing, posed_m = timed("skin", "clip", repeats, lambda: list(posed(part, motion)))
    vertices_m = np.stack(posed_m)
    count = len(vertices_m)
    found = [posing.shared(count, floor_ms=skin_floor_ms(part, read_rate, multiply_rate))]
    pictures: list[np.ndarray] = []
    for backend in backends:
        try:
            with open_renderer(part.surface, cameras, size, backend) as renderer:
                list(renderer.draw_many(vertices_m[:2]))
                draw = each_frame(f"draw and read back ({renderer.backend})", renderer.draw_many(vertices_m))
                pictures = pictures or list(renderer.draw_many(vertices_m))
        except Emote3DError:
            continue  # not installed here
        found.append(replace(draw, floor_ms=draw_floor_ms(size, read_rate)))
    if pictures:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.mp4"
            job = lambda: write_video(path, iter(pictures), motion.fps, size)  # noqa: E731
            encoding, _ = timed("encode", "clip", 1, job)
        found.append(encoding.shared(count))
    return found


def draw_floor_ms(size: tuple[int, int], read_rate: float) -> float:
    """The least time for a picture on the processor: colour and depth of four samples a pixel, read once at the measured rate."""
    return 1000 * 4 * 8 * size[0] * size[1] / read_rate


def whole_render(path: Path, avatar: BodyModel, size: tuple[int, int]) -> Timing:
    """From the recording's file to the film's, with networks loaded: what `emote3d render` does after its start."""
    engine = Emote3D.from_pretrained()

    def render() -> Shot:
        return film(avatar, engine.animate(path, body=False), Path(folder) / "whole.mp4", size=size, sound=path)

    with tempfile.TemporaryDirectory() as folder:
        timing, shot = timed("render", "clip", 1, render)
    return replace(timing, stage=f"whole render ({shot.backend})")


def rendering_table(backends: list[str], sizes: list[int], batches: list[int], frames: int) -> list[dict[str, object]]:
    """Milliseconds a frame for meshes of FLAME's, SMPL-X's and our avatar's size, by picture size, backend and batch.

    Args:
        batches: frames that are handed over at once; a renderer may draw the next while the last is read back.

    The floor is `draw_floor_ms`; for drawing on a GPU it says nothing.
    """
    from emote3d.benchmark_meshes import balls

    read_rate = copy_rate_bytes_per_s()
    rows: list[dict[str, object]] = []
    for name, surface, vertices_m, cameras in balls():
        for side in sizes:
            for backend in backends:
                try:
                    with open_renderer(surface, cameras, (side, side), backend) as renderer:
                        timings = [(batch, _batched(renderer, vertices_m, batch, frames)) for batch in batches]
                except Emote3DError:
                    continue
                rows += [
                    {"mesh": name, "verts": len(vertices_m), "px": side, "backend": backend, "batch": batch,
                     "wall_ms": round(timing.wall_ms, 2), "p95_ms": round(timing.p95_ms, 2), "cpu_ms": round(timing.cpu_ms, 2),
                     "floor_ms": round(draw_floor_ms((side, side), read_rate), 3)}
                    for batch, timing in timings
                ]  # fmt: skip
    return rows


def _batched(renderer: Renderer, vertices_m: np.ndarray, batch: int, frames: int) -> Timing:
    """Time of a frame when `batch` at a time are handed over."""
    offsets = np.float32(0.001) * np.arange(batch, dtype=np.float32)
    moving = vertices_m + offsets[:, None, None]
    repeats = max(2, frames // batch)
    timing, _ = timed(renderer.backend, "batch", repeats, lambda: list(renderer.draw_many(moving)))
    return timing.shared(batch)


def peak_memory_mb() -> float:
    """Largest memory this process has held."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def benchmark(path: Path, size: tuple[int, int], repeats: int, backends: list[str]) -> dict[str, object]:
    """Time every stage on a recording."""
    speech = load_speech(path)
    avatar, header = open_avatar(), machine()
    clip, motion = clip_stages(speech, path, repeats)
    short = motion.slice(0.0, min(motion.duration_s, 3.0))
    frames = frame_stages(avatar, short, size, backends, repeats)
    whole = whole_render(path, avatar, size)
    return {
        "machine": header,
        "clip_s": round(speech.duration_s, 2),
        "size": list(size),
        "stages": [vars(one) for one in (*clip, *frames, whole)],
        "audio_to_parameters_x_real_time": round(1000 * speech.duration_s / clip[-1].wall_ms, 1),
        **drawing_facts(frames),
        "render_s_per_s": round(whole.wall_ms / 1000 / speech.duration_s, 3),
        "render_cpu_s_per_s": round(whole.cpu_ms / 1000 / speech.duration_s, 3),
        "peak_memory_mb": round(peak_memory_mb()),
    }


def drawing_facts(frames: list[Timing]) -> dict[str, object]:
    """Frames a second that the quickest backend skins, draws and reads back, and how many times pyrender's, where that is here."""
    draws = {one.stage.split("(")[-1].rstrip(")"): one.wall_ms for one in frames if one.stage.startswith("draw")}
    if not draws:
        return {}
    skin_ms = next(one.wall_ms for one in frames if one.stage == "skin")
    rates = {name: 1000 / (skin_ms + draw_ms) for name, draw_ms in draws.items()}
    best = max(rates, key=lambda name: rates[name])
    facts: dict[str, object] = {"drawn_frames_per_s": round(rates[best], 1), "drawn_by": best}
    return facts | ({"drawing_x_pyrender": round(rates[best] / rates["pyrender"], 2)} if "pyrender" in rates else {})
