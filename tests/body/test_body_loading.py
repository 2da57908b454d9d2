import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from emote3d.body import load_body_model, open_avatar
from emote3d.body.cropping import kept_faces
from emote3d.errors import Emote3DError
from emote3d.names import SMPLX_JOINTS

Make = Callable[..., dict[str, np.ndarray]]


def refuse(path: Path, *says: str) -> None:
    with pytest.raises(Emote3DError) as caught:
        load_body_model(path)
    message = str(caught.value)
    assert "\n" not in message and path.name in message and all(one in message for one in says), message


def write_pickle(path: Path, members: dict[str, object]) -> Path:
    path.write_bytes(pickle.dumps(members, 2))
    return path


def test_pickles_give_the_same_model_as_npz(tmp_path: Path, flame_file: Path, make_members: Make) -> None:
    members: dict[str, object] = dict(make_members(5))
    members["J_regressor"] = sparse.csc_matrix(members["J_regressor"])
    members["bs_style"], members["vert_sym_idxs"] = "lbs", None
    model = load_body_model(write_pickle(tmp_path / "generic_model.pkl", members))
    expected = load_body_model(flame_file)
    assert model.basis == "flame2020" and model.parents == (-1, 0, 1, 1, 1)
    for name in ("template_m", "joints_m", "shape_dirs", "expression_dirs", "pose_dirs", "skin_weights"):
        torch.testing.assert_close(getattr(model, name), getattr(expected, name), atol=1e-7, rtol=0)
    np.savez(tmp_path / "object.npz", **{**members, "J_regressor": np.array(members["J_regressor"])})
    torch.testing.assert_close(load_body_model(tmp_path / "object.npz").joints_m, expected.joints_m)


def test_kinds_and_bases_are_told_apart(tmp_path: Path, smplx_file: Path, make_members: Make) -> None:
    smplx = load_body_model(smplx_file)
    assert smplx.basis == "smplx2020" and len(smplx.shape_names) == 300 and len(smplx.expression_names) == 100
    assert smplx.joint_names == SMPLX_JOINTS and smplx.parents[:4] == (-1, 0, 0, 0)
    np.savez(tmp_path / "old.npz", **make_members(55, coefficients=20))
    old = load_body_model(tmp_path / "old.npz")
    assert len(old.shape_names) == 10 and len(old.expression_names) == 10
    path = write_pickle(tmp_path / "flame2023.pkl", dict(make_members(5)))
    assert load_body_model(path, flame_basis="flame2023").basis == "flame2023"


def test_landmark_files_beside_the_model(tmp_path: Path, flame_file: Path) -> None:
    rng = np.random.default_rng(0)
    indices, weights = rng.integers(0, 80, 68), rng.dirichlet(np.ones(3), 68)
    turned, turned_weights = rng.integers(0, 80, (79, 17)), rng.dirichlet(np.ones(3), (79, 17))
    assert load_body_model(flame_file).landmark_verts is None
    static = {"lmk_face_idx": indices[17:], "lmk_b_coords": weights[17:]}
    write_pickle(tmp_path / "flame_static_embedding.pkl", static)
    turned[0], turned_weights[0] = indices[:17], weights[:17]
    dynamic = np.array({"lmk_face_idx": turned, "lmk_b_coords": turned_weights})
    np.save(tmp_path / "flame_dynamic_embedding.npy", dynamic)
    separate = load_body_model(flame_file)
    deca = np.array({"full_lmk_faces_idx": indices[None], "full_lmk_bary_coords": weights[None]})
    np.save(tmp_path / "landmark_embedding.npy", deca)
    joined = load_body_model(flame_file)
    vertices_m = joined.rest().vertices_m
    corners = vertices_m[0, joined.surface.faces[indices]].numpy()
    expected = np.einsum("lcx,lc->lx", corners, weights)
    for model in (separate, joined):
        np.testing.assert_allclose(model.landmarks(vertices_m)[0].numpy(), expected, atol=1e-6)


