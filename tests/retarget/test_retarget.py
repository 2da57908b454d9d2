import dataclasses
import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emote3d.body import BodyModel, choose_avatar, open_avatar
from emote3d.cli.retarget import Retarget
from emote3d.decoders.face import face_from_arkit
from emote3d.errors import Emote3DError
from emote3d.export.reading import read_motion
from emote3d.export.registry import Export, export
from emote3d.motion import save_motion
from emote3d.names import ARKIT_52
from emote3d.records import FaceMotion, Motion
from emote3d.retarget import RetargetMap, build_map, map_for, suited
from emote3d.retarget.building import open_face
from emote3d.retarget.caching import cache_folder, fingerprint
from emote3d.retarget.faces import Face
from emote3d.retarget.landmarking import with_landmarks
from emote3d.retarget.registering import local_maps, similarity
from emote3d.retarget.surfaces import Patch

from .synthetic import Truth


def random_faces(frames: int = 60, seed: int = 0) -> Motion:
    """Faces on which about an eighth of the shapes act at once, at any strength; no tongue, which FLAME has not."""
    rng = np.random.default_rng(seed)
    coefficients = rng.random((frames, 52)) * (rng.random((frames, 52)) < 0.12)
    coefficients[:, -1] = 0
    return Motion(face=face_from_arkit(torch.from_numpy(coefficients).float()), fps=30.0)


def lip_mm(difference: np.ndarray) -> float:
    """Mean motion of the open head's lips by a difference of coefficients."""
    face = open_face()
    shapes = face.posed_mm(np.eye(52), np.zeros((52, 3))) - face.rest.vertices_mm
    near = np.linalg.norm(face.rest.vertices_mm[:, None] - face.landmarks_mm[31:], axis=2).min(axis=1) < 6
    return float(np.linalg.norm(np.einsum("fk,kvx->fvx", difference, shapes[:, near]), axis=2).mean())


def test_arkit_to_flame_and_back(built: RetargetMap) -> None:
    motion = random_faces()
    there = built.from_arkit(motion)
    assert there.face is not None and there.face.basis == "flame2020" and there.face.expression.shape == (60, 100)
    back = built.to_arkit(there)
    error = back.arkit()[1] - motion.arkit()[1]
    assert np.abs(error).mean() <= 0.02
    assert lip_mm(error) <= 0.5
    # Nothing of it is trivial: without the map's inverse the same numbers are far off.
    assert lip_mm(motion.arkit()[1]) > 1.5 and np.abs(built.matrix[:, :52] - np.eye(52)).max() > 0.5


def test_the_other_head_makes_the_true_shapes(truth: Truth, model: BodyModel, built: RetargetMap) -> None:
    """Against what is known: the warp of the open head's faces, which the map never saw."""
    motion, face = random_faces(24, seed=3), Face.of(model)
    made = suited_mm(built.from_arkit(motion), face)
    true = truth.face_mm(motion.arkit()[1].astype(np.float64))[:, face.verts]
    error, size = np.linalg.norm(made - true, axis=2), np.linalg.norm(true, axis=2)
    lips = np.linalg.norm(face.rest.vertices_mm[:, None] - face.landmarks_mm[31:], axis=2).min(axis=1) < 7
    assert size[:, lips].mean() > 2.0
    assert error[:, lips].mean() < 0.25 * size[:, lips].mean()
    assert error[size > 1].mean() < 0.2 * size[size > 1].mean()
    jaw = built.matrix[ARKIT_52.index("jawOpen"), -3:]
    assert np.radians(15) < jaw[0] < np.radians(30) and np.abs(jaw[1:]).max() < 0.05
    no_jaw = [index for index, name in enumerate(ARKIT_52) if not name.startswith("jaw")]
    assert not built.matrix[no_jaw, -3:].any()


def suited_mm(motion: Motion, face: Face) -> np.ndarray:
    assert motion.face is not None
    expression, jaw = (x.double().numpy() for x in (motion.face.expression, motion.face.jaw_axis_angle))
    return face.posed_mm(expression, jaw) - face.rest.vertices_mm


