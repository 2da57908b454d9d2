"""Every reader of the package with small good files of its kind and the ways to damage them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save

from emote3d.audio.load import load_speech
from emote3d.batch.manifest import Asked, direction_of, read_manifest
from emote3d.body import load_body_model
from emote3d.checkpoint import load_component
from emote3d.data.alignment import spoken_words
from emote3d.data.body_clips import find_clips, read_clip
from emote3d.data.flame_folder import FlameFolder
from emote3d.data.labels import emodb_speech, textgrid_speech
from emote3d.data.mead import MeadSet
from emote3d.errors import Emote3DError
from emote3d.export.audio2face import read_json
from emote3d.export.live_link import read_csv
from emote3d.export.rig_glb import animate_glb
from emote3d.export.rig_maps import load_rig
from emote3d.files import asset_path
from emote3d.latents.direction_file import load_direction
from emote3d.latents.instruction import parse_instruction
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.metrics.subjects import read_subject
from emote3d.motion import load_motion, motion_members
from emote3d.names import ARKIT_52
from emote3d.official.lightning_file import read_settings, read_state
from emote3d.records import FaceMotion, Motion
from emote3d.safe_pickle import load_pickle, to_array
from emote3d.stream.server.protocol import read_json as read_message
from emote3d.stream.server.protocol import read_start, unpack
from fuzzing import binaries, damage
from fuzzing.damage import Damage, damaged

FRAMES = 6
_WAVE = (8000 * np.sin(np.arange(6400) * 0.07)).astype(np.int16)


@dataclass(frozen=True)
class Case:
    """A good file and what reads it."""

    suffix: str
    read: Callable[[Path], object]
    good: bytes
    damages: Sequence[Damage] = (damaged,)

    def damaged(self, rng: np.random.Generator) -> bytes:
        """The file with one of its kinds of damage; blind damage in one of four."""
        chosen = damaged if rng.random() < 0.25 else damage.pick(self.damages, rng)
        try:
            return chosen(self.good, rng)
        except Exception:  # whatever numpy, zipfile, h5py and pickle find wrong
            return damaged(self.good, rng)  # what was damaged once could not be taken apart again


def _component(path: Path, name: str) -> object:
    """Read the file as a part of the latents component; the hash in its manifest is made right, so that weights are parsed."""
    good = asset_path("checkpoints", "open-v1") / "latents"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for part in ("config.json", "manifest.json", "model.safetensors"):
            (Path(folder) / part).write_bytes(path.read_bytes() if part == name else (good / part).read_bytes())
        if name != "manifest.json":
            weights = (Path(folder) / "model.safetensors").read_bytes()
            manifest = json.loads((good / "manifest.json").read_text()) | {
                "sha256": hashlib.sha256(weights).hexdigest()
            }
            (Path(folder) / "manifest.json").write_text(json.dumps(manifest))
        return load_component(folder, SpeechEncoder, SpeechEncoderConfig)


def _sounds() -> list[Case]:
    """Short recordings in several containers."""
    import av
    from av.audio.stream import AudioStream

    found = []
    kinds: tuple[tuple[str, str, Damage], ...] = (
        (".wav", "pcm_s16le", binaries.damaged_wav),
        (".flac", "flac", damaged),
        (".mp3", "libmp3lame", damaged),
        (".ogg", "libopus", binaries.damaged_ogg),
        (".m4a", "aac", binaries.damaged_mp4),
    )
    for suffix, codec, harm in kinds:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"seed{suffix}"
            rate = 48000 if codec == "libopus" else 16000
            with av.open(str(path), "w") as container:
                stream = cast("AudioStream", container.add_stream(codec, rate=rate, layout="mono"))
                resampler = av.AudioResampler(
                    format=stream.format.name, layout="mono", rate=rate, frame_size=stream.frame_size or 0
                )
                frame = av.AudioFrame.from_ndarray(_WAVE[None], format="s16", layout="mono")
                frame.sample_rate = 16000
                for part in [*resampler.resample(frame), *resampler.resample(None)]:
                    container.mux(stream.encode(part))
                container.mux(stream.encode(None))
            found.append(Case(suffix, load_speech, path.read_bytes(), (harm,)))
    return found


def _wav() -> bytes:
    data = _WAVE.astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", len(data))  # fmt: skip
    return head + data


def _npz(**members: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **members)
    return out.getvalue()


def _motion() -> Motion:
    generator = torch.Generator().manual_seed(0)
    face = FaceMotion(
        expression=torch.rand(FRAMES, len(ARKIT_52), generator=generator),
        basis="arkit52",
        jaw_axis_angle=torch.zeros(FRAMES, 3),
        neck_axis_angle=torch.zeros(FRAMES, 3),
        eyes_axis_angle=torch.zeros(FRAMES, 2, 3),
    )
    return Motion(face=face, fps=30.0)


def _flame(sparse: bool) -> bytes:
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


def _flame_npz() -> bytes:
    return _npz(**pickle.loads(_flame(False)))


def _glb(vrm: int) -> bytes:
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


def _animate(path: Path) -> None:
    made = path.with_name("made.glb")
    try:
        animate_glb(path, _motion(), made)
    finally:
        made.unlink(missing_ok=True)


def _csv() -> bytes:
    head = "Timecode,BlendshapeCount," + ",".join(name[0].upper() + name[1:] for name in ARKIT_52)
    return (
        head + "".join(f"\n00:00:00:{index:02d}.000,61," + ",".join(["0.25"] * 52) for index in range(FRAMES))
    ).encode()


def _audio2face() -> bytes:
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


def _grid() -> bytes:
    rows = ("0", "0.2", '"AH0"', "0.2", "0.4", '"P"')
    head = ('File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "1", "<exists>", "1", '"IntervalTier"', '"phones"', "0", "1", "2")  # fmt: skip
    return "\n".join((*head, *rows)).encode()


def _manifest(path: Path) -> None:
    for job in read_manifest(path, Asked(suffixes=(".npz",), fps=30, seed=0, folder=path.parent, checkpoint=None)):
        try:
            direction_of(job)
        except Emote3DError as error:
            _one_line(error)


def _one_line(error: Emote3DError) -> None:
    assert "\n" not in str(error), "a message of several lines"


def _beat2(path: Path, npz: bool) -> None:
    """Read the file as the motion, or as the table of splits, of a set in BEAT2's layout."""
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        root = Path(name)
        (root / "smplxflame_30").mkdir()
        motion = _smplx()
        table = b"id,type\n2_scott_0_73_73,train\n"
        (root / "smplxflame_30" / "2_scott_0_73_73.npz").write_bytes(path.read_bytes() if npz else motion)
        (root / "train_test_split.csv").write_bytes(table if npz else path.read_bytes())
        for clip in find_clips(root):
            read_clip(clip, 30.0)


