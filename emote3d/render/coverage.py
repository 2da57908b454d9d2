"""The software backend's coverage: which triangle shows at each sample, decided in fixed point as GL does."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numpy import ndarray

from emote3d.render.compiling import inlined, kernel

Window = tuple[int, int, int, int]
"""Left, right, top, bottom in pixels."""
Screen = tuple[ndarray, ndarray]
"""Snapped place [corners, 2], depth and 1 / w [corners, 2]."""

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
def cover(listed: ndarray, screen: Screen, window: Window, nearest: ndarray, owner: ndarray, write_depth: bool) -> None:
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
