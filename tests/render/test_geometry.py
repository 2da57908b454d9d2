import numpy as np

from emote3d.render.geometry import prepare, vertex_normals
from emote3d.render.shading import encoded


def test_normals_match_a_slow_twin(head):
    vertices_m, surface = head
    geometry = prepare(surface)
    faces = surface.faces.numpy()
    a, b, c = (vertices_m[faces[:, corner]].astype(np.float64) for corner in range(3))
    expected = np.zeros(vertices_m.shape)
    for corner in range(3):
        np.add.at(expected, faces[:, corner], np.cross(b - a, c - a))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    normals = vertex_normals(vertices_m, geometry.faces, geometry.first_incidence, geometry.incident_faces)
    np.testing.assert_allclose(normals, expected, atol=1e-4)


def test_corners_have_one_material_each(head):
    vertices_m, surface = head
    geometry = prepare(surface)
    assert len(geometry.solid) + len(geometry.sheet) + len(geometry.coat) == len(surface.faces)
    assert len(geometry.corner_verts) > len(vertices_m)  # hair and skin share vertices
    for triangles in (geometry.solid, geometry.sheet, geometry.coat):
        assert (np.ptp(geometry.gloss[triangles], axis=1) == 0).all()
    corners = geometry.corners(vertices_m)
    np.testing.assert_array_equal(corners[:, :3], vertices_m[geometry.corner_verts])


def test_the_tone_curve_is_near_film():
    light = np.linspace(0, 4, 200)
    film = 1 - np.exp(-1.35 * light)
    srgb = np.where(film <= 0.0031308, 12.92 * film, 1.055 * film ** (1 / 2.4) - 0.055)
    assert np.abs(encoded(light) - srgb).max() < 0.03
    assert encoded(np.zeros(1)) == 0 and (np.diff(encoded(light[light < 2])) > 0).all()
