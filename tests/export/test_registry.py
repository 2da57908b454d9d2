"""The table of formats and the verbs that use it."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from emote3d.body import open_avatar, shape_coefficients
from emote3d.cli.export import ExportMotion
from emote3d.cli.perform import Render
from emote3d.errors import Emote3DError
from emote3d.export.formats import WRITERS, ExportOptions, check_outputs, fitting_rate, known_suffixes
from emote3d.export.reading import read_motion
from emote3d.export.registry import Export, export, load_writer
from emote3d.motion import load_motion, save_motion
from emote3d.names import ARKIT_52
from emote3d.records import BodyMotion, FaceMotion, Motion

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "assets" / "audio" / "demo-congrats.flac"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emote3d", *map(str, arguments)]
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


def test_export_resamples_for_the_add_ons_unless_told(
    tmp_path: Path, talking: Motion, capsys: pytest.CaptureFixture[str]
):
    slow, a, b = (tmp_path / name for name in ("slow.npz", "a.npz", "b.json"))
    save_motion(Motion(face=talking.face, fps=25.0), slow)
    ExportMotion(motion=slow, outputs=(a, b)).run()
    assert capsys.readouterr().out.startswith(f"{a}: 14 frames at 30 fps; {b}: 12 frames at 25 fps in ")
    assert (load_motion(a).fps, load_motion(a).frames, read_motion(b).fps) == (30, 14, 25)
    ExportMotion(motion=slow, outputs=(a,), fps=25.0, json=True).run()
    told = capsys.readouterr()
    assert load_motion(a).fps == 25 and "30, 60, 120" in told.err
    assert json.loads(told.out)["files"] == [{"path": str(a), "frames": 12, "fps": 25.0}]


def test_the_avatar_may_be_another_person(tmp_path: Path, talking: Motion):
    job = Export(talking, options=ExportOptions(shape="Gender=1, noseLength=-0.5"))
    names = job.avatar.shape_names
    wanted = torch.zeros(len(names))
    wanted[names.index("gender")], wanted[names.index("noseLength")] = 1, -0.5
    assert torch.equal(job.avatar.template_m, open_avatar().with_shape(wanted).template_m)
    by_number = Export(talking, options=ExportOptions(shape=",".join(str(float(value)) for value in wanted)))
    assert torch.equal(job.avatar.joints_m, by_number.avatar.joints_m)
    export(job, [tmp_path / "m.npz"])
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert np.array_equal(file["identity"], wanted.numpy())
        assert not file["betas"].any()  # SMPL-X's identities are others
    for text, told in (("gendr=1", "'gendr'"), ("age=x,age=nan", "'age=x' .*'age=nan'"), ("0," * 34, "more than 33")):
        with pytest.raises(Emote3DError, match=told):
            shape_coefficients(job.avatar, text)


def test_a_motion_file_is_filmed(tmp_path: Path, talking: Motion, capsys: pytest.CaptureFixture[str]):
    talk, film = tmp_path / "talk.csv", tmp_path / "talk.mov"
    export(Export(talking), [talk])
    ExportMotion(motion=talk, outputs=(film,), sound=DEMO, options=ExportOptions(size="64x32", view="face,left")).run()
    Render(speech=talk, output=tmp_path / "talk.mp4", size="64x64", fps=15.0).run()
    assert "6 frames at 15 fps" in capsys.readouterr().out
    with av.open(str(film)) as container:
        assert (container.streams.video[0].frames, container.streams.video[0].width) == (12, 64)
        assert container.streams.audio[0].duration
    with pytest.raises(Emote3DError, match="--sound goes along with a motion file"):
        Render(speech=DEMO, output=tmp_path / "b.mp4", sound=DEMO).run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.csv", "talk.mov", "talk.mp4"]


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
