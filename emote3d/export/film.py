"""Films a motion: body model, cameras, renderer and video writer put together, a few frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from emote3d.body import BodyModel
from emote3d.errors import Emote3DError
from emote3d.export.registry import Export
from emote3d.export.video import write_video
from emote3d.names import FLAME_JOINTS
from emote3d.records import Motion, Speech
from emote3d.render import VIEWS, Camera, camera_for, open_renderer

_SMPLX_EYES = slice(23, 25)
_EYE_TO_CHIN = 1.7
"""Height of the eyes over the chin, in distances between the eyes (FLAME's mean face)."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How a film was made."""

    backend: str
    note: str | None
    """One line for the user about the backend, if there is something to say."""


def parse_views(text: str) -> tuple[str, ...]:
    """Split `face,left,full`; unknown names raise `Emote3DError`."""
    views = tuple(part.strip() for part in text.split(","))
    unknown = [view for view in views if view not in VIEWS]
    if unknown:
        raise Emote3DError(f"expected views out of {', '.join(VIEWS)}, joined by commas; got '{', '.join(unknown)}'")
    return views


def parse_size(text: str) -> tuple[int, int]:
    """Split `720x720` into width and height; anything else raises `Emote3DError`."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise Emote3DError(f"expected a size such as 720x720, got '{text}'")
    return int(width), int(height)


def set_up(avatar: BodyModel, views: Sequence[str]) -> tuple[BodyModel, tuple[Camera, ...]]:
    """The part of an avatar that the views show, and the cameras that frame its resting pose."""
    mesh = avatar.rest()
    joints_m = mesh.joints_m[0].numpy()
    landmarks = (
        _rough_landmarks(joints_m) if avatar.landmark_verts is None else avatar.landmarks(mesh.vertices_m)[0].numpy()
    )
    cameras = tuple(camera_for(view, joints_m, landmarks) for view in views)
    part = "full" if "full" in views else "upper" if "upper" in views else "head"
    return avatar.cropped(part), cameras


def _rough_landmarks(joints_m: Float32[np.ndarray, "joints 3"]) -> Float32[np.ndarray, "68 3"]:
    """Eyes and chin by the eye joints, for model files that came without landmarks; enough to aim a camera."""
    left, right = joints_m[-2:] if len(joints_m) == len(FLAME_JOINTS) else joints_m[_SMPLX_EYES]
    eyes = (left + right) / 2
    landmarks = np.repeat(eyes[None], 68, axis=0)
    landmarks[8, 1] -= _EYE_TO_CHIN * max(float(np.linalg.norm(left - right)), 0.01)
    return landmarks


def posed(avatar: BodyModel, motion: Motion) -> Iterator[Float32[np.ndarray, "verts 3"]]:
    """Vertices of frame after frame, posed a few at a time."""
    with torch.inference_mode():
        for mesh in avatar.pose_chunks(motion):
            yield from mesh.vertices_m.numpy()


def film(
    avatar: BodyModel,
    motion: Motion,
    path: Path,
    *,
    views: Sequence[str] = ("face",),
    size: tuple[int, int] = (512, 512),
    backend: str = "auto",
    sound: Path | Speech | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Shot:
    """Draw a motion into a video file with its sound; `advance` is called after each frame.

    Raises:
        Emote3DError: an unknown view or backend, an impossible size, or a path that cannot be written.
    """
    part, cameras = set_up(avatar, views)
    with open_renderer(part.surface, cameras, size, backend) as renderer:

        def frames() -> Iterator[np.ndarray]:
            for picture in renderer.draw_many(posed(part, motion)):
                yield picture
                advance()

        write_video(path, frames(), motion.fps, size, sound)
        return Shot(backend=renderer.backend, note=renderer.note)


def write_film(job: Export, path: Path) -> list[str]:
    """Draw the motion with the views and the size of the options.

    Raises:
        Emote3DError: an unknown view, an impossible size, or a recording that cannot be read.
    """
    views, size = parse_views(job.options.view), parse_size(job.options.size)
    shot = film(job.avatar, job.played, path, views=views, size=size, sound=job.sound)
    silent = [] if job.sound is not None else [f"{path.name} has no sound; --sound speech.wav adds it"]
    return [*([] if shot.note is None else [shot.note]), *silent]
