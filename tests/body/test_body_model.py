import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import smplx
import torch

from emote3d.body import BodyModel, load_body_model, open_avatar, relaxed_stance
from emote3d.body.skinning import joint_transforms, skin, tree_levels
from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52, SMPLX_JOINTS
from emote3d.records import Basis, BodyMotion, FaceMotion, Motion
from emote3d.rotations import axis_angle_to_matrix, matrix_to_axis_angle

PARITY = Path(__file__).resolve().parents[3] / "shared" / "parity" / "emote"


def random_motion(basis: Basis, n_expression: int, frames: int = 3, body: bool = False, seed: int = 0) -> Motion:
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return 0.3 * torch.randn(*shape, generator=rng)

    face = FaceMotion(
        expression=normal(frames, n_expression),
        basis=basis,
        jaw_axis_angle=normal(frames, 3),
        neck_axis_angle=normal(frames, 3),
        eyes_axis_angle=normal(frames, 2, 3),
    )
    moves = BodyMotion(joints_axis_angle=normal(frames, 55, 3), translation_m=normal(frames, 3))
    return Motion(face=face, body=moves if body else None, fps=30.0)


def turned(*axis_angles: torch.Tensor) -> torch.Tensor:
    """Axis-angle of rotations one after the other, the last applied first."""
    matrix = axis_angle_to_matrix(axis_angles[0])
    for one in axis_angles[1:]:
        matrix = matrix @ axis_angle_to_matrix(one)
    return matrix_to_axis_angle(matrix)


@pytest.mark.parametrize("flat_hand_mean", [True, False])
def test_smplx_agrees_with_the_smplx_package(smplx_file: Path, flat_hand_mean: bool) -> None:
    model = load_body_model(smplx_file, flat_hand_mean=flat_hand_mean)
    motion = random_motion("smplx2020", 100, body=True)
    shape = torch.linspace(-1, 1, 300)
    assert motion.face is not None and motion.body is not None
    theirs = smplx.SMPLX(str(smplx_file), ext="npz", use_pca=False, num_betas=300, num_expression_coeffs=100,
                         flat_hand_mean=flat_hand_mean, batch_size=3)  # fmt: skip
    theirs.vertex_joint_selector.extra_joints_idxs = torch.zeros(0, dtype=torch.long)
    pose, half = motion.body.joints_axis_angle.clone(), motion.face.neck_axis_angle / 2
    pose[:, 12], pose[:, 15] = turned(half, pose[:, 12]), turned(half, pose[:, 15])
    expected = theirs(
        betas=shape.expand(3, -1),
        expression=motion.face.expression,
        global_orient=pose[:, 0],
        body_pose=pose[:, 1:22].flatten(1),
        jaw_pose=motion.face.jaw_axis_angle,
        leye_pose=motion.face.eyes_axis_angle[:, 0],
        reye_pose=motion.face.eyes_axis_angle[:, 1],
        left_hand_pose=pose[:, 25:40].flatten(1),
        right_hand_pose=pose[:, 40:55].flatten(1),
        transl=motion.body.translation_m,
    )
    mesh = model.pose(motion, shape)
    torch.testing.assert_close(mesh.vertices_m, expected.vertices, atol=1e-6, rtol=0)
    torch.testing.assert_close(mesh.joints_m, expected.joints[:, :55], atol=1e-6, rtol=0)
    torch.testing.assert_close(model.landmarks(mesh.vertices_m)[:, 17:], expected.joints[:, 55:], atol=1e-6, rtol=0)
    exact = model.to(torch.float64).pose(motion, shape).vertices_m
    assert (mesh.vertices_m - exact).abs().max() < 1e-6


def flame_package(folder: Path, file: Path) -> smplx.FLAME:
    """The smplx package's FLAME on one of our files; it wants a landmark file too."""
    with (folder / "flame_static_embedding.pkl").open("wb") as stream:
        pickle.dump({"lmk_face_idx": np.zeros(51, np.int64), "lmk_b_coords": np.full((51, 3), 1 / 3)}, stream)
    assert file.name == "FLAME_NEUTRAL.npz"
    return smplx.FLAME(str(folder), ext="npz", num_betas=300, num_expression_coeffs=100, batch_size=3)


