import importlib.util
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from emote3d.errors import Emote3DError
from emote3d.records import Surface
from emote3d.render import open_renderer
from emote3d.render.renderer import SOFTWARE_GL
from emote3d.render.shading import background


def gl_problem():
    from emote3d.render.gl import open_context

    try:
        open_context().release()
    except Emote3DError as error:
        return str(error)
    return ""


GL_PROBLEM = gl_problem()
needs_gl = pytest.mark.skipif(bool(GL_PROBLEM), reason=GL_PROBLEM or "there is OpenGL")
BACKENDS = [pytest.param("gl", marks=needs_gl), "software"]


@needs_gl
@pytest.mark.parametrize("size", [(256, 256), (130, 98), (302, 64)])
@pytest.mark.parametrize("views", [1, 2])
def test_software_draws_the_same_picture_as_gl(head, cameras, size, views):
    vertices_m, surface = head
    pictures = []
    for backend in ("gl", "software"):
        with open_renderer(surface, cameras[:views], size, backend) as renderer:
            assert renderer.backend == backend
            pictures.append(renderer.draw(vertices_m).astype(int))
    assert pictures[0].shape == (size[1], size[0], 3)
    difference = np.abs(pictures[0] - pictures[1])
    assert difference.mean() < 0.1
    assert np.percentile(difference, 99.9) <= 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_frames_are_each_drawn_in_order(head, cameras, backend):
    vertices_m, surface = head
    frames = [vertices_m + np.float32((0.01 * step, 0, 0)) for step in range(4)]
    with open_renderer(surface, cameras, (128, 64), backend) as renderer:
        alone = [renderer.draw(frame) for frame in frames]
        together = list(renderer.draw_many(iter(frames)))
    np.testing.assert_array_equal(alone, together)
    assert not np.array_equal(alone[0], alone[1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_renderers_do_not_disturb_each_other(head, cameras, backend):
    vertices_m, surface = head
    with (
        open_renderer(surface, cameras[:1], (64, 64), backend) as first,
        open_renderer(surface, cameras[1:], (64, 64), backend) as second,
    ):
        before = first.draw(vertices_m)
        other = second.draw(vertices_m)
        np.testing.assert_array_equal(first.draw(vertices_m), before)
        assert not np.array_equal(before, other)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_light_comes_from_the_avatars_left(head, cameras, backend):
    vertices_m, surface = head
    with open_renderer(surface, cameras[:1], (128, 128), backend) as renderer:
        picture = renderer.draw(vertices_m).astype(float)
    np.testing.assert_array_equal(picture[:10], background(128, 128)[:10])
    face = picture[60:90]
    assert face[:, 70:90].mean() > face[:, 38:58].mean() + 5
    assert face[:, 40:88, 0].mean() > face[:, 40:88, 2].mean() + 20  # skin is warm


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cornea_only_adds_light(head, cameras, backend):
    vertices_m, surface = head
    keep = surface.face_materials != 2
    bare = Surface(
        faces=surface.faces[keep],
        face_materials=surface.face_materials[keep],
        materials=surface.materials,
        vertex_colors_srgb=surface.vertex_colors_srgb,
        vertex_occlusion=surface.vertex_occlusion,
    )
    pictures = []
    for each in (surface, bare):
        with open_renderer(each, cameras[:1], (256, 256), backend) as renderer:
            pictures.append(renderer.draw(vertices_m).astype(int))
    added = pictures[0] - pictures[1]
    assert added.min() >= -1
    assert added.max() > 60


def test_software_leaves_no_gap_between_triangles(head, cameras):
    vertices_m, surface = head
    looks = torch.zeros_like(surface.vertex_colors_srgb), torch.zeros_like(surface.vertex_occlusion)
    black = Surface(
        faces=surface.faces,
        face_materials=torch.zeros_like(surface.face_materials),
        materials=surface.materials,
        vertex_colors_srgb=looks[0],
        vertex_occlusion=looks[1],
    )
    with open_renderer(black, cameras[:1], (256, 256), "software") as renderer:
        picture = renderer.draw(vertices_m)
    rows, columns = np.mgrid[:256, :256]
    assert picture[np.hypot(rows - 128, columns - 128) < 75].max() == 0


def test_software_draws_from_several_threads(head, cameras):
    vertices_m, surface = head
    with open_renderer(surface, cameras, (128, 64), "software") as renderer, ThreadPoolExecutor(4) as threads:
        pictures = list(threads.map(lambda _: renderer.draw(vertices_m), range(8)))
    for picture in pictures:
        np.testing.assert_array_equal(picture, pictures[0])


AUTO = """
import json, numpy as np, torch
from emote3d.records import Material, Surface
from emote3d.render import Camera, open_renderer
skin = Material(name="skin", color_srgb=(1.0, 1.0, 1.0), roughness=0.5, specular=0.5, subsurface=0.5)
surface = Surface(
    faces=torch.tensor([[0, 1, 2]]), face_materials=torch.tensor([0]), materials=(skin,),
    vertex_colors_srgb=torch.ones(3, 3), vertex_occlusion=torch.ones(3),
)
camera = Camera(name="face", eye_m=(0.0, 0.0, 1.0), target_m=(0.0, 0.0, 0.0), height_m=1.0, width_m=1.0)
vertices_m = np.array([[-0.4, -0.4, 0], [0.4, -0.4, 0], [0, 0.4, 0]], np.float32)
with open_renderer(surface, [camera], (64, 64)) as renderer:
    print(json.dumps([renderer.backend, renderer.note, renderer.draw(vertices_m)[32, 32].tolist()]))
"""


def test_auto_falls_back_to_software_where_there_is_no_gl():
    missing = {"GLCONTEXT_LINUX_LIBEGL": "/nowhere/libEGL.so", "GLCONTEXT_LINUX_LIBGL": "/nowhere/libGL.so"}
    done = subprocess.run(
        [sys.executable, "-c", AUTO], env=os.environ | missing, capture_output=True, text=True, check=True
    )
    backend, note, colour = json.loads(done.stdout)
    assert backend == "software"
    assert "OpenGL" in note and "None" not in note and "\n" not in note
    assert min(colour) > 100
    assert done.stderr == ""


@needs_gl
def test_auto_draws_with_gl_only_where_a_gpu_is_behind_it(head, cameras):
    _, surface = head
    with open_renderer(surface, cameras, (64, 64), "gl") as gl:
        on_processor = any(word in gl.device.lower() for word in SOFTWARE_GL)
    with open_renderer(surface, cameras, (64, 64), "auto") as renderer:
        assert renderer.backend == ("software" if on_processor else "gl")


def test_an_unknown_backend_and_a_bad_size_are_refused(head, cameras):
    _, surface = head
    with pytest.raises(Emote3DError, match="auto, gl, software, pyrender, pytorch3d; got 'vulkan'"):
        open_renderer(surface, cameras, (64, 64), "vulkan")
    with pytest.raises(Emote3DError, match="even width"):
        open_renderer(surface, cameras, (63, 64), "software")
    with pytest.raises(Emote3DError, match="at least one view"):
        open_renderer(surface, [], (64, 64), "software")


@pytest.mark.parametrize("backend", ["pyrender", "pytorch3d"])
def test_an_extra_that_is_missing_says_how_to_get_it(head, cameras, backend):
    if importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is installed")
    with pytest.raises(Emote3DError, match=f"expected {backend}.*(pip install|build it)"):
        open_renderer(head[1], cameras, (64, 64), backend)


@needs_gl
def test_pyrender_frames_the_same_picture(head, cameras):
    pytest.importorskip("pyrender", reason="the extra pyrender is not installed")
    vertices_m, surface = head
    shapes = []
    for backend in ("pyrender", "gl"):
        with open_renderer(surface, cameras, (256, 128), backend) as renderer:
            backdrop = np.concatenate([background(128, 128)] * 2, 1).astype(int)
            shapes.append(np.abs(renderer.draw(vertices_m) - backdrop).max(-1) > 12)
    assert (shapes[0] ^ shapes[1]).mean() < 0.03
