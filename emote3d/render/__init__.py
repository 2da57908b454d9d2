"""Draws posed meshes: cameras, one look, and the backends that share it."""

from emote3d.render.cameras import VIEWS, Camera, camera_for, check_size
from emote3d.render.renderer import Backend, Renderer, open_renderer

__all__ = ["VIEWS", "Backend", "Camera", "Renderer", "camera_for", "check_size", "open_renderer"]
