"""A motion in the terms of an avatar."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from emote3d.body import BodyModel, choose_avatar
from emote3d.errors import Emote3DError
from emote3d.records import Motion
from emote3d.retarget.caching import kept_map, map_for
from emote3d.retarget.mapping import RetargetMap

Through = BodyModel | RetargetMap
"""What tells what the coefficients of a motion mean: the model they belong to, or its map to ARKit's shapes."""

_ONE_SPACE = frozenset({"flame2020", "smplx2020"})
"""SMPL-X took its expressions from FLAME 2020."""


def suited(motion: Motion, avatar: BodyModel, through: Through | None = None) -> Motion:
    """A motion whose face is in the avatar's basis, so that the avatar can play it.

    Args:
        through: the FLAME or SMPL-X model in whose basis the motion is, where neither the motion nor the avatar is in
            ARKit's: its geometry tells what the coefficients mean. Or the map to ARKit's shapes that was made of it.

    Raises:
        Emote3DError: the way there leads through a model that was not given, or as `map_for`.
    """
    face = motion.face
    if face is None or face.basis == avatar.basis:
        return motion
    if face.basis == "arkit52":
        return map_for(avatar).from_arkit(motion)
    if through is None and {face.basis, avatar.basis} == _ONE_SPACE:
        return dataclasses.replace(motion, face=dataclasses.replace(face, basis=avatar.basis))
    if through is None or through.basis != face.basis:
        given = "" if through is None else f", not {through.basis}"
        raise Emote3DError(
            f"the motion's face is in the basis {face.basis} and the avatar takes {avatar.basis}: the model file that the "
            f"coefficients belong to is needed{given} (--source flame:PATH or smplx:PATH, or an EMOTE checkpoint folder that "
            "was imported with its FLAME inside)"
        )
    as_arkit = (through if isinstance(through, RetargetMap) else map_for(through)).to_arkit(motion)
    return as_arkit if avatar.basis == "arkit52" else map_for(avatar).from_arkit(as_arkit)


def choose_source(name: str | None) -> Through | None:
    """What `--source` names: flame:PATH, flame2023:PATH, smplx:PATH, or a checkpoint folder that has a map.

    Raises:
        Emote3DError: as `choose_avatar`, or the folder has no map.
    """
    if name is None:
        return None
    if not Path(name).is_dir():
        return choose_avatar(name)
    found = kept_map(Path(name))
    if found is None:
        raise Emote3DError(
            f"{name} has no retarget map; expected flame:PATH, smplx:PATH, or a folder that import-checkpoint emote made of a "
            "checkpoint with its FLAME inside"
        )
    return found
