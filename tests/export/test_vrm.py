"""VRM files in three-vrm in Chromium: the open avatar as .vrm, moved by a .vrma."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from readers.node import chromium, node

from emote3d.errors import Emote3DError
from emote3d.export.formats import ExportOptions
from emote3d.export.registry import Export
from emote3d.export.vrm import ANIMATED, expression_recipes, expression_weights, human_bones, write_vrm, write_vrma
from emote3d.files import asset_path
from emote3d.names import ARKIT_52
from emote3d.records import BodyMotion, Motion


@pytest.fixture
def take(talking: Motion, gesture: BodyMotion) -> Export:
    return Export(Motion(face=talking.face, body=gesture, fps=30.0))


def test_three_vrm_plays_it(tmp_path: Path, take: Export):
    chromium()
    (note,) = write_vrm(take, tmp_path / "avatar.vrm")
    assert ".vrma" in note
    assert write_vrma(take, tmp_path / "take.vrma") == []
    frames = (0, 7)
    times = [f"{frame / 30:.6f}" for frame in frames]
    seen = json.loads(node("vrm.mjs", tmp_path / "avatar.vrm", tmp_path / "take.vrma", *times))
    assert seen["problems"] == []
    assert (seen["version"], seen["duration"]) == ("1", pytest.approx(11 / 30))
    joints_m, bones = take.avatar.pose(take.motion).joints_m.numpy(), human_bones()
    weights = expression_weights(take)
    for frame, shown in zip(frames, seen["frames"], strict=True):
        assert set(shown["bones"]) == set(bones)
        for bone, joint in bones.items():
            place_m = joints_m[frame, take.avatar.joint_names.index(joint)]
            assert np.allclose(shown["bones"][bone], place_m, atol=1e-3), bone
        expressions = [shown["expressions"][name] for name in ANIMATED]
        assert np.allclose(expressions, weights[frame], atol=1e-3)
        assert max(shown["influences"]) > 0.02
    assert abs(seen["frames"][0]["yaw"] - seen["frames"][1]["yaw"]) > 0.1


def test_khronos_validator_finds_no_fault(tmp_path: Path, take: Export, talking: Motion):
    write_vrm(take, tmp_path / "avatar.vrm")
    (note,) = write_vrma(Export(talking), tmp_path / "face.vrma")
    assert "no body" in note
    for report in json.loads(node("validate.mjs", tmp_path / "avatar.vrm", tmp_path / "face.vrma")):
        assert (report["errors"], report["warnings"]) == (0, 0), report
        assert {message["code"] for message in report["messages"]} <= {
            "UNSUPPORTED_EXTENSION",
            "UNUSED_OBJECT",
            "NODE_EMPTY",
        }


def test_expressions_keep_to_the_shapes_that_are_left(tmp_path: Path, talking: Motion):
    write_vrm(Export(talking, options=ExportOptions(morphs=8)), tmp_path / "a.vrm")
    data = (tmp_path / "a.vrm").read_bytes()
    document = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    names = document["meshes"][0]["extras"]["targetNames"]
    presets = document["extensions"]["VRMC_vrm"]["expressions"]["preset"]
    binds = [bind for preset in presets.values() for bind in preset.get("morphTargetBinds", [])]
    assert binds and all(0 <= bind["index"] < len(names) == 8 for bind in binds)
    assert "animations" not in document and set(names) <= set(ARKIT_52)


def test_expressions_are_found_again_in_the_face_that_they_make(talking: Motion):
    """A face mixed from a mouth and a wink comes back, with nothing else in it."""
    recipes = expression_recipes()
    face = talking.face
    assert face is not None
    expression = torch.zeros(12, 52)
    for preset, weight in (("oh", 0.6), ("blinkLeft", 0.9), ("surprised", 0.0)):
        for name, part in recipes[preset].items():
            expression[:, ARKIT_52.index(name)] += weight * part
    found = expression_weights(Export(Motion(face=dataclasses.replace(face, expression=expression), fps=30.0)))
    table = np.array([[recipes[preset].get(name, 0.0) for name in ARKIT_52] for preset in ANIMATED])
    assert np.abs(found @ table - expression.numpy()).max() < 0.12  # ou and aa together are nearly oh
    assert found[0, ANIMATED.index("blinkLeft")] == pytest.approx(0.9, abs=0.02)
    assert found[0, 6:].max() < 0.05 and found[0, :5].sum() > 0.5


def test_a_head_is_no_vrm(tmp_path: Path, talking: Motion):
    head = Export(talking, avatar_path=asset_path("assets", "flame", "open_head.npz"))
    for writer, name in ((write_vrm, "a.vrm"), (write_vrma, "a.vrma")):
        with pytest.raises(Emote3DError, match="55 joints"):
            writer(head, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
