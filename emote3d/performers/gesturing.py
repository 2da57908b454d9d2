"""What a direction makes of the body, and how it goes with the face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.load import load_speech
from emote3d.audio.rhythm import Rhythm
from emote3d.latents.direction import Direction
from emote3d.latents.timeline import draw_timeline, voiced
from emote3d.motion import resample_motion
from emote3d.names import SMPLX_JOINTS
from emote3d.performers.face import Heard
from emote3d.performers.open_body import BODY_FPS, OpenBody, style_of_voice
from emote3d.records import BodyMotion, FaceMotion, Motion

_JAW, _LEFT_EYE = SMPLX_JOINTS.index("jaw"), SMPLX_JOINTS.index("left_eye_smplhf")


def gestures(
    body: OpenBody, rhythm: Rhythm, heard: Heard, direction: Direction, seed: int, face: tuple[FaceMotion, float]
) -> BodyMotion:
    """Perform a recording with the body, in step with a face (motion and frames a second) of the same recording."""
    motion, fps = face
    emotion = body_emotion(heard, direction, len(rhythm.loudness))
    moved = body.act(rhythm, emotion, body_style(body, rhythm, direction), seed)
    frames = len(motion.expression)
    if fps != BODY_FPS or frames != len(moved.joints_axis_angle):
        resampled = resample_motion(Motion(body=moved, fps=BODY_FPS), fps, frames / fps).body
        assert resampled is not None
        moved = resampled
    return with_face(moved, motion)


def body_emotion(heard: Heard, direction: Direction, frames: int) -> Float[Tensor, "frames 8"]:
    """Weights of the emotions over time, as directed or heard in the voice."""
    timeline = draw_timeline(direction, frames, BODY_FPS, heard.words)
    voice = heard.latents.emotion
    nearest = np.minimum(np.arange(frames) * len(voice) // max(1, frames), len(voice) - 1)
    return torch.from_numpy(voiced(timeline.emotion, voice.double().numpy()[nearest])).float()


def body_style(body: OpenBody, rhythm: Rhythm, direction: Direction) -> Float[Tensor, "styles"]:
    """The style of the voice, or of another recording's voice."""
    source = direction.style_from
    if source is not None and Path(source).suffix.lower() != ".npz":
        rhythm = body.listen(load_speech(source))
    return style_of_voice(rhythm)


def with_face(body: BodyMotion, face: FaceMotion) -> BodyMotion:
    """The body with the jaw and the eyes of the face; the head's turns stay in the face, on top of neck and head."""
    joints = body.joints_axis_angle.clone()
    joints[:, _JAW] = face.jaw_axis_angle
    joints[:, _LEFT_EYE : _LEFT_EYE + 2] = face.eyes_axis_angle
    return replace(body, joints_axis_angle=joints)
