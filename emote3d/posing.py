"""Motion to the local rotation of every joint of a body model."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.errors import Emote3DError
from emote3d.names import FLAME_JOINTS, SMPLX_JOINTS
from emote3d.records import Basis, FaceMotion, Motion
from emote3d.rotations import axis_angle_to_matrix

_NECK, _HEAD, _JAW, _LEFT_EYE = (SMPLX_JOINTS.index(name) for name in ("neck", "head", "jaw", "left_eye_smplhf"))


def check_motion(motion: Motion, basis: Basis, n_expression: int) -> None:
    """Refuse a motion that a body model of this basis cannot take.

    Raises:
        Emote3DError: no face and no body, different lengths, another basis, more coefficients than the model has.
    """
    face, body = motion.face, motion.body
    if face is None and body is None:
        raise Emote3DError("the motion has neither a face nor a body; expected at least one")
    if face is not None and body is not None and len(face.expression) != len(body.joints_axis_angle):
        raise Emote3DError(
            f"the motion has {len(face.expression)} frames of face and {len(body.joints_axis_angle)} of body; "
            "expected as many; resample one of them"
        )
    if face is None:
        return
    if face.basis != basis:
        raise Emote3DError(
            f"the motion's coefficients are in the basis {face.basis}, the avatar's in {basis}; "
            f"pass the motion through a retarget map from {face.basis} to {basis} first"
        )
    if face.expression.shape[1] > n_expression:
        raise Emote3DError(
            f"the motion has {face.expression.shape[1]} expression coefficients, the avatar takes {n_expression}; "
            "use an avatar file with more, or cut the motion's"
        )


def joint_rotations(
    motion: Motion, still: Float[Tensor, "joints 3"], offset: Float[Tensor, "joints 3"]
) -> Float[Tensor, "frames joints 3 3"]:
    """Put face and body together as local rotations in the order of the model's joints (SMPL-X or FLAME).

    The face's head rotation is shared half and half by neck and head, on top of the body's; its eyes, and its jaw where
    the basis has one, replace the body's. A FLAME head takes neck and head together at its neck joint.

    Args:
        still: axis-angle of the joints while the motion has no body.
        offset: added to every axis-angle (SMPL-X's mean hands).
    """
    whole_body = still.shape[0] == len(SMPLX_JOINTS)
    assert whole_body or still.shape[0] == len(FLAME_JOINTS), still.shape
    local = _body_rotations(motion, still, offset, whole_body)
    if motion.face is None:
        return local if whole_body else _head_only(local)
    turns = _face_rotations(motion.face, local)
    indices = torch.tensor([_NECK, _HEAD, _JAW, _LEFT_EYE, _LEFT_EYE + 1], device=local.device)
    local = local.index_copy(1, indices, turns)
    return local if whole_body else _head_only(local)


def _body_rotations(
    motion: Motion, still: Float[Tensor, "joints 3"], offset: Float[Tensor, "joints 3"], whole_body: bool
) -> Float[Tensor, "frames 55 3 3"]:
    """Rotations of the 55 SMPL-X joints before the face has its say."""
    if motion.body is not None:
        axis_angle = motion.body.joints_axis_angle.to(still)
        return axis_angle_to_matrix(axis_angle + offset if whole_body else axis_angle)
    if whole_body:
        return axis_angle_to_matrix(still + offset).expand(motion.frames, -1, 3, 3)
    return torch.eye(3).to(still).expand(motion.frames, len(SMPLX_JOINTS), 3, 3)


def _face_rotations(face: FaceMotion, local: Float[Tensor, "frames 55 3 3"]) -> Float[Tensor, "frames 5 3 3"]:
    """Neck, head, jaw, left and right eye."""
    half = axis_angle_to_matrix(face.neck_axis_angle.to(local) / 2)[:, None]
    upright = half @ local[:, [_NECK, _HEAD]]
    jaw_axis_angle = torch.zeros_like(face.jaw_axis_angle) if face.basis == "arkit52" else face.jaw_axis_angle
    rest = axis_angle_to_matrix(torch.cat([jaw_axis_angle[:, None], face.eyes_axis_angle], dim=1).to(local))
    return torch.cat([upright, rest], dim=1)


def _head_only(local: Float[Tensor, "frames 55 3 3"]) -> Float[Tensor, "frames 5 3 3"]:
    """The five joints of FLAME; its root stays."""
    root = torch.eye(3).to(local).expand(len(local), 1, 3, 3)
    neck = local[:, _NECK] @ local[:, _HEAD]
    return torch.cat([root, neck[:, None], local[:, [_JAW, _LEFT_EYE, _LEFT_EYE + 1]]], dim=1)
