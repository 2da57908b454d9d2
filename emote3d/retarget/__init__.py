"""Stage between body and export: FLAME and SMPL-X expressions to ARKit's 52 shapes and back."""

from emote3d.retarget.building import build_map
from emote3d.retarget.caching import map_for
from emote3d.retarget.casting import suited
from emote3d.retarget.mapping import RetargetMap

__all__ = ["RetargetMap", "build_map", "map_for", "suited"]
