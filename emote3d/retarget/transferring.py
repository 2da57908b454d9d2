"""Carries the 52 ARKit shapes of the open head over to another head, by geometry alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52
from emote3d.retarget.faces import Face
from emote3d.retarget.registering import fit_surface, local_maps
from emote3d.retarget.surfaces import Patch

_OPEN_RAD = 0.22
"""The mouth is open while heads are laid over each other, so that upper and lower lip are not mistaken."""
_TRUSTED_MM = 3.0
_UPPER_LIDS, _LOWER_LIDS = {"Right": (20, 21), "Left": (26, 27)}, {"Right": (24, 23), "Left": (30, 29)}
_UPPER_LIP, _LOWER_LIP = (44, 45, 46), (50, 49, 48)
"""Inner landmarks (iBUG number minus 17) that face each other."""
_LIP_EMPHASIS, _LID_EMPHASIS = 3.0, 2.0
_LID_MM, _LIP_REACH_MM = 1.5, 7.0


@dataclass(frozen=True)
class Transfer:
    """The 52 shapes on a target's vertices."""

    source: Face
    target: Face
    shapes_mm: Float[ndarray, "52 verts 3"]
    """Displacement of each vertex by each shape."""
    trust: Float[ndarray, "verts"]
    """How surely a vertex was found on the source, 0..1."""

    @cached_property
    def lips(self) -> Bool[ndarray, "verts"]:
        """Vertices of the lips: within 7 mm of the line where they meet."""
        marks = self.target.landmarks_mm[31:]
        points = np.concatenate([marks, (marks + np.roll(marks, 1, axis=0)) / 2])
        nearest = np.linalg.norm(self.target.rest.vertices_mm[:, None] - points, axis=2).min(axis=1)
        return (nearest < _LIP_REACH_MM) & (self.trust > 0)

    @cached_property
    def lids(self) -> Bool[ndarray, "verts"]:
        """Vertices of the eyelids: those that a blink moves."""
        blinks = [ARKIT_52.index(f"eyeBlink{side}") for side in ("Left", "Right")]
        return np.linalg.norm(self.shapes_mm[blinks], axis=2).max(axis=0) > _LID_MM

    @cached_property
    def weights(self) -> Float[ndarray, "verts"]:
        """Importance of each vertex: its area, more on lips and lids, none where it was not found; mean 1."""
        emphasis = np.where(self.lips, _LIP_EMPHASIS, np.where(self.lids, _LID_EMPHASIS, 1.0))
        weights = self.target.rest.areas_mm2 * emphasis * self.trust
        return weights / weights.mean()


def transfer(source: Face, target: Face) -> Transfer:
    """Lay the source over the target and carry its shapes over.

    Raises:
        Emote3DError: the heads do not match, e.g. the target's jaw does not open its mouth.
    """
    open_source, open_target, landmarks_mm = _opened_alike(source, target)
    fitted = fit_surface(open_source, open_target, source.landmark_rows, landmarks_mm)
    over = open_source.moved(fitted)
    nearest = over.nearest(open_target.vertices_mm, open_target.vertex_normals)
    distance = np.where(nearest.found, nearest.distance_mm, np.inf)
    trust = np.exp(-0.5 * np.square(distance / (_TRUSTED_MM / 2))) * (distance < _TRUSTED_MM)
    if (trust > 0.5).mean() < 0.3:
        raise Emote3DError(
            f"the avatar's head could be laid over the open head at only {(trust > 0.5).mean():.0%} of its vertices; "
            "expected a human head with the 68 iBUG landmarks, facing +z"
        )
    at, sure = over.interpolate(nearest, source.rest.vertices_mm), trust > 0.5
    maps = local_maps(at[sure], target.rest.vertices_mm[sure], at)
    moves = np.moveaxis(_source_shapes(source), 0, 1)
    shapes = np.einsum("vyx,vkx->kvy", maps, over.interpolate(nearest, moves))
    shapes[:, trust == 0] = 0
    result = Transfer(source, target, shapes, trust)
    _close_as_the_source_does(result)
    return result


