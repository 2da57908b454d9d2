"""glTF files in readers that nobody here wrote: Khronos' validator, and three.js in Chromium."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from readers.node import chromium, node
from scipy.optimize import lsq_linear

from emote3d.export.formats import ExportOptions
from emote3d.export.glb import write_glb, write_gltf
from emote3d.export.morphs import choose_shapes, fit_weights
from emote3d.export.parts import cut
from emote3d.export.puppet import build_puppet
from emote3d.export.registry import Export
from emote3d.names import ARKIT_52, OCULUS_VISEMES
from emote3d.records import BodyMotion, Motion
from emote3d.visemes import viseme_recipes


def _json(path: Path) -> dict:
    with path.open("rb") as file:
        file.seek(12)
        (length,) = struct.unpack("<I4x", file.read(8))
        return json.loads(file.read(length))


@pytest.fixture
def take(talking: Motion, gesture: BodyMotion) -> Export:
    return Export(Motion(face=talking.face, body=gesture, fps=30.0))


def test_khronos_validator_finds_nothing(tmp_path: Path, take: Export, talking: Motion):
    write_glb(take, tmp_path / "whole.glb")
    write_gltf(Export(talking, options=ExportOptions(morphs=8)), tmp_path / "face.gltf")
    write_glb(Export(Motion(body=take.motion.body, fps=60.0)), tmp_path / "body.glb")
    reports = json.loads(node("validate.mjs", *(tmp_path / name for name in ("whole.glb", "face.gltf", "body.glb"))))
    assert [(report["errors"], report["warnings"], report["infos"]) for report in reports] == [(0, 0, 0)] * 3, reports
    assert reports[0]["info"]["maxInfluences"] == 8
    assert reports[0]["info"]["animationCount"] == 1
    assert (tmp_path / "whole.glb").stat().st_size < 15e6


def test_three_js_plays_it(tmp_path: Path, take: Export):
    chromium()
    write_glb(take, tmp_path / "take.glb")
    frames = (0, 7)
    seen = json.loads(node("play.mjs", tmp_path / "take.glb", tmp_path, *(f"{frame / 30:.6f}" for frame in frames)))
    assert seen["problems"] == []
    assert (seen["bones"], tuple(seen["shapes"])) == (55, ARKIT_52)
    assert seen["duration"] == pytest.approx(11 / 30)
    mesh, puppet = take.avatar.pose(take.motion), build_puppet(take)
    sampled = np.concatenate([part.verts[::997] for parts in cut(puppet) for part in parts])
    for frame, shown in zip(frames, seen["frames"], strict=True):
        assert take.motion.face is not None
        assert np.allclose(shown["influences"], take.motion.face.expression[frame], atol=1e-3)
        bones = np.array([shown["bones"][name] for name in take.avatar.joint_names])
        assert np.allclose(bones, mesh.joints_m[frame], atol=1e-4)
        off = np.linalg.norm(np.array(shown["verts"]) - mesh.vertices_m[frame].numpy()[sampled], axis=1)
        assert off.mean() < 5e-4 and off.max() < 0.02, (off.mean(), off.max())  # three.js knows four bones a vertex
    pictures = [(tmp_path / f"three_{index}.png").read_bytes() for index in range(2)]
    assert pictures[0] != pictures[1]


def test_skeleton_of_the_file_is_the_posed_one(tmp_path: Path, take: Export):
    """Vertices from the puppet's own numbers, with all eight bones, are those of the body model."""
    puppet = build_puppet(take)
    mesh = take.avatar.pose(take.motion)
    frame = 5
    shaped = puppet.vertices_m.astype(np.float64)
    for weight, shape in zip(puppet.shape_weights[frame], puppet.shapes, strict=True):
        shaped[shape.verts] += weight * shape.offsets_m
    turned, moved = _posed(puppet, frame)
    local = shaped[:, None] - puppet.joints_m[puppet.skin_joints]
    posed = np.einsum("vkij,vkj->vki", turned[puppet.skin_joints], local) + moved[puppet.skin_joints]
    off = np.linalg.norm((puppet.skin_weights[..., None] * posed).sum(1) - mesh.vertices_m[frame].numpy(), axis=1)
    assert off.max() < 5e-5


