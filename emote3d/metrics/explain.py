"""What a face does, when, and which emotion that shows, as a record, text and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from emote3d.engine import arkit
from emote3d.errors import Emote3DError
from emote3d.metrics.action_units import ACTION_UNITS, UnitCurves, level, score, unit_curves
from emote3d.metrics.expressions import evidence, label_frames, lasting, runs, shown_emotions
from emote3d.names import EMOTIONS
from emote3d.records import Motion

_SECOND = 0.2
"""A further emotion is named from this strength on."""
_BLINK = 0.55
_LOOKS_DEG = 8.0
_NOD_DEG, _RAISE = 1.6, 0.08
_POSED_DEG = 3.0


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of time with one emotion."""

    start_s: float
    end_s: float
    emotion: str
    intensity: float
    """1 is a full expression."""
    also: dict[str, float]
    """Further emotions and their strength."""
    because: tuple[str, ...]
    """The action units it is read from, in FACS notation with their names; the most telling first."""
    units: tuple[str, ...]
    """All units that last through the segment."""
    head: tuple[str, ...]
    """How the head is held: FACS units 51 to 56."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens."""

    kind: str
    """blink, nod, brows raised, or looks left/right/up/down (the avatar's own sides)."""
    start_s: float
    end_s: float
    size: float
    """Degrees of nods and looks, closure of blinks, how far the brows go."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a face does."""

    duration_s: float
    fps: float
    segments: tuple[Segment, ...]
    blinks: tuple[Event, ...]
    looks: tuple[Event, ...]
    nods: tuple[Event, ...]
    """They begin where the head is lowest."""
    raises: tuple[Event, ...]
    """Quick raises of the brows; they begin where the brows are highest."""
    peaks: dict[str, dict[str, Any]]
    """Strongest moment of each action unit: score, coefficient, time."""
    mean_emotion: dict[str, float]
    """Strength of each emotion, averaged over the motion."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """A page for people."""
        lines = [f"{self.duration_s:.2f} s at {self.fps:g} fps", "emotion:"]
        for segment in self.segments:
            also = "".join(f" + {name} {value:.2f}" for name, value in segment.also.items())
            why = f"; because {', '.join(segment.because)}" if segment.because else ""
            head = f"; head: {', '.join(segment.head)}" if segment.head else ""
            strength = f" {segment.intensity:.2f}" if segment.emotion != "neutral" else ""
            lines.append(
                f"  {segment.start_s:6.2f}-{segment.end_s:.2f} s  {segment.emotion}{strength}{also}{why}{head}"
            )
        lines.append("action units at their peak:")
        for name, peak in self.peaks.items():
            lines.append(f"  {peak['score']:>5s}  {name} ({peak['coefficient']:.2f} at {peak['time_s']:.2f} s)")
        rate = 60 * len(self.blinks) / max(self.duration_s, 1e-9)
        lines.append(f"blinks: {len(self.blinks)} ({rate:.0f} a minute){_times(self.blinks)}")
        lines.append(f"looks: {len(self.looks)}" + "".join(f"; {_look(event)}" for event in self.looks))
        lines.append(f"head nods: {len(self.nods)}{_times(self.nods)}")
        lines.append(f"brows raised: {len(self.raises)}{_times(self.raises)}")
        return "\n".join(lines)


def _times(events: tuple[Event, ...]) -> str:
    return " at " + ", ".join(f"{event.start_s:.2f}" for event in events) + " s" if events else ""


def _look(event: Event) -> str:
    return f"{event.kind} {event.size:.0f} degrees at {event.start_s:.2f}-{event.end_s:.2f} s"


def explain(motion: Motion) -> Explanation:
    """Read a face motion by rules.

    Raises:
        Emote3DError: there is no face, or one in another basis than ARKit's.
    """
    coefficients = arkit(motion).astype(np.float64)
    assert motion.face is not None
    if motion.frames < 2:
        raise Emote3DError("there is nothing to explain in a motion of one frame; give one of at least 2")
    fps = motion.fps
    curves = unit_curves(coefficients)
    emotion = shown_emotions(curves, fps)
    neck = np.degrees(motion.face.neck_axis_angle.double().numpy())
    eyes = np.degrees(motion.face.eyes_axis_angle.double().numpy().mean(axis=1))
    return Explanation(
        duration_s=motion.frames / fps,
        fps=fps,
        segments=_segments(curves, emotion, neck, fps),
        blinks=_blinks(curves, fps),
        looks=_looks(neck + eyes, fps),
        nods=_flashes("nod", neck[:, 0], _NOD_DEG, fps),
        raises=_flashes("brows raised", np.maximum(curves.stronger(1), curves.stronger(2)), _RAISE, fps),
        peaks=_peaks(curves, fps),
        mean_emotion={name: round(float(emotion[:, i].mean()), 3) for i, name in enumerate(EMOTIONS)},
    )


def _segments(curves: UnitCurves, emotion: np.ndarray, neck: np.ndarray, fps: float) -> tuple[Segment, ...]:
    held = lasting(curves, fps)
    label = label_frames(emotion, fps)
    segments = []
    for first, end in runs(label):
        name, means = EMOTIONS[label[first]], emotion[first:end].mean(axis=0)
        others = {
            other: round(float(means[index]), 2)
            for index, other in enumerate(EMOTIONS)
            if other not in ("neutral", name) and means[index] >= _SECOND
        }
        segments.append(
            Segment(
                start_s=round(first / fps, 3),
                end_s=round(end / fps, 3),
                emotion=name,
                intensity=round(float(means[label[first]]), 2),
                also=others,
                because=tuple(
                    f"AU{_score(curves, unit, first, end)} {ACTION_UNITS[unit][1]}"
                    for unit, _ in evidence(name, held, first, end)
                ),
                units=_lasting_units(curves, first, end),
                head=_posture(neck[first:end].mean(axis=0)),
            )
        )
    return tuple(segments)


def _score(curves: UnitCurves, unit: int, first: int, end: int) -> str:
    left, right = (float(np.median(side[unit][first:end])) for side in (curves.left, curves.right))
    return score(unit, left, right) or f"{unit}A"


def _lasting_units(curves: UnitCurves, first: int, end: int) -> tuple[str, ...]:
    scores = (
        score(unit, *(float(np.median(side[unit][first:end])) for side in (curves.left, curves.right)))
        for unit in ACTION_UNITS
    )
    return tuple(one for one in scores if one is not None)


def _posture(degrees: Float[np.ndarray, "3"]) -> tuple[str, ...]:
    """FACS head units of a mean rotation (pitch down, yaw and roll to the left)."""
    pitch, yaw, roll = degrees
    found = []
    for value, positive, negative in (
        (yaw, "51 turned left", "52 turned right"),
        (-pitch, "53 up", "54 down"),
        (roll, "55 tilted left", "56 tilted right"),
    ):
        if abs(value) >= _POSED_DEG:
            found.append(f"AU{positive if value > 0 else negative} {abs(value):.0f} degrees")
    return tuple(found)


def _blinks(curves: UnitCurves, fps: float) -> tuple[Event, ...]:
    lids = np.minimum(curves.left[43], curves.right[43])
    shut = np.concatenate([[0], (lids > _BLINK).astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(shut) == 1), np.flatnonzero(np.diff(shut) == -1)
    return tuple(
        Event(kind="blink", start_s=round(a / fps, 3), end_s=round(b / fps, 3), size=round(float(lids[a:b].max()), 2))
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    )


def _looks(gaze_deg: Float[np.ndarray, "frames 3"], fps: float) -> tuple[Event, ...]:
    """Stretches in which head and eyes together look away from the camera."""
    pitch, yaw = gaze_deg[:, 0], gaze_deg[:, 1]
    away = np.hypot(pitch, yaw) >= _LOOKS_DEG
    side = np.where(np.abs(yaw) >= np.abs(pitch), np.where(yaw > 0, 1, 2), np.where(pitch > 0, 3, 4)) * away
    names = ("", "looks left", "looks right", "looks down", "looks up")
    return tuple(
        Event(
            kind=names[side[a]],
            start_s=round(a / fps, 3),
            end_s=round(b / fps, 3),
            size=round(float(np.hypot(pitch[a:b], yaw[a:b]).mean()), 1),
        )
        for a, b in runs(side)
        if side[a] and (b - a) / fps >= 0.15
    )


def _flashes(kind: str, curve: Float[np.ndarray, "frames"], least: float, fps: float) -> tuple[Event, ...]:
    """Quick moves of a curve up that come back, from where they are highest."""
    movement = gaussian_filter1d(curve, 0.03 * fps) - gaussian_filter1d(curve, 0.6 * fps)
    peaks, shape = find_peaks(movement, prominence=least, distance=max(1, round(0.2 * fps)), width=1)
    return tuple(
        Event(kind=kind, start_s=round(peak / fps, 3), end_s=round((peak + width) / fps, 3), size=round(float(size), 2))
        for peak, width, size in zip(
            peaks.tolist(), shape["widths"].tolist(), shape["prominences"].tolist(), strict=True
        )
    )


def _peaks(curves: UnitCurves, fps: float) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for unit, (_, name) in ACTION_UNITS.items():
        frame = int(curves.stronger(unit).argmax())
        left, right = float(curves.left[unit][frame]), float(curves.right[unit][frame])
        if level(max(left, right)) is not None:
            found[name] = {
                "score": score(unit, left, right),
                "coefficient": round(max(left, right), 3),
                "time_s": round(frame / fps, 3),
            }
    return found
