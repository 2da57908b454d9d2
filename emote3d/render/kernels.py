"""The software backend's inner loops: the same fixed-point coverage, sample places and shading formula as `gl`."""

from __future__ import annotations

from math import sqrt
from typing import no_type_check

import numpy as np
from numpy import ndarray

from emote3d.render.compiling import inlined, kernel
from emote3d.render.shading import Shading, Vec3

Window = tuple[int, int, int, int]
"""Left, right, top, bottom in pixels."""
Pixel = tuple[int, int, int, int]
"""Row and column in the window, row and column in the picture."""
Screen = tuple[ndarray, ndarray]
"""Snapped place [corners, 2], depth and 1 / w [corners, 2]."""
Scene = tuple[ndarray, ndarray, ndarray]
"""The corners' place and normal, albedo and gloss (`Geometry`)."""
Drawing = tuple[Screen, Scene, Vec3, Shading]
"""What is drawn, the eye's place in metres, and the lights."""
Weights = tuple[float, float, float]

SUBPIXEL = 256
"""Screen positions are snapped to this share of a pixel before coverage is decided, as GL does."""
SAMPLE_X = (96, 224, 32, 160)
SAMPLE_Y = (32, 96, 160, 224)
"""The standard 4x pattern, in subpixels from the pixel's corner; D3D and GL drivers share it."""
CENTRE = 128


@kernel
@no_type_check
def project(corners: ndarray, view_projection: ndarray, left: int, width: int, height: int) -> Screen:
    """Give every corner's snapped screen place, depth and 1 / w."""
    places = np.empty((len(corners), 2), np.int64)
    depths = np.empty((len(corners), 2), np.float64)
    for corner in range(len(corners)):
        clip_x, clip_y = view_projection[0, 3], view_projection[1, 3]
        clip_z, clip_w = view_projection[2, 3], view_projection[3, 3]
        for axis in range(3):
            clip_x += view_projection[0, axis] * corners[corner, axis]
            clip_y += view_projection[1, axis] * corners[corner, axis]
            clip_z += view_projection[2, axis] * corners[corner, axis]
            clip_w += view_projection[3, axis] * corners[corner, axis]
        inverse_w = 1.0 / clip_w if clip_w > 1e-6 else 0.0
        places[corner, 0] = round((left + (0.5 + 0.5 * clip_x * inverse_w) * width) * SUBPIXEL)
        places[corner, 1] = round((0.5 + 0.5 * clip_y * inverse_w) * height * SUBPIXEL)
        depths[corner, 0], depths[corner, 1] = clip_z * inverse_w, inverse_w
    return places, depths


