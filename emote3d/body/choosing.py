"""The avatar that a user names: `open`, `flame:PATH`, `flame2023:PATH`, `smplx:PATH`, or just the path of a model file."""

from __future__ import annotations

from emote3d.body.loading import load_body_model, open_avatar
from emote3d.body.model import BodyModel
from emote3d.errors import Emote3DError
from emote3d.names import FLAME_JOINTS, SMPLX_JOINTS

OPEN = "open"
_JOINTS = {"flame": len(FLAME_JOINTS), "flame2023": len(FLAME_JOINTS), "smplx": len(SMPLX_JOINTS)}


def choose_avatar(name: str = OPEN) -> BodyModel:
    """Load the named avatar.

    Raises:
        Emote3DError: an unknown kind, no such file, or a file of another kind than named.
    """
    if name == OPEN:
        return open_avatar()
    kind, colon, path = name.partition(":")
    if not colon:
        return load_body_model(name)
    if kind not in _JOINTS:
        raise Emote3DError(f"expected an avatar open, flame:PATH, flame2023:PATH or smplx:PATH; got '{name}'")
    model = load_body_model(path, flame_basis="flame2023" if kind == "flame2023" else "flame2020")
    if len(model.joint_names) != _JOINTS[kind]:
        raise Emote3DError(
            f"{path} is no {kind.upper()} model: expected {_JOINTS[kind]} joints, got {len(model.joint_names)}"
        )
    return model
