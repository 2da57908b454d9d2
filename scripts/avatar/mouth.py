"""Teeth, gums and tongue."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from avatar.base import Base
from avatar.looks import material
from avatar.mesh import Part, apply, join, subdivide, triangulate
from avatar.source import Floats

ENAMEL = np.array([0.90, 0.865, 0.79])
GUM = np.array([0.72, 0.36, 0.35])
TONGUE = np.array([0.72, 0.37, 0.36])


class Row(NamedTuple):
    """One dental arch; sizes in metres, the arch seen from above."""

    group: str
    widths: tuple[float, ...]
    """Width of each tooth of the left half, from the middle."""
    heights: tuple[float, ...]
    edge_y: float
    """Height of the incisors' edge relative to the middle of the eyeballs."""
    front_z: float
    """Front of the incisors relative to the middle of the helper's front."""
    half_width: float
    depth: float
    up: float
    """+1 if the roots are above."""


UPPER = Row(
    "helper-upper-teeth", (0.0088, 0.0068, 0.0078, 0.0070, 0.0068, 0.0100),
    (0.0126, 0.0114, 0.0124, 0.0110, 0.0102, 0.0090), -0.0662, 0.0012, 0.0305, 0.043, 1.0,
)  # fmt: skip
LOWER = Row(
    "helper-lower-teeth", (0.0054, 0.0060, 0.0070, 0.0070, 0.0072, 0.0105),
    (0.0088, 0.0088, 0.0098, 0.0085, 0.0080, 0.0072), -0.0640, -0.0012, 0.0285, 0.041, -1.0,
)  # fmt: skip
AROUND, LEVELS = 10, 5


def _arch(row: Row, eye_y: float, front: float, s: Floats) -> tuple[Floats, Floats, Floats]:
    """Points, outward normals and tangents of an arch at arc lengths s (n,) from its middle."""
    angle = np.linspace(0, np.pi / 2, 400)
    power = 2 / 2.35
    x, z = row.half_width * np.sin(angle) ** power, row.depth * np.cos(angle) ** power
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    at = np.interp(np.abs(s), length, np.arange(400))
    low = np.clip(at.astype(int), 0, 398)
    px = np.interp(np.abs(s), length, x) * np.sign(s)
    pz = np.interp(np.abs(s), length, z)
    tx, tz = (x[low + 1] - x[low]), (z[low + 1] - z[low]) * np.sign(s)
    norm = np.hypot(tx, tz) + 1e-12
    tangent = np.stack([tx / norm, 0 * tx, tz / norm], 1)
    normal = np.stack([-tangent[:, 2], 0 * tx, tangent[:, 0]], 1)
    points = np.stack([px, np.full(len(s), eye_y + row.edge_y), pz - row.depth + front], 1)
    return points, normal, tangent


def _centres(row: Row) -> Floats:
    """Arc length of the middle of each tooth, right to left."""
    ends = np.cumsum(row.widths)
    left = ends - np.array(row.widths) / 2
    return np.concatenate([-left[::-1], left])


def _tooth(width: float, height: float, index: int, up: float) -> tuple[Floats, Floats]:
    """Rings of a tooth in its (along, up, out) frame from the gum to the edge (levels, around, 3), and their shade."""
    turn = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    level = np.linspace(0, 1, LEVELS)
    molar = index >= 3
    thick_root, thick_edge = (0.0042, 0.0036) if molar else (0.0032, 0.0011)
    bulge = 1 - 0.10 * (1 - level) ** 2 - (0.16 if index != 2 else 0.5) * np.clip(level - 0.8, 0, 1) ** 1.5 * 4
    half = 0.5 * width * 0.985 * bulge
    thick = thick_root + (thick_edge - thick_root) * level**1.3
    out = -0.0006 * level**2 - thick
    rings = np.zeros((LEVELS, AROUND, 3))
    square = 0.62
    cos, sin = np.cos(turn), np.sin(turn)
    rings[..., 0] = half[:, None] * np.sign(cos) * np.abs(cos) ** square
    rings[..., 2] = thick[:, None] * np.sign(sin) * np.abs(sin) ** square + out[:, None]
    drop = height * (1 - level) + 0.0006 * np.clip(level - 0.85, 0, 1)
    rings[..., 1] = up * (drop[:, None] + 0.0005 * (np.abs(cos) ** 3)[None] * level[:, None])
    return rings, 0.86 + 0.14 * np.clip(level * 1.6, 0, 1)


