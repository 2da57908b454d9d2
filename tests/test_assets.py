"""The shipped avatar files: layout, looks, shapes that mean what ARKit says, and quick to load."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray

from emote3d.names import ARKIT_52, FLAME_JOINTS, SMPLX_JOINTS

ASSETS = Path(__file__).resolve().parents[1] / "assets"
FILES = {"smplx/open_body.npz": SMPLX_JOINTS, "flame/open_head.npz": FLAME_JOINTS}
POSEDIRS = "posedirs"
LIMIT_BYTES = 12_000_000
UPPER_INNER, LOWER_INNER = [61, 62, 63], [67, 66, 65]
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)


@cache
def members(name: str) -> dict[str, ndarray]:
    """All members of a file but the empty posedirs."""
    with np.load(ASSETS / name, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files if key != POSEDIRS}


def shaped(name: str, **coefficients: float) -> ndarray:
    """Vertices of the rest pose with shapes by name."""
    file = members(name)
    names = [*file["shape_names"], *file["expression_names"]]
    moved = sum(
        file["shapedirs"][..., names.index(key)].astype(np.float64) * value for key, value in coefficients.items()
    )
    return file["v_template"] + moved


def landmarks(name: str, vertices: ndarray) -> ndarray:
    """The 68 iBUG landmarks, metres."""
    file = members(name)
    corners = vertices[file["f"][file["lmk_faces_idx"]].astype(int)]
    return (corners * file["lmk_bary_coords"][..., None]).sum(1)


def lip_gap(name: str, **coefficients: float) -> ndarray:
    """Height of the lower inner lip below the upper one at three places, metres."""
    points = landmarks(name, shaped(name, **coefficients))
    return points[UPPER_INNER, 1] - points[LOWER_INNER, 1]


@pytest.fixture(params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    """Each of the two files."""
    return str(request.param)


def test_files_are_small() -> None:
    """Both files together stay within their budget."""
    assert sum((ASSETS / name).stat().st_size for name in FILES) < LIMIT_BYTES


def test_layout(name: str) -> None:
    """Members have SMPL-X's and FLAME's shapes."""
    file, joints = members(name), FILES[name]
    verts, faces, n = len(file["v_template"]), len(file["f"]), int(file["n_shape"])
    assert file["v_template"].shape == (verts, 3)
    assert file["f"].shape == file["ft"].shape == (faces, 3)
    assert file["f"].max() == verts - 1
    assert file["ft"].max() < len(file["vt"])
    assert file["shapedirs"].shape == (verts, 3, n + len(ARKIT_52))
    assert file["weights"].shape == (verts, len(joints))
    assert file["J_regressor"].shape == (len(joints), verts)
    assert file["kintree_table"].shape == (2, len(joints))
    assert tuple(file["joint_names"]) == joints
    assert tuple(file["expression_names"]) == ARKIT_52
    assert len(set(file["shape_names"])) == n
    assert bool(file["posedirs_zero"])


def test_posedirs_are_zero(name: str) -> None:
    """The member that the smplx package wants is there and empty."""
    with np.load(ASSETS / name, allow_pickle=False) as archive:
        posedirs = archive[POSEDIRS]
    assert posedirs.shape == (len(members(name)["v_template"]), 3, 9 * (len(FILES[name]) - 1))
    assert not posedirs.any()


def test_tree_and_weights(name: str) -> None:
    """Parents come before children; skinning and joint weights sum to one."""
    file = members(name)
    parents = file["kintree_table"][0]
    assert parents[0] in (-1, 4294967295)
    assert (parents[1:] < np.arange(1, len(parents))).all()
    np.testing.assert_allclose(file["weights"].sum(1), 1.0, atol=1e-3)
    np.testing.assert_allclose(file["J_regressor"].sum(1), 1.0, atol=1e-3)


def test_stands_in_metres() -> None:
    """A T-posed adult on the ground, facing +z, its left at +x."""
    file = members("smplx/open_body.npz")
    low, high = file["v_template"].min(0), file["v_template"].max(0)
    joints = dict(zip(file["joint_names"], file["J_regressor"] @ file["v_template"], strict=True))
    assert abs(low[1]) < 0.02
    assert 1.5 < high[1] < 1.9
    assert joints["left_wrist"][0] > joints["left_elbow"][0] > joints["left_shoulder"][0] > 0
    assert abs(joints["left_wrist"][1] - joints["left_shoulder"][1]) < 0.02
    assert joints["left_eye_smplhf"][2] > joints["head"][2]


@pytest.mark.parametrize("shape", ["age", "child", "weight", "height", "eyeDistance", "noseWidth"])
def test_identity_carries_the_joints(shape: str) -> None:
    """The eye joints stay in the eyeballs' centres whatever the identity, and expressions leave all joints alone."""
    file = members("smplx/open_body.npz")
    eye = np.unique(file["f"][file["face_materials"] == list(file["material_names"]).index("eye")])
    joint = list(file["joint_names"]).index("left_eye_smplhf")
    for vertices in (file["v_template"], shaped("smplx/open_body.npz", **{shape: 1.0})):
        ball = vertices[eye][file["weights"][eye, joint] > 0.5]
        distance = np.linalg.norm(ball - file["J_regressor"][joint] @ vertices, axis=1)
        assert np.ptp(distance[distance > np.median(distance) * 0.98]) < 0.0006
    moved = shaped("smplx/open_body.npz", jawOpen=1.0, browInnerUp=1.0) - file["v_template"]
    assert np.abs(file["J_regressor"] @ moved).max() < 1e-4


