"""Stage 2 of our own face: performances are looked at by the lip reader and the emotion network (EMOTE, section 3.4).

Emotion and speech are paired at random in every batch, so each performance is an exchanged one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import resample_features
from emote3d.body import BodyModel
from emote3d.decoders.face import CHANNELS, EXPRESSION, face_from_channels
from emote3d.perception import load_emotion_net, load_lip_reader
from emote3d.perception.landmarks import FRAME_RATE, landmark_motion
from emote3d.training.faces import directions_apart
from emote3d.training.tape import FPS


class Onlookers:
    """Both networks, and the landmarks of the open avatar as a linear map of its coefficients."""

    def __init__(self, avatar: BodyModel) -> None:
        self._lips, self._emotion = load_lip_reader(), load_emotion_net()
        units = torch.eye(EXPRESSION.stop, CHANNELS)
        self._landmarks = landmark_motion(avatar.cropped("head"), face_from_channels(units)).flatten(1)

    def _see(self, channels: Float[Tensor, "batch frames channels"]) -> Float[Tensor, "batch seen_frames 68 3"]:
        landmarks = channels[..., EXPRESSION].float() @ self._landmarks
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
