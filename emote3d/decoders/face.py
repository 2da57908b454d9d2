"""The channels of the face networks and what they mean."""

from __future__ import annotations

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders.life import Life
from emote3d.names import ARKIT_52
from emote3d.records import FaceMotion

EXPRESSION = slice(0, 52)
JAW = slice(52, 55)
NECK = slice(55, 58)
EYES = slice(58, 64)
CHANNELS = 64
"""Motion channels: 52 ARKit coefficients, then axis-angles of jaw, neck, left eye and right eye."""
JAW_OPEN_RAD = math.radians(24.0)
"""Rotation of a jaw joint that opens as far as `jawOpen` = 1."""
GAZE_FULL_RAD = math.radians(30.0)
"""Rotation of an eye at which its eyeLook coefficient is 1."""
VERGENCE_RAD = math.atan2(0.0287, 1.0)
"""How far each eye turns in to meet the other's gaze a metre ahead, where partners stand and the camera of the view `face` does."""


def face_from_channels(channels: Float[Tensor, "frames 64"]) -> FaceMotion:
    """Name the channels; coefficients are limited to [0, 1]."""
    return FaceMotion(
        expression=channels[:, EXPRESSION].clamp(0, 1),
        basis="arkit52",
        jaw_axis_angle=channels[:, JAW],
        neck_axis_angle=channels[:, NECK],
        eyes_axis_angle=channels[:, EYES].reshape(-1, 2, 3),
    )


def face_from_arkit(
    expression: Float[Tensor, "frames 52"],
    neck_axis_angle: Float[Tensor, "frames 3"] | None = None,
    eyes_axis_angle: Float[Tensor, "frames 2 3"] | None = None,
) -> FaceMotion:
    """A face of ARKit coefficients; what is not given follows from them: gaze from eyeLook*, the head stays still."""
    expression = expression.clamp(0, 1)
    zeros = expression.new_zeros(len(expression), 3)
    jaw = zeros.clone()
    jaw[:, 0] = JAW_OPEN_RAD * expression[:, ARKIT_52.index("jawOpen")]
    return FaceMotion(
        expression=expression,
        basis="arkit52",
        jaw_axis_angle=jaw,
        neck_axis_angle=zeros if neck_axis_angle is None else neck_axis_angle,
        eyes_axis_angle=_gaze(expression) if eyes_axis_angle is None else eyes_axis_angle,
    )


def _gaze(expression: Float[Tensor, "frames 52"]) -> Float[Tensor, "frames 2 3"]:
    """Eye rotations that the eyeLook coefficients speak of."""

    def look(where: str) -> Float[Tensor, "frames 2"]:
        columns = [ARKIT_52.index(f"eyeLook{where}{side}") for side in ("Left", "Right")]
        return GAZE_FULL_RAD * expression[:, columns]

    outward = torch.tensor([1.0, -1.0])
    pitch, yaw = look("Down") - look("Up"), (look("Out") - look("In")) * outward
    return torch.stack([pitch, yaw, torch.zeros_like(yaw)], dim=-1)


def look_coefficients(eyes_axis_angle: Float[Tensor, "frames 2 3"]) -> Float[Tensor, "frames 52"]:
    """The eyeLook coefficients that rotations of the eyes speak of; zero for all other shapes."""
    out = eyes_axis_angle.new_zeros(len(eyes_axis_angle), len(ARKIT_52))
    angles = (eyes_axis_angle[:, :, :2] / GAZE_FULL_RAD).flatten(1)
    out[:, _LOOKS] = (angles.repeat(1, 2) * _LOOK_SIGNS.to(angles)).clamp(0, 1)
    return out


def with_gaze_and_drift(face: FaceMotion, life: Life, head_motion: float | Float[Tensor, "frames"]) -> FaceMotion:
    """Add gaze and head drift as rotations; the eyes meet a metre ahead and counter the head, so the gaze stays where it is."""
    drift = torch.from_numpy(life.head_rad).float() * torch.as_tensor(head_motion).float().reshape(-1, 1)
    gaze = torch.from_numpy(life.gaze_rad).float()
    pitch = face.eyes_axis_angle[:, :, 0] + (gaze[:, 1] - 0.8 * drift[:, 0])[:, None]
    inward = torch.tensor([-VERGENCE_RAD, VERGENCE_RAD])
    yaw = face.eyes_axis_angle[:, :, 1] + (gaze[:, 0] - 0.8 * drift[:, 1])[:, None] + inward
    return FaceMotion(
        expression=face.expression,
        basis=face.basis,
        jaw_axis_angle=face.jaw_axis_angle,
        neck_axis_angle=face.neck_axis_angle + drift,
        eyes_axis_angle=torch.stack([pitch, yaw, torch.zeros_like(yaw)], dim=-1),
    )


def with_life(
    face: FaceMotion,
    life: Life,
    head_motion: float | Float[Tensor, "frames"],
    brow_motion: float | Float[Tensor, "frames"] = 1.0,
) -> FaceMotion:
    """Add blinks, gaze, brows, nods and head drift to a face in ARKit's basis; brows that are up have less way to go."""
    face = with_gaze_and_drift(face, life, head_motion)
    expression = torch.maximum(face.expression, look_coefficients(face.eyes_axis_angle))
    raised = torch.from_numpy(life.brow).float() * torch.as_tensor(brow_motion).float()
    raised = raised.clamp(0, 1)[:, None] * _BROW_RAISES
    expression = expression * (1 - _BROW_YIELDS * raised.amax(dim=1, keepdim=True)) + (1 - expression) * raised
    blink = torch.from_numpy(life.blink).float()[:, None]
    expression = expression * (1 - _BLINK_TAKES * blink) + _BLINK_CLOSES * (1 - expression) * blink
    return dataclasses.replace(face, expression=expression)


def _per_shape(values: dict[str, float]) -> Float[Tensor, "52"]:
    """Values of shapes that both sides have; zero for all others."""
    return torch.tensor([values.get(name.removesuffix("Left").removesuffix("Right"), 0.0) for name in ARKIT_52])


_BROW_RAISES = _per_shape({"browInnerUp": 1.0, "browOuterUp": 0.85})
_BROW_YIELDS = _per_shape({"browDown": 0.6})
"""Share of what lowers the brows that gives way when they rise."""
_BLINK_CLOSES = _per_shape({"eyeBlink": 1.0})
_BLINK_TAKES = _per_shape({"eyeWide": 1.0, "eyeSquint": 0.5, "eyeLookDown": 0.6})
"""Share of what widens or narrows the lids that gives way to a blink."""
_LOOKS = [
    ARKIT_52.index(f"eyeLook{name}")
    for name in ("DownLeft", "OutLeft", "DownRight", "InRight", "UpLeft", "InLeft", "UpRight", "OutRight")
]
_LOOK_SIGNS = torch.tensor([1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0])
"""Of pitch and yaw of the left eye, then of the right, that speak of the first four of `_LOOKS`, then of the others."""
