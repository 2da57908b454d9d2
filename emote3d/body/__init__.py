"""Stage 5, motion to mesh: FLAME, SMPL-X or the open avatar through one interface."""

from emote3d.body.choosing import choose_avatar, shape_coefficients, shaped
from emote3d.body.loading import load_body_model, open_avatar
from emote3d.body.model import BodyModel
from emote3d.body.stance import relaxed_stance

__all__ = [
    "BodyModel",
    "choose_avatar",
    "load_body_model",
    "open_avatar",
    "relaxed_stance",
    "shape_coefficients",
    "shaped",
]
