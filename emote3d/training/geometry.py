"""The open avatar's face as a linear map, so that losses are in millimetres of skin and cost a small matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body import BodyModel
from emote3d.decoders.face import CHANNELS, face_from_channels
from emote3d.metrics.mouth import lip_gap
from emote3d.names import ARKIT_52
from emote3d.records import Motion

_LIPS, _EYES = range(48, 68), range(36, 48)


@dataclass(frozen=True, kw_only=True)
class FaceGeometry:
    """How coefficients move the face of the open avatar."""

    root: Float[Tensor, "52 52"]
    """Square root of the weighted Gram matrix: |root @ d|^2 is the mean squared skin displacement in mm^2."""
    gap_mm: Float[Tensor, "52"]
    """Opening between the inner lips per unit of each coefficient."""

    def skin_error(self, difference: Float[Tensor, "*batch 52"]) -> Float[Tensor, "*batch"]:
        """Mean squared displacement of the skin, lips counted most, mm^2."""
        return (difference @ self.root).square().sum(dim=-1)

    def lip_gap(self, expression: Float[Tensor, "*batch 52"]) -> Float[Tensor, "*batch"]:
        """Opening between the inner lips, mm; negative where they press into each other."""
        return expression @ self.gap_mm


def measure_face(avatar: BodyModel) -> FaceGeometry:
    """Move each coefficient of the avatar by itself and see what happens to the skin and the lips."""
    units = torch.zeros(1 + len(ARKIT_52), CHANNELS)
    units[1:, : len(ARKIT_52)] = torch.eye(len(ARKIT_52))
    head = avatar.cropped("head")
    mesh = head.pose(Motion(face=face_from_channels(units), fps=30))
    landmarks = head.landmarks(mesh.vertices_m)
    moved_mm = 1000 * (mesh.vertices_m[1:] - mesh.vertices_m[0])
    rest = mesh.vertices_m[0]
    near_lips, near_eyes = (
        torch.cdist(rest, landmarks[0, list(group)]).amin(dim=1) < radius
        for group, radius in ((_LIPS, 0.012), (_EYES, 0.01))
    )
    weight = 1.0 + 6.0 * near_lips + 2.0 * near_eyes
    weight = weight * (moved_mm.norm(dim=-1).amax(dim=0) > 0.3)
    flat = (moved_mm * (weight / weight.sum()).sqrt()[:, None]).flatten(1)
    values, vectors = torch.linalg.eigh((flat @ flat.T).double())
    gaps = 1000 * lip_gap(landmarks)
    return FaceGeometry(
        root=(vectors * values.clamp_min(1e-6).sqrt()).float(),
        gap_mm=gaps[1:] - gaps[0],
    )
