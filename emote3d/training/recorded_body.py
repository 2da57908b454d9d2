"""Recorded bodies (BEAT2, AMASS) as a tape: what the voice does, the labelled emotion, how the hands move, and the motion."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from emote3d.audio.load import load_speech
from emote3d.audio.rhythm import RHYTHM_D, hear_rhythm
from emote3d.body import open_avatar
from emote3d.body.kinematics import JOINT, Skeleton
from emote3d.data.body_clips import BodyClip, read_clip
from emote3d.errors import Emote3DError
from emote3d.metrics.gestures import gesture_onsets, places_of
from emote3d.names import BODY_STYLES, EMOTIONS
from emote3d.prior.body import channels_from_body
from emote3d.records import BodyMotion, Speech
from emote3d.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from emote3d.training.body_tape import FPS, MEMBERS, SPOKEN
from emote3d.training.tape_folder import TapeWriter

_STRETCH_S = 30.0
"""Takes are cut into stretches of this length, each with a style of its own."""
_COURSE_S = 3.0
"""Width of the smoothing that tells where somebody stands from how the pelvis sways."""
_WRISTS = [JOINT["left_wrist"], JOINT["right_wrist"]]
_MADE_OF, _STYLES = "made_of.json", "styles.npy"
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """A piece of a take."""

    body: BodyMotion
    content: Float[np.ndarray, "frames rhythm_d"]
    emotion: str
    spoken: bool


def facing_forward(body: BodyMotion, fps: float) -> BodyMotion:
    """The motion as if its body stood at the origin and faced +z on average; what is left of the translation is sway."""
    root = axis_angle_to_matrix(body.joints_axis_angle[:, 0].double())
    ahead = root[:, :, 2].mean(dim=0)
    yaw = torch.atan2(ahead[0], ahead[2])
    back = axis_angle_to_matrix(torch.stack([torch.zeros_like(yaw), -yaw, torch.zeros_like(yaw)]))
    joints = body.joints_axis_angle.clone()
    joints[:, 0] = matrix_to_axis_angle(back @ root).to(joints)
    place = (body.translation_m.double() @ back.T).numpy()
    course = gaussian_filter1d(place, _COURSE_S * fps, axis=0, mode="nearest")
    return BodyMotion(joints_axis_angle=joints, translation_m=torch.from_numpy(place - course).float())


def measure_gestures(body: BodyMotion, skeleton: Skeleton, fps: float) -> Float[np.ndarray, "styles"]:
    """How hands move, in the order of `BODY_STYLES`; all but the handedness are logarithms on no particular scale."""
    joints_m = places_of(body, skeleton)
    wrists = joints_m[:, _WRISTS]
    speed = wrists.diff(dim=0).norm(dim=-1) * fps
    spread = float(wrists.std(dim=0).norm()) + 1e-3
    onsets = gesture_onsets(joints_m, fps)
    peaks = speed.sum(dim=1)[np.round(onsets * fps).astype(int).clip(0, len(speed) - 1)] if len(onsets) else speed
    aside = float((wrists - joints_m[:, [JOINT["spine3"]]])[..., 0].abs().mean()) + 1e-3
    left, right = speed.mean(dim=0).tolist()
    values = {
        "size": np.log(spread),
        "rate": np.log((len(onsets) + 1) / len(wrists)),
        "tempo": np.log((float(peaks.mean()) + 1e-3) / spread),
        "openness": np.log(aside),
        "handedness": (left - right) / (left + right + 1e-6),
    }
    return np.array([values[name] for name in BODY_STYLES])


def scaled_styles(
    measured: Float[np.ndarray, "stretches styles"], scale: Float[np.ndarray, "2 styles"]
) -> Float[np.ndarray, "stretches styles"]:
    """-1..1 around the median; `scale` is medians and spreads of the training set."""
    return np.clip((measured - scale[0]) / (2.5 * scale[1]), -1, 1)


def style_scale(measured: Float[np.ndarray, "stretches styles"]) -> Float[np.ndarray, "2 styles"]:
    """Medians and spreads; nobody's hands are left-handed by median, so that the number keeps its meaning."""
    middle, spread = np.median(measured, axis=0), np.maximum(measured.std(axis=0), 0.05)
    middle[BODY_STYLES.index("handedness")] = 0.0
    return np.stack([middle, spread])


