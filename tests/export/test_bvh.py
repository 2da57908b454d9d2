"""BVH files in bvhio, a reader that nobody here wrote."""

from pathlib import Path

import bvhio
import numpy as np
import pytest

from emote3d.export.bvh import write_bvh
from emote3d.export.registry import Export
from emote3d.records import BodyMotion, Motion


@pytest.mark.parametrize("body", [False, True])
def test_joints_come_to_lie_where_ours_do(tmp_path: Path, talking: Motion, gesture: BodyMotion, body: bool):
    job = Export(Motion(face=talking.face, body=gesture if body else None, fps=30.0))
    notes = write_bvh(job, tmp_path / "a.bvh")
    assert len(notes) == 1 and ("no body" in notes[0]) == (not body)
    root = bvhio.readAsHierarchy(str(tmp_path / "a.bvh"))
    joints_m = job.avatar.pose(job.motion).joints_m.numpy()
    assert bvhio.readAsBvh(str(tmp_path / "a.bvh")).FrameTime == pytest.approx(1 / 30, abs=1e-7)
    seen = {joint.Name for joint, *_ in root.layout()}
    assert set(job.avatar.joint_names) <= seen  # all 55, fingers too
    for frame in (0, 5, 11):
        root.loadPose(frame)
        for index, name in enumerate(job.avatar.joint_names):
            (joint,) = root.filter(name, isEqual=True)
            place_m = np.array(joint.PositionWorld) / 100
            assert np.linalg.norm(place_m - joints_m[frame, index]) < 1e-3, name


def test_a_body_alone_has_nothing_to_say(tmp_path: Path, gesture: BodyMotion):
    assert write_bvh(Export(Motion(body=gesture, fps=60.0)), tmp_path / "a.bvh") == []
    assert "Frame Time: 0.01666667" in (tmp_path / "a.bvh").read_text()
