import numpy as np
import pytest
import torch

from emote3d.body import BodyModel, open_avatar
from emote3d.body.clearance import clear_hands, move_wrist
from emote3d.body.kinematics import JOINT, ArmPose, Skeleton, mirrored, plant_feet, solve_arm
from emote3d.body.legs import Stance, lowered
from emote3d.body.limits import excess_deg
from emote3d.body.torso import Torso, hands_inside_m
from emote3d.rotations import axis_angle_to_matrix


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return open_avatar()


@pytest.fixture(scope="module")
def skeleton(model: BodyModel) -> Skeleton:
    return Skeleton(joints_m=model.joints_m.double(), parents=model.parents)


def _arm(places: list[list[float]], **angles: float) -> ArmPose:
    wrist = torch.tensor(places, dtype=torch.float64)
    turns = {
        name: torch.full((len(wrist),), angles.get(name, 0.0), dtype=torch.float64)
        for name in ("supination", "flexion")
    }
    still = torch.zeros(len(wrist), dtype=torch.float64)
    return ArmPose(wrist_m=wrist, elbow_out=still, deviation=still, collar=torch.zeros(len(wrist), 3).double(), **turns)


def _pose(skeleton: Skeleton, arm: ArmPose) -> torch.Tensor:
    rotations = torch.eye(3).double().repeat(len(arm.wrist_m), 55, 1, 1)
    local = solve_arm(skeleton, arm)
    for index, name in enumerate(("collar", "shoulder", "elbow", "wrist")):
        rotations[:, JOINT[f"left_{name}"]] = local[:, index]
        rotations[:, JOINT[f"right_{name}"]] = mirrored(local[:, index])
    return rotations


def test_wrists_come_to_where_they_are_sent_and_the_mirror_works(skeleton: Skeleton) -> None:
    places = [[0.2, -0.25, 0.25], [0.1, -0.1, 0.3], [0.3, 0.05, 0.2]]
    rotations = _pose(skeleton, _arm(places))
    _, joints_m = skeleton.posed(rotations)
    middle = 0.5 * (skeleton.joints_m[JOINT["left_shoulder"]] + skeleton.joints_m[JOINT["right_shoulder"]])
    wanted = torch.tensor(places).double() + middle
    assert torch.allclose(joints_m[:, JOINT["left_wrist"]], wanted, atol=2e-3)
    assert torch.allclose(joints_m[:, JOINT["right_wrist"]], wanted * torch.tensor([-1.0, 1, 1]), atol=2e-3)
    assert excess_deg(rotations).max() == 0


def test_supination_turns_the_palm_up(skeleton: Skeleton) -> None:
    place = [[0.18, -0.24, 0.26]]
    palms = []
    for angle in (-1.2, 0.0, 1.4):
        turned, _ = skeleton.posed(_pose(skeleton, _arm(place, supination=angle)))
        palms.append(-turned[0, JOINT["left_wrist"], 1, 1])
    assert palms[0] < -0.5 < palms[1] < 0.5 < palms[2]


def test_an_arm_too_short_stretches_smoothly(skeleton: Skeleton) -> None:
    out = torch.linspace(0.3, 0.8, 60)
    rotations = _pose(skeleton, _arm([[float(x), 0.0, 0.1] for x in out]))
    _, joints_m = skeleton.posed(rotations)
    steps = joints_m[:, JOINT["left_elbow"]].diff(dim=0).norm(dim=-1)
    assert torch.isfinite(rotations).all()
    assert steps.max() < 0.05


def test_feet_stay_while_the_pelvis_sways(skeleton: Skeleton) -> None:
    frames = 20
    rotations = torch.eye(3).double().repeat(frames, 55, 1, 1)
    roll = torch.zeros(frames, 3).double()
    roll[:, 2] = torch.linspace(-0.08, 0.08, frames)
    rotations[:, 0] = axis_angle_to_matrix(roll)
    sway = torch.stack([torch.linspace(-0.04, 0.04, frames), torch.zeros(frames)], dim=1).double()
    stance = Stance.drawn(np.random.default_rng(0), skeleton)
    translation = lowered(skeleton, rotations, sway, stance)
    planted = plant_feet(skeleton, rotations, translation, stance.ankles_m, stance.feet)
    turned, joints_m = skeleton.posed(planted)
    ankles = joints_m[:, [7, 8]] + translation[:, None]
    assert (ankles - stance.ankles_m).norm(dim=-1).max() < 1e-3
    assert torch.allclose(turned[:, [7, 8]], stance.feet.expand(frames, -1, -1, -1), atol=1e-6)
    assert (translation[:, 1] < 0).all() and (translation[:, 1] > -0.05).all()
    assert excess_deg(planted).max() == 0


