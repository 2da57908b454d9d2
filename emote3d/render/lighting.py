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

PIXELS = 128
"""Pixels of a row lit together."""
BLOCK = 4 * PIXELS
"""Points that they can need: a row of what lighting takes has this length."""


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
def _gather(
    triangle: ndarray, weights: Weights, scene: Scene, eye_m: Vec3, reflectance: float, jobs: ndarray, job: int
) -> None:
    """Note what lighting a point takes: normal, way to the eye, colour, arriving light and material, a row each."""
    corners, albedo, gloss = scene
    a, b, c = triangle[0], triangle[1], triangle[2]
    u, v, w = np.float32(weights[0]), np.float32(weights[1]), np.float32(weights[2])
    sign = np.float32(-1) if triangle[3] else np.float32(1)
    for axis in range(3):
        normal = u * corners[a, 3 + axis] + v * corners[b, 3 + axis] + w * corners[c, 3 + axis]
        jobs[axis * BLOCK + job] = sign * normal
        place = u * corners[a, axis] + v * corners[b, axis] + w * corners[c, axis]
        jobs[(3 + axis) * BLOCK + job] = np.float32(eye_m[axis]) - place
    for band in range(4):
        jobs[(6 + band) * BLOCK + job] = u * albedo[a, band] + v * albedo[b, band] + w * albedo[c, band]
    jobs[10 * BLOCK + job], jobs[12 * BLOCK + job] = gloss[a, 0], gloss[a, 2]
    jobs[11 * BLOCK + job] = np.float32(reflectance) * gloss[a, 1]


@inlined
@no_type_check
def _bounded(x: float) -> float:
    return min(max(x, np.float32(0)), np.float32(1))


@inlined
@no_type_check
def _band(band: int, base: float, terms: tuple, shading: Shading) -> int:
    """Light one colour band of a point and apply the tone curve, 0..255."""
    one, none = np.float32(1), np.float32(0)
    key, lobe, edge, fill, rim, up, mirror, arriving, subsurface = terms
    wrap = np.float32(shading.wrap[band]) * subsurface
    lit = _bounded((key + wrap) / (one + wrap))
    softened = lit * (np.float32(shading.terminator) + np.float32(1 - shading.terminator) * lit)
    light = np.float32(shading.key_color[band]) * softened + np.float32(shading.fill_color[band]) * fill
    light += np.float32(shading.ground_color[band]) * (one - up) + np.float32(shading.sky_color[band]) * up
    light += np.float32(shading.rim_color[band]) * rim
    shine = lobe * np.float32(shading.key_color[band]) + np.float32(4 * shading.sky_color[band]) * edge * edge
    shine += np.float32(2 * shading.rim_color[band]) * rim
    s = np.sqrt(max((base * light + mirror * shine) * arriving, none))
    tone_0, tone_1, tone_2 = np.float32(shading.tone[0]), np.float32(shading.tone[1]), np.float32(shading.tone[2])
    s = s * (tone_0 + tone_1 * s) / (one + s * (tone_2 + tone_1 * s))
    return np.int32(np.float32(255) * _bounded(s) + np.float32(0.5))


@inlined
@no_type_check
def _along(x: float, y: float, z: float, direction: Vec3) -> float:
    return x * np.float32(direction[0]) + y * np.float32(direction[1]) + z * np.float32(direction[2])


