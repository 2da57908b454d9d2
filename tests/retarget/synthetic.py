"""Models in the layout of FLAME and SMPL-X, with another topology, identity and expression basis than ours, and the truth.

The open head is re-triangulated by quadric decimation (no vertex is kept), bent by a smooth warp into another person, and given a
PCA basis of its own and a jaw joint. The truth is what the warp does to the open head's shapes: warp(x + shape) - warp(x).
"""

from dataclasses import dataclass
from pathlib import Path

import fast_simplification
import numpy as np
import torch
import trimesh

from emote3d.body import BodyModel, load_body_model
from emote3d.decoders.face import JAW_OPEN_RAD
from emote3d.files import asset_path
from emote3d.names import ARKIT_52
from emote3d.retarget.surfaces import Patch

_LEFT_OUT = ("teeth", "gums", "tongue", "lashes", "brows", "hair", "cornea", "mouth")
_PARENTS_5 = (-1, 0, 1, 1, 1)


@dataclass(frozen=True)
class Truth:
    """What is known about a synthetic model."""

    path: Path
    origin: Patch
    """Rest vertices before the warp, on the open head, mm."""
    shapes_mm: np.ndarray
    """[52, verts, 3]: the open head's shapes at those vertices, before the warp."""
    seed: int

    def warp(self, points_mm: np.ndarray) -> np.ndarray:
        """Bend the open head into the other person."""
        return warp(points_mm, self.seed)

    def face_mm(self, coefficients: np.ndarray) -> np.ndarray:
        """True displacement [frames, verts, 3] for ARKit coefficients [frames, 52]."""
        moved = self.origin.vertices_mm + np.einsum("fk,kvx->fvx", coefficients, self.shapes_mm)
        return np.stack([self.warp(frame) for frame in moved]) - self.warp(self.origin.vertices_mm)


def warp(points_mm: np.ndarray, seed: int) -> np.ndarray:
    """Another person: other proportions, smooth bumps of some millimetres, another place and size in space."""
    rng = np.random.default_rng(seed)
    middle = np.array([0.0, 1500.0, 90.0])
    x = points_mm - middle
    stretched = x * (1 + rng.uniform(-0.1, 0.1, 3))
    stretched[:, 1] += 4e-4 * rng.uniform(-1, 1) * x[:, 0] ** 2
    stretched[:, 2] += 6e-4 * rng.uniform(-1, 1) * x[:, 1] ** 2
    for _ in range(12):
        centre, width = rng.normal(size=3) * [40, 50, 20] + [0, 0, 40], rng.uniform(25, 45)
        bump = rng.normal(size=3) * 2.5
        stretched += bump * np.exp(-np.square((x - centre) / width).sum(1) / 2)[:, None]
    return 1.08 * stretched + np.array([3.0, 20.0, -40.0])


def make_model(folder: Path, joints: int = 5, seed: int = 0, faces: int = 9000, basis: int = 100) -> Truth:
    """Write a FLAME-layout (5 joints) or SMPL-X-layout (55) file and return the truth about it.

    Args:
        basis: size of the span of the expression basis; the other of the 100 components are small and random.
    """
    base = load_body_model(
        asset_path("assets", *(("flame", "open_head.npz") if joints == 5 else ("smplx", "open_body.npz")))
    )
    origin, nearest, whole = _retriangulated(base, faces)
    shapes_mm = np.moveaxis(whole.interpolate(nearest, np.moveaxis(_shapes_mm(base), 0, 1)), 1, 0)
    rng = np.random.default_rng(seed)
    weights = np.zeros((len(base.skin_weights[0]), joints))
    weights[:, base.skin_joints.numpy()] = base.skin_weights.T.numpy()
    weights = whole.interpolate(nearest, weights)
    rest = warp(origin.vertices_mm, seed)
    truth = Truth(folder / f"model{joints}_{seed}.npz", origin, shapes_mm, seed)
    joints_m = warp(1000 * base.joints_m.double().numpy(), seed) / 1000
    jaw = joints_m[2 if joints == 5 else 22]
    expression_m = _expressions_m(truth, rest, jaw, weights[:, 2 if joints == 5 else 22], basis, rng)
    landmarks = warp(1000 * base.landmarks(base.rest().vertices_m)[0].double().numpy(), seed)
    landmarks += rng.normal(size=landmarks.shape) * 0.7
    bent = origin.moved(rest)
    assert base.landmark_verts is not None
    at = bent.nearest(landmarks, whole.vertex_normals[base.landmark_verts[:, 0].numpy()], 0.0)
    pose_dirs = np.zeros((len(rest), 3, 9 * (joints - 1)), np.float32)
    feature = 9 * ((2 if joints == 5 else 22) - 1)
    pose_dirs[:, :, feature : feature + 9] = 2e-4 * rng.normal(size=9) * expression_m[:, :, :1] / 2e-3
    parents = np.array(_PARENTS_5 if joints == 5 else base.parents)
    np.savez(
        truth.path,
        v_template=rest / 1000,
        f=origin.faces.astype(np.uint32),
        weights=weights / weights.sum(1, keepdims=True),
        J_regressor=_regressor(rest / 1000, joints_m),
        shapedirs=np.concatenate([np.zeros((len(rest), 3, 300), np.float32), expression_m.astype(np.float32)], axis=2),
        posedirs=pose_dirs,
        kintree_table=np.stack([parents, np.arange(joints)]),
        lmk_faces_idx=at.face,
        lmk_bary_coords=at.weights,
    )
    return truth


