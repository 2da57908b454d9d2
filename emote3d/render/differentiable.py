"""Grey pictures of a face that gradients flow through, for networks that look at faces while a motion is trained.

One fixed orthographic camera looks along -z at the face at rest. The software backend decides which triangle shows at
each sample; where in the triangle the sample lies, and how it is lit, is computed again in torch. So the gradient is that
of the shading and the places inside of what shows; outlines give none (as in any renderer that does not blur them).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from emote3d.records import Surface
from emote3d.render.coverage import SAMPLE_X, SAMPLE_Y, SUBPIXEL, cover, project, visible_triangles

_LUMA = (0.299, 0.587, 0.114)
_LIGHT = (0.3, 0.45, 0.84)
_AMBIENT, _DIFFUSE, _BACKGROUND = 0.35, 0.65, 0.0
_WIDTHS_OF_EYES = 4.2
"""Width of the whole picture, in distances between the eyes."""


@dataclass(frozen=True, kw_only=True)
class FixedCamera:
    """An orthographic camera in front of the face."""

    centre_m: tuple[float, float, float]
    width_m: float
    """Width of the square picture."""
    pixels: int
    """Of the picture's side (EMOTE: 224)."""

    @classmethod
    def on(cls, landmarks_m: Float[Tensor, "68 3"], pixels: int = 224) -> FixedCamera:
        """Aim at a face at rest by its landmarks."""
        left, right = landmarks_m[36:42].mean(0), landmarks_m[42:48].mean(0)
        x, y, z = ((landmarks_m.amax(0) + landmarks_m.amin(0)) / 2).tolist()
        width_m = _WIDTHS_OF_EYES * float((left - right).norm())
        return cls(centre_m=(x, y, z), width_m=width_m, pixels=pixels)

    def place(self, points_m: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Columns and rows in pixels (rows grow downwards), and depth (nearer is less) in [-1, 1] within a picture's width."""
        offset = (points_m - points_m.new_tensor(self.centre_m)) / self.width_m
        flipped = offset * points_m.new_tensor([1.0, -1.0, -1.0])
        scale = points_m.new_tensor([self.pixels, self.pixels, 1.0])
        return (flipped + points_m.new_tensor([0.5, 0.5, 0.0])) * scale


class FaceCamera:
    """Draws a surface in grey through a fixed camera."""

    def __init__(self, surface: Surface, camera: FixedCamera) -> None:
        self.camera = camera
        self._faces = surface.faces.long()
        self._triangles = np.ascontiguousarray(surface.faces.numpy().astype(np.int32))
        base = torch.tensor([material.color_srgb for material in surface.materials])[surface.face_materials]
        color = base[:, None] * surface.vertex_colors_srgb[self._faces]
        shade = color @ torch.tensor(_LUMA) * surface.vertex_occlusion[self._faces]
        self._albedo = shade.float()

    def draw(
        self, vertices_m: Float[Tensor, "frames verts 3"], corner: Int[Tensor, "frames 2"] | None = None, size: int = 0
    ) -> Float[Tensor, "frames size size"]:
        """Draw each frame, in [0, 1]; differentiable in the vertices.

        Args:
            corner: left column and top row of the part of the picture to draw (default: all of it).
            size: side of that part in pixels.
        """
        size = size or self.camera.pixels
        places = self.camera.place(vertices_m)
        normals = _normals(vertices_m, self._faces.to(vertices_m.device))
        pictures = []
        for frame in range(len(vertices_m)):
            shift = places.new_zeros(2) if corner is None else corner[frame].to(places)
            place = torch.cat([places[frame, :, :2] - shift, places[frame, :, 2:]], dim=1)
            pictures.append(self._shade(place, normals[frame], size))
        return torch.stack(pictures)

    def _shade(
        self, place: Float[Tensor, "verts 3"], normal: Float[Tensor, "verts 3"], size: int
    ) -> Float[Tensor, "size size"]:
        owner = self._owners(place.detach(), size)
        shown = owner >= 0
        row, column, sample = torch.nonzero(shown, as_tuple=True)
        x = column.to(place) + place.new_tensor(SAMPLE_X)[sample] / SUBPIXEL
        y = row.to(place) + place.new_tensor(SAMPLE_Y)[sample] / SUBPIXEL
        faces = owner[shown]
        weights = _barycentric(place[self._faces[faces]][..., :2], torch.stack([x, y], dim=-1))
        facing = (weights[..., None] * normal[self._faces[faces]]).sum(dim=1)
        facing = facing / facing.norm(dim=-1, keepdim=True).clamp_min(1e-8)
        light = facing.new_tensor(_LIGHT)
        lit = _AMBIENT + _DIFFUSE * (facing @ (light / light.norm())).clamp_min(0)
        value = lit * (weights * self._albedo.to(place)[faces]).sum(dim=1)
        samples = place.new_full((size, size, 4), _BACKGROUND).index_put((row, column, sample), value)
        return samples.mean(dim=-1)

    def _owners(self, place: Float[Tensor, "verts 3"], size: int) -> Int[Tensor, "size size 4"]:
        """Which triangle shows at each of a pixel's four samples; -1 where there is none."""
        corners = np.zeros((len(place), 6), np.float32)
        corners[:, :3] = place.cpu().numpy()
        to_clip = np.diag([2.0 / size, 2.0 / size, 1.0, 1.0])
        to_clip[:2, 3] = -1.0
        screen = project(corners, to_clip, 0, size, size)
        listed = visible_triangles(self._triangles, len(self._triangles), screen, (0, size, size))
        nearest, owner = np.full((size, size, 4), 1, np.float32), np.full((size, size, 4), -1, np.int32)
        cover(listed, screen, (0, size, 0, size), nearest, owner, True)
        index = self._indices(listed)
        return torch.from_numpy(np.where(owner >= 0, index[owner], -1).astype(np.int64)).to(place.device)

    def _indices(self, listed: np.ndarray) -> np.ndarray:
        """Row of each listed triangle among all triangles (listed ones are wound the other way round)."""
        if not hasattr(self, "_row_of"):
            keys = np.sort(self._triangles, axis=1)
            self._row_of = {tuple(key): row for row, key in enumerate(keys.tolist())}
        if not len(listed):
            return np.full(1, -1)
        return np.array([self._row_of[tuple(key)] for key in np.sort(listed[:, :3], axis=1).tolist()])


def mouth_corner(
    camera: FixedCamera, landmarks_m: Float[Tensor, "frames 68 3"], size: int = 96, smooth_frames: int = 12
) -> Int[Tensor, "frames 2"]:
    """Left column and top row of a crop around the mouth, its centre smoothed over time."""
    centre = camera.place(landmarks_m.detach()[:, 48:68]).mean(dim=1)[:, :2]
    half = smooth_frames // 2
    padded = torch.nn.functional.pad(centre.T[None], (half, half), mode="replicate")
    smoothed = torch.nn.functional.avg_pool1d(padded, 2 * half + 1, stride=1)[0].T
    return (smoothed - size / 2).round().long()


def _barycentric(corner: Float[Tensor, "n 3 2"], point: Float[Tensor, "n 2"]) -> Float[Tensor, "n 3"]:
    """Weights of a triangle's corners at a point."""
    a, b, c = corner.unbind(dim=1)

    def area(p: Tensor, q: Tensor, r: Tensor) -> Tensor:
        return (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])

    whole = area(a, b, c)
    whole = torch.where(whole.abs() < 1e-9, torch.full_like(whole, 1e-9), whole)
    return torch.stack([area(point, b, c), area(a, point, c), area(a, b, point)], dim=1) / whole[:, None]


def _normals(
    vertices_m: Float[Tensor, "frames verts 3"], faces: Int[Tensor, "faces 3"]
) -> Float[Tensor, "frames verts 3"]:
    """Normals of the vertices, weighted by area, unit length."""
    a, b, c = (vertices_m[:, faces[:, corner]] for corner in range(3))
    face = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices_m)
    for corner in range(3):
        total = total.index_add(1, faces[:, corner], face)
    return total / total.norm(dim=-1, keepdim=True).clamp_min(1e-12)
