"""The table of formats and the verbs that use it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d.errors import Emote3DError
from emote3d.export.formats import WRITERS, check_outputs, fitting_rate, known_suffixes
from emote3d.export.registry import Export, export, load_writer
from emote3d.motion import load_motion, save_motion
from emote3d.names import ARKIT_52
from emote3d.records import BodyMotion, FaceMotion, Motion

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emote3d.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_every_entry_leads_to_a_function(suffix: str):
    assert callable(load_writer(WRITERS[suffix]))


def test_unknown_suffix_lists_the_known_ones(tmp_path: Path, motion_file: Path):
    result = run("export", motion_file, "-o", tmp_path / "a.xyz")
    assert result.returncode == 2
    assert known_suffixes() in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_outputs_are_checked_before_the_work(tmp_path: Path):
    with pytest.raises(Emote3DError, match="at least one output"):
        check_outputs([])
    with pytest.raises(Emote3DError, match="twice"):
        check_outputs([tmp_path / "a.npz", tmp_path / "x" / ".." / "a.npz"])
    with pytest.raises(Emote3DError, match="no folder"):
        check_outputs([tmp_path / "a.npz", tmp_path / "none" / "a.npz"])


def test_rates_go_up_where_they_can():
    npz = WRITERS[".npz"]
    assert [fitting_rate(npz, fps) for fps in (25.0, 30.0, 50.0, 200.0)] == [30, 30, 60, 120]


def test_npz_is_read_back_and_has_the_layout(tmp_path: Path, talking: Motion):
    path = tmp_path / "m.npz"
    assert export(Export(talking), [path]) == []
    with np.load(path, allow_pickle=False) as file:
        shapes = {name: file[name].shape for name in ("poses", "trans", "betas", "expressions")}
        assert shapes == {"poses": (12, 165), "trans": (12, 3), "betas": (300,), "expressions": (12, 100)}
        assert (str(file["gender"]), int(file["mocap_frame_rate"])) == ("neutral", 30)
        assert file["gender"].dtype.kind == "U"
    again = load_motion(path)
    assert again.face is not None and talking.face is not None
    assert torch.equal(again.face.expression, talking.face.expression)


def test_export_resamples_for_the_add_ons_unless_told(tmp_path: Path, talking: Motion):
    slow = Motion(face=talking.face, fps=25.0)
    save_motion(slow, tmp_path / "slow.npz")
    assert run("export", tmp_path / "slow.npz", "-o", tmp_path / "a.npz").returncode == 0
    assert load_motion(tmp_path / "a.npz").fps == 30
    told = run("export", tmp_path / "slow.npz", "-o", tmp_path / "b.npz", "--fps", "25")
    assert load_motion(tmp_path / "b.npz").fps == 25
    assert "30, 60, 120" in told.stderr


@pytest.mark.parametrize("body", [False, True])
def test_poses_are_what_is_drawn(tmp_path: Path, talking: Motion, gesture: BodyMotion, body: bool):
    """The open avatar posed by a reader of `poses` alone (no posing code of ours) has its joints where ours has them."""
    from scipy.spatial.transform import Rotation

    from emote3d.body import open_avatar

    motion = Motion(face=talking.face, body=gesture if body else None, fps=30.0)
    export(Export(motion), [tmp_path / "m.npz"])
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        poses, trans = file["poses"].reshape(-1, 55, 3), file["trans"]
    avatar = open_avatar()
    rest = avatar.joints_m.numpy()
    frame = 7
    turned, moved = [], []
    for joint, parent in enumerate(avatar.parents):
        local = Rotation.from_rotvec(poses[frame, joint])
        if parent < 0:
            turned.append(local)
            moved.append(rest[joint] + trans[frame])
        else:
            turned.append(turned[parent] * local)
            moved.append(moved[parent] + turned[parent].apply(rest[joint] - rest[parent]))
    assert np.allclose(np.array(moved), avatar.pose(motion).joints_m[frame].numpy(), atol=1e-5)


def test_a_face_alone_and_a_flame_face(tmp_path: Path):
    face = FaceMotion(
        expression=torch.randn(4, 50),
        basis="flame2020",
        jaw_axis_angle=torch.full((4, 3), 0.1),
        neck_axis_angle=torch.zeros(4, 3),
        eyes_axis_angle=torch.zeros(4, 2, 3),
    )
    export(Export(Motion(face=face, fps=60.0)), [tmp_path / "m.npz"])
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert np.array_equal(file["expressions"][:, :50], face.expression.numpy())
        assert np.allclose(file["poses"].reshape(4, 55, 3)[:, 22], 0.1)
    assert len(ARKIT_52) == 52
