"""The differentiable renderer: its gradients against finite differences, its picture against the plain one."""

import pytest
import torch

from emote3d.body import load_body_model
from emote3d.files import asset_path
from emote3d.records import Material, Surface
from emote3d.render.differentiable import FaceCamera, FixedCamera, mouth_corner

SKIN = Material(name="skin", color_srgb=(0.8, 0.7, 0.6), roughness=0.5, specular=0.3, subsurface=0.5)


def _patch() -> tuple[Surface, torch.Tensor]:
    """A bent 7x7 patch that fills more than the picture, so no outline shows."""
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, 7)] * 2, indexing="xy"), dim=-1).reshape(-1, 2).double()
    depth = 0.15 * torch.sin(2 * grid[:, :1] + 1) * torch.cos(1.5 * grid[:, 1:])
    vertices = torch.cat([grid, depth], dim=1)
    row = torch.arange(6)[:, None] * 7 + torch.arange(6)[None]
    first = row.reshape(-1)
    faces = torch.cat([torch.stack([first, first + 1, first + 8], 1), torch.stack([first, first + 8, first + 7], 1)])
    tint = 0.5 + 0.5 * torch.rand(49, 3, generator=torch.Generator().manual_seed(0))
    surface = Surface(
        faces=faces,
        face_materials=torch.zeros(len(faces), dtype=torch.long),
        materials=(SKIN,),
        vertex_colors_srgb=tint,
        vertex_occlusion=torch.ones(49),
    )
    return surface, vertices


def test_gradients_are_those_of_finite_differences():
    surface, vertices = _patch()
    camera = FaceCamera(surface, FixedCamera(centre_m=(0.0, 0.0, 0.0), width_m=1.1, pixels=24))
    weights = torch.rand(24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    owners = camera._owners(camera.camera.place(vertices), 24)

    def loss(moved: torch.Tensor) -> torch.Tensor:
        return (camera.draw(moved[None])[0] * weights).sum()

    leaf = vertices.clone().requires_grad_(True)
    loss(leaf).backward()
    assert leaf.grad is not None
    checked, step = 0, 1e-6
    for vertex in (16, 17, 24, 25, 31, 32):
        for axis in range(3):
            moved = [vertices.clone(), vertices.clone()]
            moved[0][vertex, axis] += step
            moved[1][vertex, axis] -= step
            if not all(torch.equal(camera._owners(camera.camera.place(x), 24), owners) for x in moved):
                continue
            numeric = float(loss(moved[0]) - loss(moved[1])) / (2 * step)
            assert float(leaf.grad[vertex, axis]) == pytest.approx(numeric, rel=1e-4, abs=1e-6)
            checked += 1
    assert checked >= 12


def test_a_face_is_seen_and_its_mouth_is_cut_out():
    head = load_body_model(asset_path("assets", "flame", "open_head.npz"))
    mesh = head.rest()
    landmarks = head.landmarks(mesh.vertices_m)
    camera = FixedCamera.on(landmarks[0], pixels=96)
    drawn = FaceCamera(head.surface, camera)
    whole = drawn.draw(mesh.vertices_m)[0]
    assert 0.3 < (whole > 0).float().mean() < 1.0
    assert whole[40:60, 40:60].std() > 0.01
    corner = mouth_corner(camera, landmarks, size=40)
    mouth = drawn.draw(mesh.vertices_m, corner, 40)[0]
    left, top = corner[0].tolist()
    assert torch.allclose(mouth, whole[top : top + 40, left : left + 40], atol=1e-5)
