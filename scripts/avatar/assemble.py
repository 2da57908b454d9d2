"""All parts in one mesh, with joint regressors and landmarks, as members of the two files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from avatar.base import Base
from avatar.clothes import covered_by_shirt, covered_by_trousers, shirt, shoes, trousers
from avatar.eyes import eye_sphere, eyes
from avatar.hair import hair, hairline
from avatar.landmarks import IBUG_68, embed
from avatar.lips import seal
from avatar.mesh import Part, join
from avatar.mouth import mouth
from avatar.rig import PARENTS
from avatar.shading import shade
from avatar.skin import paint, skin
from avatar.source import Floats, Ints
from avatar.storage import LICENCE, SOURCE, looks_members, shape_members
from avatar.strands import brows, lashes
from emote3d.names import ARKIT_52, FLAME_JOINTS, SMPLX_JOINTS

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Baked:
    """The finished avatar."""

    part: Part
    joints: Floats
    """(rows, 55, 3) metres."""
    shape_names: tuple[str, ...]
    landmark_faces: Ints
    landmark_bary: Floats


def avatar(base: Base) -> Baked:
    """Build every part and join them, skin first."""
    body, place = skin(base)
    seal(base, body, place)
    faces, bary = embed(body.triangles, place[list(IBUG_68)])
    corners = body.triangles[faces]
    scalp = hairline(base, body)
    paint(base, body, place, scalp)
    clothed = np.maximum(covered_by_shirt(base, body), covered_by_trousers(base, body))
    worn = [shirt(base), trousers(base), shoes(base)]
    bare = body.cut(np.flatnonzero(~(clothed[body.triangles] > 0).all(1)))
    parts = [bare, eyes(base), mouth(base), lashes(base), brows(base, body), *hair(body, scalp), *worn]
    part = shade(base, join(parts))
    joints = base.joints.copy()
    for joint, side in ((23, "l"), (24, "r")):
        joints[:, joint] = eye_sphere(base, side)[0]
    points = (body.rest[corners] * bary[..., None]).sum(1)
    faces, bary = embed(part.triangles, cKDTree(bare.rest).query(points)[1])
    return Baked(part=part, joints=joints, shape_names=base.shape_names, landmark_faces=faces, landmark_bary=bary)


def joint_regressor(part: Part, joints: Floats) -> Floats:
    """Rows of weights over still vertices (no expression moves them) that give each joint in every shape, (joints, verts)."""
    moved = np.abs(part.stack[-len(ARKIT_52) :]).max((0, 2))
    still = np.flatnonzero(moved < 1e-7)
    regressor = np.zeros((joints.shape[1], part.stack.shape[1]))
    rows = joints.shape[0] - len(ARKIT_52)
    for joint in range(joints.shape[1]):
        order = np.argsort(np.linalg.norm(part.rest[still] - joints[0, joint], axis=1), kind="stable")
        near = still[order[:600:10]]
        system = np.concatenate(
            [part.stack[:rows, near].transpose(0, 2, 1).reshape(-1, len(near)), np.ones((1, len(near)))]
        )
        wanted = np.concatenate([joints[:rows, joint].reshape(-1), [1.0]])
        even = np.full(len(near), 1 / len(near))
        scale = np.concatenate([np.full(len(system) - 1, 1.0), [100.0]])[:, None]
        scaled = system * scale
        residual = (wanted - system @ even) * scale[:, 0]
        ridge = 1e-7 * np.eye(len(system))
        regressor[joint, near] = even + scaled.T @ np.linalg.solve(scaled @ scaled.T + ridge, residual)
        regressor[joint, near] += (1 - regressor[joint, near].sum()) / len(near)
    return regressor


def _common(baked: Baked, part: Part, weights: Floats, joints: Floats, faces: Ints) -> dict[str, np.ndarray]:
    """Members that both files have."""
    return shape_members(part, weights) | looks_members(part) | {
        "J_regressor": joint_regressor(part, joints).astype(np.float32),
        "n_shape": np.array(len(baked.shape_names)),
        "shape_names": np.array(baked.shape_names),
        "expression_names": np.array(ARKIT_52),
        "lmk_faces_idx": faces.astype(np.int64),
        "lmk_bary_coords": baked.landmark_bary.astype(np.float32),
        "static_lmk_faces_idx": faces[17:].astype(np.int64),
        "static_lmk_bary_coords": baked.landmark_bary[17:].astype(np.float32),
        "dynamic_lmk_faces_idx": np.tile(faces[:17], (79, 1)).astype(np.int64),
        "dynamic_lmk_bary_coords": np.tile(baked.landmark_bary[:17], (79, 1, 1)).astype(np.float32),
        "licence": np.array(LICENCE),
        "source": np.array(SOURCE),
        "format_version": np.array(FORMAT_VERSION),
    }  # fmt: skip


def body_members(baked: Baked) -> dict[str, np.ndarray]:
    """The file in SMPL-X's layout."""
    members = _common(baked, baked.part, baked.part.weights, baked.joints, baked.landmark_faces)
    hands = {f"hands_mean{side}": np.zeros(45, np.float32) for side in "lr"}
    hands |= {f"hands_components{side}": np.eye(45, dtype=np.float32) for side in "lr"}
    return members | hands | {"kintree_table": np.array([PARENTS, range(55)]), "joint_names": np.array(SMPLX_JOINTS)}


def head_members(baked: Baked) -> dict[str, np.ndarray]:
    """Head and neck in FLAME's layout: root, neck (turns the head), jaw, eyes."""
    part = baked.part
    neck = baked.joints[0, 12]
    head = part.rest[part.triangles][..., 1].min(1) > neck[1] - 0.02
    kept = np.flatnonzero(head)
    cut = part.cut(kept)
    weights = np.zeros((len(cut.weights), 5))
    weights[:, 2:] = cut.weights[:, 22:25]
    weights[:, 1] = cut.weights[:, [12, 15]].sum(1)
    weights[:, 0] = 1 - weights[:, 1:].sum(1)
    joints = baked.joints[:, [9, 12, 22, 23, 24]]
    faces = np.searchsorted(kept, baked.landmark_faces)
    assert (kept[faces] == baked.landmark_faces).all(), "all landmarks are on the head"
    members = _common(baked, cut, weights, joints, faces)
    return members | {
        "kintree_table": np.array([[-1, 0, 1, 1, 1], range(5)]),
        "joint_names": np.array(FLAME_JOINTS),
    }
