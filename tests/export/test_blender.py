"""Scenes written by Blender itself, read back by Blender: Debian's 3.4 and the package bpy, whichever is there.

They run with `pytest -m blender`. `scripts/install_readers.sh blender` and `BPY_VENV=/data/bpy scripts/install_readers.sh bpy` bring them.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from emote3d.cli.export import at_rate
from emote3d.errors import Emote3DError
from emote3d.export import blender
from emote3d.export.formats import ExportOptions
from emote3d.export.glb import write_glb
from emote3d.export.parts import cut
from emote3d.export.puppet import build_puppet
from emote3d.export.registry import Export
from emote3d.records import BodyMotion, Motion

pytestmark = pytest.mark.blender
DEMO = Path(__file__).parents[2] / "assets" / "audio" / "demo-congrats.flac"
READER = Path(__file__).parents[1] / "readers" / "blender_vertices.py"
BPY = next(
    (
        path
        for path in (os.environ.get("BPY_VENV", ""), "/data/bpy", "/tmp/bpy")
        if path and Path(path, "bin/python").exists()
    ),
    None,
)
PROGRAMS = {"blender": shutil.which("blender"), "bpy": None if BPY is None else f"{BPY}/bin/python"}
FRAMES = (0, 6, 11)


@pytest.fixture(params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    found = PROGRAMS[request.param]
    if found is None:
        pytest.skip(f"needs {request.param}: scripts/install_readers.sh {request.param}")
    monkeypatch.setenv(blender.BLENDER_VARIABLE, found)
    return found


@pytest.fixture
def take(talking: Motion, gesture: BodyMotion) -> Export:
    """Another person than the default one: what Blender has must be ours with that identity too."""
    someone = ExportOptions(shape="gender=1,age=0.7,noseLength=1")
    return Export(Motion(face=talking.face, body=gesture, fps=30.0), sound=DEMO, options=someone)


def _read(program: str, path: Path) -> dict[str, np.ndarray]:
    start = (
        [program, "-b", "--factory-startup", "-P", str(READER), "--"]
        if program.endswith("blender")
        else [program, str(READER)]
    )
    output = path.with_suffix(".read.npz")
    command = [*start, str(path), str(output), *map(str, FRAMES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert output.is_file(), done.stdout + done.stderr
    with np.load(output, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _off_m(job: Export, seen: dict[str, np.ndarray], frame: int) -> float:
    x, y, z = seen[f"0_{frame}"].T
    ours = job.avatar.pose(job.motion).vertices_m[frame].numpy()
    return float(np.linalg.norm(np.column_stack([x, z, -y]) - ours, axis=1).max())


def test_posed_vertices_in_blender_are_ours(tmp_path: Path, program: str, take: Export):
    assert blender.write_with_blender(take, tmp_path / "a.blend") == []
    seen = _read(program, tmp_path / "a.blend")
    assert (float(seen["fps"]), list(seen["range"]), int(seen["sounds"])) == (30, [0, 11], 1)
    assert tuple(seen["shapes"]) == take.avatar.expression_names
    assert max(_off_m(take, seen, frame) for frame in FRAMES) < 1e-4


def test_fbx_comes_back(tmp_path: Path, program: str, take: Export):
    blender.write_with_blender(take, tmp_path / "a.fbx")
    assert max(_off_m(take, _read(program, tmp_path / "a.fbx"), frame) for frame in FRAMES) < 1e-4


def test_alembic_comes_back_where_blender_has_it(tmp_path: Path, program: str, take: Export):
    try:
        blender.write_with_blender(take, tmp_path / "a.abc")
    except Emote3DError as error:
        assert program.endswith("blender") and "built without Alembic" in str(error)  # Debian's
        assert list(tmp_path.iterdir()) == []
        return
    assert max(_off_m(take, _read(program, tmp_path / "a.abc"), frame) for frame in FRAMES) < 1e-4


def test_glb_comes_to_lie_where_ours_does(tmp_path: Path, program: str, take: Export):
    write_glb(take, tmp_path / "a.glb")
    seen = _read(program, tmp_path / "a.glb")
    assert set(seen["shapes"]) == set(take.avatar.expression_names)
    meshes = [index for index, name in enumerate(seen["names"]) if str(name).startswith(("Body", "Face"))]
    parts = [part.verts for side in reversed(cut(build_puppet(take))) for part in side]
    for frame in FRAMES:
        x, y, z = np.concatenate([seen[f"{index}_{frame}"] for index in meshes]).T
        ours = take.avatar.pose(take.motion).vertices_m[frame].numpy()[np.concatenate(parts)]
        assert np.linalg.norm(np.column_stack([x, z, -y]) - ours, axis=1).max() < 1e-4


def test_fewer_shapes(tmp_path: Path, program: str, talking: Motion):
    blender.write_with_blender(Export(talking, options=ExportOptions(morphs=8)), tmp_path / "a.blend")
    assert len(_read(program, tmp_path / "a.blend")["shapes"]) == 8


def test_without_blender_says_what_to_do(tmp_path: Path, talking: Motion, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(blender.BLENDER_VARIABLE, raising=False)
    with pytest.raises(Emote3DError, match="install Blender"):
        blender.write_with_blender(Export(talking), tmp_path / "a.blend")
    monkeypatch.setenv(blender.BLENDER_VARIABLE, "/nowhere/blender")
    with pytest.raises(Emote3DError, match="nowhere"):
        blender.write_with_blender(Export(at_rate(Export(talking), 60.0).motion), tmp_path / "a.blend")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_blender_leaves_nothing(tmp_path: Path, talking: Motion, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(blender.BLENDER_VARIABLE, shutil.which("false") or "false")
    with pytest.raises(Emote3DError, match="Blender failed"):
        blender.write_with_blender(Export(talking), tmp_path / "a.blend")
    assert list(tmp_path.iterdir()) == []
