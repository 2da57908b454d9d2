"""The shape of the mouth in every frame of a motion: how far the lips are apart, and where the lower one is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from emote3d.body import BodyModel
from emote3d.records import FaceMotion, Motion

INNER_LIPS = ((61, 67), (62, 66), (63, 65))
"""Upper and lower inner-lip landmarks of iBUG 68 that face each other."""
TEETH_GAP_MM = (0.4, 6.0)
"""Inner-lip gap between which teeth that touch the lower lip can be seen."""
TEETH_TUCK_MM = 1.5
"""How far behind its resting place the lower lip's inner edge lies under the upper teeth."""


def lip_gap(landmarks_m: Float[Tensor, "*batch 68 3"]) -> Float[Tensor, "*batch"]:
    """Mean vertical distance of the facing inner-lip landmarks, metres; negative where they cross."""
    upper, lower = (landmarks_m[..., [pair[side] for pair in INNER_LIPS], 1] for side in (0, 1))
    return (upper - lower).mean(dim=-1)


@dataclass(frozen=True, kw_only=True)
class MouthCurves:
    """The mouth over time, in the head's own frame (nods do not count)."""

    gap_mm: Float[np.ndarray, "frames"]
    """Vertical distance of the inner lips, negative where they press into each other."""
    tuck_mm: Float[np.ndarray, "frames"]
    """How far the lower lip's inner edge lies behind its place at rest."""

    @property
    def teeth_on_lip(self) -> Bool[np.ndarray, "frames"]:
        """Frames in which the lower lip is drawn in under the upper teeth and they show over it, as f and v need."""
        low, high = TEETH_GAP_MM
        return (self.gap_mm > low) & (self.gap_mm < high) & (self.tuck_mm > TEETH_TUCK_MM)


def mouth_curves(avatar: BodyModel, motion: Motion) -> MouthCurves:
    """Measure the mouth of an avatar that performs a motion; the head is held still for it.

    Raises:
        Emote3DError: the avatar has no landmarks, or cannot take the motion.
    """
    assert motion.face is not None, "the motion has no face"
    head = avatar.cropped("head")
    lower = [pair[1] for pair in INNER_LIPS]
    rest_m = head.landmarks(head.rest().vertices_m)
    gaps, tucks = [], []
    with torch.inference_mode():
        for mesh in head.pose_chunks(Motion(face=still_head(motion.face), fps=motion.fps)):
            landmarks_m = head.landmarks(mesh.vertices_m)
            gaps.append(1000 * lip_gap(landmarks_m))
            tucks.append(1000 * (rest_m[:, lower, 2] - landmarks_m[:, lower, 2]).mean(dim=1))
    return MouthCurves(gap_mm=torch.cat(gaps).double().numpy(), tuck_mm=torch.cat(tucks).double().numpy())


def still_head(face: FaceMotion) -> FaceMotion:
    """The same face on a head that does not move."""
    return FaceMotion(
        expression=face.expression,
        basis=face.basis,
        jaw_axis_angle=face.jaw_axis_angle,
        neck_axis_angle=torch.zeros_like(face.neck_axis_angle),
        eyes_axis_angle=face.eyes_axis_angle,
    )