def _shapes_mm(base: BodyModel) -> np.ndarray:
    shapes = torch.zeros(len(ARKIT_52), 3, base.template_m.shape[1])
    shapes[:, :, base.moving_verts] = base.expression_dirs
    return 1000 * shapes.transpose(1, 2).double().numpy()


def _retriangulated(base: BodyModel, faces: int):
    """Skin, lips and eyes with other triangles, and where their vertices lie on the open model."""
    surface = base.surface
    kept = [i for i, material in enumerate(surface.materials) if material.name not in _LEFT_OUT]
    used = surface.faces[torch.isin(surface.face_materials, torch.tensor(kept))].numpy()
    vertices = 1000 * base.template_m.T.double().numpy()
    welded = trimesh.Trimesh(vertices, used, process=False)
    welded.merge_vertices(merge_tex=True, merge_norm=True)
    points, triangles = fast_simplification.simplify(
        np.asarray(welded.vertices, np.float32), np.asarray(welded.faces, np.int32), target_count=faces
    )
    whole = Patch(vertices, used)
    new = Patch(points.astype(np.float64), triangles.astype(np.int64))
    nearest = whole.nearest(new.vertices_mm, new.vertex_normals, 0.2)
    far = ~nearest.found
    if far.any():
        again = whole.nearest(new.vertices_mm[far], -new.vertex_normals[far], -1.1)
        for name in ("face", "weights", "distance_mm"):
            getattr(nearest, name)[far] = getattr(again, name)
    return new.moved(whole.interpolate(nearest, vertices)), nearest, whole


def _expressions_m(truth: Truth, rest, jaw_m, jaw_weights, basis: int, rng) -> np.ndarray:
    """A PCA basis of random faces without what the jaw joint does, in standard deviations; [verts, 3, 100], metres."""
    samples = rng.random((300, 52)) * (rng.random((300, 52)) < 0.15)
    moved = truth.face_mm(samples).reshape(300, -1, 3)
    turn = trimesh.transformations.rotation_matrix(JAW_OPEN_RAD, [1, 0, 0], 1000 * jaw_m)[:3]
    opened = (rest @ turn[:, :3].T + turn[:, 3] - rest) * jaw_weights[:, None]
    moved -= samples[:, ARKIT_52.index("jawOpen"), None, None] * opened
    centred = (moved - moved.mean(0)).reshape(300, -1)
    _, singular, components = np.linalg.svd(centred, full_matrices=False)
    count = min(basis, 51)
    found = (singular[:count, None] * components[:count] / np.sqrt(299)).reshape(count, -1, 3)
    rest_middle = rest - rest.mean(0)
    noise = [
        rng.normal(size=3) * np.exp(-np.square((rest_middle - rng.normal(size=3) * 60) / 40).sum(1) / 2)[:, None] * 0.3
        for _ in range(100 - count)
    ]
    signs = rng.choice([-1.0, 1.0], 100)
    return np.concatenate([found, noise] if noise else [found]).transpose(1, 2, 0) * signs / 1000


def _regressor(vertices_m: np.ndarray, joints_m: np.ndarray) -> np.ndarray:
    """Rows that add up to 1 and give the joints, spread over the vertices near each."""
    rows = np.zeros((len(joints_m), len(vertices_m)))
    for row, joint in zip(rows, joints_m, strict=True):
        near = np.linalg.norm(vertices_m - joint, axis=1).argsort()[:200]
        system = np.concatenate([vertices_m[near].T, np.ones((1, len(near)))])
        row[near] = np.linalg.lstsq(system, np.append(joint, 1.0), rcond=None)[0]
    return rows
