"""Writers of what the engine makes."""

from emote3d.export.video import write_video

__all__ = ["write_video"]