def test_eyeballs_of_a_file_without_looks_get_irises(tmp_path: Path, make_members: Make) -> None:
    members = make_members(5)
    ball = np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [0.3, 0, 0.95]]) * 0.012
    members["v_template"][:4] = ball
    members["weights"][:4] = np.eye(5)[3]
    members["J_regressor"][3] = np.eye(120)[:2].mean(0)
    members["f"][:1] = [0, 1, 2]
    np.savez(tmp_path / "m.npz", **members)
    surface = load_body_model(tmp_path / "m.npz").surface
    pupil, sclera, side, iris = surface.vertex_colors_srgb[:4]
    assert pupil.max() < 0.1 and torch.equal(sclera, side) and sclera.min() > 0.8 and 0.1 < iris.max() < 0.5
    assert surface.materials[int(surface.face_materials[0])].name == "eye"


def test_hostile_model_runs_nothing(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    refuse(write_pickle(tmp_path / "model.pkl", {"v_template": Hostile()}), "posix.system", "not loaded")
    assert not (tmp_path / "ran").exists()


def test_bad_files_are_one_line(tmp_path: Path, make_members: Make) -> None:
    refuse(tmp_path / "no.npz", "there is no body model file")
    for name in ("text.npz", "text.pkl", "text.obj"):
        (tmp_path / name).write_text("v 0 0 0\n" * 50)
        refuse(tmp_path / name)
    refuse(write_pickle(tmp_path / "list.pkl", [1]), "expected a dictionary")  # pyright: ignore[reportArgumentType]
    np.savez(tmp_path / "m.npz", v_template=np.zeros((3, 3)))
    refuse(tmp_path / "m.npz", "f, weights, J_regressor, kintree_table, shapedirs, posedirs missing")
    cases: list[tuple[dict[str, object], tuple[str, ...]]] = [
        ({"kintree_table": np.zeros((2, 24))}, ("24 joints (SMPL)",)),
        (
            {"weights": np.zeros((7, 5)), "J_regressor": np.zeros((5, 7))},
            ("weights is (7, 5)", "J_regressor is (5, 7)"),
        ),
        ({"f": np.full((3, 3), 120)}, ("vertices that do not exist",)),
        ({"v_template": np.full((120, 3), np.nan)}, ("v_template is not finite",)),
        ({"shapedirs": np.zeros((120, 3, 12))}, ("12 columns",)),
        ({"posedirs": np.zeros((120, 3, 9))}, ("posedirs is (120, 3, 9)",)),
        ({"kintree_table": np.array([[-1, 2, 1, 1, 1], range(5)])}, ("parents before their children",)),
        ({"format_version": np.array(2)}, ("format version 2",)),
        ({"joint_names": np.array(["a", "b", "c", "d", "e"])}, ("order of FLAME",)),
        ({"weights": "text"}, ("weights",)),
        ({"v_template": 3.0}, ("v_template",)),
        ({"kintree_table": 3}, ("1 joints",)),
        ({"shapedirs": np.full((120, 3, 400), "x")}, ("shapedirs is not finite",)),
    ]
    for changes, says in cases:
        refuse(write_pickle(tmp_path / "m.pkl", {**make_members(5), **changes}), *says)


def test_mean_hands_that_are_not_there(tmp_path: Path, make_members: Make) -> None:
    members = make_members(55)
    del members["hands_meanl"]
    np.savez(tmp_path / "m.npz", **members)
    load_body_model(tmp_path / "m.npz")
    with pytest.raises(Emote3DError, match="flat_hand_mean=True"):
        load_body_model(tmp_path / "m.npz", flat_hand_mean=False)


def test_crops_keep_what_a_view_shows() -> None:
    joints_m = torch.linspace(0, 1.6, 55)
    carrier = torch.tensor([SMPLX_JOINTS.index(name) for name in ("head", "spine3", "spine3", "left_knee")])
    neck_m = float(joints_m[SMPLX_JOINTS.index("neck")])
    height_m = torch.tensor([neck_m - 1, neck_m - 0.2, neck_m - 0.3, neck_m])
    faces = torch.tensor([[0, 0, 0], [1, 1, 1], [2, 2, 2], [3, 3, 3], [0, 3, 3]])
    assert kept_faces("head", faces, carrier, height_m, joints_m).tolist() == [True, True, False, False, True]
    assert kept_faces("upper", faces, carrier, height_m, joints_m).tolist() == [True, True, True, False, True]


def test_open_avatar_loads_in_half_a_second() -> None:
    taken = []
    for _ in range(3):
        start = time.process_time()
        open_avatar()
        taken.append(time.process_time() - start)
    assert min(taken) < 0.5
