"""What a motion says and feels, by the shipped networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body import BodyModel, load_body_model
from emote3d.checkpoint import load_component
from emote3d.data.face_clips import at_rate
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.names import EMOTIONS
from emote3d.perception.landmarks import FRAME_RATE, landmark_motion
from emote3d.perception.networks import LandmarkEmotionNet, LandmarkLipReader, PerceiverConfig
from emote3d.records import Motion

_WINDOW, _STEP = 75, 25
"""Frames that are judged together for the curve over time, and between judgements."""


@dataclass(frozen=True, kw_only=True)
class EmotionReading:
    """What a face feels."""

    probability: Float[Tensor, "8"]
    """Of each emotion (`emote3d.names.EMOTIONS`), over the whole motion."""
    intensity: float
    """Strength of the feeling, 0 (none) to about 1.5."""
    windows: Float[Tensor, "windows 8"]
    """Probabilities in windows of 3 s that begin every second (one window where the motion is shorter)."""

    @property
    def emotion(self) -> str:
        """The most likely emotion."""
        return EMOTIONS[int(self.probability.argmax())]


def load_emotion_net(folder: Path | None = None) -> LandmarkEmotionNet:
    """Load an emotion network, by default the shipped one; damaged ones raise Emote3DError."""
    folder = folder or asset_path("checkpoints", "open-v1") / "motion_emotion"
    return load_component(folder, LandmarkEmotionNet, PerceiverConfig).requires_grad_(False)


def load_lip_reader(folder: Path | None = None) -> LandmarkLipReader:
    """Load a lip reader, by default the shipped one; damaged ones raise Emote3DError."""
    folder = folder or asset_path("checkpoints", "open-v1") / "lip_reader"
    return load_component(folder, LandmarkLipReader, PerceiverConfig).requires_grad_(False)


def read_emotion(
    motion: Motion, net: LandmarkEmotionNet | None = None, avatar: BodyModel | None = None
) -> EmotionReading:
    """What a motion's face feels.

    Args:
        net: from `load_emotion_net`; give it where many motions are read.
        avatar: model of the motion's basis, with landmarks (default: the open head).

    Raises:
        Emote3DError: no face, or one in another basis than the avatar's.
    """
    if motion.face is None:
        raise Emote3DError("expected a motion with a face, got only a body")
    net = net or load_emotion_net()
    avatar = avatar or load_body_model(asset_path("assets", "flame", "open_head.npz"))
    with torch.inference_mode():
        seen = at_rate(landmark_motion(avatar, motion.face), motion.fps, FRAME_RATE)
        logits, intensity = net(seen[None], torch.ones(1, len(seen), dtype=torch.bool))
        starts = range(0, max(1, len(seen) - _WINDOW + 1), _STEP)
        pieces = torch.stack([seen[start : start + _WINDOW] for start in starts])
        windows, _ = net(pieces, torch.ones(pieces.shape[:2], dtype=torch.bool))
    return EmotionReading(
        probability=logits[0].softmax(dim=0), intensity=float(intensity[0]), windows=windows.softmax(dim=1)
    )
