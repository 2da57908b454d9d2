"""Stage between body and export: FLAME and SMPL-X expressions to ARKit's 52 shapes and back."""

from emote3d.retarget.building import build_map
from emote3d.retarget.caching import map_for
from emote3d.retarget.casting import load_avatar, suited
from emote3d.retarget.mapping import RetargetMap

__all__ = ["RetargetMap", "build_map", "load_avatar", "map_for", "suited"]
