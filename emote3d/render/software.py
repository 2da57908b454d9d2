"""Draws on the CPU with compiled kernels, for machines without OpenGL; same picture as `gl`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from emote3d.records import Surface
from emote3d.render.cameras import Camera, viewports
from emote3d.render.compiling import is_cold
from emote3d.render.coverage import Window, cover, project, visible_triangles
from emote3d.render.geometry import prepare
from emote3d.render.lighting import Drawing, light_band
from emote3d.render.shading import SHADING, background

BAND_ROWS = 32
"""Rows drawn at a time: their samples stay in a core's cache."""


class SoftwareRenderer:
    """Draws a surface in software, several views side by side, bands of rows on all cores."""

    backend = "software"

    def __init__(self, surface: Surface, cameras: Sequence[Camera], size: tuple[int, int]) -> None:
        """Prepare what does not change from frame to frame; `size` in pixels."""
        self.size = size
        self.note: str | None = "its first run compiles for some seconds" if is_cold() else None
        geometry = self._geometry = prepare(surface)
        self._solids = np.concatenate([geometry.solid, geometry.sheet])
        self._views = [
            (column, width, camera.projection(width / size[1]) @ camera.view(), camera.eye_m)
            for camera, (column, width) in zip(cameras, viewports(size, len(cameras)), strict=True)
        ]
        self._backdrop = np.concatenate([background(width, size[1]) for _, width, _, _ in self._views], 1)
        self._workers = ThreadPoolExecutor(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        )

    def draw(self, vertices_m: Float32[ndarray, "verts 3"]) -> UInt8[ndarray, "height width 3"]:
        """Draw one frame; sRGB."""
        geometry, height = self._geometry, self.size[1]
        corners = geometry.corners(np.ascontiguousarray(vertices_m))
        scene = corners, geometry.albedo, geometry.gloss
        picture = self._backdrop.copy()
        jobs = []
        for left, width, view_projection, eye_m in self._views:
            screen = project(corners, view_projection, left, width, height)
            view = left, left + width, height
            solids = visible_triangles(self._solids, len(geometry.solid), screen, view)
            coats = visible_triangles(geometry.coat, len(geometry.coat), screen, view)
            drawing = screen, scene, eye_m, SHADING
            for top in range(0, height, BAND_ROWS):
                window = left, left + width, top, min(top + BAND_ROWS, height)
                jobs.append(self._workers.submit(_draw_band, solids, coats, drawing, window, picture))
        for job in jobs:
            job.result()
        return picture

    def draw_many(self, frames: Iterable[Float32[ndarray, "verts 3"]]) -> Iterator[UInt8[ndarray, "height width 3"]]:
        """Draw frame after frame."""
        return map(self.draw, frames)

    def close(self) -> None:
        """Stop the workers."""
        self._workers.shutdown()

    def __enter__(self) -> SoftwareRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _draw_band(solids: ndarray, coats: ndarray, drawing: Drawing, window: Window, picture: ndarray) -> None:
    """Draw the rows of `window` over the backdrop that `picture` holds."""
    left, right, top, bottom = window
    shape = bottom - top, right - left, 4
    nearest = np.full(shape, 1, np.float32)
    owner, coat = np.full(shape, -1, np.int32), np.full(shape, -1, np.int32)
    cover(solids, drawing[0], window, nearest, owner, True)
    cover(coats, drawing[0], window, nearest, coat, False)
    light_band((solids, owner), (coats, coat), drawing, window, picture)