def _rings(rings: Floats, flip: bool, cap: bool) -> tuple[Floats, np.ndarray]:
    """Vertices and triangles of a closed tube of rings, its last ring closed by a fan."""
    levels, around, _ = rings.shape
    here, there = np.arange(around), (np.arange(around) + 1) % around
    triangles = []
    for k in range(levels - 1):
        a, b = k * around, (k + 1) * around
        triangles += [np.stack([a + here, b + here, b + there], 1), np.stack([a + here, b + there, a + there], 1)]
    vertices = rings.reshape(-1, 3)
    if cap:
        last = (levels - 1) * around
        vertices = np.concatenate([vertices, rings[-1].mean(0, keepdims=True)])
        triangles.append(np.stack([last + here, np.full(around, len(vertices) - 1), last + there], 1))
    found = np.concatenate(triangles)
    return vertices, found[:, ::-1] if flip else found


def _affine(base: Base, group: str, points: Floats) -> tuple[Floats, Floats]:
    """Stack and weights of points that move with a helper group as one affine body per shape."""
    guide = base.source.group_vertices(group)
    rest = base.stack[0, guide]
    middle = rest.mean(0)
    system = np.c_[(rest - middle) / 0.03, np.ones(len(rest))]
    solved = np.linalg.lstsq(system, base.stack[:, guide].transpose(1, 0, 2).reshape(len(guide), -1), rcond=1e-6)[0]
    moved = (
        (np.c_[(points - middle) / 0.03, np.ones(len(points))] @ solved).reshape(len(points), -1, 3).transpose(1, 0, 2)
    )
    moved[0] = points
    return moved, np.repeat(base.weights[guide].mean(0, keepdims=True), len(points), 0)


def dental_arch(base: Base, row: Row) -> Part:
    """Twelve teeth and their gum."""
    eye_y = float(base.joints[0, 23, 1])
    guide = base.source.group_vertices(row.group)
    front = float(base.stack[0, guide, 2].max()) + row.front_z
    vertices, triangles, colors, looks = [], [], [], []
    start = 0

    def add(points: Floats, faces: np.ndarray, color: Floats, look: str) -> None:
        nonlocal start
        vertices.append(points)
        triangles.append(faces + start)
        colors.append(color)
        looks.append(np.full(len(faces), material(look)))
        start += len(points)

    for number, s in enumerate(_centres(row)):
        index = number - 6 if number >= 6 else 5 - number
        origin, normal, tangent = (value[0] for value in _arch(row, eye_y, front, np.array([s])))
        rings, shade = _tooth(row.widths[index], row.heights[index], index, row.up)
        lift = row.up * (0.0008 * (index == 1) + 0.0004 * index * 0.6)
        local, faces = _rings(rings, flip=row.up > 0, cap=True)
        points = origin + local[:, :1] * tangent + local[:, 1:2] * [0, 1, 0] + local[:, 2:] * normal
        points[:, 1] += lift
        tone = ENAMEL * (1 - 0.012 * index) * (0.97 if index == 2 else 1.0)
        color = np.concatenate([np.repeat(shade, AROUND), [1.0]])[:, None] * tone
        color[:, 2] *= np.concatenate([np.repeat(0.93 + 0.07 * shade, AROUND), [1.0]])
        add(points, faces, color, "teeth")
    add(*_gum(row, eye_y, front), "gums")
    moved, weights = _affine(base, row.group, np.concatenate(vertices))
    faces = np.concatenate(triangles)
    return Part(
        stack=moved, triangles=faces, uv=np.zeros((len(faces), 3, 2)), materials=np.concatenate(looks),
        color=np.concatenate(colors), occlusion=np.ones(len(weights)), weights=weights,
    )  # fmt: skip