def _smplx() -> bytes:
    return _npz(poses=np.zeros((FRAMES, 165)), trans=np.zeros((FRAMES, 3)), mocap_frame_rate=np.array(30.0), betas=np.zeros(300), expressions=np.zeros((FRAMES, 100)))  # fmt: skip


def _flame_folder(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        (Path(name) / "a.npz").write_bytes(path.read_bytes())
        (Path(name) / "a.wav").write_bytes(_wav())
        clips = FlameFolder(Path(name))
        clips.read(clips.entries[0])


def _mead(path: Path) -> None:
    """Read the file as the reconstruction, or as the frame list, of a clip of MEAD."""
    clip = "M003/front/angry/level_2/001"
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        root = Path(name)
        sound = root / "audio" / f"{clip}.wav"
        track = root / "reconstructions" / "R" / clip / "shape_pose_cam.hdf5"
        frames = root / "landmarks_original" / "mediapipe" / clip / "landmarks_alignment_used_frame_indices.pkl"
        for file, data in ((sound, _wav()), (track, path.read_bytes() if path.suffix == ".hdf5" else _hdf5())):
            file.parent.mkdir(parents=True)
            file.write_bytes(data)
        if path.suffix == ".pkl":
            frames.parent.mkdir(parents=True)
            frames.write_bytes(path.read_bytes())
        found = MeadSet(root, "R")
        found.read(found.entries[0])


def _hdf5() -> bytes:
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for key, width in (("shape", 100), ("exp", 50), ("jaw", 3)):
            file[key] = np.zeros((1, 10, width), np.float32)
    return out.getvalue()


def _torch_file() -> bytes:
    out = io.BytesIO()
    torch.save({"state_dict": {"a": torch.zeros(4)}, "epoch": 3, "hyper_parameters": {"lr": 1e-3}}, out)
    return out.getvalue()


def _message(path: Path) -> object:
    data = path.read_bytes()
    return unpack(data) if path.suffix == ".bin" else read_start(read_message(data.decode("utf-8", "replace")))


def _words(path: Path) -> object:
    text = path.read_bytes().decode("utf-8", "replace")
    return spoken_words(text), parse_instruction(text)


_DIRECTION = b"""emotion: happy:0.6+surprise:0.4
intensity: 0.8
head_motion: 1.0
blink_rate: 1.0
gaze: camera
at: [{time: 0.5, emotion: sad, intensity: 1.1}, "1.5:happy"]
"""
_RIG = b"""about: a rig
prefix: "face_"
sides: {L: Left, R: Right}
shapes:
  "smile_{side}": "mouthSmile{Side}"
  open: {of: {jawOpen: 0.8, mouthFunnel: 0.2}, curve: [[0, 0], [0.5, 0.7], [1, 1]]}
also: {mouth_open: open}
bones: {spine_a: spine1, head: head}
fingers: {left: {index: [a, b, c]}}
"""
_SPEAK = b"starts shy, then breaks into a broad smile at the end; at 2.5 s angry for 3 seconds, looks away 20% more\n"


def readers() -> dict[str, list[Case]]:
    """The cases of each reader."""
    binaries.bomb()  # made once, before children are
    latents = asset_path("checkpoints", "open-v1") / "latents"
    smplx, zips, npz, yaml = _smplx(), (binaries.damaged_zip,), ".npz", (damage.damaged_yaml,)
    flame = _npz(exp=np.zeros((10, 50)), jaw=np.zeros((10, 3)), shape=np.zeros(100), fps=np.array(25.0), emotion=np.array("happy"), intensity=np.array(1))  # fmt: skip
    weights = save({name: value.contiguous() for name, value in _latents_state().items()})
    start = {
        "type": "start",
        "format": "json",
        "seed": 3,
        "look_ahead_ms": 80,
        "direction": {"emotion": "happy", "intensity": 0.5},
    }
    json_damage, table, lines = (damage.damaged_json,), (damage.damaged_table,), (damage.damaged_lines,)
    return {
        "audio": _sounds(),
        "motion": [Case(npz, load_motion, _npz(**motion_members(_motion())), zips), Case(npz, read_subject, smplx, zips)],
        "vertices": [Case(".npy", read_subject, binaries.npy(np.zeros((4, 5, 3), np.float32)), (binaries.damaged_npy,))],
        "model": [Case(".pkl", load_body_model, _flame(sparse), (binaries.damaged_pickle,)) for sparse in (False, True)]
        + [Case(npz, load_body_model, _flame_npz(), zips)],
        "clips": [
            Case(npz, lambda path: _beat2(path, True), smplx, zips), Case(npz, _flame_folder, flame, zips),
            Case(".csv", lambda path: _beat2(path, False), b"id,type\n2_scott_0_73_73,train\n2_scott_0_1_1,test\n", table),
            Case(".hdf5", _mead, _hdf5(), (binaries.damaged_hdf5,)), Case(".pkl", _mead, pickle.dumps([0, 1, 2, 3], 2)),
        ],
        "pickle": [Case(".pkl", _plain, pickle.dumps({"a": np.arange(6)}, 4), (binaries.damaged_pickle,))],
        "ckpt": [Case(".ckpt", read_state, _torch_file(), zips)],
        "component": [
            Case(".safetensors", lambda path: _component(path, "model.safetensors"), weights, (binaries.damaged_safetensors,)),
            Case(".json", lambda path: _component(path, "config.json"), (latents / "config.json").read_bytes(), json_damage),
            Case(".json", lambda path: _component(path, "manifest.json"), (latents / "manifest.json").read_bytes(), json_damage),
        ],
        "csv": [Case(".csv", read_csv, _csv(), table)],
        "manifest": [Case(".csv", _manifest, b"id,speech,emotion,intensity,seed\na,a.wav,happy,0.5,1\nb,b.wav,sad,1,2\n", table)],
        "json": [Case(".json", read_json, _audio2face(), json_damage)],
        "yaml": [
            Case(".yaml", load_direction, _DIRECTION, yaml), Case(".yaml", load_rig, _RIG, yaml),
            Case(".yaml", read_settings, b"model:\n  sequence_decoder: {nhead: 8, num_layers: 1}\n", yaml),
        ],
        "glb": [Case(".vrm", _animate, _glb(vrm), (binaries.damaged_glb,)) for vrm in (-1, 0, 1)],
        "labels": [
            Case(".TextGrid", lambda path: textgrid_speech(_WAVE, path), _grid(), lines),
            Case(".lablaut", lambda path: emodb_speech(_WAVE, path), b"signal x\n#\n0.01 121 a\n0.1 121 p\n0.2 121 t\t1\n", lines),
        ],
        "text": [Case(".txt", _words, _SPEAK, lines)],
        "live": [
            Case(".json", _message, json.dumps(start).encode(), json_damage),
            Case(".bin", _message, struct.pack("<4sIHH", b"E3F1", 0, 2, 64) + bytes(512)),
        ],
    }  # fmt: skip


def _plain(path: Path) -> object:
    with path.open("rb") as file:
        content = load_pickle(file, path.name)
    return [to_array(value, str(key)) for key, value in content.items()] if isinstance(content, dict) else content


def _latents_state() -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(asset_path("checkpoints", "open-v1") / "latents" / "model.safetensors")
