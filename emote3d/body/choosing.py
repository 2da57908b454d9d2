"""The avatar that a user names: `open`, `flame:PATH`, `flame2023:PATH`, `smplx:PATH`, or just the path of a model file."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

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


def shape_coefficients(model: BodyModel, text: str) -> Float[Tensor, "coefficients"]:
    """Identity coefficients from `gender=1,age=0.6` (names of the model) or `0.5,-1.2` (in the model's order).

    The open avatar's run from -1 to 1 (`gender`, `age` and `child` from 0), SMPL-X's and FLAME's are in standard deviations.

    Raises:
        Emote3DError: unknown names, no numbers, more than the model has, or beyond -5 to 5; all problems in one line.
    """
    values = torch.zeros(len(model.shape_names))
    problems = []
    for index, part in enumerate(filter(None, (part.strip() for part in text.split(",")))):
        name, named, number = part.rpartition("=")
        place = _place(model, name.strip()) if named else index
        value = _number(number)
        if place is None:
            problems.append(f"there is no '{name.strip()}'")
        elif place >= len(values):
            problems.append(f"more than {len(values)} numbers")
            break
        elif value is None:
            problems.append(f"'{part}' is no number from -5 to 5")
        else:
            values[place] = value
    if problems:
        names = ", ".join(model.shape_names[:40]) + (", ..." if len(model.shape_names) > 40 else "")
        raise Emote3DError(f"--shape {text}: {'; '.join(problems)}; expected name=number out of {names}")
    return values


def shaped(model: BodyModel, text: str) -> BodyModel:
    """The model with the identity of `shape_coefficients`; as it is where the text is empty."""
    return model.with_shape(shape_coefficients(model, text)) if text.strip() else model


def _place(model: BodyModel, name: str) -> int | None:
    lower = [known.lower() for known in model.shape_names]
    return lower.index(name.lower()) if name.lower() in lower else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= 5 else None