def record_tape(
    clips: Sequence[BodyClip],
    out: Path,
    least_frames: int,
    say: Say,
    scale: Float[np.ndarray, "2 styles"] | None = None,
) -> Float[np.ndarray, "2 styles"]:
    """Write the tape of clips, unless the folder holds it already; gives the scale of its styles.

    Args:
        least_frames: clips that are shorter are skipped.
        scale: that of the training set, for a tape that measures.

    Raises:
        Emote3DError: no clip can be used.
    """
    made_of = json.dumps([[clip.name, clip.motion.stat().st_size, clip.motion.stat().st_mtime] for clip in clips])
    known = out / _MADE_OF
    if known.is_file() and known.read_text(encoding="utf-8") == made_of:
        return np.load(out / _STYLES)
    skeleton = Skeleton.of(open_avatar())
    skeleton = Skeleton(joints_m=skeleton.joints_m.double(), parents=skeleton.parents)
    tape, measured, spoken = TapeWriter(out, MEMBERS), [], []
    for clip in clips:
        try:
            stretches = _stretches(clip, least_frames)
        except Emote3DError as error:
            say(f"skipped {clip.name}: {error}")
            continue
        for one in stretches:
            styles = measure_gestures(one.body, skeleton, FPS)
            measured.append(styles)
            spoken.append(one.spoken)
            tape.add(_rows(one, styles))
    tape.close()
    if not measured:
        raise Emote3DError(f"no clip can be used: {len(clips)} are damaged or shorter than {least_frames / FPS:g} s")
    scale = style_scale(np.stack(measured)) if scale is None else scale
    _scale_styles(out / "style.npy", scale)
    np.save(out / SPOKEN, np.array(spoken))
    np.save(out / _STYLES, scale)
    known.write_text(made_of, encoding="utf-8")
    return scale


def _scale_styles(path: Path, scale: Float[np.ndarray, "2 styles"]) -> None:
    styles = np.load(path, mmap_mode="r+")
    styles[:] = scaled_styles(styles.astype(np.float64), scale).astype(np.float16)
    styles.flush()


def _rows(stretch: _Stretch, styles: Float[np.ndarray, "styles"]) -> dict[str, np.ndarray]:
    frames = len(stretch.content)
    emotion = np.zeros((frames, len(EMOTIONS)))
    emotion[:, EMOTIONS.index(stretch.emotion)] = 1.0
    return {
        "content": stretch.content,
        "emotion": emotion,
        "style": np.broadcast_to(styles, (frames, len(styles))),
        "motion": channels_from_body(stretch.body).numpy(),
    }


def _stretches(clip: BodyClip, least_frames: int) -> list[_Stretch]:
    """The pieces of a take; raises `Emote3DError` where it cannot be read or is too short."""
    body = facing_forward(read_clip(clip, FPS), FPS)
    frames = len(body.joints_axis_angle)
    content = np.zeros((frames, RHYTHM_D))
    if clip.speech is not None:
        speech: Speech = load_speech(clip.speech)
        with torch.inference_mode():
            heard = hear_rhythm(speech, FPS).features.numpy()
        frames = min(frames, len(heard))
        content = heard[:frames]
    if frames < least_frames:
        raise Emote3DError(f"{frames / FPS:.1f} s, expected at least {least_frames / FPS:g} s")
    count = max(1, round(frames / (_STRETCH_S * FPS)))
    edges = np.linspace(0, frames, min(count, frames // least_frames) + 1).astype(int)
    return [
        _Stretch(
            body=BodyMotion(joints_axis_angle=body.joints_axis_angle[a:b], translation_m=body.translation_m[a:b]),
            content=content[a:b],
            emotion=clip.emotion,
            spoken=clip.speech is not None,
        )
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