def test_hands_are_pushed_out_of_the_trunk_and_others_stay(model: BodyModel, skeleton: Skeleton) -> None:
    torso = Torso.of(model)
    frames = 30
    path = torch.linspace(0.26, 0.0, frames)
    rotations = _pose(skeleton, _arm([[0.12, -0.22, float(z)] for z in path]))
    before = hands_inside_m(skeleton, torso, *skeleton.posed(rotations))
    cleared = clear_hands(skeleton, torso, rotations)
    after = hands_inside_m(skeleton, torso, *skeleton.posed(cleared))
    assert before.max() > 0.03
    assert after.max() == 0
    assert torch.allclose(cleared[:3], rotations[:3], atol=1e-6)
    steps = skeleton.posed(cleared)[1][:, JOINT["left_wrist"]].diff(dim=0).norm(dim=-1)
    assert steps.max() < 0.05


def _swings(skeleton: Skeleton, frames: int = 90) -> torch.Tensor:
    """A hand that swings from the side of the trunk through it to the front, twice, at up to 1.5 m/s."""
    phase = torch.linspace(0, 4 * torch.pi, frames)
    path = zip(0.12 - 0.08 * phase.cos(), 0.04 + 0.16 * phase.cos(), strict=True)
    return _pose(skeleton, _arm([[float(x), -0.22, float(z)] for x, z in path]))


def test_a_hand_that_swings_through_the_trunk_goes_around_it_without_haste(model, skeleton):
    torso, rotations = Torso.of(model), _swings(skeleton)
    cleared = clear_hands(skeleton, torso, rotations)
    path = skeleton.posed(cleared)[1][:, JOINT["left_wrist"]]
    assert hands_inside_m(skeleton, torso, *skeleton.posed(rotations)).max() > 0.03
    assert hands_inside_m(skeleton, torso, *skeleton.posed(cleared)).max() == 0
    assert path.diff(n=2, dim=0).norm(dim=-1).max() * 30**2 < 20, "m/s^2; gestures have 50 and more"


def test_hands_give_way_to_no_touch_that_is_further_off_than_the_frames_around(model, skeleton):
    torso, rotations = Torso.of(model), _swings(skeleton)
    whole = clear_hands(skeleton, torso, rotations)
    for frames in (20, 41, 60):
        part = clear_hands(skeleton, torso, rotations[:frames])
        assert torch.allclose(part[: frames - 6], whole[: frames - 6], atol=1e-9)


def test_a_wrist_moves_by_what_is_asked(skeleton: Skeleton) -> None:
    rotations = _pose(skeleton, _arm([[0.2, -0.25, 0.25]]))
    shift = torch.tensor([[0.03, 0.02, 0.04]]).double()
    moved = move_wrist(skeleton, rotations, "right", shift)
    before, after = (skeleton.posed(one) for one in (rotations, moved))
    wrist = JOINT["right_wrist"]
    assert torch.allclose(after[1][:, wrist] - before[1][:, wrist], shift, atol=1e-4)
    assert torch.allclose(after[0][:, wrist], before[0][:, wrist], atol=1e-6)


def test_limits_see_broken_joints() -> None:
    rotations = torch.eye(3).double().repeat(1, 55, 1, 1)
    assert excess_deg(rotations).max() == 0
    for joint, turn in (
        ("left_elbow", [0, 1.0, 0]),
        ("right_knee", [-1.0, 0, 0]),
        ("left_index2", [0, 0, 1.0]),
        ("neck", [0, 2, 0]),
    ):
        broken = rotations.clone()
        broken[:, JOINT[joint]] = axis_angle_to_matrix(torch.tensor(turn, dtype=torch.float64))
        assert excess_deg(broken)[0, JOINT[joint]] > 10, joint