@kernel
@no_type_check
def _shade_solids(jobs: ndarray, count: int, shading: Shading, colors: ndarray) -> None:
    """Light the points that were gathered: key, fill, rim, sky; a color is 0..255.

    The loop is written for the compiler to do 8 or 16 points at once: single precision, rows at fixed distances.
    """
    one, half, quarter, tiny = np.float32(1), np.float32(0.5), np.float32(0.25), np.float32(1e-30)
    for job in range(count):
        nx, ny, nz = jobs[job], jobs[BLOCK + job], jobs[2 * BLOCK + job]
        vx, vy, vz = jobs[3 * BLOCK + job], jobs[4 * BLOCK + job], jobs[5 * BLOCK + job]
        n = one / np.sqrt(max(nx * nx + ny * ny + nz * nz, tiny))
        m = one / np.sqrt(max(vx * vx + vy * vy + vz * vz, tiny))
        nx, ny, nz, vx, vy, vz = nx * n, ny * n, nz * n, vx * m, vy * m, vz * m
        arriving, roughness = jobs[9 * BLOCK + job], jobs[10 * BLOCK + job]
        mirror, subsurface = jobs[11 * BLOCK + job], jobs[12 * BLOCK + job]
        key = _along(nx, ny, nz, shading.key_direction)
        hx, hy = vx + np.float32(shading.key_direction[0]), vy + np.float32(shading.key_direction[1])
        hz = vz + np.float32(shading.key_direction[2])
        nh = (nx * hx + ny * hy + nz * hz) / np.sqrt(max(hx * hx + hy * hy + hz * hz, tiny))
        edge = one - _bounded(nx * vx + ny * vy + nz * vz)
        edge = edge * edge
        fill = _bounded(np.float32(0.7) * _along(nx, ny, nz, shading.fill_direction) + np.float32(0.3))
        rim = edge * _bounded(_along(nx, ny, nz, shading.rim_direction) + quarter)
        alpha = roughness * roughness * roughness * roughness
        d = nh * nh * (alpha - one) + one
        lobe = alpha / (d * d) * (quarter + quarter * roughness) * max(key, np.float32(0))
        terms = key, lobe, edge, fill, rim, half + half * ny, mirror, arriving, subsurface
        colors[job] = _band(0, jobs[6 * BLOCK + job], terms, shading)
        colors[BLOCK + job] = _band(1, jobs[7 * BLOCK + job], terms, shading)
        colors[2 * BLOCK + job] = _band(2, jobs[8 * BLOCK + job], terms, shading)


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
def _gather_solids(
    owner: ndarray, place: Pixel, solids: ndarray, drawing: Drawing, jobs: ndarray, job_of: ndarray, count: int
) -> int:
    """Gather the solids of a pixel, each once at the pixel's centre; give how many jobs there are now."""
    screen, scene, eye_m, shading = drawing
    row, column, y, x = place
    last = -1
    for sample in range(4):
        index = owner[row, column, sample]
        if index >= 0 and index != last:
            triangle = solids[index]
            _gather(triangle, _weights(triangle, screen, x, y), scene, eye_m, shading.reflectance, jobs, count)
            count += 1
            last = index
        job_of[sample] = count - 1 if index >= 0 else -1
    return count


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


@inlined
@no_type_check
def _settle(picture: ndarray, y: int, x: int, colors: ndarray, job_of: ndarray, samples: ndarray) -> None:
    """Give the samples of a pixel the colour of their job, or the picture's."""
    for sample in range(4):
        job = job_of[sample]
        for band in range(3):
            samples[sample, band] = colors[band * BLOCK + job] if job >= 0 else picture[y, x, band]


@kernel
@no_type_check
def light_band(solid_layer: Layer, coat_layer: Layer, drawing: Drawing, window: Window, picture: ndarray) -> None:
    """Light a band of rows over the backdrop that `picture` holds."""
    solids, owner = solid_layer
    coats, coat = coat_layer
    left, right, top, bottom = window
    samples, color = np.zeros((4, 3), np.int32), np.zeros(3, np.int32)
    jobs, colors = np.empty(13 * BLOCK, np.float32), np.empty(3 * BLOCK, np.int32)
    job_of = np.empty((PIXELS, 4), np.int32)
    for y in range(top, bottom):
        for first in range(left, right, PIXELS):
            count = 0
            for x in range(first, min(first + PIXELS, right)):
                place = y - top, x - left, y, x
                count = _gather_solids(owner, place, solids, drawing, jobs, job_of[x - first], count)
            _shade_solids(jobs, count, drawing[3], colors)
            for x in range(first, min(first + PIXELS, right)):
                coated = _touched(coat, y - top, x - left)
                if not (coated or _touched(owner, y - top, x - left)):
                    continue
                _settle(picture, y, x, colors, job_of[x - first], samples)
                if coated:
                    _light_coats(coat, (y - top, x - left, y, x), coats, drawing, samples, color)
                for band in range(3):
                    total = samples[0, band] + samples[1, band] + samples[2, band] + samples[3, band]
                    picture[y, x, band] = (total + 2) // 4
