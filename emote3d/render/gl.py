"""Draws with OpenGL 3.3 off screen: on a GPU through EGL, or with the software GL of the machine."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

import moderngl
import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from emote3d.errors import Emote3DError
from emote3d.records import Surface
from emote3d.render import shaders
from emote3d.render.cameras import Camera, viewports
from emote3d.render.geometry import face_bounds, prepare
from emote3d.render.shading import SHADING, background

SAMPLES = 4
LIBRARY_NAMES = (None, "libGL.so.1", "libOpenGL.so.0")
"""GL libraries to try; None lets glcontext search, which needs compiler tools that a bare machine lacks."""


def open_context() -> moderngl.Context:
    """Open an off-screen GL context; raises Emote3DError when there is none to be had."""
    if not sys.platform.startswith("linux"):
        return moderngl.create_context(require=330, standalone=True)
    os.environ.setdefault("EGL_LOG_LEVEL", "fatal")  # what fails is said once, by us
    problems = []
    for name in LIBRARY_NAMES:
        libraries: dict[str, Any] = {"backend": "egl"}
        if name is not None:
            libraries |= {"libgl": name, "libegl": "libEGL.so.1"}
        try:
            return moderngl.create_context(require=330, standalone=True, **libraries)
        except Exception as error:  # glcontext raises bare Exception
            problems.append(str(error).splitlines()[0] if str(error) else type(error).__name__)
    raise Emote3DError(f"expected OpenGL through EGL; got: {problems[0]}; use the software backend")


def _uniform(program: moderngl.Program, name: str) -> moderngl.Uniform:
    uniform = program[name]
    assert isinstance(uniform, moderngl.Uniform), f"{name} is not a uniform of the shader"
    return uniform


class GlRenderer:
    """Draws a surface in OpenGL, several views side by side, reading pictures back while the next one is drawn."""

    backend = "gl"

    def __init__(self, surface: Surface, cameras: Sequence[Camera], size: tuple[int, int]) -> None:
        """Send to the GL what does not change from frame to frame; `size` in pixels."""
        self.size = size
        self.note: str | None = None
        self._geometry = prepare(surface)
        self._cameras = [
            (column, width, (camera.projection(width / size[1]) @ camera.view()).T.astype("f4").tobytes(), camera.eye_m)
            for camera, (column, width) in zip(cameras, viewports(size, len(cameras)), strict=True)
        ]
        self._context = open_context()
        with self._context:
            self.device = str(self._context.info["GL_RENDERER"])
            self._build()

    def _build(self) -> None:
        context, geometry = self._context, self._geometry
        constants = {"constants": shaders.glsl_constants(SHADING)}
        solid = context.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.SOLID_FRAGMENT % constants)
        coat = context.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.COAT_FRAGMENT % constants)
        backdrop = context.program(vertex_shader=shaders.BACKGROUND_VERTEX, fragment_shader=shaders.BACKGROUND_FRAGMENT)
        self._uniforms = [
            (_uniform(program, "view_projection"), _uniform(program, "eye_m")) for program in (solid, coat)
        ]
        self._corners = context.buffer(reserve=len(geometry.corner_verts) * 24, dynamic=True)
        groups = (geometry.solid, geometry.sheet, geometry.coat)
        self._bounds = face_bounds(groups)
        indices = context.buffer(np.concatenate(groups).tobytes())
        albedo, gloss = context.buffer(geometry.albedo.tobytes()), context.buffer(geometry.gloss.tobytes())
        self._solid, self._coat = (
            context.vertex_array(
                program,
                [
                    (self._corners, "3f 3f", "position_m", "normal"),
                    (albedo, "4f", "albedo"),
                    (gloss, "3f", "gloss"),
                ],
                indices,
                skip_errors=True,  # a program may leave an attribute unused
            )
            for program in (solid, coat)
        )
        self._backdrop = context.vertex_array(backdrop, [])
        pictures = [background(width, self.size[1]) for _, width, _, _ in self._cameras]
        self._backdrop_texture = context.texture(self.size, 3, np.concatenate(pictures, 1).tobytes(), alignment=1)
        samples = min(SAMPLES, context.max_samples)
        self._multisampled = context.framebuffer(
            context.renderbuffer(self.size, 4, samples=samples), context.depth_renderbuffer(self.size, samples=samples)
        )
        self._slots = deque(context.framebuffer(context.renderbuffer(self.size, 4)) for _ in range(2))
        context.front_face = "cw"  # the pictures' rows grow downwards, which mirrors the winding

    def _submit(self, vertices_m: Float32[ndarray, "verts 3"]) -> moderngl.Framebuffer:
        """Queue the drawing of a frame and give the framebuffer that will hold it."""
        context = self._context
        corners = self._geometry.corners(np.ascontiguousarray(vertices_m))
        self._corners.orphan()
        self._corners.write(corners)
        self._multisampled.use()
        self._multisampled.viewport = (0, 0, *self.size)
        self._multisampled.clear(depth=1.0)
        for column, width, view_projection, eye_m in self._cameras:
            self._multisampled.viewport = (column, 0, width, self.size[1])
            for matrix, eye in self._uniforms:
                matrix.write(view_projection)
                eye.value = eye_m
            self._draw_view()
        self._slots.rotate()
        context.copy_framebuffer(self._slots[0], self._multisampled)
        return self._slots[0]

    def _draw_view(self) -> None:
        context = self._context
        (_, solid), (_, sheet), (first_coat, coat) = self._bounds
        context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._solid.render(vertices=3 * solid)
        context.disable(moderngl.CULL_FACE)
        if sheet > solid:
            self._solid.render(vertices=3 * (sheet - solid), first=3 * solid)
        context.depth_func = "<="
        self._backdrop_texture.use()
        self._backdrop.render(vertices=3)
        if coat > first_coat:
            context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE | moderngl.BLEND)
            context.blend_func = moderngl.ONE, moderngl.ONE
            self._multisampled.depth_mask = False
            self._coat.render(vertices=3 * (coat - first_coat), first=3 * first_coat)
            self._multisampled.depth_mask = True
        context.depth_func = "<"

    def _read(self, slot: moderngl.Framebuffer) -> UInt8[ndarray, "height width 3"]:
        width, height = self.size
        return np.frombuffer(slot.read(components=3, alignment=1), np.uint8).reshape(height, width, 3)

    def draw(self, vertices_m: Float32[ndarray, "verts 3"]) -> UInt8[ndarray, "height width 3"]:
        """Draw one frame; sRGB."""
        with self._context:
            return self._read(self._submit(vertices_m))

    def draw_many(self, frames: Iterable[Float32[ndarray, "verts 3"]]) -> Iterator[UInt8[ndarray, "height width 3"]]:
        """Draw frame after frame; one is drawn while the one before is read back."""
        pending: moderngl.Framebuffer | None = None
        for vertices_m in frames:
            with self._context:
                submitted = self._submit(vertices_m)
                picture = None if pending is None else self._read(pending)
            pending = submitted
            if picture is not None:
                yield picture
        if pending is not None:
            with self._context:
                picture = self._read(pending)
            yield picture

    def close(self) -> None:
        """Free the GL objects."""
        self._context.release()

    def __enter__(self) -> GlRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
