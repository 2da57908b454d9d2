"""The software backend's lighting: the formula of `shaders.py`, a pixel at a time, with the numbers of `shading.py`."""

from __future__ import annotations

from math import sqrt
from typing import no_type_check

import numpy as np
from numpy import ndarray

from emote3d.render.compiling import inlined, kernel
from emote3d.render.coverage import CENTRE, SUBPIXEL, Screen, Window
from emote3d.render.shading import Shading, Vec3

Pixel = tuple[int, int, int, int]
"""Row and column in the window, row and column in the picture."""
Scene = tuple[ndarray, ndarray, ndarray]
"""The corners' place and normal, albedo and gloss (`Geometry`)."""
Drawing = tuple[Screen, Scene, Vec3, Shading]
"""What is drawn, the eye's place in metres, and the lights."""
Layer = tuple[ndarray, ndarray]
"""Triangles as `visible_triangles` lists them, and which of them owns each sample [rows, columns, 4]."""
Weights = tuple[float, float, float]


@inlined
@no_type_check
def _weights(triangle: ndarray, screen: Screen, x: int, y: int) -> Weights:
    """Give the perspective-correct weights of a triangle's corners at a pixel's centre."""
    places, depths = screen
    a, b, c = triangle[0], triangle[1], triangle[2]
    px, py = x * SUBPIXEL + CENTRE, y * SUBPIXEL + CENTRE
    ax, ay, bx, by, cx, cy = places[a, 0], places[a, 1], places[b, 0], places[b, 1], places[c, 0], places[c, 1]
    u = ((cx - bx) * (py - by) - (cy - by) * (px - bx)) * depths[a, 1]
    v = ((ax - cx) * (py - cy) - (ay - cy) * (px - cx)) * depths[b, 1]
    w = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) * depths[c, 1]
    total = u + v + w
    return u / total, v / total, w / total


@inlined
@no_type_check
def _dot(ax: float, ay: float, az: float, b: Vec3) -> float:
    return ax * b[0] + ay * b[1] + az * b[2]


@inlined
@no_type_check
def _clamp(x: float) -> float:
    return min(max(x, 0.0), 1.0)


@inlined
@no_type_check
def _geometry_at(
    triangle: ndarray, weights: Weights, corners: ndarray, eye_m: Vec3
) -> tuple[float, float, float, float, float, float]:
    """Give the unit normal and the unit direction to the eye."""
    a, b, c = triangle[0], triangle[1], triangle[2]
    u, v, w = weights
    sign = -1.0 if triangle[3] else 1.0
    nx = sign * (u * corners[a, 3] + v * corners[b, 3] + w * corners[c, 3])
    ny = sign * (u * corners[a, 4] + v * corners[b, 4] + w * corners[c, 4])
    nz = sign * (u * corners[a, 5] + v * corners[b, 5] + w * corners[c, 5])
    vx = eye_m[0] - (u * corners[a, 0] + v * corners[b, 0] + w * corners[c, 0])
    vy = eye_m[1] - (u * corners[a, 1] + v * corners[b, 1] + w * corners[c, 1])
    vz = eye_m[2] - (u * corners[a, 2] + v * corners[b, 2] + w * corners[c, 2])
    n = 1.0 / sqrt(max(nx * nx + ny * ny + nz * nz, 1e-30))
    m = 1.0 / sqrt(max(vx * vx + vy * vy + vz * vz, 1e-30))
    return nx * n, ny * n, nz * n, vx * m, vy * m, vz * m


@inlined
@no_type_check
def _shade_solid(
    triangle: ndarray, weights: Weights, scene: Scene, eye_m: Vec3, shading: Shading, color: ndarray
) -> None:
    """Light a point of a solid material: key, fill, rim, sky; `color` becomes 0..255."""
    corners, albedo, gloss = scene
    nx, ny, nz, vx, vy, vz = _geometry_at(triangle, weights, corners, eye_m)
    a, b, c = triangle[0], triangle[1], triangle[2]
    u, v, w = weights
    roughness, mirror, subsurface = gloss[a, 0], shading.reflectance * gloss[a, 1], gloss[a, 2]
    hx, hy, hz = vx + shading.key_direction[0], vy + shading.key_direction[1], vz + shading.key_direction[2]
    nh = (nx * hx + ny * hy + nz * hz) / sqrt(max(hx * hx + hy * hy + hz * hz, 1e-30))
    key = _dot(nx, ny, nz, shading.key_direction)
    edge = 1.0 - _clamp(nx * vx + ny * vy + nz * vz)
    edge *= edge
    fill = _clamp(0.7 * _dot(nx, ny, nz, shading.fill_direction) + 0.3)
    rim = edge * _clamp(_dot(nx, ny, nz, shading.rim_direction) + 0.25)
    up = 0.5 + 0.5 * ny
    alpha = roughness * roughness
    d = nh * nh * (alpha * alpha - 1.0) + 1.0
    lobe = alpha * alpha / (d * d) * (0.25 + 0.25 * roughness) * max(key, 0.0)
    arriving = u * albedo[a, 3] + v * albedo[b, 3] + w * albedo[c, 3]
    for band in range(3):
        wrap = shading.wrap[band] * subsurface
        lit = _clamp((key + wrap) / (1.0 + wrap))
        light = shading.key_color[band] * lit * (shading.terminator + (1.0 - shading.terminator) * lit)
        light += shading.fill_color[band] * fill
        light += shading.ground_color[band] * (1.0 - up) + shading.sky_color[band] * up + shading.rim_color[band] * rim
        shine = lobe * shading.key_color[band] + 4.0 * edge * edge * shading.sky_color[band]
        shine += 2.0 * rim * shading.rim_color[band]
        base = u * albedo[a, band] + v * albedo[b, band] + w * albedo[c, band]
        s = sqrt(max((base * light + mirror * shine) * arriving, 0.0))
        s = s * (shading.tone[0] + shading.tone[1] * s) / (1.0 + s * (shading.tone[2] + shading.tone[1] * s))
        color[band] = int(255.0 * _clamp(s) + 0.5)


