"""Conversions between rotation representations, batched and differentiable everywhere, the identity included.

Axis-angle in radians, quaternions are wxyz, 6D is the first two rows of the matrix (Zhou et al., CVPR 2019).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_SMALL = 1e-4


def axis_angle_to_matrix(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rodrigues' formula: cos(t) I + sin(t)/t [r] + (1 - cos(t))/t^2 r r^T."""
    x, y, z = axis_angle.unbind(-1)
    squared = x * x + y * y + z * z
    small = squared < _SMALL
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    sine = torch.where(small, 1 - squared / 6 + squared**2 / 120, angle.sin() / angle)
    versine = torch.where(small, 0.5 - squared / 24 + squared**2 / 720, 2 * (angle / 2).sin().square() / safe)
    cosine = 1 - versine * squared
    sx, sy, sz = sine * x, sine * y, sine * z
    xy, xz, yz = versine * x * y, versine * x * z, versine * y * z
    entries = (
        cosine + versine * x * x, xy - sz, xz + sy,
        xy + sz, cosine + versine * y * y, yz - sx,
        xz - sy, yz + sx, cosine + versine * z * z,
    )  # fmt: skip
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def matrix_to_axis_angle(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Angle in [0, pi]; at pi the sign of the axis is arbitrary."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def axis_angle_to_quaternion(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternion wxyz; w is negative for angles in (pi, 3 pi)."""
    squared = axis_angle.square().sum(-1, keepdim=True)
    small = squared < _SMALL
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    real = torch.where(small, 1 - squared / 8 + squared**2 / 384, (angle / 2).cos())
    scale = torch.where(small, 0.5 - squared / 48 + squared**2 / 3840, (angle / 2).sin() / angle)
    return torch.cat([real, scale * axis_angle], dim=-1)


def quaternion_to_axis_angle(wxyz: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3"]:
    """The shorter way round: angle in [0, pi]."""
    wxyz = torch.where(wxyz[..., :1] < 0, -wxyz, wxyz)
    real, vector = wxyz[..., :1], wxyz[..., 1:]
    squared = vector.square().sum(-1, keepdim=True)
    small = squared < _SMALL * real.square()
    sine = torch.where(small, torch.ones_like(squared), squared).sqrt()
    ratio = squared / torch.where(small, real.square(), torch.ones_like(squared))
    near_zero = 2 / torch.where(small, real, torch.ones_like(real)) * (1 - ratio / 3 + ratio**2 / 5)
    return torch.where(small, near_zero, 2 * torch.atan2(sine, real) / sine) * vector


def quaternion_to_turn(wxyz: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3"]:
    """Axis-angle with an angle in [0, 2 pi) that keeps the quaternion's sign: pytorch3d's, so that published motion compares."""
    real, vector = wxyz[..., :1], wxyz[..., 1:]
    length = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    small = length < 1e-7
    ratio = 2 * torch.atan2(length, real) / torch.where(small, torch.ones_like(length), length)
    return torch.where(small, 2.0, ratio) * vector


def matrix_to_quaternion(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """Unit quaternion wxyz by Shepperd's method: the largest component is the divisor, so all is well conditioned."""
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = matrix.flatten(-2).unbind(-1)
    # Row k is 4 q_k (w, x, y, z).
    rows = torch.stack(
        [
            torch.stack([1 + m00 + m11 + m22, m21 - m12, m02 - m20, m10 - m01], dim=-1),
            torch.stack([m21 - m12, 1 + m00 - m11 - m22, m01 + m10, m02 + m20], dim=-1),
            torch.stack([m02 - m20, m01 + m10, 1 - m00 + m11 - m22, m12 + m21], dim=-1),
            torch.stack([m10 - m01, m02 + m20, m12 + m21, 1 - m00 - m11 + m22], dim=-1),
        ],
        dim=-2,
    )
    largest = rows.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    row = rows.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    return row / torch.linalg.vector_norm(row, dim=-1, keepdim=True)


def quaternion_to_matrix(wxyz: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Matrix of a quaternion of any length."""
    w, x, y, z = wxyz.unbind(-1)
    two = 2 / wxyz.square().sum(-1)
    entries = (
        1 - two * (y * y + z * z), two * (x * y - z * w), two * (x * z + y * w),
        two * (x * y + z * w), 1 - two * (x * x + z * z), two * (y * z - x * w),
        two * (x * z - y * w), two * (y * z + x * w), 1 - two * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def matrix_to_rot6d(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """First two rows, one after the other."""
    return matrix[..., :2, :].flatten(-2)


def rot6d_to_matrix(rot6d: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Gram-Schmidt on two rows of any length; the third is their cross product."""
    first = torch.nn.functional.normalize(rot6d[..., :3], dim=-1)
    second = rot6d[..., 3:] - (first * rot6d[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second, dim=-1)], dim=-2)


def axis_angle_to_rot6d(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 6"]:
    """Axis-angle to the first two rows of its matrix."""
    return matrix_to_rot6d(axis_angle_to_matrix(axis_angle))


def rot6d_to_axis_angle(rot6d: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3"]:
    """Two rows to axis-angle with an angle in [0, pi]."""
    return matrix_to_axis_angle(rot6d_to_matrix(rot6d))


def slerp(
    start_wxyz: Float[Tensor, "*batch 4"], end_wxyz: Float[Tensor, "*batch 4"], share: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch 4"]:
    """Rotate from `start_wxyz` (share 0) to `end_wxyz` (share 1) at constant speed, the shorter way round."""
    dot = (start_wxyz * end_wxyz).sum(-1, keepdim=True)
    end_wxyz = torch.where(dot < 0, -end_wxyz, end_wxyz)
    dot, share = dot.abs(), share[..., None]
    near = dot > 1 - _SMALL
    angle = torch.acos(torch.where(near, torch.zeros_like(dot), dot))
    sine = angle.sin()
    from_start = torch.where(near, 1 - share, ((1 - share) * angle).sin() / sine)
    from_end = torch.where(near, share, (share * angle).sin() / sine)
    mixed = from_start * start_wxyz + from_end * end_wxyz
    return mixed / torch.linalg.vector_norm(mixed, dim=-1, keepdim=True)