def test_flame_agrees_with_the_smplx_package(flame_file: Path) -> None:
    model = load_body_model(flame_file, flame_basis="flame2023")
    motion, shape = random_motion("flame2023", 100), torch.linspace(-1, 1, 300)
    assert motion.face is not None
    expected = flame_package(flame_file.parent, flame_file)(
        betas=shape.expand(3, -1),
        expression=motion.face.expression,
        neck_pose=motion.face.neck_axis_angle,
        jaw_pose=motion.face.jaw_axis_angle,
        leye_pose=motion.face.eyes_axis_angle[:, 0],
        reye_pose=motion.face.eyes_axis_angle[:, 1],
    )
    mesh = model.pose(motion, shape)
    torch.testing.assert_close(mesh.vertices_m, expected.vertices, atol=1e-6, rtol=0)
    torch.testing.assert_close(mesh.joints_m, expected.joints[:, :5], atol=1e-6, rtol=0)


@pytest.mark.skipif(not PARITY.is_dir(), reason="needs the parity fixtures")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_flame_agrees_with_emotes_vertices(version: str) -> None:
    model = load_body_model(PARITY / version / "FLAME" / "generic_model.pkl")
    for path in sorted((PARITY / version).glob("emote_n*.npz")):
        with np.load(path) as stored:
            expression, jaw = (torch.from_numpy(stored[f"predicted_{key}"][0]) for key in ("exp", "jaw"))
            expected = torch.from_numpy(stored["predicted_vertices"][0]).unflatten(1, (-1, 3))
        still = torch.zeros(len(jaw), 3)
        face = FaceMotion(
            expression=expression,
            basis="flame2020",
            jaw_axis_angle=jaw,
            neck_axis_angle=still,
            eyes_axis_angle=still[:, None].expand(-1, 2, 3),
        )
        got = model.pose(Motion(face=face, fps=25.0)).vertices_m
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def test_a_flame_head_takes_the_bodys_neck_and_head(flame_file: Path) -> None:
    model = load_body_model(flame_file)
    motion = random_motion("flame2020", 100, body=True)
    assert motion.face is not None and motion.body is not None
    half, body = motion.face.neck_axis_angle / 2, motion.body.joints_axis_angle
    neck = turned(half, body[:, 12], half, body[:, 15])
    alone = Motion(face=dataclasses.replace(motion.face, neck_axis_angle=neck), fps=30.0)
    torch.testing.assert_close(model.pose(motion).vertices_m, model.pose(alone).vertices_m, atol=1e-5, rtol=0)


def test_gradients_reach_motion_and_shape(smplx_file: Path) -> None:
    model = load_body_model(smplx_file).cropped("head").to(torch.float64)
    motion = random_motion("smplx2020", 4, frames=2, body=True)
    assert motion.face is not None and motion.body is not None
    face, body = motion.face, motion.body

    def vertices(*values: torch.Tensor) -> torch.Tensor:
        expression, jaw, neck, joints, shape = values
        changed = dataclasses.replace(face, expression=expression, jaw_axis_angle=jaw, neck_axis_angle=neck)
        posed = dataclasses.replace(body, joints_axis_angle=joints)
        return model.pose(Motion(face=changed, body=posed, fps=30.0), shape).vertices_m[:, :3]

    inputs = (face.expression, face.jaw_axis_angle, torch.zeros(2, 3), body.joints_axis_angle * 0, torch.zeros(3))
    doubles = tuple(value.double().requires_grad_() for value in inputs)
    assert torch.autograd.gradcheck(vertices, doubles, fast_mode=True)


