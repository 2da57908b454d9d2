"""The look that all backends share: lights, skin, eyes, tone curve, background.

Light is linear RGB. `gl` gets these numbers as GLSL constants, `software` as a kernel argument: both follow the same
formula, written in `shaders.py` and `lighting.py`.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

Vec3 = tuple[float, float, float]


def _unit(x: float, y: float, z: float) -> Vec3:
    length = sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


class Shading(NamedTuple):
    """Lights in world space (directions point to the light) and the constants of the materials."""

    key_direction: Vec3 = _unit(0.50, 0.58, 0.78)
    key_color: Vec3 = (1.58, 1.44, 1.30)
    fill_direction: Vec3 = _unit(-0.85, 0.10, 0.55)
    fill_color: Vec3 = (0.48, 0.415, 0.38)
    rim_direction: Vec3 = _unit(-0.55, 0.45, -0.75)
    rim_color: Vec3 = (0.95, 1.00, 1.10)
    sky_color: Vec3 = (0.17, 0.18, 0.20)
    ground_color: Vec3 = (0.10, 0.075, 0.06)
    wrap: Vec3 = (0.60, 0.34, 0.26)
    """How far light creeps around the terminator at subsurface 1: red travels furthest."""
    terminator: float = 0.4
    """Steepness where the key light ends: 1 as on chalk, less for a softer edge."""
    reflectance: float = 0.08
    """Reflection at normal incidence of a material of specular 1."""
    coat_color: Vec3 = (0.95, 0.95, 1.00)
    coat_inner: float = 0.975
    """Cosine from the mirrored light where the catch-light is full."""
    coat_outer: float = 0.955
    """Cosine where it ends."""
    coat_fresnel: float = 0.16
    """Sky mirrored at the coat's edge."""
    tone: Vec3 = (1.13, 1.53, 0.525)
    """With s the root of the light x: s (t0 + t1 s) / (1 + s (t2 + t1 s)), about sRGB(1 - exp(-1.35 x))."""


SHADING = Shading()
TWO_SIDED = ("lashes", "brows", "hair")
"""Materials that are thin sheets, seen from both sides."""
BACKGROUND_CENTRE_SRGB = (0.66, 0.68, 0.71)
BACKGROUND_EDGE_SRGB = (0.34, 0.36, 0.40)


def linear_from_srgb(srgb: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    """Undo the sRGB transfer curve."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def encoded(light: Float[ndarray, "*any"]) -> Float[ndarray, "*any"]:
    """Apply the tone curve: light to sRGB in [0, 1]."""
    root = np.sqrt(light)
    t0, t1, t2 = SHADING.tone
    return np.clip(root * (t0 + t1 * root) / (1 + root * (t2 + t1 * root)), 0, 1)


def background(width: int, height: int) -> UInt8[ndarray, "height width 3"]:
    """Paint the backdrop: a soft pool of light behind the head, with grain below one step so that no band shows."""
    x = (np.arange(width) + 0.5) / width * 2 - 1
    y = (np.arange(height) + 0.5) / height * 2 - 1
    aspect = width / height
    radius = np.hypot(x[None] * aspect, (y[:, None] + 0.15) * 1.1) / 1.5
    blend = np.clip(radius, 0, 1)[..., None]
    blend = blend * blend * (3 - 2 * blend)
    srgb = (1 - blend) * np.array(BACKGROUND_CENTRE_SRGB) + blend * np.array(BACKGROUND_EDGE_SRGB)
    grain = np.random.default_rng(0).random((height, width, 1))
    return np.floor(srgb * 255 + grain).clip(0, 255).astype(np.uint8)