def test_both_files_are_one_avatar() -> None:
    """The head's vertices, shapes and joints are the body's."""
    body, head = members("smplx/open_body.npz"), members("flame/open_head.npz")
    at = {tuple(row): i for i, row in enumerate(body["v_template"])}
    index = [at[tuple(row)] for row in head["v_template"]]
    assert np.abs(body["shapedirs"][index] - head["shapedirs"]).max() < 1e-3
    np.testing.assert_allclose(landmarks("flame/open_head.npz", head["v_template"]),
                               landmarks("smplx/open_body.npz", body["v_template"]), atol=1e-6)  # fmt: skip


def test_landmarks_lie_on_the_face(name: str) -> None:
    """Landmarks are symmetric, in iBUG's order, and all embeddings agree."""
    file = members(name)
    points = landmarks(name, file["v_template"])
    assert file["lmk_faces_idx"].shape == (68,)
    np.testing.assert_allclose(file["lmk_bary_coords"].sum(1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(file["static_lmk_faces_idx"], file["lmk_faces_idx"][17:])
    assert file["dynamic_lmk_faces_idx"].shape == (79, 17)
    assert (np.diff(points[:17, 0]) > 0).all()
    assert points[RIGHT_EYE, 0].max() < 0 < points[LEFT_EYE, 0].min()
    assert points[48, 0] < points[60, 0] < points[64, 0] < points[54, 0]
    assert points[51, 1] > points[62, 1] > points[57, 1]
    np.testing.assert_allclose(points[[36, 48, 60], 0], -points[[45, 54, 64], 0], atol=2e-4)


def test_materials(name: str) -> None:
    """Every part has its material; the cornea alone is a coat."""
    file = members(name)
    names = list(file["material_names"])
    used = {names[index] for index in np.unique(file["face_materials"])}
    assert {"skin", "lips", "eye", "cornea", "teeth", "gums", "tongue", "mouth", "lashes", "brows", "hair"} <= used
    assert [n for n, coat in zip(names, file["material_coat"], strict=True) if coat] == ["cornea"]
    lips = np.unique(file["f"][file["face_materials"] == names.index("lips")])
    color = file["vertex_color"][lips].astype(float).mean(0)
    assert color[0] > color[1] + 30
    assert file["vertex_color"].dtype == file["vertex_occlusion"].dtype == np.uint8


def test_mouth_interior_is_dark(name: str) -> None:
    """The deeper in the mouth, the less light."""
    file = members(name)
    inside = np.unique(file["f"][file["face_materials"] == list(file["material_names"]).index("mouth")])
    depth = file["v_template"][inside, 2]
    occlusion = file["vertex_occlusion"][inside].astype(float)
    assert occlusion[depth < np.quantile(depth, 0.3)].mean() < 60
    assert occlusion[depth > np.quantile(depth, 0.9)].mean() > 120


def test_lips_close_and_open(name: str) -> None:
    """Lips touch at rest and under mouthClose at any jaw, and jawOpen opens them."""
    assert np.abs(lip_gap(name)).max() < 7e-4
    assert lip_gap(name, jawOpen=0.6).min() > 0.010
    for jaw in (0.3, 0.6, 1.0):
        assert np.abs(lip_gap(name, jawOpen=jaw, mouthClose=jaw)).max() < 1e-3
    for shape in ("mouthPressLeft", "mouthRollLower", "mouthSmileRight", "mouthPucker"):
        assert np.abs(lip_gap(name, **{shape: 1.0})).max() < 1.5e-3


def test_lids_close(name: str) -> None:
    """A blink brings the lids together over eyeballs that look anywhere."""
    points = landmarks(name, shaped(name, eyeBlinkLeft=1.0, eyeBlinkRight=1.0))
    rest = landmarks(name, members(name)["v_template"])
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert points[upper, 1] - points[lower, 1] < 0.25 * (rest[upper, 1] - rest[lower, 1])


def test_eyeballs_do_not_follow_expressions(name: str) -> None:
    """Only the eye joints turn the eyeballs."""
    file = members(name)
    names = list(file["material_names"])
    eyes = np.unique(file["f"][np.isin(file["face_materials"], [names.index("eye"), names.index("cornea")])])
    assert not file["shapedirs"][eyes][..., int(file["n_shape"]) :].any()


def test_jaw_carries_lower_teeth(name: str) -> None:
    """jawOpen lowers the lower teeth and leaves the upper ones."""
    file = members(name)
    teeth = np.unique(file["f"][file["face_materials"] == list(file["material_names"]).index("teeth")])
    drop = (shaped(name, jawOpen=1.0) - file["v_template"])[teeth, 1]
    assert drop.min() < -0.015
    assert (np.abs(drop) < 1e-3).sum() > 0.3 * len(teeth)


def test_loads_quickly(name: str) -> None:
    """All that a loader reads takes well under a second."""
    start = time.perf_counter()
    with np.load(ASSETS / name, allow_pickle=False) as archive:
        for key in archive.files:
            if key != POSEDIRS:
                archive[key]
    assert time.perf_counter() - start < 2.0
