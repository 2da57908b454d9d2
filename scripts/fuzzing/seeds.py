"""Every reader of the package with small good files of its kind and the ways to damage them."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
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
from emote3d.official.lightning_file import read_settings, read_state
from emote3d.safe_pickle import load_pickle, to_array
from emote3d.stream.server.protocol import read_json as read_message
from emote3d.stream.server.protocol import read_start, unpack
from fuzzing import binaries, damage, good_files
from fuzzing.damage import Damage, damaged


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
                frame = av.AudioFrame.from_ndarray(good_files.WAVE[None], format="s16", layout="mono")
                frame.sample_rate = 16000
                for part in [*resampler.resample(frame), *resampler.resample(None)]:
                    container.mux(stream.encode(part))
                container.mux(stream.encode(None))
            found.append(Case(suffix, load_speech, path.read_bytes(), (harm,)))
    return found


def _animate(path: Path) -> None:
    made = path.with_name("made.glb")
    try:
        animate_glb(path, good_files.motion(), made)
    finally:
        made.unlink(missing_ok=True)


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
        motion = good_files.smplx()
        table = b"id,type\n2_scott_0_73_73,train\n"
        (root / "smplxflame_30" / "2_scott_0_73_73.npz").write_bytes(path.read_bytes() if npz else motion)
        (root / "train_test_split.csv").write_bytes(table if npz else path.read_bytes())
        for clip in find_clips(root):
            read_clip(clip, 30.0)


def _flame_folder(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        (Path(name) / "a.npz").write_bytes(path.read_bytes())
        (Path(name) / "a.wav").write_bytes(good_files.wav())
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
        for file, data in (
            (sound, good_files.wav()),
            (track, path.read_bytes() if path.suffix == ".hdf5" else good_files.hdf5()),
        ):
            file.parent.mkdir(parents=True)
            file.write_bytes(data)
        if path.suffix == ".pkl":
            frames.parent.mkdir(parents=True)
            frames.write_bytes(path.read_bytes())
        found = MeadSet(root, "R")
        found.read(found.entries[0])


def _message(path: Path) -> object:
    data = path.read_bytes()
    return unpack(data) if path.suffix == ".bin" else read_start(read_message(data.decode("utf-8", "replace")))


def _words(path: Path) -> object:
    text = path.read_bytes().decode("utf-8", "replace")
    return spoken_words(text), parse_instruction(text)


def readers() -> dict[str, list[Case]]:
    """The cases of each reader."""
    binaries.bomb()  # made once, before children are
    latents = asset_path("checkpoints", "open-v1") / "latents"
    smplx, zips, npz, yaml = good_files.smplx(), (binaries.damaged_zip,), ".npz", (damage.damaged_yaml,)
    flame = good_files.npz(exp=np.zeros((10, 50)), jaw=np.zeros((10, 3)), shape=np.zeros(100), fps=np.array(25.0), emotion=np.array("happy"), intensity=np.array(1))  # fmt: skip
    weights = save({name: value.contiguous() for name, value in good_files.latents_state().items()})
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
        "motion": [Case(npz, load_motion, good_files.npz(**motion_members(good_files.motion())), zips), Case(npz, read_subject, smplx, zips)],
        "vertices": [Case(".npy", read_subject, binaries.npy(np.zeros((4, 5, 3), np.float32)), (binaries.damaged_npy,))],
        "model": [Case(".pkl", load_body_model, good_files.flame(sparse), (binaries.damaged_pickle,)) for sparse in (False, True)]
        + [Case(npz, load_body_model, good_files.flame_npz(), zips)],
        "clips": [
            Case(npz, lambda path: _beat2(path, True), smplx, zips), Case(npz, _flame_folder, flame, zips),
            Case(".csv", lambda path: _beat2(path, False), b"id,type\n2_scott_0_73_73,train\n2_scott_0_1_1,test\n", table),
            Case(".hdf5", _mead, good_files.hdf5(), (binaries.damaged_hdf5,)), Case(".pkl", _mead, pickle.dumps([0, 1, 2, 3], 2)),
        ],
        "pickle": [Case(".pkl", _plain, pickle.dumps({"a": np.arange(6)}, 4), (binaries.damaged_pickle,))],
        "ckpt": [Case(".ckpt", read_state, good_files.torch_file(), zips)],
        "component": [
            Case(".safetensors", lambda path: _component(path, "model.safetensors"), weights, (binaries.damaged_safetensors,)),
            Case(".json", lambda path: _component(path, "config.json"), (latents / "config.json").read_bytes(), json_damage),
            Case(".json", lambda path: _component(path, "manifest.json"), (latents / "manifest.json").read_bytes(), json_damage),
        ],
        "csv": [Case(".csv", read_csv, good_files.csv(), table)],
        "manifest": [Case(".csv", _manifest, b"id,speech,emotion,intensity,seed\na,a.wav,happy,0.5,1\nb,b.wav,sad,1,2\n", table)],
        "json": [Case(".json", read_json, good_files.audio2face(), json_damage)],
        "yaml": [
            Case(".yaml", load_direction, good_files.DIRECTION, yaml), Case(".yaml", load_rig, good_files.RIG, yaml),
            Case(".yaml", read_settings, b"model:\n  sequence_decoder: {nhead: 8, num_layers: 1}\n", yaml),
        ],
        "glb": [Case(".vrm", _animate, good_files.glb(vrm), (binaries.damaged_glb,)) for vrm in (-1, 0, 1)],
        "labels": [
            Case(".TextGrid", lambda path: textgrid_speech(good_files.WAVE, path), good_files.grid(), lines),
            Case(".lablaut", lambda path: emodb_speech(good_files.WAVE, path), b"signal x\n#\n0.01 121 a\n0.1 121 p\n0.2 121 t\t1\n", lines),
        ],
        "text": [Case(".txt", _words, good_files.SPEAK, lines)],
        "live": [
            Case(".json", _message, json.dumps(start).encode(), json_damage),
            Case(".bin", _message, struct.pack("<4sIHH", b"E3F1", 0, 2, 64) + bytes(512)),
        ],
    }  # fmt: skip


def _plain(path: Path) -> object:
    with path.open("rb") as file:
        content = load_pickle(file, path.name)
    return [to_array(value, str(key)) for key, value in content.items()] if isinstance(content, dict) else content
