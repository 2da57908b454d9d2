"""`emote3d evaluate`: its inputs and its report; `test_perturbations.py` has what moves its figures."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from emote3d.body import open_avatar
from emote3d.cli.evaluate import Evaluate
from emote3d.data.parameter_files import read_parameters
from emote3d.data.phones import SILENCE
from emote3d.data.timed import build_timed
from emote3d.errors import Emote3DError
from emote3d.metrics.evaluation import Evaluation, compare
from emote3d.metrics.plotting import plot_curves
from emote3d.metrics.sound import errors_by_phone, loudness_db, onsets_s, read_phones
from emote3d.metrics.subjects import Subject, aligned, read_subject
from emote3d.motion import save_motion
from emote3d.names import ARKIT_52
from emote3d.records import BodyMotion, FaceMotion, Motion, Speech


def _talking(frames: int = 60) -> Motion:
    """A mouth that opens irregularly and brows that go up and down."""
    rng = np.random.default_rng(1)
    curve = np.convolve(rng.random(frames + 4), np.ones(5) / 5, mode="valid")
    expression = torch.zeros(frames, 52)
    expression[:, ARKIT_52.index("jawOpen")] = torch.from_numpy(0.45 * (curve - curve.min()) / np.ptp(curve)).float()
    expression[:, ARKIT_52.index("browInnerUp")] = 0.4 + 0.4 * torch.sin(torch.arange(frames) / 5)
    still = torch.zeros(frames, 3)
    face = FaceMotion(
        expression=expression, basis="arkit52", jaw_axis_angle=still, neck_axis_angle=still,
        eyes_axis_angle=torch.zeros(frames, 2, 3),
    )  # fmt: skip
    return Motion(face=face, fps=30.0)


def test_the_verb_reports_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path, plot = tmp_path / "m.npz", tmp_path / "curves.png"
    save_motion(_talking(20), path)
    pytest.importorskip("matplotlib")
    Evaluate(pred=path, ref=path, json=True, plot=plot).run()
    assert json.loads(capsys.readouterr().out)["lve_mm"] == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(Emote3DError, match="picture ending"):
        Evaluate(pred=path, ref=path, plot=tmp_path / "curves.txt").run()


def test_vertex_files(tmp_path: Path):
    ref = np.random.default_rng(0).normal(size=(8, 10, 3)).astype(np.float32)
    np.save(tmp_path / "ref.npy", ref)
    np.save(tmp_path / "pred.npy", (ref + np.array([0.003, 0, 0.004], np.float32)).reshape(8, 30)[:6])
    subjects = aligned(read_subject(tmp_path / "pred.npy"), read_subject(tmp_path / "ref.npy"))
    found = compare(*subjects, open_avatar(), lips=np.array([2, 3])).figures
    assert found["mve_mm"] == pytest.approx(5, rel=1e-3)
    assert found["lve_mm"] == pytest.approx(5, rel=1e-3)
    assert "eve_mm" not in found and "fdd_mm2" not in found


def test_bodies_of_beat2_and_amass(tmp_path: Path):
    rng = np.random.default_rng(0)
    poses = 0.1 * rng.normal(size=(12, 165))
    np.savez(
        tmp_path / "beat.npz",
        poses=poses,
        trans=np.zeros((12, 3)),
        expressions=np.zeros((12, 100)),
        mocap_frame_rate=30,
    )
    small = np.delete(poses.reshape(12, 55, 3), (22, 23, 24), axis=1).reshape(12, 156)
    np.savez(tmp_path / "amass.npz", poses=small, trans=np.zeros((12, 3)), mocap_framerate=np.array(120.0))
    beat, amass = read_parameters(tmp_path / "beat.npz"), read_parameters(tmp_path / "amass.npz")
    assert (beat.fps, amass.fps) == (30, 120)
    assert beat.body is not None and amass.body is not None
    assert torch.equal(beat.body.joints_axis_angle[:, :22], amass.body.joints_axis_angle[:, :22])
    body_only = Subject(motion=Motion(body=beat.body, fps=30.0), fps=30.0)
    found = compare(body_only, body_only, open_avatar()).figures
    assert (found["joint_error_mm"], found["lvd_m_per_s"], found["srgr"]) == (0, 0, 1)
    moved = BodyMotion(joints_axis_angle=beat.body.joints_axis_angle, translation_m=beat.body.translation_m + 0.1)
    shifted = compare(Subject(motion=Motion(body=moved, fps=30.0), fps=30.0), body_only, open_avatar()).figures
    assert shifted["joint_error_mm"] == pytest.approx(100 * np.sqrt(3), rel=1e-4)
    assert shifted["lvd_m_per_s"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    "members", [{}, {"poses": np.zeros((3, 7))}, {"exp": np.zeros((3, 50)), "jaw": np.zeros((2, 3))},
                {"poses": np.full((3, 165), np.nan)}, {"poses": np.array([None])}]
)  # fmt: skip
def test_bad_parameter_files_are_refused(members: dict, tmp_path: Path):
    np.savez(tmp_path / "bad.npz", **members)
    with pytest.raises(Emote3DError):
        read_parameters(tmp_path / "bad.npz")


def test_flame_parameters(tmp_path: Path):
    pose = np.zeros((5, 6))
    pose[:, 3] = 0.2
    np.savez(tmp_path / "flame.npz", exp=np.ones((5, 50)), pose=pose, fps=25)
    face = read_parameters(tmp_path / "flame.npz").face
    assert face is not None and face.basis == "flame2020"
    assert face.jaw_axis_angle[:, 0].tolist() == pytest.approx([0.2] * 5)


def test_one_of_each_kind_is_refused():
    mesh = Subject(vertices_m=np.zeros((2, 3, 3), np.float32), fps=30.0)
    with pytest.raises(Emote3DError, match="one of each"):
        aligned(mesh, Subject(motion=_talking(4), fps=30.0))


def test_level_and_onsets_of_two_bursts():
    wave = torch.zeros(32000)
    for start in (8000, 24000):
        wave[start : start + 3200] = 0.5 * torch.sin(torch.arange(3200) * 0.3)
    speech = Speech(waveform=wave, sample_rate=16000)
    level = loudness_db(speech, 60, 30)
    assert level[17] > 59 and level[5] == 0
    assert onsets_s(speech) == pytest.approx([0.5, 1.5], abs=0.04)


def test_results_join():
    both = Evaluation(figures={"a": 1.0}, fps=30.0) | Evaluation(figures={"b": 2.0}, fps=30.0)
    assert both.figures == {"a": 1, "b": 2}


def test_phones_of_a_recording_come_from_its_textgrid(tmp_path: Path):
    rows = '0\n0.25\n""\n0.25\n1.0\n"M"'
    head = '"IntervalTier"\n"phones"\n0\n1.0\n2\n'
    (tmp_path / "a.TextGrid").write_text(head + rows)
    speech = Speech(waveform=torch.linspace(-1, 1, 16000), sample_rate=16000)
    clip = read_phones(speech, tmp_path / "a.TextGrid")
    assert list(clip.phone) == [SILENCE, "m"] and clip.end_s.tolist() == [0.25, 1.0]
    assert clip.waveform[[0, -1]].tolist() == [-32767, 32767]
    with pytest.raises(Emote3DError, match="there is no file"):
        read_phones(speech, tmp_path / "b.TextGrid")


def test_errors_go_to_the_phones_in_which_they_happen(tmp_path: Path):
    clip = build_timed(
        np.zeros(16000, np.int16), [(0.0, ("p",), 0), (0.25, ("a",), 0), (0.5, (SILENCE,), 0), (0.75, ("p",), 0)]
    )
    found = errors_by_phone(np.arange(20.0), clip, 20.0)
    assert {phone: values.tolist() for phone, values in found.items()} == {
        "p": [0, 1, 2, 3, 4, 15, 16, 17, 18, 19],
        "a": [5, 6, 7, 8, 9],
    }
    pytest.importorskip("matplotlib")
    bare = Evaluation(curves={"lve_mm": np.arange(20.0)}, fps=20.0)
    plot_curves(bare, tmp_path / "bare.svg", "t")
    plot_curves(bare | Evaluation(by_phone=found, fps=20.0), tmp_path / "phones.svg", "t")
    assert (tmp_path / "phones.svg").stat().st_size > 1.2 * (tmp_path / "bare.svg").stat().st_size
