"""Writes VRM 1.0: the avatar with its expressions (.vrm), and a motion for any VRM avatar (.vrma)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from emote3d.engine import arkit_face
from emote3d.errors import Emote3DError
from emote3d.export.glb import save_glb
from emote3d.export.gltf_buffers import Buffer
from emote3d.export.gltf_scene import Tracks, bone_nodes, fill_scene
from emote3d.export.morphs import fit_weights
from emote3d.export.puppet import bones_of, build_puppet, local_rotations, root_moves
from emote3d.export.registry import Export
from emote3d.export.rig_maps import load_rig
from emote3d.names import SMPLX_JOINTS
from emote3d.visemes import viseme_recipes, viseme_weights

VISEMES = {"aa": "aa", "ih": "I", "ou": "U", "ee": "E", "oh": "O"}
"""The Oculus viseme whose recipe draws each of VRM's mouth shapes."""
MOODS: dict[str, dict[str, float]] = {
    "blink": {"eyeBlinkLeft": 1, "eyeBlinkRight": 1},
    "blinkLeft": {"eyeBlinkLeft": 1},
    "blinkRight": {"eyeBlinkRight": 1},
    "lookUp": {"eyeLookUpLeft": 1, "eyeLookUpRight": 1},
    "lookDown": {"eyeLookDownLeft": 1, "eyeLookDownRight": 1},
    "lookLeft": {"eyeLookOutLeft": 1, "eyeLookInRight": 1},
    "lookRight": {"eyeLookInLeft": 1, "eyeLookOutRight": 1},
    "happy": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5},
    "angry": {"browDownLeft": 0.9, "browDownRight": 0.9, "noseSneerLeft": 0.4, "noseSneerRight": 0.4, "mouthPressLeft": 0.4, "mouthPressRight": 0.4},
    "sad": {"browInnerUp": 0.8, "mouthFrownLeft": 0.7, "mouthFrownRight": 0.7, "eyeSquintLeft": 0.2, "eyeSquintRight": 0.2},
    "relaxed": {"mouthSmileLeft": 0.3, "mouthSmileRight": 0.3, "eyeBlinkLeft": 0.25, "eyeBlinkRight": 0.25},
    "surprised": {"browInnerUp": 0.7, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8, "eyeWideLeft": 0.7, "eyeWideRight": 0.7, "jawOpen": 0.25},
    "neutral": {},
}  # fmt: skip
"""ARKit coefficients of VRM's other expressions at full strength."""
ANIMATED = (*VISEMES, "blinkLeft", "blinkRight", "happy", "angry", "sad", "surprised")
"""Expressions of a .vrma."""
LICENCE = "https://vrm.dev/licenses/1.0/"
_STILL = ("jaw", "leftEye", "rightEye")
"""Bones that a .vrma leaves alone: the mouth has expressions, the eyes have lookAt."""


def write_vrm(job: Export, path: Path) -> list[str]:
    """Write the avatar at rest with VRM's bones and expressions.

    Raises:
        Emote3DError: the avatar is not a whole body with ARKit shapes.
    """
    puppet = build_puppet(job)
    names = [shape.name for shape in puppet.shapes]
    _require_body(puppet.joint_names, path)
    if job.avatar.basis != "arkit52":
        raise Emote3DError(
            f"cannot write {path}: expected an avatar with ARKit shapes, this one has {names[0]} and so on"
        )
    buffer = Buffer()
    document = fill_scene(puppet, buffer, animated=False)
    face = next(index for index, node in enumerate(document["nodes"]) if node.get("name") == "Face")
    document["extensionsUsed"] = ["VRMC_vrm"]
    document["extensions"] = {
        "VRMC_vrm": {
            "specVersion": "1.0",
            "meta": {"name": "emote3d avatar", "version": "1", "authors": ["emote3d"], "licenseUrl": LICENCE},
            "humanoid": {"humanBones": _nodes_of(human_bones())},
            "expressions": {"preset": _presets(names, face)},
            "lookAt": _look_at(),
        }
    }
    save_glb(document, buffer, path)
    return [f"{path.name} holds the avatar; its motion goes into a .vrma (-o {path.stem}.vrma)"]


def write_vrma(job: Export, path: Path) -> list[str]:
    """Write the motion for any VRM 1.0 avatar: bones, expressions, gaze.

    Raises:
        Emote3DError: the avatar is no whole body, or its face is not in ARKit's basis.
    """
    avatar, motion = job.avatar, job.motion
    _require_body(avatar.joint_names, path)
    human = _nodes_of({bone: joint for bone, joint in human_bones().items() if bone not in _STILL})
    joints_m = avatar.joints_m.numpy().astype(np.float32)
    buffer = Buffer()
    nodes = bone_nodes(avatar.joint_names, avatar.parents, bones_of(joints_m, avatar.parents))
    tracks = Tracks((np.arange(motion.frames) / motion.fps).astype(np.float32), buffer)
    xyzw = np.roll(local_rotations(avatar, motion), -1, -1)
    for bone in human.values():
        tracks.add(bone["node"], "rotation", xyzw[:, bone["node"]], np.array([0, 0, 0, 1], np.float32))
    tracks.add(0, "translation", joints_m[0] + root_moves(avatar, motion), joints_m[0])
    extension: dict[str, Any] = {"specVersion": "1.0", "humanoid": {"humanBones": human}}
    if motion.face is not None:
        extension |= _face(job, nodes, tracks)
    document = {
        "asset": {"version": "2.0", "generator": "emote3d"},
        "extensionsUsed": ["VRMC_vrm_animation"],
        "extensions": {"VRMC_vrm_animation": extension},
        "scene": 0,
        "scenes": [{"nodes": [0, *range(len(SMPLX_JOINTS), len(nodes))]}],
        "nodes": nodes,
        "animations": [{"name": "Take", "channels": tracks.channels, "samplers": tracks.samplers}],
    }
    save_glb(document, buffer, path)
    return ["the motion has no body: the .vrma stands with hanging arms"] if motion.body is None else []


