"""Measures drawing and encoding: median milliseconds a frame of each backend that runs here, in one run.

python scripts/bench_render.py [--size 512x512] [--view face] [--frames 60] [--backends gl,software,pyrender]
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch

from emote3d.body import open_avatar
from emote3d.errors import Emote3DError
from emote3d.export.film import parse_size, set_up
from emote3d.export.video import write_video
from emote3d.names import ARKIT_52
from emote3d.records import FaceMotion, Motion
from emote3d.render import Renderer, open_renderer

FPS = 30.0


def nodding(frames: int) -> Motion:
    """A head that turns while the mouth opens and closes."""
    phase = torch.arange(frames) / FPS * 2 * torch.pi
    expression = torch.zeros(frames, len(ARKIT_52))
    expression[:, ARKIT_52.index("jawOpen")] = 0.3 - 0.3 * torch.cos(4 * phase)
    neck = torch.zeros(frames, 3)
    neck[:, 1] = 0.2 * torch.sin(phase)
    face = FaceMotion(
        expression=expression,
        basis="arkit52",
        jaw_axis_angle=torch.zeros(frames, 3),
        neck_axis_angle=neck,
        eyes_axis_angle=torch.zeros(frames, 2, 3),
    )
    return Motion(face=face, fps=FPS)


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def intervals_ms(pictures: Iterator[np.ndarray]) -> list[float]:
    """Time from each picture to the next."""
    moments = [perf_counter() for _ in pictures]
    return [1000 * (later - earlier) for earlier, later in itertools.pairwise(moments)]


def encode_ms(pictures: list[np.ndarray], size: tuple[int, int]) -> float:
    """Time of encoding alone, a frame."""
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        write_video(Path(folder) / "bench.mp4", iter(pictures), FPS, size)
        return 1000 * (perf_counter() - start) / len(pictures)


def report(renderer: Renderer, vertices_m: np.ndarray, size: tuple[int, int]) -> None:
    """Print one line for a backend."""
    pictures = list(renderer.draw_many(vertices_m[:3]))
    draw_ms = median(intervals_ms(renderer.draw_many(vertices_m)))
    pictures = list(renderer.draw_many(vertices_m))
    device = getattr(renderer, "device", "")
    print(f"{renderer.backend:10} draw {draw_ms:6.1f} ms   encode {encode_ms(pictures, size):6.1f} ms   {device}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--view", default="face")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--backends", default="gl,software,pyrender")
    arguments = parser.parse_args()
    size = parse_size(arguments.size)
    part, cameras = set_up(open_avatar(), arguments.view.split(","))
    with torch.inference_mode():
        vertices_m = part.pose(nodding(arguments.frames)).vertices_m.numpy()
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{arguments.view}, {size[0]}x{size[1]}, {len(part.surface.faces)} triangles, {arguments.frames} frames")
    for backend in arguments.backends.split(","):
        try:
            with open_renderer(part.surface, cameras, size, backend) as renderer:
                report(renderer, vertices_m, size)
        except Emote3DError as error:
            print(f"{backend:10} {error}")


if __name__ == "__main__":
    main()
