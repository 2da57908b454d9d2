"""What a voice does not determine: blinks, gaze and the slow drift of the head, drawn from a seed.

Distributions are those of people in conversation: about 17 blinks a minute, 0.2 s each, closing faster than they open
(Bentivoglio 1997; Trutoiu 2011); fixations of 0.5 to 3 s, mostly on the partner, averted in pauses (Lee, Badler 2002).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from emote3d.names import EMOTIONS

BLINK_INTERVAL_S = 3.5
_BLINK_RATE = {"sad": 0.8, "fear": 1.5, "anger": 0.7, "surprise": 0.6}
_AVERSION = {"sad": 2.0, "fear": 1.8, "anger": 0.3, "contempt": 1.3}
_SACCADE_S = 0.022
"""Width of a saccade: 10 degrees take about 50 ms (Bahill, Clark, Stark 1975)."""
_HEAD_SHARE = 0.4
"""Share of an asked gaze shift that the head makes (Freedman 2008: eyes do most of those under 20 degrees)."""
_NO_BLINKS = 0.05
"""Below this rate the eyes stay open."""
_BLINK_CLOSE_S, _BLINK_HOLD_S, _BLINK_OPEN_S = 0.075, 0.035, 0.17


@dataclass(frozen=True, kw_only=True)
class Aim:
    """Where the gaze is asked to be."""

    gaze_rad: Float[np.ndarray, "frames 2"]
    """Yaw (to the avatar's left) and pitch (down) relative to the camera."""
    held: Float[np.ndarray, "frames"]
    """1 where it is asked for, 0 where the gaze wanders by itself."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """Random motion to be added to what the voice determines."""

    blink: Float[np.ndarray, "frames"]
    """Closure of the lids, 0..1."""
    gaze_rad: Float[np.ndarray, "frames 2"]
    """Yaw (to the avatar's left) and pitch (down) of the gaze relative to the camera."""
    head_rad: Float[np.ndarray, "frames 3"]
    """Drift of the head: pitch, yaw, roll."""


def draw_life(
    emotion: Float[np.ndarray, "frames 8"],
    loudness: Float[np.ndarray, "frames"],
    fps: float,
    rng: np.random.Generator,
    blink_rate: float | Float[np.ndarray, "frames"] = 1.0,
    aim: Aim | None = None,
) -> Life:
    """Draw blinks, gaze and head drift for a clip; `loudness` in 0..1 says when the person speaks.

    Args:
        aim: where the gaze has to be, in the frames that say so.
    """
    blink_rng, gaze_rng, head_rng = rng.spawn(3)
    speaking = _smooth(loudness, 0.25 * fps)
    gaze = _gaze(gaze_rng, emotion, speaking, fps)
    aimed = np.zeros_like(gaze)
    if aim is not None:
        aimed = aim.gaze_rad * aim.held[:, None]
        gaze = gaze * (1 - 0.85 * aim.held[:, None])
    turned = _smooth(aimed, _SACCADE_S * fps)
    gaze = gaze + turned
    follows = 0.25 * gaze + (_HEAD_SHARE - 0.25) * turned
    return Life(
        blink=_blinks(blink_rng, emotion, gaze, fps, np.broadcast_to(blink_rate, len(emotion))),
        gaze_rad=gaze,
        head_rad=_head_drift(head_rng, speaking, fps) + _smooth(follows[:, [1, 0, 0]] * [1, 1, 0], 0.3 * fps),
    )


def _factor(emotion: np.ndarray, table: dict[str, float]) -> np.ndarray:
    """Blend the factors of the emotions by their weights."""
    factors = np.array([table.get(name, 1.0) for name in EMOTIONS])
    return (emotion @ factors) / np.maximum(emotion.sum(axis=1), 1e-6)


def _smooth(x: np.ndarray, sigma_frames: float) -> np.ndarray:
    radius = int(3 * sigma_frames) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_frames) ** 2)
    padded = np.pad(x.reshape(len(x), -1), ((radius, radius), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=1).reshape(x.shape)


def _blinks(
    rng: np.random.Generator, emotion: np.ndarray, gaze: np.ndarray, fps: float, rate: np.ndarray
) -> np.ndarray:
    frames = len(emotion)
    time = np.arange(frames) / fps
    closure = np.zeros(frames)
    hurry = rate * _factor(emotion, _BLINK_RATE)
    shifts = np.flatnonzero(np.abs(np.diff(gaze[:, 0], prepend=gaze[0, 0])) > math.radians(4)) / fps
    at = rng.uniform(0.4, BLINK_INTERVAL_S)
    while at < frames / fps:
        near = shifts[np.abs(shifts - at) < 0.4]
        start = float(near[0]) if len(near) else at
        speed = hurry[min(frames - 1, int(start * fps))]
        if speed < _NO_BLINKS:
            at = start + 0.5
            continue
        closure = np.maximum(closure, _blink_curve(time - start, rng.uniform(0.9, 1.15)))
        if rng.random() < 0.1:
            closure = np.maximum(closure, _blink_curve(time - start - 0.38, 1.0))
        wait = BLINK_INTERVAL_S * rng.lognormal(-0.18, 0.6)
        at = start + max(0.7, wait / speed)
    return closure


def _blink_curve(t: np.ndarray, slowness: float) -> np.ndarray:
    closing = t / (_BLINK_CLOSE_S * slowness)
    opening = 1 - (t - (_BLINK_CLOSE_S + _BLINK_HOLD_S) * slowness) / (_BLINK_OPEN_S * slowness)
    x = np.clip(np.minimum(closing, opening), 0.0, 1.0)
    return x * x * (3 - 2 * x)


def _gaze(rng: np.random.Generator, emotion: np.ndarray, speaking: np.ndarray, fps: float) -> np.ndarray:
    frames = len(emotion)
    target = np.zeros((frames, 2))
    aversion = _factor(emotion, _AVERSION)
    frame = 0
    while frame < frames:
        averted = rng.random() < 0.22 * aversion[frame] * (1.0 if speaking[frame] > 0.25 else 0.6)
        if averted:
            length_s = rng.uniform(0.4, 1.1)
            point = np.array([rng.choice([-1, 1]) * rng.uniform(6, 14), rng.uniform(-5, 9)])
        else:
            length_s = rng.uniform(0.5, 2.8)
            point = rng.normal(0, [1.8, 1.2])
        end = min(frames, frame + max(4, int(length_s * fps)))
        target[frame:end] = np.radians(point)
        frame = end
    return _smooth(target, _SACCADE_S * fps) + np.radians(_smooth(rng.normal(0, 0.25, (frames, 2)), 0.05 * fps))


def _head_drift(rng: np.random.Generator, speaking: np.ndarray, fps: float) -> np.ndarray:
    frames = len(speaking)
    drift = np.zeros((frames, 3))
    for period_s, size in ((2.6, 1.0), (1.0, 0.45)):
        sigma = period_s / 2.5 * fps
        margin = int(4 * sigma)
        noise = _smooth(rng.normal(size=(frames + 2 * margin, 3)), sigma)[margin : margin + frames]
        drift += size * noise * math.sqrt(2 * math.sqrt(math.pi) * sigma)
    amplitude = np.radians([1.1, 1.9, 1.2]) * (0.55 + 0.6 * np.clip(speaking, 0, 1))[:, None]
    return drift * amplitude
