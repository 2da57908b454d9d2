"""Chooses a backend and opens it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, get_args, runtime_checkable

from jaxtyping import Float32, UInt8
from numpy import ndarray

from emote3d.errors import Emote3DError
from emote3d.records import Surface
from emote3d.render.cameras import Camera, check_size

if TYPE_CHECKING:
    import moderngl

Backend = Literal["auto", "gl", "software", "pyrender", "pytorch3d"]
SOFTWARE_GL = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software rasterizer", "basic render driver")
"""Parts of the names of OpenGL implementations that run on the processor."""


@runtime_checkable
class Renderer(Protocol):
    """Draws pictures of one surface; a context manager."""

    backend: str
    """What draws."""
    note: str | None
    """One line for the user about the choice, if there is something to say."""
    size: tuple[int, int]
    """Width and height of a picture in pixels."""

    def draw(self, vertices_m: Float32[ndarray, "verts 3"]) -> UInt8[ndarray, "height width 3"]:
        """Draw one frame, views side by side; sRGB."""
        ...

    def draw_many(self, frames: Iterable[Float32[ndarray, "verts 3"]]) -> Iterator[UInt8[ndarray, "height width 3"]]:
        """Draw frame after frame, each as soon as it is there; may hold one back."""
        ...

    def close(self) -> None:
        """Free what the renderer holds."""
        ...

    def __enter__(self) -> Renderer:
        """Give itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        ...


def open_renderer(
    surface: Surface, cameras: Sequence[Camera], size: tuple[int, int], backend: Backend | str = "auto"
) -> Renderer:
    """Open a renderer of `size` pixels; `auto` takes OpenGL on a GPU, else the software rasteriser.

    Raises Emote3DError for an unknown backend, one that is not installed, or a size that cannot be drawn.
    """
    if backend not in get_args(Backend):
        raise Emote3DError(f"expected a backend out of {', '.join(get_args(Backend))}; got {backend!r}")
    if not cameras:
        raise Emote3DError("expected at least one view; got none")
    check_size(size, len(cameras))
    if backend == "auto":
        return _open_any(surface, cameras, size)
    if backend == "gl":
        return _open_gl(surface, cameras, size)
    if backend == "software":
        from emote3d.render.software import SoftwareRenderer

        return SoftwareRenderer(surface, cameras, size)
    if backend == "pyrender":
        from emote3d.render.pyrender_backend import PyrenderRenderer

        return PyrenderRenderer(surface, cameras, size)
    from emote3d.render.pytorch3d_backend import Pytorch3dRenderer

    return Pytorch3dRenderer(surface, cameras, size)


def _open_gl(surface: Surface, cameras: Sequence[Camera], size: tuple[int, int]) -> Renderer:
    try:
        from emote3d.render.gl import GlRenderer
    except ImportError as error:
        raise Emote3DError(
            f"expected moderngl; got: {error}; pip install moderngl, or use the software backend"
        ) from error
    return GlRenderer(surface, cameras, size)


def _open_any(surface: Surface, cameras: Sequence[Camera], size: tuple[int, int]) -> Renderer:
    from emote3d.render.software import SoftwareRenderer

    try:
        from emote3d.render.gl import open_context

        if not _is_gpu(open_context()):  # our own rasteriser takes about half of llvmpipe's time
            return SoftwareRenderer(surface, cameras, size)
        return _open_gl(surface, cameras, size)
    except Exception as error:  # a broken driver fails in any way it likes
        renderer = SoftwareRenderer(surface, cameras, size)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fallback = f"drawing in software, OpenGL is not to be had ({reason})"
        renderer.note = "; ".join(filter(None, (fallback, renderer.note)))
        return renderer


def _is_gpu(context: moderngl.Context) -> bool:
    """Close a context and tell whether a graphics processor was behind it."""
    name = str(context.info["GL_RENDERER"]).lower()
    context.release()
    return not any(word in name for word in SOFTWARE_GL)