def _posed(puppet, frame):
    from scipy.spatial.transform import Rotation

    local = Rotation.from_quat(np.roll(puppet.rotations_wxyz[frame], -1, -1)).as_matrix()
    turned, moved = np.zeros((55, 3, 3)), np.zeros((55, 3))
    for joint, parent in enumerate(puppet.parents):
        above = turned[parent] if parent >= 0 else np.eye(3)
        start = moved[parent] if parent >= 0 else puppet.translation_m[frame]
        turned[joint], moved[joint] = above @ local[joint], start + above @ puppet.bones_m[joint]
    return turned, moved


@pytest.mark.parametrize("morphs", [8, 32, 52])
def test_fewer_shapes_keep_the_names(tmp_path: Path, talking: Motion, morphs: int):
    write_glb(Export(talking, options=ExportOptions(morphs=morphs)), tmp_path / "a.glb")
    document = _json(tmp_path / "a.glb")
    names = document["meshes"][0]["extras"]["targetNames"]
    assert len(names) == morphs == len(set(names))
    assert set(names) <= set(ARKIT_52)
    assert all(len(primitive["targets"]) == morphs for primitive in document["meshes"][0]["primitives"])
    weights = next(c for c in document["animations"][0]["channels"] if c["target"]["path"] == "weights")
    sampler = document["animations"][0]["samplers"][weights["sampler"]]
    assert document["accessors"][sampler["output"]]["count"] == 12 * morphs


def test_visemes_are_mixed_from_arkit_and_rest(talking: Motion):
    puppet = build_puppet(Export(talking, options=ExportOptions(visemes=True)))
    names = [shape.name for shape in puppet.shapes]
    assert names == [*ARKIT_52, *(f"viseme_{name}" for name in OCULUS_VISEMES)]
    assert not puppet.shape_weights[:, 52:].any() and puppet.shape_weights[:, :52].any()
    shapes = dict(zip(names, puppet.shapes, strict=True))
    assert not len(shapes["viseme_sil"].verts)
    recipe = viseme_recipes()["O"]
    assert set(recipe) == {"jawOpen", "mouthPucker", "mouthFunnel"}
    expected = np.zeros_like(puppet.vertices_m)
    for name, weight in recipe.items():
        expected[shapes[name].verts] += weight * shapes[name].offsets_m
    mixed = np.zeros_like(expected)
    mixed[shapes["viseme_O"].verts] = shapes["viseme_O"].offsets_m
    assert np.abs(mixed - expected).max() < 1e-5


def test_chosen_shapes_and_weights_are_the_best():
    rng = np.random.default_rng(0)
    offsets = rng.normal(size=(6, 30)) * np.array([1, 2, 0.1, 1, 0.2, 1.5])[:, None]
    gram, weights = offsets @ offsets.T, rng.random((20, 6)).astype(np.float32)
    chosen = choose_shapes(gram, weights, 3)
    fitted = fit_weights(gram, weights, chosen, bounded=True)
    for frame in range(len(weights)):
        exact = lsq_linear(offsets[chosen].T, weights[frame] @ offsets, (0, 1)).x
        assert np.allclose(fitted[frame], exact, atol=2e-3)
    free = fit_weights(gram, weights, chosen, bounded=False)
    exact = np.linalg.lstsq(offsets[chosen].T, (weights @ offsets).T, rcond=None)[0].T
    assert np.allclose(free, exact, atol=1e-5)
    target = weights @ offsets
    left = [np.square(target - target @ np.linalg.pinv(offsets[[k]]) @ offsets[[k]]).sum() for k in range(6)]
    assert choose_shapes(gram, weights, 1) == [int(np.argmin(left))]


def test_a_failing_export_leaves_nothing(tmp_path: Path, take: Export, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("emote3d.export.glb.struct.pack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_glb(take, tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []
    assert torch.isfinite(take.avatar.template_m).all()