@inlined
@no_type_check
def _smoothstep(low: float, high: float, x: float) -> float:
    t = _clamp((x - low) / (high - low))
    return t * t * (3.0 - 2.0 * t)


@inlined
@no_type_check
def _shade_coat(
    triangle: ndarray, weights: Weights, scene: Scene, eye_m: Vec3, shading: Shading, color: ndarray
) -> None:
    """Mirror the key and fill light in a clear coat; `color` becomes 0..255."""
    corners, albedo, _ = scene
    nx, ny, nz, vx, vy, vz = _geometry_at(triangle, weights, corners, eye_m)
    nv = _clamp(nx * vx + ny * vy + nz * vz)
    rx, ry, rz = 2.0 * nv * nx - vx, 2.0 * nv * ny - vy, 2.0 * nv * nz - vz
    bright = _smoothstep(shading.coat_outer, shading.coat_inner, _dot(rx, ry, rz, shading.key_direction))
    bright += 0.25 * _smoothstep(shading.coat_outer, shading.coat_inner, _dot(rx, ry, rz, shading.fill_direction))
    bright += shading.coat_fresnel * (1.0 - nv) * (1.0 - nv) * (0.5 + 0.5 * ry)
    bright *= (
        weights[0] * albedo[triangle[0], 3] + weights[1] * albedo[triangle[1], 3] + weights[2] * albedo[triangle[2], 3]
    )
    for band in range(3):
        color[band] = int(255.0 * _clamp(shading.coat_color[band] * bright) + 0.5)


@inlined
@no_type_check
def _light_solids(
    owner: ndarray, place: Pixel, solids: ndarray, drawing: Drawing, samples: ndarray, color: ndarray
) -> None:
    """Fill the samples of a pixel that solids cover, each solid lit once at the pixel's centre."""
    screen, scene, eye_m, shading = drawing
    row, column, y, x = place
    last = -1
    for sample in range(4):
        index = owner[row, column, sample]
        if index < 0:
            continue
        if index != last:
            _shade_solid(solids[index], _weights(solids[index], screen, x, y), scene, eye_m, shading, color)
            last = index
        for band in range(3):
            samples[sample, band] = color[band]


@inlined
@no_type_check
def _light_coats(
    coat: ndarray, place: Pixel, coats: ndarray, drawing: Drawing, samples: ndarray, color: ndarray
) -> None:
    """Add the highlights of coats to the samples of a pixel."""
    screen, scene, eye_m, shading = drawing
    row, column, y, x = place
    last = -1
    for sample in range(4):
        index = coat[row, column, sample]
        if index < 0:
            continue
        if index != last:
            _shade_coat(coats[index], _weights(coats[index], screen, x, y), scene, eye_m, shading, color)
            last = index
        for band in range(3):
            samples[sample, band] = min(samples[sample, band] + color[band], 255)


@inlined
@no_type_check
def _touched(owner: ndarray, row: int, column: int) -> bool:
    """Tell whether anything covers a sample of a pixel."""
    return max(owner[row, column, 0], owner[row, column, 1], owner[row, column, 2], owner[row, column, 3]) >= 0


@kernel
@no_type_check
def light_band(solid_layer: Layer, coat_layer: Layer, drawing: Drawing, window: Window, picture: ndarray) -> None:
    """Light a band of rows over the backdrop that `picture` holds."""
    solids, owner = solid_layer
    coats, coat = coat_layer
    left, right, top, bottom = window
    samples, color = np.zeros((4, 3), np.int32), np.zeros(3, np.int32)
    for y in range(top, bottom):
        for x in range(left, right):
            place = y - top, x - left, y, x
            solid, coated = _touched(owner, y - top, x - left), _touched(coat, y - top, x - left)
            if not (solid or coated):
                continue
            for sample in range(4):
                for band in range(3):
                    samples[sample, band] = picture[y, x, band]
            if solid:
                _light_solids(owner, place, solids, drawing, samples, color)
            if coated:
                _light_coats(coat, place, coats, drawing, samples, color)
            for band in range(3):
                total = samples[0, band] + samples[1, band] + samples[2, band] + samples[3, band]
                picture[y, x, band] = (total + 2) // 4
