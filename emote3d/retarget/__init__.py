"""Stage between body and export: FLAME and SMPL-X expressions to ARKit's 52 shapes and back."""

from emote3d.retarget.building import build_map
from emote3d.retarget.caching import kept_map, map_for
from emote3d.retarget.casting import Through, choose_source, suited
from emote3d.retarget.mapping import RetargetMap

__all__ = ["RetargetMap", "Through", "build_map", "choose_source", "kept_map", "map_for", "suited"]
