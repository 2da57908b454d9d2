"""Keeps retarget maps in the user's cache folder, so that each model is registered once."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import zipfile
import zlib
from pathlib import Path
from typing import get_args

import numpy as np

from emote3d.body import BodyModel
from emote3d.errors import Emote3DError
from emote3d.files import asset_path, atomic_path
from emote3d.names import ARKIT_52
from emote3d.records import Basis
from emote3d.retarget.building import build_map
from emote3d.retarget.mapping import RetargetMap

MAP_NAME = "retarget.npz"
"""The map in a checkpoint folder whose coefficients belong to a model that the folder does not hold."""
VERSION = 1
"""Goes up whenever a map of the same model would come out otherwise."""


def map_for(model: BodyModel) -> RetargetMap:
    """The map between ARKit and a model: from the cache, else built (some seconds) and kept there.

    The cache is keyed by what the map depends on (geometry, expressions, skinning, landmarks), so a changed file gets a
    new map. A damaged entry is built anew; a cache that cannot be written is done without.

    Raises:
        Emote3DError: as `build_map`.
    """
    path = cache_folder() / f"{fingerprint(model)}.npz"
    cached = _read(path)
    if cached is not None:
        return cached
    built = build_map(model)
    _write(built, path)
    return built


def kept_map(folder: Path) -> RetargetMap | None:
    """The map that lies in a checkpoint folder; None where there is none.

    Raises:
        Emote3DError: it is damaged.
    """
    path = folder / MAP_NAME
    if not path.is_file():
        return None
    found = _read(path)
    if found is None:
        raise Emote3DError(f"{path} holds no retarget map that can be used; import the checkpoint again")
    return found


def keep_map(built: RetargetMap, folder: Path) -> None:
    """Write a map into a checkpoint folder; raises Emote3DError where it cannot be written."""
    with atomic_path(folder / MAP_NAME) as temporary:
        np.savez(temporary, allow_pickle=False, **dataclasses.asdict(built))


def cache_folder() -> Path:
    """Where maps are kept: `$EMOTE3D_CACHE`, else `emote3d` in `$XDG_CACHE_HOME` or `~/.cache`; in it `retarget`."""
    own = os.environ.get("EMOTE3D_CACHE")
    if own:
        return Path(own) / "retarget"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emote3d" / "retarget"


def fingerprint(model: BodyModel) -> str:
    """SHA-256 of what a map depends on: the model, the open head and the version of the method."""
    digest = hashlib.sha256(f"{VERSION} {model.basis}".encode())
    digest.update(asset_path("assets", "flame", "open_head.npz").read_bytes())
    for tensor in (
        *(model.template_m, model.joints_m, model.expression_dirs, model.moving_verts, model.skin_weights),
        *(model.pose_dirs, model.surface.faces, model.landmark_verts, model.landmark_weights),
    ):
        digest.update(b"none" if tensor is None else np.ascontiguousarray(tensor.numpy()).tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path) -> RetargetMap | None:
    """What the cache holds, or None where there is nothing that can be used."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        found = RetargetMap(
            **{
                field.name: arrays[field.name].item() if arrays[field.name].ndim == 0 else arrays[field.name]
                for field in dataclasses.fields(RetargetMap)
            }
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    parameters = found.matrix.shape[-1]
    sound = (
        found.basis in get_args(Basis)
        and found.matrix.shape == (len(ARKIT_52), parameters)
        and found.metric.shape == (parameters, parameters)
        and all(np.isfinite(arrays[name]).all() for name in ("matrix", "metric", "error_mm", "expressed"))
    )
    return found if sound else None


def _write(built: RetargetMap, path: Path) -> None:
    """Keep a map; whole or not at all, whoever else writes it meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            np.savez(temporary, allow_pickle=False, **dataclasses.asdict(built))
    except (OSError, Emote3DError):
        return