def test_the_report_is_honest(truth: Truth, model: BodyModel, built: RetargetMap) -> None:
    face = Face.of(model)
    true = np.linalg.norm(truth.face_mm(np.eye(52))[:, face.verts], axis=2)
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp", "eyeBlinkLeft"):
        index = ARKIT_52.index(name)
        moves = true[index][true[index] > 0.2].mean()
        assert built.motion_mm[index, 0] == pytest.approx(moves, rel=0.25), name
        assert 0 < built.error_mm[index, 0] < 0.3 * moves, name
        assert built.expressed[index] > 0.9, name
    facts = built.facts()
    assert facts["not_expressed"] == ["tongueOut"] and built.coverage > 0.9
    assert 0 < facts["mean_lips_mm"] < 1.0 and 0 < facts["mean_lids_mm"] < 0.5  # pyright: ignore[reportOperatorIssue]


def test_a_performance_of_the_model_becomes_arkit(truth: Truth, built: RetargetMap) -> None:
    """FLAME parameters that come from elsewhere (an EMOTE motion has 50 of 100 coefficients) stay close in shape."""
    rng = torch.Generator().manual_seed(0)
    jaw = torch.zeros(20, 3)
    jaw[:, 0] = torch.linspace(0, 0.3, 20)
    face = FaceMotion(
        expression=torch.randn(20, 50, generator=rng).clamp(-2, 2) * 0.7,
        basis="flame2020",
        jaw_axis_angle=jaw,
        neck_axis_angle=0.1 * torch.ones(20, 3),
        eyes_axis_angle=torch.zeros(20, 2, 3),
    )
    arkit = built.to_arkit(Motion(face=face, fps=25.0))
    names, values = arkit.arkit()
    assert values.min() >= 0 and values.max() <= 1 and arkit.fps == 25
    assert arkit.face is not None and torch.equal(arkit.face.neck_axis_angle, face.neck_axis_angle)
    assert values[-1, names.index("jawOpen")] > values[0, names.index("jawOpen")] + 0.4
    wrong = dataclasses.replace(face, basis="flame2023")
    with pytest.raises(Emote3DError, match="flame2020, got one in flame2023"):
        built.to_arkit(Motion(face=wrong, fps=25.0))


def test_maps_are_kept_and_shared(model: BodyModel, built: RetargetMap, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EMOTE3D_CACHE", str(tmp_path))
    entry = cache_folder() / f"{fingerprint(model)}.npz"
    from emote3d.retarget import caching

    caching._write(built, entry)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.starmap(caching._write, [(built, entry)] * 6)
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]
    again = map_for(model)
    for field in dataclasses.fields(RetargetMap):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(built, field.name))
    assert fingerprint(dataclasses.replace(model, template_m=model.template_m * 1.01)) != fingerprint(model)
    entry.write_bytes(entry.read_bytes()[:1000])
    assert caching._read(entry) is None
    monkeypatch.setenv("EMOTE3D_CACHE", "/proc/nowhere")
    caching._write(built, cache_folder() / "x.npz")


def test_suited_finds_the_way(model: BodyModel, truth: Truth, built: RetargetMap, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EMOTE3D_CACHE", str(tmp_path))
    from emote3d.retarget import caching

    caching._write(built, cache_folder() / f"{fingerprint(model)}.npz")
    motion, avatar = random_faces(5), choose_avatar(f"flame:{truth.path}")
    played = suited(motion, avatar)
    assert played.face is not None and avatar.pose(played).vertices_m.shape[0] == 5
    assert suited(motion, open_avatar()) is motion
    back = suited(played, open_avatar(), through=avatar)
    assert np.abs(back.arkit()[1] - motion.arkit()[1]).mean() < 0.02
    with pytest.raises(Emote3DError, match="--source flame:PATH"):
        suited(played, open_avatar())


def test_landmarks_are_found_where_a_file_has_none(truth: Truth, model: BodyModel) -> None:
    bare = dataclasses.replace(model, landmark_verts=None, landmark_weights=None)
    found = with_landmarks(bare, open_face())
    rest_m = model.rest().vertices_m
    off_mm = 1000 * (found.landmarks(rest_m) - model.landmarks(rest_m))[0, 17:].norm(
        dim=-1
    )  # its own have 1 mm of noise
    assert off_mm.mean() < 3.5 and off_mm[31:].mean() < 3.0
    assert with_landmarks(model, open_face()) is model


def test_heads_that_do_not_fit_are_refused(model: BodyModel) -> None:
    with pytest.raises(Emote3DError, match="ARKit's shapes already"):
        build_map(open_avatar())
    together = model.joints_m.clone()
    together[-1] = together[-2]
    with pytest.raises(Emote3DError, match="0 mm apart"):
        build_map(dataclasses.replace(model, landmark_verts=None, joints_m=together))
    stiff = dataclasses.replace(
        model, skin_weights=torch.zeros_like(model.skin_weights).index_fill(0, torch.tensor([0]), 1)
    )
    with pytest.raises(Emote3DError, match="jaw joint"):
        build_map(stiff)


def test_similarity_and_local_maps_are_exact_on_affine_warps() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3)) * 40
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    scale, rotation, shift = similarity(points, 1.3 * points @ turn.T + [5, 6, 7])
    assert scale == pytest.approx(1.3)
    np.testing.assert_allclose(rotation, turn, atol=1e-9)
    np.testing.assert_allclose(shift, [5, 6, 7], atol=1e-7)
    maps = local_maps(points, 1.3 * points @ turn.T, points[:10])
    np.testing.assert_allclose(maps, np.broadcast_to(1.3 * turn, (10, 3, 3)), atol=1e-9)


