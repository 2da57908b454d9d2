"""The embedding of the 68 iBUG landmarks in a mesh, in the layouts that FLAME and SMPL-X files use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from emote3d.errors import Emote3DError
from emote3d.safe_pickle import load_npy_object, load_pickle, to_array

Embedding = tuple[Int[ndarray, " 68"], Float[ndarray, "68 3"]]
Members = Mapping[str, Callable[[], object]]


def find_embedding(path: Path, members: Members) -> Embedding | None:
    """Take the landmarks out of a body model's file, else out of FLAME's landmark files beside it; None without either.

    A file with the 51 inner landmarks and a contour per head turn gives the contour of the head that looks ahead.
    """
    inner = _pair(path.name, members, "lmk_faces_idx", "lmk_bary_coords")
    contour = _pair(path.name, members, "dynamic_lmk_faces_idx", "dynamic_lmk_bary_coords")
    if inner is not None:
        return _joined(inner, contour)
    deca = _beside(path.parent / "landmark_embedding.npy")
    if deca is not None:
        full = _pair("landmark_embedding.npy", deca, "full_lmk_faces_idx", "full_lmk_bary_coords")
        return None if full is None else _joined(full, None)
    static, dynamic = (
        _beside(path.parent / f"flame_{kind}") for kind in ("static_embedding.pkl", "dynamic_embedding.npy")
    )
    if static is None or dynamic is None:
        return None
    inner, contour = (_pair("the FLAME landmarks", part, "lmk_face_idx", "lmk_b_coords") for part in (static, dynamic))
    return None if inner is None else _joined(inner, contour)


def _pair(name: str, members: Members, index_key: str, weight_key: str) -> tuple[ndarray, ndarray] | None:
    if index_key not in members or weight_key not in members:
        return None
    indices, weights = (to_array(members[key](), f"{name}: {key}") for key in (index_key, weight_key))
    return indices.astype(np.int64), weights.astype(np.float32)


def _joined(inner: tuple[ndarray, ndarray], contour: tuple[ndarray, ndarray] | None) -> Embedding | None:
    """All 68: as they are, or 17 of the contour (row 0: no turn) before the 51 inner ones."""
    indices, weights = inner[0].reshape(-1), inner[1].reshape(-1, 3)
    if len(indices) == 51 and contour is not None:
        indices = np.concatenate([contour[0].reshape(-1, 17)[0], indices])
        weights = np.concatenate([contour[1].reshape(-1, 17, 3)[0], weights])
    return (indices, weights) if len(indices) == len(weights) == 68 else None


def _beside(path: Path) -> Members | None:
    """Read a landmark file: a dictionary of arrays, pickled or in a npy."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        content = load_pickle(file, path.name) if path.suffix == ".pkl" else load_npy_object(file, path.name)
    if not isinstance(content, dict):
        raise Emote3DError(f"{path}: expected a dictionary of arrays, got {type(content).__name__}")
    return {str(key): lambda value=value: value for key, value in content.items()}
