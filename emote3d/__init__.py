"""emote3d: speech in, a talking, feeling 3D person out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from emote3d.errors import Emote3DError

if TYPE_CHECKING:
    from emote3d.latents.direction import Direction
    from emote3d.pipeline import Emote3D

__all__ = ["Direction", "Emote3D", "Emote3DError"]

_HOMES = {"Direction": "emote3d.latents.direction", "Emote3D": "emote3d.pipeline"}


def __getattr__(name: str) -> object:
    """Load the engine when it is first asked for, so that `import emote3d` stays quick."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'emote3d' has no attribute '{name}'")
