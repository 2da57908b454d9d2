"""Draws with pyrender, where it is installed: its own plain look, for comparison."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType, TracebackType
from typing import cast

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from emote3d.errors import Emote3DError
from emote3d.records import Surface
from emote3d.render.cameras import Camera, viewports
from emote3d.render.geometry import prepare
from emote3d.render.shading import SHADING, background

LIGHT_SCALE = 2.0
"""From the light of `shading.py` to pyrender's, whose diffuse reflection is divided by pi."""


class PyrenderRenderer:
    """Draws a surface with pyrender off screen: a new mesh for every frame, one picture for every view."""

    backend = "pyrender"

    def __init__(self, surface: Surface, cameras: Sequence[Camera], size: tuple[int, int]) -> None:
        """Open pyrender; `size` in pixels. Raises Emote3DError when it is not installed or finds no OpenGL."""
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
        try:
            import pyrender  # pyright: ignore[reportMissingImports] (an extra)
        except ImportError as error:
            raise Emote3DError(f"expected pyrender; got: {error}; pip install emote3d[pyrender]") from error
        self.size = size
        self.note: str | None = None
        self._pyrender = pyrender
        self._geometry = prepare(surface)
        self._triangles = np.concatenate([self._geometry.solid, self._geometry.sheet])
        self._colors = self._geometry.albedo[:, :3] * self._geometry.albedo[:, 3:]
        self._views = [
            (self._camera(camera, width / size[1]), width, background(width, size[1]))
            for camera, (_, width) in zip(cameras, viewports(size, len(cameras)), strict=True)
        ]
        try:
            self._offscreen = pyrender.OffscreenRenderer(self._views[0][1], size[1])
        except Exception as error:  # PyOpenGL fails in any way it likes
            raise Emote3DError(f"expected OpenGL for pyrender; got: {error}; use the software backend") from error

    def _camera(self, camera: Camera, aspect: float) -> tuple[ndarray, ndarray]:
        """Give projection and pose; pyrender's rows grow upwards."""
        view, projection = camera.view(), camera.projection(aspect)
        projection[1] *= -1
        return projection, np.linalg.inv(view)

    def draw(self, vertices_m: Float32[ndarray, "verts 3"]) -> UInt8[ndarray, "height width 3"]:
        """Draw one frame; sRGB."""
        pyrender = self._pyrender
        corners = self._geometry.corners(np.ascontiguousarray(vertices_m))
        primitive = pyrender.Primitive(
            positions=corners[:, :3],
            normals=corners[:, 3:],
            color_0=self._colors,
            indices=self._triangles,
            material=pyrender.MetallicRoughnessMaterial(metallicFactor=0.0, roughnessFactor=0.5, doubleSided=True),
        )
        scene = pyrender.Scene(bg_color=(0, 0, 0, 0), ambient_light=SHADING.sky_color)
        scene.add(pyrender.Mesh([primitive]))
        for direction, color in (
            (SHADING.key_direction, SHADING.key_color),
            (SHADING.fill_direction, SHADING.fill_color),
            (SHADING.rim_direction, SHADING.rim_color),
        ):
            strength = max(color)
            light = pyrender.DirectionalLight(color=np.array(color) / strength, intensity=LIGHT_SCALE * strength)
            scene.add(light, pose=_facing(np.array(direction)))
        pictures = []
        for (projection, pose), width, backdrop in self._views:
            scene.main_camera_node = scene.add(_fixed_camera(pyrender, projection), pose=pose)
            self._offscreen.viewport_width = width
            color, _ = cast("tuple[ndarray, ndarray]", self._offscreen.render(scene, flags=pyrender.RenderFlags.RGBA))
            drawn = color.astype(np.float32)
            scene.remove_node(scene.main_camera_node)
            share = drawn[..., 3:] / 255
            pictures.append((drawn[..., :3] + backdrop * (1 - share) + 0.5).astype(np.uint8))
        return np.concatenate(pictures, 1)

    def draw_many(self, frames: Iterable[Float32[ndarray, "verts 3"]]) -> Iterator[UInt8[ndarray, "height width 3"]]:
        """Draw frame after frame."""
        return map(self.draw, frames)

    def close(self) -> None:
        """Free the GL objects."""
        self._offscreen.delete()

    def __enter__(self) -> PyrenderRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fixed_camera(pyrender: ModuleType, projection: ndarray) -> object:
    """Give a camera with this projection matrix, whatever the size of the picture."""
    camera = pyrender.PerspectiveCamera(yfov=1.0)
    camera.get_projection_matrix = lambda width=None, height=None: projection
    return camera


def _facing(direction: ndarray) -> ndarray:
    """Give the pose of a light that shines from `direction`: it looks along its -z."""
    pose = np.eye(4)
    side = np.cross((0.0, 1.0, 0.0), direction)
    pose[:3, 0] = side / np.linalg.norm(side)
    pose[:3, 1] = np.cross(direction, pose[:3, 0])
    pose[:3, 2] = direction
    return pose
