"""Meshes frame by frame in trimesh."""

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from emote3d.errors import Emote3DError
from emote3d.export.registry import Export
from emote3d.export.sequence import write_obj, write_pc2, write_ply
from emote3d.records import BodyMotion, FaceMotion, Motion


@pytest.fixture
def take(talking: Motion, gesture: BodyMotion) -> Export:
    def first(record: FaceMotion | BodyMotion, frames: int):
        return dataclasses.replace(
            record, **{name: value[:frames] for name, value in vars(record).items() if isinstance(value, torch.Tensor)}
        )

    assert talking.face is not None
    return Export(Motion(face=first(talking.face, 3), body=first(gesture, 3), fps=30.0))


@pytest.mark.parametrize(("suffix", "writer"), [(".obj", write_obj), (".ply", write_ply)])
def test_trimesh_reads_every_frame(tmp_path: Path, take: Export, suffix: str, writer):
    (note,) = writer(take, tmp_path / f"talk{suffix}")
    files = sorted((tmp_path / "talk").iterdir())
    assert [file.name for file in files] == [f"talk_{frame:04d}{suffix}" for frame in range(3)]
    assert "3 meshes" in note and not (tmp_path / f"talk{suffix}").exists()
    ours = take.avatar.pose(take.motion).vertices_m.numpy()
    for frame, file in enumerate(files):
        mesh = trimesh.load(file, process=False)
        assert np.abs(mesh.vertices - ours[frame]).max() < 1e-6
        assert np.array_equal(mesh.faces, take.avatar.surface.faces.numpy())
        assert mesh.visual.vertex_colors[:, :3].std() > 10
    writer(take, tmp_path / f"talk{suffix}")  # an earlier sequence is replaced


def test_other_files_are_never_replaced(tmp_path: Path, take: Export):
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "thesis.txt").write_text("mine")
    with pytest.raises(Emote3DError, match="something else"):
        write_ply(take, tmp_path / "talk.ply")
    assert [path.name for path in (tmp_path / "talk").iterdir()] == ["thesis.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["talk"]


def test_point_cache_has_the_layout(tmp_path: Path, take: Export):
    write_pc2(take, tmp_path / "talk.pc2")
    data = (tmp_path / "talk.pc2").read_bytes()
    signature, version, points, start, rate, samples = struct.unpack("<12siiffi", data[:32])
    assert (signature, version, start, rate, samples) == (b"POINTCACHE2\0", 1, 0, 1, 3)
    places = np.frombuffer(data[32:], "<f4").reshape(3, points, 3)
    assert np.array_equal(places, take.avatar.pose(take.motion).vertices_m.numpy())
    rest = trimesh.load(tmp_path / "talk_rest.obj", process=False)
    assert len(rest.vertices) == points
