"""Procedural eyeballs: sclera, sunken iris, pupil and a cornea dome, all turning with the eye joints."""

from __future__ import annotations

import numpy as np

from avatar.base import Base
from avatar.looks import material
from avatar.mesh import Part, join
from avatar.source import Floats, Ints

SEGMENTS = 36
LIMBUS = np.radians(29.0)
"""Angle between the gaze and the edge of the iris, seen from the eyeball's centre."""
PUPIL = 0.36
"""Radius of the pupil as a share of the iris."""


def eye_sphere(base: Base, side: str) -> tuple[Floats, Floats]:
    """Centre (rows, 3) and radius (rows,) of an eyeball; rows after 0 are displacements, none by expressions."""
    points = base.stack[:, base.source.group_vertices(f"helper-{side}-eye")]
    rest = points[0]
    solution = np.linalg.lstsq(np.c_[2 * rest, np.ones(len(rest))], (rest**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    radius = np.sqrt(solution[3] + centre @ centre)
    moved = points[1:] - points[1:].mean(1, keepdims=True)
    growth = np.einsum("rva,va->r", moved, (rest - centre) / radius) / len(rest)
    centres = np.concatenate([centre[None], points[1:].mean(1)])
    radii = np.concatenate([[radius], growth])
    first = base.row("eyeBlinkLeft")
    centres[first:], radii[first:] = 0.0, 0.0
    return centres, radii


def _revolve(profile: Floats, segments: int = SEGMENTS) -> tuple[Floats, Ints]:
    """Turn a profile of (radius, z) around z, the first point on the axis: vertices and triangles facing +z."""
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    rings = [np.stack([r * np.cos(turn), r * np.sin(turn), np.full(segments, z)], 1) for r, z in profile[1:]]
    vertices = np.concatenate([np.array([[0.0, 0.0, profile[0][1]]]), *rings])
    here, there = np.arange(segments), (np.arange(segments) + 1) % segments
    triangles = [np.stack([np.zeros(segments, int), 1 + here, 1 + there], 1)]
    for k in range(len(rings) - 1):
        a, b = 1 + k * segments, 1 + (k + 1) * segments
        triangles += [np.stack([a + here, b + here, b + there], 1), np.stack([a + here, b + there, a + there], 1)]
    return vertices, np.concatenate(triangles)


def _ball_profile() -> tuple[Floats, Ints]:
    """Profile of the eyeball of radius 1, and the zone of each ring: 0 pupil, 1 iris, 2 limbus, 3 sclera."""
    edge, plane = np.sin(LIMBUS), np.cos(LIMBUS)
    inner = [(0.0, plane - 0.03), (PUPIL * edge * 0.98, plane - 0.03)]
    iris = [(s * edge, plane - 0.03 * (1 - s**2)) for s in (PUPIL, 0.44, 0.58, 0.76, 0.90)]
    angles = np.radians([29.0, 30.4, 35, 43, 54, 68, 84, 104])
    sclera = [(np.sin(a), np.cos(a)) for a in angles]
    zones = [0] * len(inner) + [1] * len(iris) + [2] + [3] * (len(sclera) - 1)
    return np.array(inner + iris + sclera), np.array(zones)


def _ball_colors(profile: Floats, zones: Ints) -> Floats:
    """Vertex colours of the eyeball: fibres in the iris, a dark limbal ring, a warm sclera."""
    random = np.random.default_rng(7)
    fibre = np.convolve(random.normal(size=SEGMENTS * 3), [0.25, 0.5, 0.25], "same")[SEGMENTS : 2 * SEGMENTS]
    edge = np.sin(LIMBUS)
    colors = [np.zeros((1, 3)) + 0.015]
    for (radius, z), zone in zip(profile[1:], zones[1:], strict=True):
        share = radius / edge
        if zone == 0:
            ring = np.full((SEGMENTS, 3), 0.015)
        elif zone == 1:
            inner, outer = np.array([0.50, 0.36, 0.19]), np.array([0.25, 0.33, 0.32])
            blend = np.clip((share - PUPIL) / 0.45, 0, 1)
            ring = ((1 - blend) * inner + blend * outer) * (1 + 0.22 * fibre[:, None])
            ring = ring * (0.35 if share < PUPIL + 0.01 else 0.45 if share > 0.88 else 1.0)
        elif zone == 2:
            ring = np.full((SEGMENTS, 3), 0.16)
        else:
            pink = np.clip((np.arccos(z) - np.radians(32)) / 0.9, 0, 1)
            ring = np.tile(
                np.array([0.90, 0.885, 0.87]) * (1 - pink) + np.array([0.80, 0.64, 0.60]) * pink, (SEGMENTS, 1)
            )
            ring = ring * (0.72 if np.arccos(z) < np.radians(30.5) else 1.0)
        colors.append(ring)
    return np.clip(np.concatenate(colors), 0, 1)


def _cornea_profile() -> Floats:
    """A dome that leaves the eyeball just outside the limbus and bulges 0.07 radii ahead of it."""
    base_angle = np.radians(32.0)
    rim, floor, top = np.sin(base_angle), np.cos(base_angle), 1.09
    height = top - floor
    bend = (rim**2 + height**2) / (2 * height)
    reach = np.arcsin(rim / bend)
    angles = np.linspace(0, reach, 7)
    return np.stack([bend * np.sin(angles), top - bend + bend * np.cos(angles)], 1)


def eyes(base: Base) -> Part:
    """Both eyeballs with their corneas."""
    parts = []
    for side, joint in (("l", 23), ("r", 24)):
        centres, radii = eye_sphere(base, side)
        profile, zones = _ball_profile()
        colors = _ball_colors(profile, zones)
        ball = _part(base, *_revolve(profile), centres, radii, colors, joint, "eye")
        vertices, triangles = _revolve(_cornea_profile())
        white = np.ones((len(vertices), 3))
        parts += [ball, _part(base, vertices, triangles, centres, radii, white, joint, "cornea")]
    return join(parts)


def _part(
    base: Base, unit: Floats, triangles: Ints, centres: Floats, radii: Floats, color: Floats, joint: int, look: str
) -> Part:
    """A shape around the unit eyeball put at each row's centre and radius."""
    weights = np.zeros((len(unit), 55))
    weights[:, joint] = 1.0
    uv = 0.5 + 0.45 * unit[triangles][..., :2]
    return Part(
        stack=centres[:, None] + radii[:, None, None] * unit, triangles=triangles, uv=uv,
        materials=np.full(len(triangles), material(look)), color=color, occlusion=np.ones(len(unit)), weights=weights,
    )  # fmt: skip