def _gum(row: Row, eye_y: float, front: float) -> tuple[Floats, np.ndarray, Floats]:
    """The gum of an arch: a band with scallops around each tooth."""
    ends = np.concatenate([[0.0], np.cumsum(row.widths)])
    count = 85
    s = np.linspace(-ends[-1] - 0.002, ends[-1] + 0.002, count)
    place = np.clip(np.searchsorted(ends, np.abs(s), side="right") - 1, 0, 5)
    within = (np.abs(s) - ends[place]) / np.array(row.widths)[place]
    papilla = np.abs(np.clip(within, 0, 1) * 2 - 1) ** 2.5
    height = np.interp(np.abs(s), (ends[1:] + ends[:-1]) / 2, row.heights) * 0.94
    line = height - 0.0021 * papilla
    points, normal, _ = _arch(row, eye_y, front, s)
    section = [(0.0085, 0.0004), (0.0035, 0.0012), (0.0008, 0.0011), (0.0, 0.0001), (0.0, -0.0062), (0.006, -0.0075)]
    rings = np.stack([
        points + normal * out + np.array([0, row.up, 0]) * (line + up + 0.0004 * np.abs(s) / 0.04)[:, None]
        for up, out in section
    ])  # fmt: skip
    here = np.arange(count - 1)
    faces = []
    for k in range(len(section) - 1):
        a, b = k * count + here, (k + 1) * count + here
        faces += [np.stack([a, b, b + 1], 1), np.stack([a, b + 1, a + 1], 1)]
    found = np.concatenate(faces)
    tone = np.concatenate(
        [np.full(count, 0.80), np.full(count, 0.95), np.full(count, 1.06), *[np.full(count, 0.9)] * 3]
    )
    return rings.reshape(-1, 3), found if row.up > 0 else found[:, ::-1], tone[:, None] * GUM


def tongue(base: Base) -> Part:
    """hm08's tongue, subdivided, a little lower and narrower so that it rests behind the lower teeth."""
    quads, texture = base.source.quads("helper-tongue")
    step = subdivide(quads, base.source.uvs[texture], base.stack.shape[1], base.stack[0][quads][..., 2].mean(1) > 0.095)
    stack = apply(step.operator, base.stack)
    used = np.unique(step.triangles)
    rest = stack[0, used]
    middle = rest.mean(0)
    stack[0, used] = middle + (rest - middle) * [0.90, 0.72, 0.95] - [0.0, 0.0032, 0.0015]
    jaw, _ = _affine(base, "helper-lower-teeth", rest)
    opened = stack[base.row("jawOpen")]
    front = np.clip((rest[:, 2:] - rest[:, 2].min()) / np.ptp(rest[:, 2]), 0, 1)
    opened[used] += 0.75 * front**0.5 * (jaw[base.row("jawOpen")] - opened[used])
    reaching = stack[base.row("tongueOut")]
    reaching[:, 2] *= 1.2
    reaching[used, 1] += 0.005 * front[:, 0] ** 2
    verts = stack.shape[1]
    return Part(
        stack=stack, triangles=step.triangles, uv=step.uv, materials=np.full(len(step.triangles), material("tongue")),
        color=np.ones((verts, 3)) * TONGUE, occlusion=np.ones(verts), weights=step.operator @ base.weights,
    ).cut(np.ones(len(step.triangles), bool))  # fmt: skip


def helper(base: Base, group: str, look: str, color: tuple[float, float, float]) -> Part:
    """One of hm08's helper groups as it is."""
    quads, texture = base.source.quads(group)
    triangles = triangulate(quads)
    corners = texture[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    verts = base.stack.shape[1]
    part = Part(
        stack=base.stack, triangles=triangles, uv=base.source.uvs[corners],
        materials=np.full(len(triangles), material(look)), color=np.ones((verts, 3)) * color,
        occlusion=np.ones(verts), weights=base.weights,
    )  # fmt: skip
    solid = np.array([len(set(corner)) == 3 for corner in triangles.tolist()])
    return part.cut(solid)


def mouth(base: Base) -> Part:
    """All that is inside the mouth."""
    return join([dental_arch(base, UPPER), dental_arch(base, LOWER), tongue(base)])
