"""Stage 2 of our own face: performances are looked at by the lip reader and the emotion network (EMOTE, section 3.4).

Emotion and speech are paired at random in every batch, so each performance is an exchanged one.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import resample_features
from emote3d.body import load_body_model
from emote3d.decoders.face import EXPRESSION
from emote3d.files import asset_path
from emote3d.names import ARKIT_52
from emote3d.perception import load_emotion_net, load_lip_reader
from emote3d.perception.landmarks import FRAME_RATE, landmark_motion
from emote3d.records import FaceMotion
from emote3d.training.faces import directions_apart
from emote3d.training.tape import FPS


@cache
def _landmarks_per_shape() -> Float[Tensor, "52 68 3"]:
    """How far each of ARKit's shapes moves the landmarks of the open head (which is linear in them)."""
    units = torch.eye(len(ARKIT_52))
    face = FaceMotion(
        expression=units,
        basis="arkit52",
        jaw_axis_angle=torch.zeros(len(units), 3),
        neck_axis_angle=torch.zeros(len(units), 3),
        eyes_axis_angle=torch.zeros(len(units), 2, 3),
    )
    return landmark_motion(load_body_model(asset_path("assets", "flame", "open_head.npz")), face)


def look_at(expression: Float[Tensor, "*batch frames 52"]) -> Float[Tensor, "*batch frames 68 3"]:
    """Landmark motion of the open head."""
    return (expression @ _landmarks_per_shape().flatten(1)).unflatten(-1, (68, 3))


class Onlookers:
    """Both networks, at the open head."""

    def __init__(self) -> None:
        self._lips, self._emotion = load_lip_reader(), load_emotion_net()

    def _see(self, channels: Float[Tensor, "batch frames channels"]) -> Float[Tensor, "batch seen_frames 68 3"]:
        landmarks = look_at(channels[..., EXPRESSION].float()).flatten(2)
        frames = landmarks.shape[1] * FRAME_RATE // FPS
        return resample_features(landmarks, FPS, FRAME_RATE, frames).unflatten(2, (68, 3))

    def losses(
        self, made: Float[Tensor, "batch frames channels"], acted: Float[Tensor, "batch frames channels"]
    ) -> dict[str, Float[Tensor, ""]]:
        """One minus the cosine between what is seen in our face and in the teacher's: of each frame's lips, and of what the
        whole window feels."""
        with torch.autocast(made.device.type, enabled=False):
            ours, theirs = self._see(made), self._see(acted)
            valid = torch.ones(ours.shape[:2], dtype=torch.bool)
            with torch.no_grad():
                said, felt = self._lips.read(theirs), self._emotion.feel(theirs, valid)
            return {
                "seen_lips": directions_apart(self._lips.read(ours), said).mean(),
                "seen_emotion": directions_apart(self._emotion.feel(ours, valid), felt).mean(),
            }
