"""Which vertices of an avatar's head are lips and which are upper face, from its landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from emote3d.body import BodyModel

_LIPS, _UPPER = tuple(range(48, 68)), (*range(17, 27), *range(36, 48))
_LIP_REACH_M, _UPPER_REACH_M = 0.008, 0.015


@dataclass(frozen=True, kw_only=True)
class FaceRegions:
    """Vertex indices of a cropped head."""

    lips: Int[np.ndarray, "lip_verts"]
    upper: Int[np.ndarray, "upper_verts"]
    """Eyes, brows and the skin about them."""
    skin: Int[np.ndarray, "skin_verts"]
    """Vertices that expressions move."""
    rest_m: Float[np.ndarray, "verts 3"]


def face_regions(head: BodyModel) -> FaceRegions:
    """Find the regions: what lies within 8 mm of a lip landmark, and within 15 mm of a brow or eye landmark.

    Raises:
        Emote3DError: the avatar has no landmarks.
    """
    rest_m = head.rest().vertices_m
    landmarks_m = head.landmarks(rest_m)[0]
    moving = torch.zeros(rest_m.shape[1], dtype=torch.bool)
    moving[head.moving_verts] = True
    near = {
        group: (torch.cdist(rest_m[0], landmarks_m[list(group)]).amin(dim=1) < reach) & moving
        for group, reach in ((_LIPS, _LIP_REACH_M), (_UPPER, _UPPER_REACH_M))
    }
    lips, upper = (near[group].nonzero()[:, 0].numpy() for group in (_LIPS, _UPPER))
    return FaceRegions(lips=lips, upper=upper, skin=moving.nonzero()[:, 0].numpy(), rest_m=rest_m[0].numpy())
