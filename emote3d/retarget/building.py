"""Builds the retarget map of a model once, from geometry."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from emote3d.body import BodyModel, load_body_model
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.retarget.faces import Face
from emote3d.retarget.fitting import Fit, fit_shapes
from emote3d.retarget.landmarking import with_landmarks
from emote3d.retarget.mapping import RetargetMap
from emote3d.retarget.transferring import Transfer, transfer

_MOVES_MM = 0.2


@cache
def open_face() -> Face:
    """The face of the open head, which has ARKit's 52 shapes."""
    return Face.of(load_body_model(asset_path("assets", "flame", "open_head.npz")))


def build_map(model: BodyModel) -> RetargetMap:
    """Lay the open head over a model, carry its 52 shapes over and fit the model's expression and jaw to them.

    Raises:
        Emote3DError: the model has no expressions, ARKit's own basis, or its head does not match.
    """
    if model.basis == "arkit52":
        raise Emote3DError("the avatar has ARKit's shapes already; it needs no retarget map")
    if not model.expression_names:
        raise Emote3DError("the model file has no expression coefficients; expected FLAME or SMPL-X with them")
    transferred = transfer(open_face(), Face.of(with_landmarks(model, open_face())))
    return map_of(transferred, fit_shapes(transferred.target, transferred.shapes_mm, transferred.weights))


def map_of(transferred: Transfer, fit: Fit) -> RetargetMap:
    """A fit with its errors."""
    wanted, made = transferred.shapes_mm, fit.reached_mm
    everywhere = np.linalg.norm(wanted, axis=2) > _MOVES_MM
    places = [everywhere & (transferred.trust > 0.5), everywhere & transferred.lips, everywhere & transferred.lids]
    weights = transferred.weights[:, None]
    total = (np.square(wanted) * weights).sum(axis=(1, 2))
    missed = (np.square(wanted - made) * weights).sum(axis=(1, 2))
    return RetargetMap(
        basis=transferred.target.model.basis,
        matrix=fit.matrix,
        metric=fit.metric,
        error_mm=np.stack([_mean_norm(wanted - made, place) for place in places], axis=1),
        motion_mm=np.stack([_mean_norm(wanted, place) for place in places], axis=1),
        expressed=np.where(total > 0, 1 - missed / np.maximum(total, 1e-12), 0.0).clip(0, 1),
        coverage=float((transferred.trust > 0.5).mean()),
    )


def _mean_norm(vectors: Float[ndarray, "52 verts 3"], where: Bool[ndarray, "52 verts"]) -> Float[ndarray, "52"]:
    return (np.linalg.norm(vectors, axis=2) * where).sum(axis=1) / np.maximum(where.sum(axis=1), 1)
