"""What the landmark networks see: how the 68 landmarks leave the face's own rest, whoever's face it is."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body import BodyModel
from emote3d.records import FaceMotion, Motion

FRAME_RATE = 25
"""Frames per second that the networks were trained at."""
MOUTH = slice(48, 68)
_EYES = (slice(36, 42), slice(42, 48))


def landmark_motion(model: BodyModel, face: FaceMotion) -> Float[Tensor, "frames 68 3"]:
    """Displacement of each landmark from the rest of this face, in distances between its eyes; head and gaze held still.

    Differentiable in the motion.

    Raises:
        Emote3DError: the model has no landmarks, or the motion is in another basis.
    """
    still = FaceMotion(
        expression=face.expression,
        basis=face.basis,
        jaw_axis_angle=face.jaw_axis_angle,
        neck_axis_angle=torch.zeros_like(face.neck_axis_angle),
        eyes_axis_angle=torch.zeros_like(face.eyes_axis_angle),
    )
    rest = model.landmarks(model.rest().vertices_m)[0]
    chunks = [model.landmarks(mesh.vertices_m) for mesh in model.pose_chunks(Motion(face=still, fps=FRAME_RATE))]
    return (torch.cat(chunks) - rest) / eye_distance(rest)


def eye_distance(landmarks_m: Float[Tensor, "68 3"]) -> Float[Tensor, ""]:
    """Distance between the middles of the eyes."""
    left, right = (landmarks_m[eye].mean(dim=0) for eye in _EYES)
    return (left - right).norm()