def test_pieces_and_crops_agree_with_the_whole(smplx_file: Path) -> None:
    model = load_body_model(smplx_file)
    motion = random_motion("smplx2020", 30, frames=70, body=True)
    whole = model.pose(motion)
    pieces = torch.cat([piece.vertices_m for piece in model.pose_chunks(motion, frames=9)])
    torch.testing.assert_close(pieces, whole.vertices_m, atol=1e-5, rtol=0)
    for part in ("head", "upper", "full"):
        cropped = model.cropped(part)
        mesh = cropped.pose(motion)
        assert mesh.vertices_m.shape[1] <= whole.vertices_m.shape[1]
        assert int(cropped.surface.faces.max()) < mesh.vertices_m.shape[1]
        torch.testing.assert_close(mesh.joints_m, whole.joints_m, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            cropped.landmarks(mesh.vertices_m), model.landmarks(whole.vertices_m), atol=1e-4, rtol=0
        )
        corners = mesh.vertices_m[:, cropped.surface.faces.flatten()].sum((1, 2))
        kept = {tuple(row) for row in cropped.template_m[:, cropped.surface.faces.flatten()].T.tolist()}
        assert kept <= {tuple(row) for row in model.template_m.T.tolist()} and corners.isfinite().all()


def test_motions_that_do_not_fit(flame_file: Path) -> None:
    model = load_body_model(flame_file)
    motion = random_motion("flame2020", 100, body=True)
    with pytest.raises(Emote3DError, match="retarget map from arkit52 to flame2020"):
        model.pose(random_motion("arkit52", 52))
    with pytest.raises(Emote3DError, match="retarget map from flame2023"):
        model.pose(random_motion("flame2023", 100))
    with pytest.raises(Emote3DError, match="101 expression coefficients, the avatar takes 100"):
        model.pose(random_motion("flame2020", 101))
    with pytest.raises(Emote3DError, match="neither a face nor a body"):
        model.pose(Motion(fps=30.0))
    with pytest.raises(Emote3DError, match="4 frames of face and 3 of body"):
        model.pose(Motion(face=random_motion("flame2020", 9, frames=4).face, body=motion.body, fps=30.0))
    with pytest.raises(Emote3DError, match="at most 300 shape"):
        model.with_shape(torch.zeros(301))
    with pytest.raises(Emote3DError, match=r"landmark_embedding\.npy"):
        model.landmarks(model.rest().vertices_m)
    assert model.pose(random_motion("flame2020", 9, frames=0)).vertices_m.shape == (0, 120, 3)


def test_levels_and_transforms_follow_the_tree() -> None:
    assert tree_levels((-1, 0, 1, 1, 0)) == [[0], [1, 4], [2, 3]]
    rotations, rest = axis_angle_to_matrix(torch.randn(2, 4, 3)), torch.randn(1, 4, 3)
    transforms, joints_m = joint_transforms(rotations, rest, (-1, 0, 1, 0))
    world = rotations[:, 0] @ rotations[:, 1]
    torch.testing.assert_close(transforms[:, 2, :, :3], world @ rotations[:, 2])
    torch.testing.assert_close(joints_m[:, 2], joints_m[:, 1] + (world @ (rest[0, 2] - rest[0, 1])[:, None])[..., 0])
    weights = torch.eye(4).repeat(1, 700)
    moved = skin(rest[0].T.repeat(1, 700).expand(2, 3, -1), transforms, weights)
    torch.testing.assert_close(moved, joints_m.repeat(1, 700, 1), atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def avatar() -> BodyModel:
    return open_avatar()


def test_the_open_avatar_is_complete(avatar: BodyModel) -> None:
    assert avatar.basis == "arkit52" and avatar.expression_names == ARKIT_52 and avatar.joint_names == SMPLX_JOINTS
    assert {"gender", "age", "weight", "height"} <= {name.split("_")[0] for name in avatar.shape_names}
    rest = avatar.rest()
    landmarks = avatar.landmarks(rest.vertices_m)[0]
    left_eye, right_eye, chin, nose = landmarks[42:48].mean(0), landmarks[36:42].mean(0), landmarks[8], landmarks[30]
    assert left_eye[0] > 0.02 and right_eye[0] < -0.02 and chin[1] < left_eye[1] - 0.05
    assert nose[2] > left_eye[2] and 0 <= rest.vertices_m[..., 1].min() + 0.05 < 0.2
    torch.testing.assert_close(avatar.skin_weights.sum(0), torch.ones(rest.vertices_m.shape[1]), atol=1e-3, rtol=0)


def test_the_open_avatar_stands_at_ease(avatar: BodyModel) -> None:
    joints = dict(zip(SMPLX_JOINTS, avatar.rest().joints_m[0], strict=True))
    for side, sign in (("left", 1), ("right", -1)):
        shoulder, elbow, wrist, tip = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "middle3"))
        assert shoulder[1] - wrist[1] > 0.35 and abs(wrist[0] - shoulder[0]) < 0.25
        assert wrist[2] > elbow[2] and tip[1] < wrist[1] and sign * (tip[0] - joints["pelvis"][0]) > 0.12
    stance = relaxed_stance()
    assert not stance[[0, 12, 15, 22, 23, 24]].any()


