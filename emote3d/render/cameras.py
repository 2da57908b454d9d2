"""Cameras: where each named view stands, and how its picture is cut.

World frame: metres, +y up, the face looks along +z, the avatar's left is +x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians, sin, tan

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from emote3d.errors import Emote3DError

VIEWS = ("face", "left", "right", "upper", "full")
"""Named views; left is seen from the avatar's left side."""
MAX_SIDE = 8192
"""Largest width or height of a picture, pixels."""

SIDE_VIEW_DEGREES = 60.0
FOV_Y_DEGREES = {"face": 24.0, "left": 24.0, "right": 24.0, "upper": 26.0, "full": 28.0}
EYE_LINE = 0.45
"""Height of the eyes in a close-up: share of the picture above them."""
SMPLX_LOWEST_BODY_JOINTS = slice(1, 22)
"""Hips to wrists in SMPL-X order."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A perspective camera that keeps a rectangle around its target in the picture."""

    name: str
    eye_m: tuple[float, float, float]
    """Where it stands."""
    target_m: tuple[float, float, float]
    """What the picture is centred on."""
    height_m: float
    """Height seen at the target's distance, at least."""
    width_m: float
    """Width seen at the target's distance, at least."""

    @property
    def distance_m(self) -> float:
        """From where it stands to what it looks at."""
        return float(np.linalg.norm(np.subtract(self.target_m, self.eye_m)))

    def view(self) -> Float[ndarray, "4 4"]:
        """Give the matrix from world to camera frame: x to the right, y up, looking along -z."""
        forward = np.subtract(self.target_m, self.eye_m) / self.distance_m
        side = np.cross(forward, (0.0, 1.0, 0.0))
        side /= np.linalg.norm(side)
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([side, np.cross(side, forward), -forward])
        matrix[:3, 3] = -matrix[:3, :3] @ self.eye_m
        return matrix

    def projection(self, aspect: float) -> Float[ndarray, "4 4"]:
        """Give the matrix from camera frame to clip space (OpenGL), picture rows growing downwards.

        `aspect` is width over height of the picture.
        """
        focal = 2 * self.distance_m / max(self.height_m, self.width_m / aspect)
        near_m, far_m = 0.25 * self.distance_m, 3.0 * self.distance_m
        matrix = np.zeros((4, 4))
        matrix[0, 0], matrix[1, 1] = focal / aspect, -focal
        matrix[2, 2:] = (far_m + near_m) / (near_m - far_m), 2 * far_m * near_m / (near_m - far_m)
        matrix[3, 2] = -1.0
        return matrix


def camera_for(
    view: str,
    joints_m: Float[ndarray, "joints 3"],
    landmarks_m: Float[ndarray, "68 3"],
    azimuth_degrees: float | None = None,
) -> Camera:
    """Frame an avatar by its rest pose: joints in SMPL-X or FLAME order, iBUG landmarks.

    `azimuth_degrees` turns the camera around the avatar, positive towards its left; None takes the view's own.
    Raises Emote3DError for an unknown view.
    """
    if view not in VIEWS:
        raise Emote3DError(f"expected a view out of {', '.join(VIEWS)}; got {view!r}")
    eyes_m = landmarks_m[36:48].mean(0)
    face_m = float(np.linalg.norm(landmarks_m[8] - eyes_m))
    # eyes to chin is about the same as eyes to the top of the skull
    top_m = eyes_m[1] + 1.25 * face_m
    head_m = np.array([eyes_m[0], eyes_m[1], eyes_m[2] - 0.6 * face_m])
    whole_body = len(joints_m) > SMPLX_LOWEST_BODY_JOINTS.stop
    if view in ("upper", "full") and whole_body:
        body_m = joints_m[SMPLX_LOWEST_BODY_JOINTS]
        low_m = joints_m[0, 1] if view == "upper" else body_m[:, 1].min() - 0.06
        shoulders_m = abs(joints_m[16, 0] - joints_m[17, 0])
        margin = 1.12 if view == "upper" else 1.08
        height_m, width_m = margin * float(top_m - low_m), 2.2 * float(shoulders_m)
        target_m = np.array([joints_m[0, 0], (top_m + low_m) / 2, joints_m[0, 2]])
    else:
        height_m, width_m = 3.6 * face_m, 2.3 * face_m
        target_m = head_m - (0.0, (0.5 - EYE_LINE) * height_m, 0.0)
    azimuth = radians({"left": SIDE_VIEW_DEGREES, "right": -SIDE_VIEW_DEGREES}.get(view, 0.0))
    if azimuth_degrees is not None:
        azimuth = radians(azimuth_degrees)
    distance_m = height_m / 2 / tan(radians(FOV_Y_DEGREES[view]) / 2)
    eye_m = target_m + distance_m * np.array([sin(azimuth), 0.0, cos(azimuth)])
    return Camera(
        name=view,
        eye_m=(float(eye_m[0]), float(eye_m[1]), float(eye_m[2])),
        target_m=(float(target_m[0]), float(target_m[1]), float(target_m[2])),
        height_m=height_m,
        width_m=width_m,
    )


def check_size(size: tuple[int, int], views: int = 1) -> None:
    """Raise `Emote3DError` for a picture that H.264 or the renderer cannot hold."""
    width, height = size
    if width % 2 or height % 2 or not (16 * views <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE):
        raise Emote3DError(
            f"expected an even width and height of 16 to {MAX_SIDE} pixels, 16 or more per view; "
            f"got {width}x{height} for {views} view{'s' * (views > 1)}; try 512x512"
        )


def viewports(size: tuple[int, int], views: int) -> Sequence[tuple[int, int]]:
    """Share the width between views: first column and width of each."""
    edges = [round(index * size[0] / views) for index in range(views + 1)]
    return [(left, right - left) for left, right in pairwise(edges)]
