"""Whether nods, raised brows and blinks go with the speech: how many lie where they should, and how many would by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from emote3d.audio.rhythm import Rhythm
from emote3d.metrics.explain import Event, Explanation

NEAR_S = 0.15
"""A nod or raise this near to an accent goes with it."""
_BEFORE_PAUSE_S = 0.15
"""Blinks from so long before a phrase ends count as its pause's."""
_SHIFTS = 40


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of some events lie at the places in question."""

    events: int
    there: float
    """Share that does, 0..1; nan without events."""
    chance: float
    """The same of events shifted around the clip, averaged over shifts."""

    def __str__(self) -> str:
        return f"{self.events}, {100 * self.there:.0f}% (chance {100 * self.chance:.0f}%)"


@dataclass(frozen=True, kw_only=True)
class SpeechBeats:
    """How the movements of a face go with the accents and pauses of its speech."""

    nods: Share
    """Lowest points within `NEAR_S` of one of the stronger half of the accents."""
    raises: Share
    """Highest points of the brows, likewise."""
    blinks: Share
    """Beginnings in a pause or just before it."""
    blinks_per_minute: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Three lines for people."""
        near = f"within {1000 * NEAR_S:.0f} ms of an accent"
        return (
            f"nods {near}: {self.nods}\nbrows raised {near}: {self.raises}\n"
            f"blinks: {self.blinks_per_minute:.0f} a minute; in pauses: {self.blinks}"
        )


def speech_beats(explanation: Explanation, rhythm: Rhythm) -> SpeechBeats:
    """Hold what a face does against the rhythm of its speech, measured at the frame rate of the motion."""
    fps, frames = explanation.fps, len(rhythm.accents)
    accents = rhythm.accents.numpy()
    found = np.flatnonzero(accents)
    strong = found[accents[found] >= np.median(accents[found])] / fps if len(found) else np.zeros(0)
    near = near_times(strong, frames, fps)
    pauses = ~rhythm.spoken.numpy()
    early = np.concatenate([pauses, np.ones(round(_BEFORE_PAUSE_S * fps), dtype=bool)])
    pauses = np.any([early[shift : shift + frames] for shift in range(round(_BEFORE_PAUSE_S * fps) + 1)], axis=0)
    return SpeechBeats(
        nods=share_in(explanation.nods, near, fps),
        raises=share_in(explanation.raises, near, fps),
        blinks=share_in(explanation.blinks, pauses, fps),
        blinks_per_minute=60 * len(explanation.blinks) / max(explanation.duration_s, 1e-9),
    )


def near_times(times_s: Float[np.ndarray, "accents"], frames: int, fps: float) -> Bool[np.ndarray, "frames"]:
    """Frames within `NEAR_S` of one of the times."""
    if not len(times_s):
        return np.zeros(frames, dtype=bool)
    clock = np.arange(frames) / fps
    return np.abs(clock[:, None] - times_s).min(axis=1) <= NEAR_S + 1e-6


def share_in(events: Sequence[Event], there: Bool[np.ndarray, "frames"], fps: float) -> Share:
    """How many events begin where `there` is true; chance: the events shifted around by `_SHIFTS` even steps."""
    if not events:
        return Share(events=0, there=float("nan"), chance=float(there.mean()))
    at = np.clip(np.round([event.start_s * fps for event in events]).astype(int), 0, len(there) - 1)
    shifts = np.linspace(0, len(there), _SHIFTS + 2)[1:-1].astype(int)
    chance = np.mean([there[(at + shift) % len(there)].mean() for shift in shifts])
    return Share(events=len(events), there=float(there[at].mean()), chance=float(chance))
