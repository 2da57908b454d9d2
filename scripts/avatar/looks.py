"""Materials of the open avatar."""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """How a material meets the light."""

    color: tuple[float, float, float]
    roughness: float
    specular: float
    subsurface: float
    coat: bool = False


WHITE = (1.0, 1.0, 1.0)
LOOKS: dict[str, Look] = {
    "skin": Look(WHITE, 0.5, 0.35, 0.6),
    "lips": Look(WHITE, 0.34, 0.5, 0.6),
    "mouth": Look(WHITE, 0.35, 0.35, 0.4),
    "eye": Look(WHITE, 0.25, 0.3, 0.2),
    "cornea": Look(WHITE, 0.06, 1.0, 0.0, coat=True),
    "teeth": Look(WHITE, 0.25, 0.5, 0.3),
    "gums": Look(WHITE, 0.3, 0.45, 0.5),
    "tongue": Look(WHITE, 0.4, 0.4, 0.6),
    "lashes": Look(WHITE, 0.8, 0.1, 0.0),
    "brows": Look(WHITE, 0.8, 0.1, 0.0),
    "hair": Look(WHITE, 0.70, 0.18, 0.0),
    "shirt": Look(WHITE, 0.9, 0.08, 0.0),
    "trousers": Look(WHITE, 0.9, 0.06, 0.0),
    "shoes": Look(WHITE, 0.5, 0.3, 0.0),
}
"""Looks by material name; colours of parts are vertex colours."""
MATERIALS = tuple(LOOKS)
"""Order of the materials in the files."""


def material(name: str) -> int:
    """Index of a material."""
    return MATERIALS.index(name)
