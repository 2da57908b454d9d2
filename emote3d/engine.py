"""What game engines and viewers ask of a motion: plain arrays."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52, SMPLX_JOINTS
from emote3d.posing import joint_rotations
from emote3d.records import FaceMotion, Motion
from emote3d.rotations import matrix_to_quaternion
from emote3d.timeline import by_stretches
from emote3d.visemes import viseme_weights


def arkit_face(motion: Motion) -> FaceMotion:
    """The face of a motion, if it is in ARKit's basis.

    Raises:
        Emote3DError: it has no face, or one in another basis.
    """
    if motion.face is None:
        raise Emote3DError("the motion has no face; expected one with ARKit coefficients")
    if motion.face.basis != "arkit52":
        raise Emote3DError(
            f"the motion's face is in the basis {motion.face.basis}; expected arkit52; convert it first with "
            "emote3d retarget MOTION --to arkit"
        )
    if motion.face.expression.shape[1] != len(ARKIT_52):
        raise Emote3DError(f"expected 52 ARKit coefficients, the motion has {motion.face.expression.shape[1]}")
    return motion.face


def arkit(motion: Motion) -> Float[np.ndarray, "frames 52"]:
    """ARKit coefficients in the order of `ARKIT_52`; raises as `arkit_face`."""
    return arkit_face(motion).expression.numpy()


def visemes(motion: Motion) -> Float[np.ndarray, "frames 15"]:
    """Weights of the Oculus visemes; raises as `arkit_face`."""
    return viseme_weights(arkit_face(motion).expression).numpy()


def joint_quaternions(motion: Motion, order: Literal["xyzw", "wxyz"]) -> Float[np.ndarray, "frames 55 4"]:
    """Local unit quaternions of the SMPL-X joints relative to the T-pose, the same way round from frame to frame.

    The jaw of an ARKit face stays at rest (`jawOpen` opens the mouth); for rigs without that shape take
    `motion.face.jaw_axis_angle`.
    """
    rest = torch.zeros(len(SMPLX_JOINTS), 3)
    wxyz = by_stretches(motion, lambda part: matrix_to_quaternion(joint_rotations(part, rest, rest))).numpy()
    turned = (wxyz[1:] * wxyz[:-1]).sum(-1) < 0
    sign = np.where(np.logical_xor.accumulate(turned, axis=0), -1.0, 1.0).astype(np.float32)
    wxyz[1:] *= sign[..., None]
    if order == "xyzw":
        return np.ascontiguousarray(wxyz[..., [1, 2, 3, 0]])
    return wxyz
