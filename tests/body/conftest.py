"""Tiny body models in the official file layouts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

FLAME_PARENTS = [-1, 0, 1, 1, 1]
SMPLX_PARENTS = [
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15),
    *(
        parent
        for wrist, first in ((20, 25), (21, 40))
        for f in range(0, 15, 3)
        for parent in (wrist, first + f, first + f + 1)
    ),
]


@pytest.fixture
def make_members() -> Callable[..., dict[str, np.ndarray]]:
    return official_members


def official_members(joints: int, verts: int = 120, coefficients: int = 400, seed: int = 0) -> dict[str, np.ndarray]:
    """Random arrays with the names, shapes and types of an official FLAME (5 joints) or SMPL-X (55) file."""
    rng = np.random.default_rng(seed)
    weights, regressor = rng.random((verts, joints)) ** 8, rng.random((joints, verts)) ** 8
    faces = rng.integers(0, verts, (80, 3)).astype(np.uint32)
    parents = np.array(FLAME_PARENTS if joints == 5 else SMPLX_PARENTS)
    members = {
        "v_template": 0.3 * rng.normal(size=(verts, 3)),
        "f": faces,
        "weights": weights / weights.sum(1, keepdims=True),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "shapedirs": 0.002 * rng.normal(size=(verts, 3, coefficients)),
        "posedirs": 0.002 * rng.normal(size=(verts, 3, 9 * (joints - 1))),
        "kintree_table": np.stack([parents, np.arange(joints)]).astype(np.uint32),
    }
    if joints == 55:
        members |= {
            "lmk_faces_idx": rng.integers(0, len(faces), 51),
            "lmk_bary_coords": rng.dirichlet(np.ones(3), 51),
            "dynamic_lmk_faces_idx": rng.integers(0, len(faces), (79, 17)),
            "dynamic_lmk_bary_coords": rng.dirichlet(np.ones(3), (79, 17)),
            **{f"hands_mean{side}": rng.normal(size=45) / 5 for side in "lr"},
            **{f"hands_components{side}": rng.normal(size=(45, 45)) for side in "lr"},
        }
    return members


@pytest.fixture
def smplx_file(tmp_path: Path) -> Path:
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **official_members(55))
    return tmp_path / "SMPLX_NEUTRAL.npz"


@pytest.fixture
def flame_file(tmp_path: Path) -> Path:
    np.savez(tmp_path / "FLAME_NEUTRAL.npz", **official_members(5))
    return tmp_path / "FLAME_NEUTRAL.npz"