def _require_body(joint_names: tuple[str, ...], path: Path) -> None:
    if joint_names != SMPLX_JOINTS:
        raise Emote3DError(f"cannot write {path}: expected a whole-body avatar with 55 joints, got {len(joint_names)}")


def human_bones() -> dict[str, str]:
    """The SMPL-X joint of each of VRM's bones."""
    return dict(load_rig("vrm").bones)


def _nodes_of(bones: dict[str, str]) -> dict[str, dict[str, int]]:
    return {bone: {"node": SMPLX_JOINTS.index(joint)} for bone, joint in bones.items()}


def expression_recipes() -> dict[str, dict[str, float]]:
    """ARKit coefficients of each of VRM's expressions at full strength."""
    visemes = viseme_recipes()
    return {preset: visemes[viseme] for preset, viseme in VISEMES.items()} | MOODS


def expression_weights(job: Export) -> Float32[ndarray, "frames animated"]:
    """Weights of `ANIMATED`: the mouth's from visemes, then those of the moods that come nearest to what is left.

    Near means least squares over the avatar's vertices; consonants are mixed from the vowels in that sense too.

    Raises:
        Emote3DError: the motion's face is not in ARKit's basis.
    """
    coefficients = arkit_face(job.motion).expression
    recipes = expression_recipes()
    flat = job.avatar.expression_dirs.flatten(1)
    gram = (flat @ flat.T).double().numpy()
    names = job.avatar.expression_names
    oculus = np.array([[recipe.get(name, 0.0) for name in names] for recipe in viseme_recipes().values()], np.float32)
    table = np.array([[recipes[preset].get(name, 0.0) for name in names] for preset in ANIMATED], np.float32)
    mouth, moods = table[: len(VISEMES)], table[len(VISEMES) :]
    opening = viseme_weights(coefficients).numpy() @ _nearest(gram, oculus, mouth)
    rest = coefficients.numpy() - opening @ mouth
    return np.concatenate([opening.clip(0, 1), _nearest(gram, rest, moods)], 1).astype(np.float32)


def _nearest(
    gram: Float64[ndarray, "shapes shapes"],
    faces: Float32[ndarray, "faces shapes"],
    table: Float32[ndarray, "presets shapes"],
) -> Float32[ndarray, "faces presets"]:
    """Weights in [0, 1] of presets that come nearest to each face."""
    everything = np.concatenate([np.eye(len(gram)), table])
    wanted = np.pad(faces, ((0, 0), (0, len(table))))
    chosen = list(range(len(gram), len(everything)))
    return fit_weights(everything @ gram @ everything.T, wanted, chosen, bounded=True)


def _presets(names: list[str], face: int) -> dict[str, dict[str, Any]]:
    """VRM's expressions as mixtures of the avatar's shapes; those that are not kept are left out."""
    presets = {}
    for preset, recipe in expression_recipes().items():
        binds = [
            {"node": face, "index": names.index(name), "weight": round(float(weight), 4)}
            for name, weight in recipe.items()
            if name in names
        ]
        presets[preset] = {"morphTargetBinds": binds} if binds else {}
    return presets


def _look_at() -> dict[str, Any]:
    reach = {"inputMaxValue": 60.0, "outputScale": 40.0}
    maps = ("rangeMapHorizontalInner", "rangeMapHorizontalOuter", "rangeMapVerticalDown", "rangeMapVerticalUp")
    return {"type": "bone", "offsetFromHeadBone": [0.0, 0.03, 0.07]} | dict.fromkeys(maps, reach)


def _face(job: Export, nodes: list[dict[str, Any]], tracks: Tracks) -> dict[str, Any]:
    """Nodes and tracks of expressions and gaze: an expression's weight is its node's x."""
    weights, face = expression_weights(job), job.motion.face
    assert face is not None
    presets = {}
    for name, weight in zip(ANIMATED, weights.T, strict=True):
        presets[name] = {"node": len(nodes)}
        places = np.column_stack([weight, np.zeros((len(weight), 2), np.float32)])
        tracks.add(len(nodes), "translation", places, np.zeros(3, np.float32))
        nodes.append({"name": name})
    gaze = len(nodes)
    nodes.append({"name": "lookAt"})
    tracks.add(gaze, "rotation", _gaze(face.eyes_axis_angle.numpy()), np.array([0, 0, 0, 1], np.float32))
    return {"expressions": {"preset": presets}, "lookAt": {"node": gaze, "offsetFromHeadBone": [0.0, 0.03, 0.07]}}


def _gaze(eyes_axis_angle: Float32[ndarray, "frames 2 3"]) -> Float32[ndarray, "frames 4"]:
    """The middle of both eyes' rotations as xyzw."""
    middle = eyes_axis_angle.mean(1)
    angle = np.linalg.norm(middle, axis=1, keepdims=True)
    return np.concatenate([np.sinc(angle / 2 / np.pi) / 2 * middle, np.cos(angle / 2)], 1).astype(np.float32)
