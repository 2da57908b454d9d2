"""How a body goes with the face of the same recording."""

from __future__ import annotations

from dataclasses import replace

from emote3d.motion import resample_motion
from emote3d.names import SMPLX_JOINTS
from emote3d.records import BodyMotion, FaceMotion, Motion

_JAW, _LEFT_EYE = SMPLX_JOINTS.index("jaw"), SMPLX_JOINTS.index("left_eye_smplhf")


def in_step(body: BodyMotion, body_fps: float, face: FaceMotion, fps: float) -> BodyMotion:
    """The body in as many frames as the face has, with its jaw and eyes."""
    frames = len(face.expression)
    if fps != body_fps or frames != len(body.joints_axis_angle):
        resampled = resample_motion(Motion(body=body, fps=body_fps), fps, frames / fps).body
        assert resampled is not None
        body = resampled
    return with_face(body, face)


def with_face(body: BodyMotion, face: FaceMotion) -> BodyMotion:
    """The body with the jaw and the eyes of the face; the head's turns stay in the face, on top of neck and head."""
    joints = body.joints_axis_angle.clone()
    joints[:, _JAW] = face.jaw_axis_angle
    joints[:, _LEFT_EYE : _LEFT_EYE + 2] = face.eyes_axis_angle
    return replace(body, joints_axis_angle=joints)
