"""A small head: skin with a two-sided strip of hair, an eye under its cornea, teeth in the dark."""

import numpy as np
import pytest
import torch

from emote3d.records import Material, Surface
from emote3d.render import Camera

MATERIALS = (
    Material(name="skin", color_srgb=(0.85, 0.65, 0.55), roughness=0.45, specular=0.5, subsurface=0.8),
    Material(name="eye", color_srgb=(0.9, 0.88, 0.86), roughness=0.2, specular=0.5, subsurface=0.2),
    Material(name="cornea", color_srgb=(1.0, 1.0, 1.0), roughness=0.05, specular=1.0, subsurface=0.0, coat=True),
    Material(name="hair", color_srgb=(0.25, 0.18, 0.12), roughness=0.6, specular=0.3, subsurface=0.0),
)


def ball(centre, radius, rings):
    """A ball of triangles, wound counter-clockwise seen from outside."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings + 1), np.arange(2 * rings) * np.pi / rings, indexing="ij")
    points = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], -1).reshape(
        -1, 3
    )
    index = np.arange(len(points)).reshape(rings + 1, 2 * rings)
    a, b = index[:-1].ravel(), index[1:].ravel()
    c, d = np.roll(index, -1, 1)[1:].ravel(), np.roll(index, -1, 1)[:-1].ravel()
    return points * radius + centre, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


@pytest.fixture(scope="session")
def head():
    """Vertices in metres, and the surface."""
    strip = np.array([[-0.05, 1.68, 0.09], [0.05, 1.68, 0.09], [0.05, 1.72, 0.05], [-0.05, 1.72, 0.05]])
    parts = [
        ball((0, 1.6, 0), 0.1, 16),
        ball((0.04, 1.63, 0.085), 0.02, 8),
        ball((0.04, 1.63, 0.086), 0.021, 8),
        (strip, np.array([[0, 2, 1], [0, 3, 2]])),
    ]
    starts = np.cumsum([0, *(len(points) for points, _ in parts)])
    faces = np.concatenate([triangles + start for (_, triangles), start in zip(parts, starts, strict=False)])
    vertices_m = np.concatenate([points for points, _ in parts]).astype(np.float32)
    face_materials = np.repeat(np.arange(len(parts)), [len(triangles) for _, triangles in parts])
    face_materials[:40] = 3  # hair that shares vertices with the skin
    generator = np.random.default_rng(0)
    surface = Surface(
        faces=torch.from_numpy(faces),
        face_materials=torch.from_numpy(face_materials),
        materials=MATERIALS,
        vertex_colors_srgb=torch.from_numpy(generator.uniform(0.7, 1, vertices_m.shape).astype(np.float32)),
        vertex_occlusion=torch.from_numpy(generator.uniform(0.5, 1, len(vertices_m)).astype(np.float32)),
    )
    return vertices_m, surface


@pytest.fixture(scope="session")
def cameras():
    """In front, and from the side."""
    return [
        Camera(name="face", eye_m=(0.0, 1.62, 0.9), target_m=(0.0, 1.6, 0.0), height_m=0.3, width_m=0.2),
        Camera(name="left", eye_m=(0.8, 1.6, 0.4), target_m=(0.0, 1.6, 0.0), height_m=0.25, width_m=0.2),
    ]
