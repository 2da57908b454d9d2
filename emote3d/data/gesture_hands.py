"""Hand shapes of the gesture teacher: the 15 finger joints of a left hand, blended by weights."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

FINGERS = ("index", "middle", "pinky", "ring", "thumb")
"""Fingers in SMPL-X order, three joints each."""
_THUMB_FLEX = np.array([0.59, 0.79, -0.12])
"""Axis about which a left thumb closes across the palm, in the T-pose."""
_THUMB_LIFT = np.array([-0.3, 0.35, 0.88])
"""Axis about which a left thumb moves away from the palm."""
_SPREAD_SIDE = {"index": -1.0, "middle": -0.2, "ring": 0.55, "pinky": 1.0}

_SHAPES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "relaxed": ((14, 22, 13), (18, 26, 15), (24, 32, 18), (21, 29, 16), (4, 10, 12), (3, 0, 0)),
    "open": ((2, 8, 5), (4, 9, 5), (9, 12, 7), (6, 10, 6), (-10, 4, 6), (7, 6, 0)),
    "spread": ((-6, 5, 3), (-4, 6, 3), (0, 8, 5), (-3, 7, 4), (-22, 0, 2), (16, 14, 0)),
    "blade": ((-2, 3, 2), (0, 3, 2), (2, 4, 2), (1, 3, 2), (6, 8, 10), (0, -4, 0)),
    "fist": ((62, 86, 45), (66, 88, 46), (70, 84, 44), (68, 86, 45), (22, 32, 36), (-4, 0, 0)),
    "point": ((0, 7, 4), (66, 88, 48), (72, 86, 46), (70, 88, 47), (20, 30, 32), (0, 0, 0)),
    "pinch": ((42, 48, 22), (34, 38, 20), (18, 24, 14), (26, 30, 17), (16, 18, 14), (4, 8, 0)),
    "purse": ((48, 40, 18), (50, 42, 18), (44, 40, 20), (48, 42, 19), (22, 14, 10), (-6, 10, 0)),
    "claw": ((18, 34, 24), (20, 36, 25), (20, 34, 24), (20, 36, 25), (-14, 12, 18), (12, 14, 0)),
    "loose": ((30, 38, 22), (36, 44, 25), (42, 48, 26), (40, 46, 26), (8, 16, 18), (1, 0, 0)),
    "two": ((0, 6, 4), (0, 6, 4), (74, 88, 48), (72, 90, 50), (26, 36, 34), (9, 0, 0)),
    "three": ((0, 7, 4), (2, 7, 4), (70, 84, 46), (4, 10, 6), (24, 36, 34), (10, 0, 0)),
}
"""Per shape: bend of knuckle, middle and last joint of index, middle, little, ring finger; flexion of the thumb's three
joints; then spread of the fingers, lift of the thumb, unused. Degrees."""
SHAPES = tuple(_SHAPES)


def _finger_angles(name: str) -> Float[np.ndarray, "15 3"]:
    """Axis-angles of one shape."""
    rows = _SHAPES[name]
    spread, lift, _ = rows[5]
    angles = np.zeros((5, 3, 3))
    for index, finger in enumerate(FINGERS[:4]):
        angles[index, :, 2] = -np.array(rows[index])
        angles[index, 0, 1] = spread * _SPREAD_SIDE[finger]
    flex = np.array(rows[4])[:, None] * _THUMB_FLEX
    flex[0] += lift * _THUMB_LIFT
    angles[4] = flex
    return np.radians(angles.reshape(15, 3))


_TABLE = np.stack([_finger_angles(name) for name in SHAPES])


def shape_weights(**weights: float) -> Float[np.ndarray, "shapes"]:
    """Weights of the named shapes, to be blended."""
    found = np.zeros(len(SHAPES))
    for name, value in weights.items():
        found[SHAPES.index(name)] = value
    return found / found.sum()


def fingers(
    weights: Float[np.ndarray, "frames shapes"], flutter: Float[np.ndarray, "frames 5"]
) -> Float[np.ndarray, "frames 15 3"]:
    """Axis-angles of the finger joints of a left hand.

    Args:
        weights: of the shapes, adding up to 1.
        flutter: extra bend of each finger in radians, in the order of `FINGERS`.
    """
    angles = np.einsum("fs,sjc->fjc", weights, _TABLE).reshape(-1, 5, 3, 3)
    share = np.array([0.5, 0.8, 0.45])
    angles[:, :4, :, 2] -= flutter[:, :4, None] * share
    angles[:, 4] += (0.5 * flutter[:, 4, None] * share)[..., None] * _THUMB_FLEX
    angles[:, :4, :, 2] = np.clip(
        angles[:, :4, :, 2], np.radians([-100.0, -112.0, -80.0]), np.radians([14.0, 0.0, 0.0])
    )
    return angles.reshape(-1, 15, 3)
