"""Errors of face vertices. Units are those of the vertices: pass millimetres to get millimetres.

Papers mix these up. `lve` alone exists in three forms, and the same result printed in them differs by orders of magnitude:
the distance (MeshTalk's text), the squared distance (the code that FaceFormer, CodeTalker and their followers share, printed in
m^2 for VOCASET and in their own scale for BIWI), and the mean over the lip instead of the maximum (some later work). UniTalker's
and Wav2Sem's figures for the same baseline differ by 3.5x for such reasons. So name the variant beside every figure.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

LveVariant = Literal["max", "max_squared", "mean"]


def _distances(
    pred: Float[np.ndarray, "frames verts 3"], ref: Float[np.ndarray, "frames verts 3"]
) -> Float[np.ndarray, "frames verts"]:
    assert pred.shape == ref.shape, (pred.shape, ref.shape)
    return np.linalg.norm(pred.astype(np.float64) - ref, axis=-1)


def mve(pred: Float[np.ndarray, "frames verts 3"], ref: Float[np.ndarray, "frames verts 3"]) -> float:
    """Mean vertex error: mean over frames and vertices of |pred - ref|; unit of the vertices.

    Variants: some code takes the norm over the wrong axis of [frames, verts, 3], which mixes vertices, and some
    prints the mean of squares (EMAGE, over coordinates).
    """
    return float(_distances(pred, ref).mean())


def lve_frames(
    pred: Float[np.ndarray, "frames verts 3"],
    ref: Float[np.ndarray, "frames verts 3"],
    region: Int[np.ndarray, "region_verts"],
    variant: LveVariant = "max",
) -> Float[np.ndarray, "frames"]:
    """The error of a region in every frame, whose mean is `lve` and `eve`."""
    distances = _distances(pred[:, region], ref[:, region])
    if variant == "mean":
        return distances.mean(axis=1)
    largest = distances.max(axis=1)
    return largest**2 if variant == "max_squared" else largest


def lve(
    pred: Float[np.ndarray, "frames verts 3"],
    ref: Float[np.ndarray, "frames verts 3"],
    lips: Int[np.ndarray, "region_verts"],
    variant: LveVariant = "max",
) -> float:
    """Lip vertex error: mean over frames of max over lip vertices of |pred - ref| (MeshTalk, Richard et al. 2021).

    Args:
        variant: `max` as said; `max_squared` takes |pred - ref|^2 before the mean (FaceFormer's and CodeTalker's code; unit
            squared); `mean` the mean over the lip instead of the maximum.
    """
    return float(lve_frames(pred, ref, lips, variant).mean())


def eve(
    pred: Float[np.ndarray, "frames verts 3"],
    ref: Float[np.ndarray, "frames verts 3"],
    upper: Int[np.ndarray, "region_verts"],
    variant: LveVariant = "max",
) -> float:
    """Emotional vertex error: as `lve`, over the vertices of eyes and forehead (EmoTalk, Peng et al. 2023)."""
    return lve(pred, ref, upper, variant)


def dynamics(
    vertices: Float[np.ndarray, "frames verts 3"],
    template: Float[np.ndarray, "verts 3"],
    region: Int[np.ndarray, "region_verts"],
) -> float:
    """Mean over a region of the standard deviation over time of |vertex - template|^2; the unit squared."""
    moved = vertices[:, region].astype(np.float64) - template[region]
    return float(np.square(moved).sum(axis=-1).std(axis=0).mean())


def fdd(
    pred: Float[np.ndarray, "frames verts 3"],
    ref: Float[np.ndarray, "frames verts 3"],
    template: Float[np.ndarray, "verts 3"],
    upper: Int[np.ndarray, "region_verts"],
) -> float:
    """Upper-face dynamics deviation: dyn(ref) - dyn(pred) over the upper face (CodeTalker, Xing et al. 2023).

    dyn is the standard deviation over time of the squared displacement from the neutral face; the unit is squared.
    Signed: positive where the prediction moves too little. Averaged over clips the sign lets errors cancel, so some papers
    take the absolute value of each clip; and the paper's text says norm where its code squares.
    """
    return dynamics(ref, template, upper) - dynamics(pred, template, upper)


def mouth_opening(
    vertices: Float[np.ndarray, "frames verts 3"], upper_lip: int, lower_lip: int
) -> Float[np.ndarray, "frames"]:
    """Distance of two vertices that face each other in the middle of the inner lips."""
    return np.linalg.norm(vertices[:, upper_lip].astype(np.float64) - vertices[:, lower_lip], axis=-1)


def mod(pred_opening: Float[np.ndarray, "frames"], ref_opening: Float[np.ndarray, "frames"]) -> float:
    """Mouth opening difference: mean over frames of |opening(pred) - opening(ref)| (DiffPoseTalk, Sun et al. 2024).

    Variants: opening as a distance (here with `mouth_opening`), or only its vertical part (here with `mouth.lip_gap`).
    """
    return float(np.abs(pred_opening - ref_opening).mean())
