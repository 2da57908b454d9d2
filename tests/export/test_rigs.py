import json
from pathlib import Path

import numpy as np
import pygltflib
import pytest
from scipy.spatial.transform import Rotation

from emote3d.body import open_avatar
from emote3d.errors import Emote3DError
from emote3d.export.glb_file import GlbFile
from emote3d.export.rig_glb import animate_glb, write_curves
from emote3d.export.rig_maps import best_rig, load_rig, preset_names, sources_of
from emote3d.names import ARKIT_52, OCULUS_VISEMES, SMPLX_JOINTS
from emote3d.records import BodyMotion, Motion

MIXAMO = load_rig("mixamo")


def make_glb(
    path: Path, targets: list[str], bones: dict[str, str], extensions: dict | None = None, armature=None, mirrors=()
) -> Path:
    """A file as exporters make it: an armature node above bones with their own axes, a mesh with named targets.

    The bones' scales are the `mirrors`, over and over.
    """
    file = GlbFile({"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}]}, bytearray())
    avatar, nodes = open_avatar(), [{"name": "Armature", "children": [], **(armature or {})}]
    place = {joint: bone for bone, joint in bones.items()}
    index, turn = {}, {}
    top = GlbFile({"nodes": nodes}, bytearray()).local(0)
    for joint, parent in enumerate(avatar.parents):
        name = SMPLX_JOINTS[joint]
        if name not in place:
            continue
        while parent >= 0 and SMPLX_JOINTS[parent] not in index:
            parent = avatar.parents[parent]
        above = SMPLX_JOINTS[parent] if parent >= 0 else None
        start = avatar.joints_m[parent].numpy() if above else top[:3, 3]
        size = np.linalg.norm(top[:3, 0])
        base = turn[above] if above else top[:3, :3] / size
        local_turn = Rotation.random(random_state=joint)
        scale = mirrors[joint % len(mirrors)] if mirrors else [1.0, 1.0, 1.0]
        turn[name] = base @ local_turn.as_matrix() * scale
        node = {
            "name": place[name],
            "translation": (np.linalg.inv(base * size) @ (avatar.joints_m[joint].double().numpy() - start)).tolist(),
            "rotation": local_turn.as_quat().tolist(),
            **({"scale": scale} if mirrors else {}),
        }
        index[name] = len(nodes)
        nodes[index[above] if above else 0].setdefault("children", []).append(index[name])
        nodes.append(node)
    if targets:
        position = file.add(np.eye(3))
        file.document["accessors"][position] |= {"min": [0, 0, 0], "max": [1, 1, 1]}
        moved = [{"POSITION": file.add(np.full((3, 3), 0.1))} for _ in targets]
        for one in moved:
            file.document["accessors"][one["POSITION"]] |= {"min": [0.1] * 3, "max": [0.1] * 3}
        mesh = {
            "primitives": [{"attributes": {"POSITION": position}, "targets": moved}],
            "extras": {"targetNames": targets},
        }
        file.document["meshes"] = [mesh]
        nodes[0]["children"].append(len(nodes))
        nodes.append({"name": "Head_Mesh", "mesh": 0})
    if not nodes[0]["children"]:
        del nodes[0]["children"]
    file.document |= {
        "nodes": nodes,
        **({"extensions": extensions, "extensionsUsed": list(extensions)} if extensions else {}),
    }
    file.write(path)
    return path


def tracks_of(path: Path) -> dict[tuple[str, str], np.ndarray]:
    """Every animated property, read by pygltflib."""
    gltf = pygltflib.GLTF2().load_binary(str(path))
    blob = gltf.binary_blob()
    assert gltf.animations[0].name == "emote3d" and blob is not None

    def values(accessor: int) -> np.ndarray:
        entry = gltf.accessors[accessor]
        view = gltf.bufferViews[entry.bufferView]
        start = (view.byteOffset or 0) + (entry.byteOffset or 0)
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[entry.type]
        return np.frombuffer(blob, np.float32, entry.count * width, start).reshape(entry.count, width)

    found = {}
    for channel in gltf.animations[0].channels:
        sampler = gltf.animations[0].samplers[channel.sampler]
        times = values(sampler.input)[:, 0]
        assert (np.diff(times) > 0).all()
        track = values(sampler.output)
        found[(gltf.nodes[channel.target.node].name, channel.target.path)] = track.reshape(len(times), -1)
    return found


def world_of(path: Path, tracks: dict[tuple[str, str], np.ndarray], frame: int) -> dict[str, np.ndarray]:
    """World matrices of all nodes in a frame."""
    file = GlbFile.read(path)
    worlds: dict[int, np.ndarray] = {}
    above = file.parents()

    def world(node: int) -> np.ndarray:
        if node not in worlds:
            entry = file.items("nodes")[node]
            for kind in ("rotation", "translation"):
                if (entry["name"], kind) in tracks:
                    entry[kind] = tracks[(entry["name"], kind)][frame].tolist()
            worlds[node] = (world(above[node]) if above[node] >= 0 else np.eye(4)) @ file.local(node)
        return worlds[node]

    return {entry["name"]: world(node) for node, entry in enumerate(file.items("nodes"))}


@pytest.mark.parametrize(
    ("armature", "mirrors"),
    [
        ({}, ()),
        ({"rotation": [-(0.5**0.5), 0, 0, 0.5**0.5], "scale": [0.01] * 3}, ()),
        ({"scale": [-0.01, -0.01, 0.01]}, ()),
        ({"matrix": np.diag([0.01, 0.01, -0.01, 1.0]).flatten().tolist()}, ()),
        ({}, ([1, -1, 1], [1, 1, 1], [-1, -1, 1])),
    ],
)
def test_mixamo_bones_go_where_smplx_joints_go(
    tmp_path: Path, gesture: BodyMotion, armature: dict, mirrors: tuple
) -> None:
    """Whatever the axes of the bones and the armature, mirrored ones too, the joints lie where our own avatar's do."""
    bones = {f"mixamorig:{bone}": joint for bone, joint in MIXAMO.bones.items()}
    source = make_glb(tmp_path / "rig.glb", [], bones, armature=armature, mirrors=mirrors)
    motion = Motion(body=gesture, fps=30.0)
    rigged = animate_glb(source, motion, tmp_path / "out.glb")
    assert rigged.bones_rig == "mixamo" and len(rigged.bones) == len(bones) and rigged.shapes == ()
    counts = {"shapes": 0, "bones": len(bones), "unmoved_shapes": []}
    assert rigged.facts() == {"shapes_rig": rigged.shapes_rig, "bones_rig": "mixamo", **counts}
    tracks = tracks_of(tmp_path / "out.glb")
    wanted_m = motion.joint_positions(open_avatar())
    for frame in (0, 11):
        worlds = world_of(tmp_path / "out.glb", tracks, frame)
        for bone, joint in bones.items():
            if joint != "jaw":
                at = worlds[bone][:3, 3]
                np.testing.assert_allclose(at, wanted_m[frame, SMPLX_JOINTS.index(joint)], atol=2e-3, err_msg=bone)


def test_mirrored_matrices_can_be_animated() -> None:
    """A node with a matrix is taken apart; where it mirrors, the parts are the same matrix again."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = Rotation.random(random_state=1).as_matrix() * [2.0, 2.0, -2.0], [1, 2, 3]
    file = GlbFile({"nodes": [{"matrix": matrix.T.flatten().tolist()}]}, bytearray())
    file.take_apart(0)
    assert "matrix" not in file.items("nodes")[0]
    np.testing.assert_allclose(file.local(0), matrix, atol=1e-12)


def test_weights_that_are_too_few_or_too_many(tmp_path: Path, talking: Motion) -> None:
    """A mesh may say fewer or more of them than it has targets."""
    for weights in ([0.5], [0.5] * 9):
        source = make_glb(tmp_path / "rig.glb", ["brow", "jawOpen", "mouthClose"], {})
        file = GlbFile.read(source)
        file.items("meshes")[0]["weights"] = weights
        file.write(source)
        animate_glb(source, talking, tmp_path / "out.glb")
        track = tracks_of(tmp_path / "out.glb")[("Head_Mesh", "weights")].reshape(-1, 3)
        assert track.shape[0] == talking.frames and (track[:, 0] == 0.5).all()
        np.testing.assert_allclose(track[:, 1], talking.arkit()[1][:, ARKIT_52.index("jawOpen")], atol=1e-6)


def test_without_a_body_only_the_head_moves(tmp_path: Path, talking: Motion) -> None:
    source = make_glb(tmp_path / "rpm.glb", [*ARKIT_52, "viseme_aa"], dict(MIXAMO.bones))
    rigged = animate_glb(source, talking, tmp_path / "out.glb")
    assert (rigged.shapes_rig, rigged.bones_rig) == ("arkit", "mixamo")
    assert rigged.bones == ("Neck", "Head") and rigged.unmoved == ("viseme_aa",)  # eyes move by eyeLook*
    tracks = tracks_of(tmp_path / "out.glb")
    weights = tracks[("Head_Mesh", "weights")]
    np.testing.assert_allclose(weights[:, :52], talking.arkit()[1], atol=1e-6)
    assert not weights[:, 52].any()
    worlds = [world_of(tmp_path / "out.glb", tracks, frame)["Head"][:3, :3] for frame in (0, 6)]
    assert talking.face is not None
    turns = [Rotation.from_rotvec(talking.face.neck_axis_angle[frame].double().numpy()) for frame in (0, 6)]
    rest = world_of(source, {}, 0)["Head"][:3, :3]
    for world, turn in zip(worlds, turns, strict=True):
        np.testing.assert_allclose(world, turn.as_matrix() @ rest, atol=1e-5)


def test_spellings_and_visemes(tmp_path: Path, talking: Motion) -> None:
    meta = [
        name.replace("Left", "_L").replace("Right", "_R") if name.endswith(("Left", "Right")) else name
        for name in ARKIT_52
    ]
    animate_glb(make_glb(tmp_path / "meta.glb", meta, {}), talking, tmp_path / "out.glb")
    np.testing.assert_allclose(tracks_of(tmp_path / "out.glb")[("Head_Mesh", "weights")], talking.arkit()[1], atol=1e-6)
    oculus = [f"viseme_{name}" for name in OCULUS_VISEMES]
    rigged = animate_glb(make_glb(tmp_path / "oculus.glb", oculus, {"Head": "head"}), talking, tmp_path / "out.glb")
    assert rigged.shapes_rig == "oculus"
    np.testing.assert_allclose(
        tracks_of(tmp_path / "out.glb")[("Head_Mesh", "weights")], talking.visemes()[1], atol=1e-6
    )


def test_vrm_expressions_are_bound(tmp_path: Path, talking: Motion) -> None:
    bones = {f"J_{bone}": joint for bone, joint in load_rig("vrm").bones.items() if joint in ("head", "neck", "pelvis")}
    plain = make_glb(tmp_path / "plain.glb", ["a", "b", "c"], bones)
    names = [node["name"] for node in GlbFile.read(plain).items("nodes")]
    humans = {bone: {"node": names.index(f"J_{bone}")} for bone in ("hips", "neck", "head")}
    face = names.index("Head_Mesh")
    presets = {
        "blinkLeft": {"morphTargetBinds": [{"node": face, "index": 2, "weight": 0.5}]},
        "aa": {"morphTargetBinds": [{"node": face, "index": 1, "weight": 1.0}]},
        "relaxed": {"morphTargetBinds": [{"node": face, "index": 0, "weight": 1.0}]},
    }
    vrm = {"VRMC_vrm": {"specVersion": "1.0", "humanoid": {"humanBones": humans}, "expressions": {"preset": presets}}}
    source = make_glb(tmp_path / "avatar.vrm", ["x", "y", "z"], bones, vrm)
    rigged = animate_glb(source, talking, tmp_path / "out.vrm")
    assert (rigged.shapes_rig, rigged.bones_rig) == ("vrm", "vrm") and rigged.bones == ("neck", "head")
    weights = tracks_of(tmp_path / "out.vrm")[("Head_Mesh", "weights")]
    names_arkit, values = talking.arkit()
    np.testing.assert_allclose(weights[:, 2], 0.5 * values[:, names_arkit.index("eyeBlinkLeft")], atol=1e-6)
    assert weights[:, 1].max() > 0.05 and not weights[:, 0].any()


def test_the_file_stays_as_it_was(tmp_path: Path, talking: Motion) -> None:
    source = make_glb(
        tmp_path / "rig.glb", list(ARKIT_52), {"Head": "head"}, {"EXT_unknown": {"kept": [1, 2, {"ä": None}]}}
    )
    animate_glb(source, talking, tmp_path / "out.glb")
    before, after = GlbFile.read(source), GlbFile.read(tmp_path / "out.glb")
    assert after.numbers[: len(before.numbers)] == before.numbers
    for key, value in before.document.items():
        if key in ("accessors", "bufferViews"):
            assert after.document[key][: len(value)] == value
        elif key != "buffers":
            assert after.document[key] == value, key
    animate_glb(tmp_path / "out.glb", talking, tmp_path / "again.glb")
    assert len(GlbFile.read(tmp_path / "again.glb").items("animations")) == 1


def test_presets_are_sound_and_told_apart() -> None:
    for name in preset_names():
        rig = load_rig(name)
        assert rig.about and (rig.shapes or rig.bones)
        keys = [rig.key(shape) for shape in rig.shapes] + [f"bone {rig.key(bone)}" for bone in rig.bones]
        assert len(set(keys)) == len(keys), name
    names = [f"CTRL_expressions_{name}" for name in load_rig("metahuman").shapes]
    assert len(names) > 70

    def found(names: list[str], part: str = "shapes") -> str | None:
        rig = best_rig(names, part)
        return rig.name if rig else None

    assert found(names) == "metahuman"
    assert found(["mouthOpen", "mouthSmile"]) == "readyplayerme_basic"
    assert found(["aa", "ih", "ou", "blink"]) == "vrm"
    assert found(["Cube"]) is None
    assert found(["mixamorigHips", "mixamorigSpine"], "bones") == "mixamo"
    assert found(list(SMPLX_JOINTS), "bones") == "smplx"


def test_own_map_with_scales_and_curves(tmp_path: Path, talking: Motion) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "prefix: bs\nshapes:\n  open: {of: {jawOpen: 2.0, mouthClose: -1}, curve: [[0, 0], [0.5, 1], [1, 1]]}\n"
        "  grin: mouthSmileLeft\nbones: {skull: head}\n"
    )
    source = make_glb(tmp_path / "rig.glb", ["bs_open", "bs_grin", "bs_other"], {"skull": "head"})
    rigged = animate_glb(source, talking, tmp_path / "out.glb", str(path))
    assert rigged.shapes_rig == "mine" and rigged.bones == ("skull",) and rigged.unmoved == ("bs_other",)
    weights = tracks_of(tmp_path / "out.glb")[("Head_Mesh", "weights")]
    values = sources_of(talking)
    expected = np.clip(2 * (2 * values["jawOpen"] - values["mouthClose"]), 0, 1)
    np.testing.assert_allclose(weights[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(weights[:, 1], values["mouthSmileLeft"], atol=1e-6)
    write_curves(talking, str(path), tmp_path / "curves.json")
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert curves["names"] == ["bs_open", "bs_grin"] and curves["fps"] == 30
    np.testing.assert_allclose(np.array(curves["weights"])[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("shapes: {a: nothing}", "a: nothing is neither"),
        ("shapes: {a: {jawOpen: x}}", "a: expected a source"),
        ("shapes: {a: {of: jawOpen, curve: [[1, 0], [0, 1]]}}", "rising from"),
        ("bones: {a: nose}\nshapes: {b: 3}", "no joints of SMPL-X: a: nose"),
        ("also: {a: b}", "no shape of this map"),
        ("shape: {a: jawOpen}", "got ['shape']"),
        ("- a", "got list"),
        ("a: [", "cannot be read"),
        ("about: x", "neither shapes nor bones"),
    ],
)
def test_bad_maps_are_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text(text)
    with pytest.raises(Emote3DError) as caught:
        load_rig(path)
    assert says in str(caught.value) and "\n" not in str(caught.value), str(caught.value)


def test_fingers_without_bones_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "rig.yaml").write_text("shapes: {open: jawOpen}\nfingers: {left: {index}}\n")
    with pytest.raises(Emote3DError, match="expected a list of bones for left index") as caught:
        load_rig(tmp_path / "rig.yaml")
    assert "\n" not in str(caught.value)


def test_bad_avatars_are_one_line(tmp_path: Path, talking: Motion) -> None:
    good = make_glb(tmp_path / "good.glb", ["Cube"], {"thing": "head"})
    cases: list[tuple[bytes | None, str]] = [
        (None, "cannot read the avatar"),
        (b"", "no binary glTF"),
        (b"solid " * 10, "no binary glTF"),
        (good.read_bytes()[:200], "cut off"),
        (good.read_bytes().replace(b'{"asset"', b'["asset"'), "damaged"),
        (good.read_bytes(), "shapes: Cube; bones: Armature, thing"),
    ]
    for index, (content, says) in enumerate(cases):
        path = tmp_path / f"{index}.glb"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(Emote3DError) as caught:
            animate_glb(path, talking, tmp_path / "out.glb")
        assert says in str(caught.value) and "\n" not in str(caught.value), str(caught.value)
    assert not (tmp_path / "out.glb").exists()
    with pytest.raises(Emote3DError, match="arkit, character_creator, metahuman"):
        animate_glb(good, talking, tmp_path / "out.glb", "nowhere")


def test_odd_names_are_found(tmp_path: Path, talking: Motion) -> None:
    """Numbers that exporters add, prefixes with numbers, other tools' words; a mesh called like a bone is no bone."""
    names = {"mixamorig9:Hips_01": "pelvis", "mixamorig9:Neck_05": "neck", "mixamorig9:Head_06": "head"}
    source = make_glb(tmp_path / "a.glb", ["Eye_Blink_L", "Jaw_Open"], names)
    file = GlbFile.read(source)
    file.items("nodes")[-1]["name"] = "Head"  # the mesh
    file.write(source)
    rigged = animate_glb(source, talking, tmp_path / "out.glb")
    assert (rigged.bones_rig, rigged.bones) == ("mixamo", ("mixamorig9:Neck_05", "mixamorig9:Head_06"))
    assert rigged.shapes == ("Eye_Blink_L", "Jaw_Open")
    cases = {
        "unreal": ("neck_01", "head", "upperarm_l"),
        "rigify": ("DEF-spine.004", "DEF-spine.006", "DEF-upper_arm.L"),
        "vroid": ("J_Bip_C_Neck", "J_Bip_C_Head", "J_Bip_L_UpperArm"),
        "character_creator": ("CC_Base_NeckTwist01", "CC_Base_Head", "CC_Base_L_Upperarm"),
        "mmd": ("首", "頭", "左腕"),
    }
    for rig, bones in cases.items():
        found = best_rig([*bones, "DEF-upper_arm.L.001", "Camera"], "bones")
        assert found is not None and found.name == rig
        assert [found.joint(bone) for bone in bones] == ["neck", "head", "left_shoulder"]
    vrchat, mmd = (
        best_rig(["vrc.v_aa", "vrc.v_ou", "vrc.blink"], "shapes"),
        best_rig(["あ", "い", "まばたき"], "shapes"),
    )
    assert vrchat is not None and mmd is not None and (vrchat.name, mmd.name) == ("oculus", "mmd")


def test_own_expressions_of_vrm_are_bound_once(tmp_path: Path, talking: Motion) -> None:
    """ARKit's shapes as custom expressions of VRM 1 and as groups of VRM 0 ("perfect sync"), beside morphs so called."""
    plain = make_glb(tmp_path / "plain.glb", list(ARKIT_52), {"Head": "head"})
    nodes = GlbFile.read(plain).items("nodes")
    face = next(index for index, node in enumerate(nodes) if "mesh" in node)
    custom = {n: {"morphTargetBinds": [{"node": face, "index": i, "weight": 1.0}]} for i, n in enumerate(ARKIT_52)}
    groups = [
        {"name": n.upper(), "presetName": "unknown", "binds": [{"mesh": 0, "index": i, "weight": 100}]}
        for i, n in enumerate(ARKIT_52)
    ]
    for extension in (
        {"VRMC_vrm": {"specVersion": "1.0", "expressions": {"custom": custom, "preset": {}}}},
        {"VRM": {"blendShapeMaster": {"blendShapeGroups": groups}}},
    ):
        for targets in (list(ARKIT_52), [f"m{index}" for index in range(52)]):
            source = make_glb(tmp_path / "a.vrm", targets, {"Head": "head"}, extension)
            assert animate_glb(source, talking, tmp_path / "out.vrm").shapes_rig == "arkit"
            weights = tracks_of(tmp_path / "out.vrm")[("Head_Mesh", "weights")]
            np.testing.assert_allclose(weights, talking.arkit()[1], atol=1e-6)
