"""Balls with as many vertices as the meshes that people draw: what drawing costs without anybody's files."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, sqrt

import numpy as np
import torch

from emote3d.records import Material, Surface
from emote3d.render import Camera

COUNTS = {"FLAME": 5023, "SMPL-X": 10475, "open avatar": 34368}


def ball(verts: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in metres and triangles of a ball of about as many vertices."""
    rings = max(3, ceil(sqrt(verts / 2)))
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings + 1), np.arange(2 * rings) * np.pi / rings, indexing="ij")
    points = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    index = np.arange(points.size // 3).reshape(rings + 1, 2 * rings)
    a, b = index[:-1].ravel(), index[1:].ravel()
    c, d = np.roll(index, -1, 1)[1:].ravel(), np.roll(index, -1, 1)[:-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return (0.12 * points.reshape(-1, 3)).astype(np.float32), faces


def balls() -> Iterator[tuple[str, Surface, np.ndarray, list[Camera]]]:
    """Name, surface, vertices and camera of each."""
    skin = Material(name="skin", color_srgb=(0.8, 0.62, 0.53), roughness=0.5, specular=0.4, subsurface=0.6)
    camera = Camera(name="face", eye_m=(0.0, 0.0, 0.9), target_m=(0.0, 0.0, 0.0), height_m=0.3, width_m=0.3)
    for name, count in COUNTS.items():
        vertices_m, faces = ball(count)
        surface = Surface(
            faces=torch.from_numpy(faces),
            face_materials=torch.zeros(len(faces), dtype=torch.int64),
            materials=(skin,),
            vertex_colors_srgb=torch.ones(len(vertices_m), 3),
            vertex_occlusion=torch.ones(len(vertices_m)),
        )
        yield name, surface, vertices_m, [camera]
