"""The trunk, the weight on the legs, breath and head of the gesture teacher."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from emote3d.data.gesture_mood import trait
from emote3d.data.gesture_plan import Beats, minimum_jerk

_QUIET = 0.06
"""How fast the small movements go on in pauses, relative to speech."""


@dataclass(frozen=True, kw_only=True)
class Carriage:
    """How the body is carried over time; angles in radians about x (forward), y (to the left), z (left side up)."""

    pelvis: Float[np.ndarray, "frames 3"]
    spine: Float[np.ndarray, "frames 3"]
    """Shared by the three spine joints."""
    head: Float[np.ndarray, "frames 3"]
    """Shared by neck and head."""
    shoulders: Float[np.ndarray, "frames 2 2"]
    """Left and right: raised, brought forward."""
    sway_m: Float[np.ndarray, "frames 2"]
    """Pelvis to the left and forward."""


def smooth(x: np.ndarray, sigma_frames: float) -> np.ndarray:
    """Gaussian over the first axis."""
    radius = int(3 * sigma_frames) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_frames) ** 2)
    flat = np.pad(x.reshape(len(x), -1), ((radius, radius), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in flat.T]
    return np.stack(columns, axis=1).reshape(x.shape)


def wander(
    rng: np.random.Generator, clock: Float[np.ndarray, "frames"], columns: int, sigma_frames: float
) -> np.ndarray:
    """Smooth noise of unit deviation [frames, columns] that goes on as fast as the clock (frames) does."""
    margin = int(3 * sigma_frames) + 1
    length = int(clock[-1]) + 2
    noise = smooth(rng.normal(size=(length + 2 * margin, columns)), sigma_frames)[margin : margin + length]
    noise *= np.sqrt(2 * np.sqrt(np.pi) * sigma_frames)
    low = clock.astype(int)
    share = (clock - low)[:, None]
    return noise[low] * (1 - share) + noise[low + 1] * share


def activity_clock(beats: Beats, frames: int, fps: float) -> Float[np.ndarray, "frames"]:
    """A clock that runs while the person speaks and almost stands still in pauses, frames."""
    time = np.arange(frames) / fps
    active = np.zeros(frames)
    for start_s, end_s in beats.phrases:
        active[(time > start_s - 0.15) & (time < end_s + 0.05)] = 1.0
    return np.cumsum(_QUIET + (1 - _QUIET) * smooth(active, 0.1 * fps))


def _weight(rng: np.random.Generator, sway: np.ndarray, beats: Beats, fps: float) -> np.ndarray:
    """On which leg the weight is: -1 right .. 1 left, changing every few seconds, while the person speaks."""
    frames = len(sway)
    time = np.arange(frames) / fps
    place = float(rng.choice([-1.0, 1.0, 0.0])) * rng.uniform(0.5, 1.0)
    curve = np.full(frames, place)
    at = rng.uniform(1.0, 5.0)
    for accent_s in beats.accent_s:
        if accent_s < at:
            continue
        options = [value for value in (-1.0, 0.0, 1.0) if abs(value - np.sign(place)) > 0.5 or abs(place) < 0.2]
        wanted = float(rng.choice(options)) * rng.uniform(0.5, 1.0)
        curve += (wanted - place) * minimum_jerk((time - accent_s + 0.6) / rng.uniform(0.8, 1.5))
        place = wanted
        at = accent_s + rng.uniform(3.0, 8.0) / sway[min(frames - 1, int(accent_s * fps))]
    return curve


def _turns(rng: np.random.Generator, beats: Beats, frames: int, fps: float) -> np.ndarray:
    """The head turns to something or somebody and back, pitch, yaw, roll of about unit size [frames, 3]."""
    time = np.arange(frames) / fps
    curve, place, at = np.zeros((frames, 3)), np.zeros(3), rng.uniform(0.0, 1.5)
    for accent_s in beats.accent_s:
        if accent_s < at:
            continue
        wanted = rng.normal(0, [0.5, 0.75, 0.5]) * (rng.random() < 0.65)
        duration_s = rng.uniform(0.3, 0.6)
        curve += minimum_jerk((time - accent_s + 0.8 * duration_s) / duration_s)[:, None] * (wanted - place)
        place = wanted
        at = accent_s + rng.uniform(0.7, 2.6)
    return curve


def _accent_pulses(rng: np.random.Generator, beats: Beats, frames: int, fps: float) -> np.ndarray:
    """Nods: a dip on each accent, a little sideways and turned as it happens [frames, 3]."""
    time = np.arange(frames) / fps
    curve = np.zeros((frames, 3))
    for at, size in zip(beats.accent_s, beats.accent_size, strict=True):
        width_s = rng.uniform(0.09, 0.15)
        for axis, (share, lag_s) in enumerate(((1.0, 0.0), (rng.normal(0, 0.6), 0.08), (rng.normal(0, 0.5), -0.06))):
            middle = at + lag_s
            near = slice(*np.searchsorted(time, (middle - 4 * width_s, middle + 4 * width_s)))
            curve[near, axis] += share * size * np.exp(-0.5 * ((time[near] - middle) / width_s) ** 2)
    return curve


def carry(
    beats: Beats,
    emotion: Float[np.ndarray, "frames 8"],
    wrists_m: Float[np.ndarray, "frames 2 3"],
    fps: float,
    rng: np.random.Generator,
) -> Carriage:
    """Posture, weight shifts, breath, and how trunk and head go with the arms.

    Args:
        wrists_m: left and right: out, above, before the point between the shoulders.
    """
    frames = len(emotion)
    size = np.clip(trait("size", emotion), 0.4, 1.6)
    posture = {
        name: smooth(np.radians(trait(name, emotion)), 0.5 * fps)
        for name in ("lean", "twist", "shrug", "hunch", "head")
    }
    weight = _weight(rng, np.clip(trait("sway", emotion), 0.4, 1.8), beats, fps)
    clock = activity_clock(beats, frames, fps)
    slow, quick = wander(rng, clock, 9, 1.0 * fps), wander(rng, clock, 6, 0.18 * fps)
    follow = smooth(wrists_m, 0.10 * fps)
    lagging = np.concatenate([follow[:2], follow[:-2]])[:frames]
    reach, height = lagging[..., 2], lagging[..., 1] + 0.25
    nods = _accent_pulses(rng, beats, frames, fps)
    nod = nods[:, 0]
    time = np.arange(frames) / fps
    breath = np.sin(2 * np.pi * (time * rng.uniform(0.21, 0.3) + rng.random()) + 0.5 * slow[:, 8])
    yaw = (
        -0.85 * (reach[:, 0] - reach[:, 1])
        + posture["twist"]
        + np.radians(2.5) * size * nods[:, 1]
        + np.radians(3.0) * slow[:, 0]
        + np.radians(2.0) * quick[:, 5]
    )
    roll = (
        np.radians(1.5) * size * nods[:, 2]
        + 0.16 * (height[:, 0] - height[:, 1])
        + np.radians(2.4) * slow[:, 1]
        + np.radians(1.0) * quick[:, 4]
    )
    pitch = posture["lean"] + 0.10 * (reach.sum(axis=1) - 0.35) - 0.12 * height.sum(axis=1)
    pitch += np.radians(1.0) * slow[:, 2] + np.radians(1.3) * quick[:, 0] + np.radians(3.2) * size * nod
    roll_pelvis = np.radians(3.6) * weight + np.radians(0.5) * slow[:, 3]
    yaw_pelvis = np.radians(2.5) * weight + 0.25 * yaw + np.radians(1.2) * slow[:, 4]
    pelvis = np.stack([0.18 * pitch, yaw_pelvis, roll_pelvis], axis=1)
    spine = np.stack(
        [0.82 * pitch - np.radians(0.7) * breath, 0.75 * yaw - 0.4 * yaw_pelvis, roll - 1.15 * roll_pelvis], axis=1
    )
    total = pelvis + spine
    head = -np.array([0.78, 0.72, 0.6]) * total
    head[:, 0] += posture["head"] + 0.5 * posture["hunch"] + np.radians(5.0) * nod * size
    head += np.radians([3.0, 6.5, 4.0]) * slow[:, 5:8] + np.radians([2.8, 4.5, 3.2]) * quick[:, 1:4]
    head[:, 1:] += np.radians([3.0, 2.5]) * nods[:, 1:] * size[:, None]
    head += _turns(rng, beats, frames, fps) * np.radians([4.0, 11.0, 4.0])
    head[:, 2] += 0.35 * smooth(roll, 0.2 * fps) + np.radians(1.6) * quick[:, 4] * nod
    raised = posture["shrug"][:, None] + np.radians(0.7) * breath[:, None] + 0.5 * np.clip(height, -0.1, 0.4)
    forward = 0.45 * posture["hunch"][:, None] + 0.6 * (reach - 0.2)
    return Carriage(
        pelvis=pelvis,
        spine=spine,
        head=head,
        shoulders=np.stack([raised, forward], axis=2),
        sway_m=np.stack([0.032 * weight + 0.003 * slow[:, 1], 0.006 * slow[:, 2] - 0.10 * np.tan(0.3 * pitch)], axis=1),
    )
