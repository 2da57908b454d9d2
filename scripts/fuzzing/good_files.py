"""Small good files of every kind, as bytes."""

from __future__ import annotations

import io
import json
import pickle
import struct
from typing import Any

import numpy as np
import torch

from emote3d.files import asset_path
from emote3d.names import ARKIT_52
from emote3d.records import FaceMotion, Motion

FRAMES = 6


WAVE = (8000 * np.sin(np.arange(6400) * 0.07)).astype(np.int16)


DIRECTION = b"""emotion: happy:0.6+surprise:0.4
intensity: 0.8
head_motion: 1.0
blink_rate: 1.0
gaze: camera
at: [{time: 0.5, emotion: sad, intensity: 1.1}, "1.5:happy"]
"""


RIG = b"""about: a rig
prefix: "face_"
sides: {L: Left, R: Right}
shapes:
  "smile_{side}": "mouthSmile{Side}"
  open: {of: {jawOpen: 0.8, mouthFunnel: 0.2}, curve: [[0, 0], [0.5, 0.7], [1, 1]]}
also: {mouth_open: open}
bones: {spine_a: spine1, head: head}
fingers: {left: {index: [a, b, c]}}
"""


SPEAK = b"starts shy, then breaks into a broad smile at the end; at 2.5 s angry for 3 seconds, looks away 20% more\n"


def wav() -> bytes:
    """Sound of 0.4 s."""
    data = WAVE.astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", len(data))  # fmt: skip
    return head + data


def npz(**members: Any) -> bytes:
    """These members."""
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **members)
    return out.getvalue()


def motion() -> Motion:
    """A face of a few frames."""
    generator = torch.Generator().manual_seed(0)
    face = FaceMotion(
        expression=torch.rand(FRAMES, len(ARKIT_52), generator=generator),
        basis="arkit52",
        jaw_axis_angle=torch.zeros(FRAMES, 3),
        neck_axis_angle=torch.zeros(FRAMES, 3),
        eyes_axis_angle=torch.zeros(FRAMES, 2, 3),
    )
    return Motion(face=face, fps=30.0)


def flame(sparse: bool) -> bytes:
    """A small FLAME-shaped pickle, with its regressor in scipy's form as in the files that are handed out."""
    from scipy.sparse import csc_matrix

    rng = np.random.default_rng(0)
    regressor = rng.random((5, 12))
    members = {
        "v_template": rng.normal(size=(12, 3)), "shapedirs": rng.normal(size=(12, 3, 400)), "posedirs": rng.normal(size=(12, 3, 36)),
        "J_regressor": csc_matrix(regressor) if sparse else regressor, "weights": rng.random((12, 5)), "f": np.arange(12, dtype=np.uint32).reshape(4, 3),
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
    }  # fmt: skip
    return pickle.dumps(members, protocol=2)


def flame_npz() -> bytes:
    """FLAME's layout as npz."""
    return npz(**pickle.loads(flame(False)))


def glb(vrm: int) -> bytes:
    """A face with shapes on a small skeleton; with a VRM extension of version 0 or 1 where asked for."""
    shapes = ["jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthClose", "mouthSmileLeft"]
    bones = ["mixamorig:Hips", "mixamorig:Spine", "mixamorig:Neck", "mixamorig:Head", "mixamorig:LeftEye"]
    nodes: list[dict[str, Any]] = [
        {"name": name, "children": [index + 1], "translation": [0, 0.1, 0]} for index, name in enumerate(bones)
    ]
    nodes[4] |= {"children": [], "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}
    nodes.append({"name": "face", "mesh": 0, "skin": 0})
    document: dict[str, Any] = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0, 5]}], "nodes": nodes,
        "skins": [{"joints": [0, 1, 2, 3, 4]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "targets": [{"POSITION": 0}] * len(shapes)}], "weights": [0] * len(shapes), "extras": {"targetNames": shapes}}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteOffset": 0, "byteLength": 36}], "buffers": [{"byteLength": 36}],
    }  # fmt: skip
    human = ("hips", "spine", "neck", "head", "leftEye")
    if vrm == 1:
        binds = {
            "aa": {"morphTargetBinds": [{"node": 5, "index": 0, "weight": 1.0}]},
            "blink": {"morphTargetBinds": [{"node": 5, "index": 1, "weight": 1.0}]},
        }
        document["extensions"] = {
            "VRMC_vrm": {
                "specVersion": "1.0",
                "humanoid": {"humanBones": {name: {"node": i} for i, name in enumerate(human)}},
                "expressions": {"preset": binds},
            }
        }
    elif vrm == 0:
        groups = [{"name": "A", "presetName": "a", "binds": [{"mesh": 0, "index": 0, "weight": 100}]}]
        document["extensions"] = {
            "VRM": {
                "humanoid": {"humanBones": [{"bone": name, "node": i} for i, name in enumerate(human)]},
                "blendShapeMaster": {"blendShapeGroups": groups},
            }
        }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return (
        struct.pack("<4sIIII", b"glTF", 2, 28 + len(text) + 36, len(text), 0x4E4F534A)
        + text
        + struct.pack("<II", 36, 0x4E4942)
        + bytes(36)
    )


def csv() -> bytes:
    """Live Link Face."""
    head = "Timecode,BlendshapeCount," + ",".join(name[0].upper() + name[1:] for name in ARKIT_52)
    return (
        head + "".join(f"\n00:00:00:{index:02d}.000,61," + ",".join(["0.25"] * 52) for index in range(FRAMES))
    ).encode()


def audio2face() -> bytes:
    """Weights of Audio2Face."""
    weights = [[0.1] * len(ARKIT_52)] * 2
    content = {
        "exportFps": 30,
        "trackPath": "a.wav",
        "numPoses": 52,
        "numFrames": 2,
        "facsNames": ARKIT_52,
        "weightMat": weights,
    }
    return json.dumps(content).encode()


def grid() -> bytes:
    """A TextGrid of two phones."""
    rows = ("0", "0.2", '"AH0"', "0.2", "0.4", '"P"')
    head = ('File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "1", "<exists>", "1", '"IntervalTier"', '"phones"', "0", "1", "2")  # fmt: skip
    return "\n".join((*head, *rows)).encode()


def smplx() -> bytes:
    """A motion as BEAT2 has it."""
    return npz(poses=np.zeros((FRAMES, 165)), trans=np.zeros((FRAMES, 3)), mocap_frame_rate=np.array(30.0), betas=np.zeros(300), expressions=np.zeros((FRAMES, 100)))  # fmt: skip


def hdf5() -> bytes:
    """A reconstruction of MEAD."""
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for key, width in (("shape", 100), ("exp", 50), ("jaw", 3)):
            file[key] = np.zeros((1, 10, width), np.float32)
    return out.getvalue()


def torch_file() -> bytes:
    """A checkpoint of torch."""
    out = io.BytesIO()
    torch.save({"state_dict": {"a": torch.zeros(4)}, "epoch": 3, "hyper_parameters": {"lr": 1e-3}}, out)
    return out.getvalue()


def latents_state() -> dict[str, torch.Tensor]:
    """Weights of the latents component."""
    from safetensors.torch import load_file

    return load_file(asset_path("checkpoints", "open-v1") / "latents" / "model.safetensors")