@kernel
@no_type_check
def visible_triangles(triangles: ndarray, two_sided_from: int, screen: Screen, view: tuple[int, int, int]) -> ndarray:
    """List the triangles that may show within `view` (left, right, height).

    Each row is three corners, wound clockwise, 1 if turned, first row of pixels and the row after the last.

    Triangles from `two_sided_from` on are turned towards the camera instead of left out; those that reach behind the
    near plane are left out.
    """
    places, depths = screen
    left, right, height = view
    listed = np.empty((len(triangles), 6), np.int32)
    count = 0
    for index in range(len(triangles)):
        a, b, c = triangles[index, 0], triangles[index, 1], triangles[index, 2]
        if min(depths[a, 0], depths[b, 0], depths[c, 0]) < -1 or min(depths[a, 1], depths[b, 1], depths[c, 1]) <= 0:
            continue
        ax, ay, bx, by, cx, cy = places[a, 0], places[a, 1], places[b, 0], places[b, 1], places[c, 0], places[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # rows grow downwards, so the outside of a triangle is wound the other way round
        turned = area > 0
        if area == 0 or (turned and index < two_sided_from):
            continue
        if max(ax, bx, cx) < left * SUBPIXEL or min(ax, bx, cx) > right * SUBPIXEL:
            continue
        if max(ay, by, cy) < 0 or min(ay, by, cy) > height * SUBPIXEL:
            continue
        listed[count, 0] = a
        listed[count, 1], listed[count, 2] = (b, c) if turned else (c, b)
        listed[count, 3] = turned
        listed[count, 4], listed[count, 5] = min(ay, by, cy) // SUBPIXEL, max(ay, by, cy) // SUBPIXEL + 1
        count += 1
    return listed[:count]


@inlined
@no_type_check
def _edge(ax: int, ay: int, bx: int, by: int) -> tuple[int, int, int]:
    """Give an edge's function (x, y and constant factor); a sample on a right or bottom edge is outside."""
    dx, dy = ay - by, bx - ax
    owns = dx > 0 or (dx == 0 and dy > 0)
    return dx, dy, -(dx * ax + dy * ay) - (0 if owns else 1)


@inlined
@no_type_check
def _reach(dx: int, dy: int) -> int:
    """Give how much more than at a pixel's centre an edge's function can be at its samples."""
    return (CENTRE - SAMPLE_Y[0]) * (abs(dx) + abs(dy))


@inlined
@no_type_check
def _span(dx: int, row: int, first: int, last: int) -> tuple[int, int]:
    """Narrow a range of pixels to those whose centres an edge's function, dx x + row, does not rule out."""
    if dx > 0:
        first = max(first, -((row + CENTRE * dx) // (SUBPIXEL * dx)))
    elif dx < 0:
        last = min(last, (row + CENTRE * dx) // (-SUBPIXEL * dx) + 1)
    elif row < 0:
        last = first
    return first, last


@kernel
@no_type_check
def _cover(
    listed: ndarray, screen: Screen, window: Window, nearest: ndarray, owner: ndarray, write_depth: bool
) -> None:
    """Find, for each sample in `window` (left, right, top, bottom), the triangle that shows."""
    places, depths = screen
    left, right, top, bottom = window
    for index in range(len(listed)):
        first_y, last_y = max(listed[index, 4], top), min(listed[index, 5], bottom)
        if first_y >= last_y:
            continue
        a, b, c = listed[index, 0], listed[index, 1], listed[index, 2]
        ax, ay, bx, by, cx, cy = places[a, 0], places[a, 1], places[b, 0], places[b, 1], places[c, 0], places[c, 1]
        first_x, last_x = max(min(ax, bx, cx) // SUBPIXEL, left), min(max(ax, bx, cx) // SUBPIXEL + 1, right)
        ux, uy, u0 = _edge(bx, by, cx, cy)
        vx, vy, v0 = _edge(cx, cy, ax, ay)
        wx, wy, w0 = _edge(ax, ay, bx, by)
        u_most, v_most, w_most = u0 + _reach(ux, uy), v0 + _reach(vx, vy), w0 + _reach(wx, wy)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        slope_b, slope_c = (depths[b, 0] - depths[a, 0]) / area, (depths[c, 0] - depths[a, 0]) / area
        z_x, z_y = vx * slope_b + wx * slope_c, vy * slope_b + wy * slope_c
        z_0 = depths[a, 0] - z_x * ax - z_y * ay
        for y in range(first_y, last_y):
            py = y * SUBPIXEL + CENTRE
            from_x, to_x = _span(ux, uy * py + u_most, first_x, last_x)
            from_x, to_x = _span(vx, vy * py + v_most, from_x, to_x)
            from_x, to_x = _span(wx, wy * py + w_most, from_x, to_x)
            for x in range(from_x, to_x):
                for sample in range(4):
                    px, py = x * SUBPIXEL + SAMPLE_X[sample], y * SUBPIXEL + SAMPLE_Y[sample]
                    if (ux * px + uy * py + u0) | (vx * px + vy * py + v0) | (wx * px + wy * py + w0) < 0:
                        continue
                    z = np.float32(z_0 + z_x * px + z_y * py)
                    if z < nearest[y - top, x - left, sample]:
                        owner[y - top, x - left, sample] = index
                        if write_depth:
                            nearest[y - top, x - left, sample] = z


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
def draw_band(solids: ndarray, coats: ndarray, drawing: Drawing, window: Window, picture: ndarray) -> None:
    """Draw a band of rows over the backdrop that `picture` holds.

    `drawing` is what `project` gives, the corners with their looks, the eye's place and the lights; `window` is left,
    right, top, bottom.
    """
    left, right, top, bottom = window
    nearest = np.full((bottom - top, right - left, 4), np.float32(1.0))
    owner = np.full((bottom - top, right - left, 4), np.int32(-1))
    coat = np.full((bottom - top, right - left, 4), np.int32(-1))
    _cover(solids, drawing[0], window, nearest, owner, True)
    _cover(coats, drawing[0], window, nearest, coat, False)
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
