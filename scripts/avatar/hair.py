"""Short hair: a shell over the scalp with a soft hairline, and locks swept over it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from avatar.base import Base
from avatar.binding import clip, follow, ribbons
from avatar.looks import material
from avatar.mesh import Part, normals
from avatar.source import Floats

HAIR = np.array([0.30, 0.195, 0.130])
HAIRLINE = (
    (0, 0.0680), (18, 0.0690), (32, 0.0650), (44, 0.0560), (53, 0.0430), (60, 0.0250), (65, 0.0060), (69, -0.0080),
    (74, -0.0160), (82, -0.0160), (86, 0.0020), (92, 0.0080), (103, 0.0050), (108, -0.0110), (114, -0.0340), (126, -0.0490),
    (150, -0.0560), (180, -0.0550),
)  # fmt: skip
"""Azimuth from the face's front in degrees and height above the eyeballs' middle of the hairline, in metres."""
PART_X = 0.022
"""Where the parting is."""


def hairline(base: Base, body: Part) -> Floats:
    """Signed distance from the hairline of each skin vertex, positive under hair, in metres (verts,)."""
    uv = np.zeros((body.stack.shape[1], 2))
    uv[body.triangles] = body.uv
    return hairline_of(base, body.rest, base.source.sample_mask("ears", uv))


def hairline_of(base: Base, rest: Floats, ears: Floats) -> Floats:
    """Signed distance from the hairline of points, kept off the ears (0..1), (verts,)."""
    x, y, z = rest.T
    azimuth = np.degrees(np.arctan2(np.abs(x), z - 0.030))
    table = np.array(HAIRLINE)
    wave = 0.0016 * np.sin(azimuth * 0.55) + 0.0010 * np.sin(azimuth * 1.3 + 1.0 + np.sign(x))
    height = y - base.joints[0, 23, 1] - np.interp(azimuth, table[:, 0], table[:, 1]) + wave
    on_head = y > base.joints[0, 12, 1]
    return np.where(on_head, np.minimum(height * 0.85, (0.4 - ears) * 0.03), -0.1)


def _volume(rest: Floats, field: Floats) -> Floats:
    """Thickness of the hair, (n,) metres."""
    top = np.clip((rest[:, 1] - 1.560) / 0.06, 0, 1)
    back = np.clip(-(rest[:, 2] - 0.02) / 0.06, 0, 1)
    front = np.clip((rest[:, 2] - 0.06) / 0.05, 0, 1)
    full = 0.0085 + 0.0120 * top + 0.0050 * back * (1 - top) + 0.0040 * front * top
    part = 1 - 0.22 * np.exp(-(((rest[:, 0] - PART_X) / 0.006) ** 2)) * top * np.clip((rest[:, 2] + 0.01) / 0.03, 0, 1)
    return full * part * (1 - np.exp(-np.maximum(field, 0) / (0.009 + 0.006 * (1 - top))))


def _flow(rest: Floats, out: Floats) -> Floats:
    """Unit direction in which hair lies at points with normals, (n, 3)."""
    side = np.tanh((rest[:, 0] - PART_X) / 0.030)
    top = np.clip((out[:, 1] - 0.1) / 0.6, 0, 1)
    towards = np.stack([0.85 * side * top, -0.55 - 0.2 * (1 - top), -0.80 + 0.25 * top], 1)
    towards -= (towards * out).sum(1, keepdims=True) * out
    return towards / (np.linalg.norm(towards, axis=1, keepdims=True) + 1e-9)


def hair(body: Part, field: Floats) -> list[Part]:
    """The shell and the locks."""
    out = normals(body.rest, body.triangles)
    smooth = replace(body, color=np.c_[out], occlusion=field)
    scalp = clip(smooth, field)
    rest, depth = scalp.rest, np.maximum(scalp.occlusion, 0)
    normal = scalp.color / np.linalg.norm(scalp.color, axis=1, keepdims=True)
    shell_stack = scalp.stack.copy()
    shell_stack[0] += normal * (_volume(rest, depth) * 0.83 + 0.0003)[:, None]
    random = np.random.default_rng(3)
    shade = 0.66 + 0.05 * random.normal(size=len(rest))
    shell = replace(
        scalp, stack=shell_stack, color=np.clip(shade[:, None] * HAIR, 0, 1), occlusion=np.ones(len(rest)),
        materials=np.full(len(scalp.triangles), material("hair")),
    )  # fmt: skip
    return [shell, _wisps(scalp, normal, depth, random), _locks(scalp, normal, depth, 580, random)]


def _wisps(scalp: Part, normal: Floats, depth: Floats, random: np.random.Generator) -> Part:
    """Fine hairs that feather the hairline."""
    dense = _surface(scalp, np.c_[normal, depth], 60000, random)
    above_ears = float(scalp.rest[:, 1].max()) - 0.085
    dense = dense[(dense[:, 6] < 0.0035) & (dense[:, 1] > above_ears)][:200]
    up = dense[:, 3:6] / np.linalg.norm(dense[:, 3:6], axis=1, keepdims=True)
    flow = _flow(dense[:, :3], up) + 0.25 * random.normal(size=up.shape)
    flow -= (flow * up).sum(1, keepdims=True) * up
    shares = np.array([-0.35, 0.3, 1.0])
    length = random.uniform(0.007, 0.013, len(dense))[:, None]
    height = np.array([0.0002, 0.0018, 0.0050]) * random.uniform(0.8, 1.3, (len(dense), 1))
    along = flow[:, None] * (length * shares)[..., None]
    curves = dense[:, None, :3] + along + up[:, None] * height[..., None]
    across = np.cross(up, flow)[:, None] * np.array([0.00012, 0.00045, 0.0004])[None, :, None]
    tone = random.uniform(0.7, 1.1, (len(dense), 1, 1)) * np.ones((1, 3, 1))
    moved, weights = follow(curves.reshape(-1, 3), scalp.rest, scalp.stack, scalp.weights)
    return ribbons(
        moved.reshape(-1, len(dense), 3, 3), across, None, tone * HAIR, weights.reshape(len(dense), 3, 55), "hair"
    )


def _surface(part: Part, values: Floats, count: int, random: np.random.Generator) -> Floats:
    """Random points on a part's triangles with interpolated vertex values appended, (count, 3 + n)."""
    corners = part.rest[part.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    face = np.searchsorted(np.cumsum(area) / area.sum(), random.uniform(0, 1, count))
    share = random.dirichlet(np.ones(3), count)
    everything = np.c_[part.rest, values][part.triangles[np.minimum(face, len(corners) - 1)]]
    return (everything * share[..., None]).sum(1)


def _locks(scalp: Part, normal: Floats, depth: Floats, count: int, random: np.random.Generator) -> Part:
    """Ribbons that march over the scalp along the flow."""
    dense = _surface(scalp, np.c_[normal, depth], 40000, random)
    tree = cKDTree(dense[:, :3])
    points = _spread(dense, count, random)
    count = len(points)
    steps = 4
    length = random.uniform(0.030, 0.052, count)
    place, ups, depths, flows = [], [], [], []
    at = points[:, :3]
    for _ in range(steps):
        _, near = tree.query(at, k=8)
        local = dense[near].mean(1)
        up = local[:, 3:6] / np.linalg.norm(local[:, 3:6], axis=1, keepdims=True)
        at = at - ((at - local[:, :3]) * up).sum(1, keepdims=True) * up
        flow = _flow(at, up)
        place.append(at)
        ups.append(up)
        depths.append(local[:, 6])
        flows.append(flow)
        ahead = at + flow * 0.006
        room = np.clip(tree.query(ahead)[0] * -1 / 0.002 + 2.0, 0, 1) * np.clip(local[:, 6] / 0.004, 0.15, 1)
        at = at + flow * (room * length / (steps - 1))[:, None]
    base, up, flow = (np.stack(value, 1) for value in (place, ups, flows))
    along = np.linspace(0, 1, steps)
    layer = random.uniform(0.0, 0.0024, count)[:, None]
    thick = np.stack([_volume(base[:, k], depths[k]) for k in range(steps)], 1)
    rise = np.interp(along, [0.0, 0.35, 0.7, 1.0], [0.60, 0.96, 0.92, 0.58])
    height = thick * rise + layer * np.sin(np.pi * along) + 0.0004
    curves = base + up * height[..., None]
    taper = np.sin(np.pi * np.clip(along * 0.86 + 0.14, 0, 1)) ** 0.7
    edge = np.clip(depths[0] / 0.012, 0.42, 1)[:, None] ** (1 - along)
    width = random.uniform(0.0024, 0.0046, count)[:, None] * np.maximum(taper, 0.03) * edge
    across = np.cross(up, flow) * width[..., None]
    lift = up * (0.32 * width)[..., None]
    tone = random.uniform(0.72, 1.28, (count, 1, 1)) * (0.78 + 0.34 * np.sin(np.pi * along))[None, :, None]
    color = np.clip(HAIR * tone + np.array([0.02, 0.012, 0.005]) * random.normal(size=(count, 1, 1)), 0, 1)
    moved, weights = follow(curves.reshape(-1, 3), scalp.rest, scalp.stack, scalp.weights)
    return ribbons(
        moved.reshape(-1, count, steps, 3), across, lift, color, weights.reshape(count, steps, 55), "hair"
    )  # fmt: skip


def _spread(dense: Floats, count: int, random: np.random.Generator) -> Floats:
    """About `count` evenly spread rows of a dense sample."""
    order = random.permutation(len(dense))[: count * 6]
    chosen: list[int] = []
    spacing = 0.0053
    taken = np.zeros((0, 3))
    for index in order:
        point = dense[index, :3]
        if len(taken) and np.min(((taken - point) ** 2).sum(1)) < spacing**2:
            continue
        chosen.append(int(index))
        taken = dense[chosen, :3]
        if len(chosen) == count:
            break
    return dense[chosen]
