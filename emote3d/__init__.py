"""emote3d: speech in, a talking, feeling 3D person out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction

if TYPE_CHECKING:
    from emote3d.pipeline import Emote3D

__all__ = ["Direction", "Emote3D", "Emote3DError"]


def __getattr__(name: str) -> object:
    """Load the engine when it is first asked for, so that `import emote3d` stays quick."""
    if name == "Emote3D":
        from emote3d.pipeline import Emote3D

        return Emote3D
    raise AttributeError(f"module 'emote3d' has no attribute '{name}'")