def test_the_open_avatars_jaw_opens_once(avatar: BodyModel) -> None:
    motion = random_motion("arkit52", 52)
    assert motion.face is not None
    shut = dataclasses.replace(motion.face, jaw_axis_angle=torch.zeros(3, 3))
    torch.testing.assert_close(
        avatar.pose(motion).vertices_m, avatar.pose(Motion(face=shut, fps=30.0)).vertices_m, atol=0, rtol=0
    )
    opened = torch.zeros(1, 52)
    opened[0, ARKIT_52.index("jawOpen")] = 1.0
    still = torch.zeros(1, 3)
    face = FaceMotion(expression=opened, basis="arkit52", jaw_axis_angle=still, neck_axis_angle=still,
                      eyes_axis_angle=torch.zeros(1, 2, 3))  # fmt: skip
    marks = avatar.landmarks(avatar.pose(Motion(face=face, fps=30.0)).vertices_m)[0]
    closed = avatar.landmarks(avatar.rest().vertices_m)[0]
    assert (marks[62] - marks[66]).norm() > (closed[62] - closed[66]).norm() + 0.01


def test_eyes_turn_where_they_should(avatar: BodyModel) -> None:
    still = torch.zeros(1, 3)
    up = torch.tensor([[[-0.3, 0.0, 0.0]] * 2])
    face = FaceMotion(expression=torch.zeros(1, 52), basis="arkit52", jaw_axis_angle=still, neck_axis_angle=still,
                      eyes_axis_angle=up)  # fmt: skip
    rest = avatar.rest()
    moved = (avatar.pose(Motion(face=face, fps=30.0)).vertices_m - rest.vertices_m)[0]
    carried = torch.zeros(len(moved), dtype=torch.bool)
    for joint in (23, 24):
        weight = avatar.skin_weights[avatar.skin_joints.tolist().index(joint)]
        carried |= weight > 0
        ball = (weight > 0.99).nonzero()[:, 0]
        front = ball[rest.vertices_m[0, ball, 2].argmax()]
        assert moved[front, 1] > 0.002
    assert moved[~carried].abs().max() < 1e-5


def test_the_open_head_is_the_same_face(avatar: BodyModel) -> None:
    from emote3d.files import asset_path

    head = load_body_model(asset_path("assets", "flame", "open_head.npz"))
    assert head.basis == "arkit52" and len(head.joint_names) == 5 and head.cropped("head") is head
    motion = random_motion("arkit52", 52)
    assert motion.face is not None
    level = Motion(face=dataclasses.replace(motion.face, neck_axis_angle=torch.zeros(3, 3)), fps=30.0)
    difference = head.landmarks(head.pose(level).vertices_m) - avatar.landmarks(avatar.pose(level).vertices_m)
    assert difference.std(dim=(0, 1)).max() < 1e-3