def _source_shapes(source: Face) -> Float[ndarray, "52 verts 3"]:
    return source.posed_mm(np.eye(len(ARKIT_52)), np.zeros((52, 3))) - source.rest.vertices_mm


def _gap(landmarks_mm: Float[ndarray, "landmarks 3"], upper: tuple[int, ...], lower: tuple[int, ...]) -> float:
    return float(np.linalg.norm(landmarks_mm[list(upper)] - landmarks_mm[list(lower)], axis=1).mean())


def _opened_alike(source: Face, target: Face) -> tuple[Patch, Patch, Float[ndarray, "landmarks 3"]]:
    """Both faces with the mouth equally open, and the landmarks of the open target."""
    open_target, landmarks_mm = target.opened(jaw_rad=_OPEN_RAD)
    opening = _gap(landmarks_mm, _UPPER_LIP, _LOWER_LIP) - _gap(target.landmarks_mm, _UPPER_LIP, _LOWER_LIP)
    width = np.ptp(target.landmarks_mm[:, 0])
    if opening < 0.03 * width:
        raise Emote3DError(
            f"turning the avatar's jaw joint by {np.degrees(_OPEN_RAD):.0f} degrees about +x opens its mouth by only "
            f"{opening:.1f} mm; expected a FLAME or SMPL-X model whose jaw opens so"
        )
    jaw_open = ARKIT_52.index("jawOpen")
    full = _gap(source.opened(coefficient=(jaw_open, 1.0))[1], _UPPER_LIP, _LOWER_LIP)
    shut = _gap(source.landmarks_mm, _UPPER_LIP, _LOWER_LIP)
    wanted = opening / width * np.ptp(source.landmarks_mm[:, 0])
    open_source, _ = source.opened(coefficient=(jaw_open, float(np.clip(wanted / (full - shut), 0, 1))))
    return open_source, open_target, landmarks_mm


def _close_as_the_source_does(transferred: Transfer) -> None:
    """Scale blinks and mouthClose in place, so that lids and lips close as far as the source's do."""
    shapes = transferred.shapes_mm
    for side in ("Left", "Right"):
        name = f"eyeBlink{side}"
        _match_closing(transferred, name, None, _UPPER_LIDS[side], _LOWER_LIDS[side])
    _match_closing(transferred, "mouthClose", "jawOpen", _UPPER_LIP, _LOWER_LIP)
    assert np.isfinite(shapes).all()


def _match_closing(
    transferred: Transfer, name: str, opened_by: str | None, upper: tuple[int, ...], lower: tuple[int, ...]
) -> None:
    """Scale one shape so that the gap between landmarks shrinks by the same share as on the source."""
    source, target, shapes = transferred.source, transferred.target, transferred.shapes_mm
    index = ARKIT_52.index(name)
    base_source, base_target = source.rest.vertices_mm, target.rest.vertices_mm
    if opened_by is not None:
        before = ARKIT_52.index(opened_by)
        base_target = base_target + shapes[before]
    coefficient = np.zeros((2, len(ARKIT_52)))
    coefficient[1, index] = 1
    if opened_by is not None:
        coefficient[:, ARKIT_52.index(opened_by)] = 1
        base_source = source.posed_mm(coefficient[:1], np.zeros((1, 3)))[0]
    shut_source = source.posed_mm(coefficient[1:], np.zeros((1, 3)))[0]
    share = _closing(source, base_source, shut_source, upper, lower)
    reached = _closing(target, base_target, base_target + shapes[index], upper, lower)
    if reached > 0.2 and share > 0.2:
        shapes[index] *= np.clip(share / reached, 0.5, 2.0)


def _closing(face: Face, base: ndarray, shut: ndarray, upper: tuple[int, ...], lower: tuple[int, ...]) -> float:
    """How much of the gap a shape closes, measured along the gap: 1 = just shut."""
    rows = face.landmark_rows
    gap = (rows @ base)[list(upper)] - (rows @ base)[list(lower)]
    change = gap - ((rows @ shut)[list(upper)] - (rows @ shut)[list(lower)])
    return float((gap * change).sum() / np.square(gap).sum())
