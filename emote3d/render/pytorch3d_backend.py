"""Draws with pytorch3d, where it is installed; gradients flow from pixels to vertices.

Not run by the project's tests: pytorch3d has no wheel on PyPI. Written after its documentation, version 0.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType, TracebackType

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray
from torch import Tensor

from emote3d.errors import Emote3DError
from emote3d.records import Surface
from emote3d.render.cameras import Camera, viewports
from emote3d.render.geometry import prepare
from emote3d.render.shading import SHADING, background, encoded


class Pytorch3dRenderer:
    """Draws a surface with pytorch3d's soft Phong shader under the key light."""

    backend = "pytorch3d"

    def __init__(self, surface: Surface, cameras: Sequence[Camera], size: tuple[int, int]) -> None:
        """Prepare cameras; `size` in pixels. Raises Emote3DError when pytorch3d is not installed."""
        try:
            import pytorch3d.renderer as p3d  # pyright: ignore[reportMissingImports] (not on PyPI)
            from pytorch3d import structures  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise Emote3DError(
                f"expected pytorch3d; got: {error}; build it from github.com/facebookresearch/pytorch3d, or use gl"
            ) from error
        self.size = size
        self.note: str | None = None
        self._structures = structures
        geometry = prepare(surface)
        colors = encoded(geometry.albedo[:, :3] * geometry.albedo[:, 3:]).astype(np.float32)
        self._verts = torch.from_numpy(geometry.corner_verts).long()
        self._faces = torch.from_numpy(np.concatenate([geometry.solid, geometry.sheet])).long()
        self._textures = p3d.TexturesVertex(torch.from_numpy(colors)[None])
        self._views = [
            (_view(p3d, camera, (width, size[1])), torch.from_numpy(background(width, size[1])).float() / 255)
            for camera, (_, width) in zip(cameras, viewports(size, len(cameras)), strict=True)
        ]

    def draw_tensor(self, vertices_m: Float[Tensor, "verts 3"]) -> Float[Tensor, "height width 3"]:
        """Draw one frame, differentiable in the vertices; sRGB in [0, 1]."""
        mesh = self._structures.Meshes([vertices_m[self._verts]], [self._faces], self._textures)
        pictures = []
        for renderer, backdrop in self._views:
            drawn = renderer(mesh)[0]
            pictures.append(drawn[..., :3] * drawn[..., 3:] + backdrop * (1 - drawn[..., 3:]))
        return torch.cat(pictures, 1).clamp(0, 1)

    def draw(self, vertices_m: Float32[ndarray, "verts 3"]) -> UInt8[ndarray, "height width 3"]:
        """Draw one frame; sRGB."""
        with torch.no_grad():
            return (self.draw_tensor(torch.from_numpy(vertices_m)) * 255 + 0.5).byte().numpy()

    def draw_many(self, frames: Iterable[Float32[ndarray, "verts 3"]]) -> Iterator[UInt8[ndarray, "height width 3"]]:
        """Draw frame after frame."""
        return map(self.draw, frames)

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Pytorch3dRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _view(p3d: ModuleType, camera: Camera, size: tuple[int, int]) -> Callable[..., Tensor]:
    """Give a renderer for one view; pytorch3d's x grows to the left and its camera looks along +z."""
    width, height = size
    view, projection = camera.view(), camera.projection(width / height)
    turned = np.diag([-1.0, 1.0, -1.0])
    rotation, shift = turned @ view[:3, :3], turned @ view[:3, 3]
    # in its normalised frame the shorter side spans [-1, 1]
    focal = -projection[1, 1] * max(1.0, height / width)
    cameras = p3d.PerspectiveCameras(
        focal_length=focal,
        R=torch.from_numpy(rotation.T[None]).float(),
        T=torch.from_numpy(shift[None]).float(),
        image_size=((height, width),),
    )
    lights = p3d.DirectionalLights(
        direction=(SHADING.key_direction,),
        diffuse_color=(SHADING.key_color,),
        ambient_color=(SHADING.sky_color,),
        specular_color=((0.1, 0.1, 0.1),),
    )
    rasterizer = p3d.MeshRasterizer(cameras, p3d.RasterizationSettings(image_size=(height, width)))
    return p3d.MeshRenderer(rasterizer, p3d.SoftPhongShader(cameras=cameras, lights=lights))
