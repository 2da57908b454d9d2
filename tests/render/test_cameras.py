import numpy as np
import pytest

from emote3d.errors import Emote3DError
from emote3d.render import VIEWS, camera_for, check_size
from emote3d.render.cameras import EYE_LINE, viewports


def landmarks_m():
    """Eyes at 1.6 m, chin 11 cm lower."""
    points = np.tile((0.0, 1.55, 0.1), (68, 1))
    points[36:48, 1] = 1.6
    points[8] = (0.0, 1.49, 0.1)
    return points


def smplx_joints_m():
    joints = np.tile((0.0, 1.0, 0.0), (55, 1))
    joints[1:22, 1] = np.linspace(0.05, 1.4, 21)
    joints[16], joints[17] = (0.2, 1.4, 0.0), (-0.2, 1.4, 0.0)
    return joints


def picture_place(camera, point_m, aspect):
    """Column and row, each 0 to 1."""
    clip = camera.projection(aspect) @ camera.view() @ np.append(point_m, 1.0)
    return clip[:2] / clip[3] / 2 + 0.5


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("joints_m", [smplx_joints_m(), np.zeros((5, 3))], ids=["smplx", "flame"])
@pytest.mark.parametrize("aspect", [0.4, 1.0, 1.8])
def test_every_view_shows_the_whole_head(view, joints_m, aspect):
    camera = camera_for(view, joints_m, landmarks_m())
    for point_m in [(0.0, 1.71, 0.0), (0.0, 1.49, 0.1), (0.07, 1.6, 0.0), (-0.07, 1.6, 0.0)]:
        assert (np.abs(picture_place(camera, point_m, aspect) - 0.5) < 0.5).all()


def test_eyes_of_a_close_up_are_on_the_eye_line():
    camera = camera_for("face", smplx_joints_m(), landmarks_m())
    column, row = picture_place(camera, (0.0, 1.6, 0.034), 1.0)
    assert column == pytest.approx(0.5)
    assert row == pytest.approx(EYE_LINE, abs=0.01)


def test_left_is_seen_from_the_avatars_left_side():
    left, right = (camera_for(view, smplx_joints_m(), landmarks_m()) for view in ("left", "right"))
    assert left.eye_m[0] > 0.1 > -0.1 > right.eye_m[0]
    # the nose points to the picture's left there
    assert picture_place(left, (0.0, 1.57, 0.12), 1.0)[0] < picture_place(left, (0.0, 1.57, 0.0), 1.0)[0]


def test_full_shows_the_feet_and_upper_does_not():
    feet_m = (0.1, 0.02, 0.05)
    assert picture_place(camera_for("full", smplx_joints_m(), landmarks_m()), feet_m, 1.0)[1] < 1
    assert picture_place(camera_for("upper", smplx_joints_m(), landmarks_m()), feet_m, 1.0)[1] > 1


def test_an_unknown_view_is_refused_by_name():
    with pytest.raises(Emote3DError, match=r"face, left, right, upper, full.*'back'"):
        camera_for("back", smplx_joints_m(), landmarks_m())


@pytest.mark.parametrize("size", [(511, 512), (512, 511), (0, 0), (8, 8), (100_000, 512), (-2, 512)])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(Emote3DError, match=f"{size[0]}x{size[1]}"):
        check_size(size)


def test_views_share_the_width_without_gaps():
    shares = viewports((500, 100), 3)
    assert [left for left, _ in shares] == [0, 167, 333]
    assert sum(width for _, width in shares) == 500
