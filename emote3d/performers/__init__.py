"""Kinds of face that a checkpoint folder may hold, behind one interface: listen once, act under any number of directions."""

from emote3d.performers.face import FacePerformer, Heard, Redirectable
from emote3d.performers.loading import load_performer

__all__ = ["FacePerformer", "Heard", "Redirectable", "load_performer"]
