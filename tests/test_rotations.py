import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation, Slerp

from emote3d import rotations as rot

vectors = arrays(np.float64, (5, 3), elements=st.floats(-4.0, 4.0, allow_subnormal=False))
scales = st.sampled_from([0.0, 1e-12, 1e-6, 1e-3, 0.0099, 0.0101, 0.3, 1.0])


def close(got: torch.Tensor, want: np.ndarray, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(got.numpy(), want, atol=tolerance, rtol=0)


@given(vectors, scales)
def test_matrices_and_quaternions_agree_with_scipy(values: np.ndarray, scale: float) -> None:
    axis_angle, reference = torch.from_numpy(values * scale), Rotation.from_rotvec(values * scale)
    close(rot.axis_angle_to_matrix(axis_angle), reference.as_matrix())
    close(rot.quaternion_to_matrix(rot.axis_angle_to_quaternion(axis_angle)), reference.as_matrix())
    close(rot.quaternion_to_matrix(3 * rot.matrix_to_quaternion(torch.from_numpy(reference.as_matrix()))),
          reference.as_matrix())  # fmt: skip
    close(rot.matrix_to_rot6d(torch.from_numpy(reference.as_matrix())), reference.as_matrix()[:, :2].reshape(5, 6))


@given(vectors, scales)
def test_round_trips(values: np.ndarray, scale: float) -> None:
    matrix = rot.axis_angle_to_matrix(torch.from_numpy(values * scale))
    for back in (
        rot.axis_angle_to_matrix(rot.matrix_to_axis_angle(matrix)),
        rot.axis_angle_to_matrix(rot.rot6d_to_axis_angle(rot.matrix_to_rot6d(matrix))),
        rot.rot6d_to_matrix(2 * rot.matrix_to_rot6d(matrix)),
        rot.rot6d_to_matrix(rot.axis_angle_to_rot6d(torch.from_numpy(values * scale))),
    ):
        close(back, matrix.numpy(), 1e-8)
    angles = rot.matrix_to_axis_angle(matrix).norm(dim=-1)
    assert (angles <= np.pi + 1e-9).all()


@given(vectors.filter(lambda v: bool((np.linalg.norm(v, axis=1) < 3.1).all())), scales)
def test_axis_angle_comes_back(values: np.ndarray, scale: float) -> None:
    axis_angle = torch.from_numpy(values * scale)
    close(rot.matrix_to_axis_angle(rot.axis_angle_to_matrix(axis_angle)), axis_angle.numpy(), 1e-8)
    close(rot.quaternion_to_axis_angle(-rot.axis_angle_to_quaternion(axis_angle)), axis_angle.numpy(), 1e-8)


@pytest.mark.parametrize("axis", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 1, 0], [1, 2, 3]])
def test_half_turns(axis: list[float]) -> None:
    half = np.pi * np.array(axis, float) / np.linalg.norm(axis)
    back = rot.matrix_to_axis_angle(torch.from_numpy(Rotation.from_rotvec(half).as_matrix())).numpy()
    np.testing.assert_allclose(back * np.sign(back @ half), half, atol=1e-7)


def test_float32_is_accurate() -> None:
    values = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)
    values[1000:] *= np.float32(10) ** np.linspace(-8, 0, 1000, dtype=np.float32)[:, None]
    values = values[np.linalg.norm(values, axis=1) < 3.1]
    matrix = rot.axis_angle_to_matrix(torch.from_numpy(values))
    close(matrix, Rotation.from_rotvec(values).as_matrix(), 1e-6)
    close(rot.matrix_to_axis_angle(matrix), values, 2e-5)


@given(vectors, vectors, arrays(np.float64, 5, elements=st.floats(0, 1)))
def test_slerp_agrees_with_scipy(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> None:
    first, second = Rotation.from_rotvec(start), Rotation.from_rotvec(end)
    usable = (first.inv() * second).magnitude() < 3.1
    want = [
        Slerp([0, 1], Rotation.concatenate([a, b]))(s).as_matrix() for a, b, s in zip(first, second, share, strict=True)
    ]
    got = rot.slerp(
        torch.from_numpy(first.as_quat(scalar_first=True)),
        torch.from_numpy(second.as_quat(scalar_first=True)),
        torch.from_numpy(share),
    )
    close(rot.quaternion_to_matrix(got)[usable], np.stack(want)[usable], 2e-6)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e-3, 1.0, 3.0])
def test_gradients(scale: float) -> None:
    axis_angle = (scale * torch.tensor([[0.6, -0.64, 0.48], [0.0, 1.0, 0.0]], dtype=torch.float64)).requires_grad_()
    functions = [
        rot.axis_angle_to_matrix,
        rot.axis_angle_to_quaternion,
        rot.axis_angle_to_rot6d,
        lambda a: rot.matrix_to_axis_angle(rot.axis_angle_to_matrix(a)),
        lambda a: rot.rot6d_to_axis_angle(rot.axis_angle_to_rot6d(a)),
        lambda a: rot.quaternion_to_axis_angle(rot.axis_angle_to_quaternion(a)),
        lambda a: rot.slerp(
            rot.axis_angle_to_quaternion(torch.zeros_like(a)), rot.axis_angle_to_quaternion(a), a.new_tensor([0.3, 0.7])
        ),
    ]
    for function in functions:
        assert torch.autograd.gradcheck(function, axis_angle, atol=1e-4)


def test_no_batch_and_empty_batch() -> None:
    assert rot.matrix_to_axis_angle(torch.eye(3)).tolist() == [0, 0, 0]
    assert rot.axis_angle_to_rot6d(torch.zeros(0, 55, 3)).shape == (0, 55, 6)


@given(vectors, scales)
def test_a_turn_keeps_the_quaternions_sign(values: np.ndarray, scale: float) -> None:
    wxyz = rot.axis_angle_to_quaternion(torch.from_numpy(values * scale))
    for sign in (1, -1):
        turn = rot.quaternion_to_turn(sign * wxyz)
        turned = wxyz[..., 1:].norm(dim=-1) > 1e-6  # a whole turn has no axis
        close(rot.axis_angle_to_quaternion(turn)[turned], (sign * wxyz)[turned].numpy(), 1e-6)
        assert (turn.norm(dim=-1) <= 2 * np.pi + 1e-9).all()