def test_nearest_points_keep_to_the_side_that_faces_them() -> None:
    square = np.array([[0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]], dtype=np.float64)
    both = Patch(np.concatenate([square, square - [0, 0, 1]]), np.array([[0, 1, 2], [0, 2, 3], [6, 5, 4], [7, 6, 4]]))
    points, up = np.array([[4.0, 3.0, -0.8], [20.0, 5.0, 0.0]]), np.array([[0, 0, 1.0], [0, 0, 1.0]])
    nearest = both.nearest(points, up)
    at = both.interpolate(nearest, both.vertices_mm)
    np.testing.assert_allclose(at, [[4, 3, 0], [10, 5, 0]], atol=1e-9)
    np.testing.assert_allclose(nearest.distance_mm, [0.8, 10])
    np.testing.assert_allclose(both.interpolate(both.nearest(points, -up), both.vertices_mm)[:, 2], -1)
    assert not both.nearest(points, np.array([[1.0, 0, 0], [1.0, 0, 0]])).found.any()


def test_exports_play_on_the_users_model(
    truth: Truth, model: BodyModel, built: RetargetMap, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("EMOTE3D_CACHE", str(tmp_path))
    from emote3d.retarget import caching

    caching._write(built, cache_folder() / f"{fingerprint(model)}.npz")
    motion = random_faces(4)
    job = Export(motion, avatar_path=truth.path)
    assert job.played.face is not None and job.played.face.basis == "flame2020"
    export(job, [tmp_path / "m.npz"])
    with np.load(tmp_path / "m.npz") as file:
        np.testing.assert_allclose(file["expressions"], job.played.face.expression.numpy(), atol=1e-6)
        np.testing.assert_allclose(file["poses"][:, 66:69], job.played.face.jaw_axis_angle.numpy(), atol=1e-6)
    again = read_motion(tmp_path / "m.npz")  # our own keys keep the ARKit coefficients
    np.testing.assert_allclose(again.arkit()[1], motion.arkit()[1], atol=1e-6)


def test_the_verb(truth: Truth, model: BodyModel, built: RetargetMap, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("EMOTE3D_CACHE", str(tmp_path))
    from emote3d.retarget import caching

    caching._write(built, cache_folder() / f"{fingerprint(model)}.npz")
    motion = random_faces(10)
    save_motion(motion, tmp_path / "m.npz")

    def run(given: str, to: str, output: str, source: str | None = None) -> dict[str, Any]:
        Retarget(motion=tmp_path / given, to=to, output=tmp_path / output, source=source, json=True).run()
        return json.loads(capsys.readouterr().out)

    flame = f"flame:{truth.path}"
    facts = run("m.npz", flame, "flame.npz")
    assert facts["basis"] == "flame2020" and len(facts["map"]["shapes"]) == 52
    facts = run("flame.npz", "arkit", "back.csv", flame)
    assert facts["basis"] == "arkit52" and facts["map"]["mean_lips_mm"] < 1
    assert np.abs(read_motion(tmp_path / "back.csv").arkit()[1] - motion.arkit()[1]).mean() < 0.02
    assert run("flame.npz", "metahuman", "curves.json", flame)["shapes"] > 70
    for to, output, source, says in (
        ("arkit", "x.npz", None, "--source flame:PATH"),
        ("nowhere.glb", "x.npz", flame, "written as .glb or .vrm"),
        ("nowhere.glb", "x.glb", flame, "cannot read the avatar"),
        ("metahuman", "x.csv", flame, r"written as \.json"),
        ("arkit", "none/x.npz", None, "no folder"),
    ):
        with pytest.raises(Emote3DError, match=says):
            run("flame.npz", to, output, source)
