"""Which avatar is meant, and a motion in the terms of that avatar."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from emote3d.body import BodyModel, load_body_model, open_avatar
from emote3d.errors import Emote3DError
from emote3d.records import Motion
from emote3d.retarget.caching import map_for

_KINDS = ("flame", "flame2020", "flame2023", "smplx")
_ONE_SPACE = frozenset({"flame2020", "smplx2020"})
"""SMPL-X took its expressions from FLAME 2020."""


def load_avatar(text: str | Path | None) -> BodyModel:
    """Load `flame:PATH` (FLAME 2020), `flame2023:PATH`, `smplx:PATH` or a bare path; None or `open` is the open avatar.

    Raises:
        Emote3DError: an unknown kind, or the file holds another one; as `load_body_model`.
    """
    if text is None or str(text) == "open":
        return open_avatar()
    kind, separator, path = str(text).partition(":")
    if not separator or kind not in _KINDS:
        if separator and not Path(str(text)).exists():
            raise Emote3DError(f"expected an avatar as {', '.join(f'{one}:PATH' for one in _KINDS)}; got '{text}'")
        return load_body_model(str(text))
    model = load_body_model(path, flame_basis="flame2023" if kind == "flame2023" else "flame2020")
    is_smplx = len(model.joint_names) > 5
    if is_smplx != (kind == "smplx"):
        raise Emote3DError(f"{path} holds {'SMPL-X' if is_smplx else 'FLAME'}; expected {kind}")
    return model


def suited(motion: Motion, avatar: BodyModel, through: BodyModel | None = None) -> Motion:
    """A motion whose face is in the avatar's basis, so that the avatar can play it.

    Args:
        through: the FLAME or SMPL-X model in whose basis the motion is, where neither the motion nor the avatar is in
            ARKit's: its geometry tells what the coefficients mean.

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
            f"coefficients belong to is needed{given} (--source flame:PATH or smplx:PATH)"
        )
    as_arkit = map_for(through).to_arkit(motion)
    return as_arkit if avatar.basis == "arkit52" else map_for(avatar).from_arkit(as_arkit)
