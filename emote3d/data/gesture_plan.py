"""When the hands move and where to: gesture units over the phrases of the speech, strokes on its accents.

A unit is preparation, stroke, hold and retraction (Kendon 2004); each part is a minimum-jerk movement, and movements that overlap
add up, which gives the curved paths of human arms (Flash and Henis 1991).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from emote3d.data.gesture_forms import (
    BASE,
    ELBOW,
    FLEXION,
    FORMS,
    PLACE,
    RESTS,
    SHAPE,
    STATE_D,
    SUPINATION,
    Form,
    Rest,
)
from emote3d.data.gesture_hands import shape_weights
from emote3d.data.gesture_mood import Mood, mood_at

_CENTRE = np.array([0.15, -0.22, 0.27])
"""Middle of the gesture space, about which sizes grow."""
_LEAD_S = 0.03
"""A stroke ends so long before the middle of the accented vowel."""


@dataclass(frozen=True, kw_only=True)
class Beats:
    """The rhythm of a recording."""

    duration_s: float
    phrases: tuple[tuple[float, float], ...]
    """Start and end of each run of speech, seconds."""
    accent_s: Float[np.ndarray, "accents"]
    """Times of the accented vowels."""
    accent_size: Float[np.ndarray, "accents"]
    """Strength of each accent, about 0..1.2."""


@dataclass
class Track:
    """The movements of one arm."""

    start: Float[np.ndarray, "state"]
    moves: list[tuple[float, float, np.ndarray]] = field(default_factory=list)
    """Start, duration, displacement."""
    at: Float[np.ndarray, "state"] = field(init=False)
    """Where the last movement ends."""

    def __post_init__(self) -> None:
        self.at = self.start.copy()

    def go(self, target: np.ndarray, start_s: float, duration_s: float) -> None:
        """Move on to a state."""
        self.moves.append((start_s, duration_s, target - self.at))
        self.at = target.copy()

    def nudge(self, change: np.ndarray, start_s: float, duration_s: float) -> None:
        """A movement there and back in a loop, on top of the others."""
        across = change.copy()
        across[1] = 0.0
        for part, later_s in ((change - across, 0.0), (across, 0.35 * duration_s)):
            self.moves.append((start_s + later_s, duration_s, part))
            self.moves.append((start_s + later_s + 0.9 * duration_s, 1.7 * duration_s, -part))

    def states(self, frames: int, fps: float) -> Float[np.ndarray, "frames state"]:
        """Sample the sum of the movements."""
        steps = np.zeros((frames + 1, STATE_D))
        edges = np.arange(frames + 1) / fps
        for start_s, duration_s, change in self.moves:
            first = int(np.clip(np.floor(start_s * fps), 0, frames))
            last = int(np.clip(np.ceil((start_s + duration_s) * fps) + 1, 0, frames))
            share = minimum_jerk((edges[first : last + 1] - start_s) / duration_s)
            steps[first] += share[0] * change if len(share) and first == 0 else 0.0
            steps[first + 1 : last + 1] += np.diff(share)[:, None] * change
        return self.start + np.cumsum(steps, axis=0)[:frames]


def minimum_jerk(t: np.ndarray) -> np.ndarray:
    """From 0 to 1 with no speed or acceleration at either end (Flash and Hogan 1985)."""
    t = np.clip(t, 0, 1)
    return t**3 * (10 - 15 * t + 6 * t * t)


class Planner:
    """Plans both arms over a recording."""

    def __init__(
        self, beats: Beats, emotion: Float[np.ndarray, "frames 8"], style: Float[np.ndarray, "5"], fps: float
    ) -> None:
        self.beats, self.emotion, self.style, self.fps = beats, emotion, style, fps
        self.shrugs: list[tuple[float, float]] = []
        """Times and sizes of raised shoulders."""

    def plan(self, rng: np.random.Generator) -> tuple[Track, Track]:
        """Movements of the left and the right arm."""
        self.rng = rng
        self.left_leads = rng.random() < 0.5 + 0.35 * self.style[4]
        mood = self._mood(0.0)
        self.rest = self._choose(RESTS, mood)
        self.tracks = [Track(self._rest_state(lead, mood)) for lead in (True, False)]
        self.raised = False
        for index, (start_s, end_s) in enumerate(self.beats.phrases):
            later = self.beats.phrases[index + 1 :]
            self._phrase(start_s, end_s, later[0][0] if later else self.beats.duration_s + 2.0)
        lead, other = self.tracks
        return (lead, other) if self.left_leads else (other, lead)

    def _mood(self, time_s: float) -> Mood:
        return mood_at(self.emotion[min(len(self.emotion) - 1, int(max(0.0, time_s) * self.fps))], self.style)

    def _choose(self, options: dict, mood: Mood) -> str:
        from emote3d.data.gesture_mood import emotion_share

        weights = []
        for option in options.values():
            factor = 1.0
            for name, value in (option.moods or {}).items():
                factor *= value ** emotion_share(mood, name)
            weights.append(option.weight * factor)
        return str(self.rng.choice(list(options), p=np.array(weights) / sum(weights)))

    def _rest_state(self, lead: bool, mood: Mood) -> np.ndarray:
        rest: Rest = RESTS[self.rest]
        state = (rest.lead if lead else rest.other).state()
        state[PLACE] += self.rng.normal(0, [0.008, 0.012, 0.01])
        state[SUPINATION] += self.rng.normal(0, 6)
        state[ELBOW] += 0.7 * mood.elbow
        return _toned(state, mood)

    def _phrase(self, start_s: float, end_s: float, next_s: float) -> None:
        """One run of speech: gestures or not, then perhaps back to rest."""
        mood = self._mood(start_s)
        inside = (self.beats.accent_s > start_s - 0.05) & (self.beats.accent_s < end_s + 0.05)
        times, sizes = self.beats.accent_s[inside], self.beats.accent_size[inside]
        if not len(times) or self.rng.random() > np.clip(0.93 * mood.rate, 0.3, 0.97):
            self._small_beats(times, sizes, mood)
            return
        strokes = self._strokes(times, sizes, mood)
        last_s = self._unit(times[strokes], mood, start_s)
        self._small_beats(np.delete(times, strokes), np.delete(sizes, strokes), mood)
        pause_s = next_s - end_s
        if pause_s > 0.9 or self.rng.random() < 0.3 + 0.3 * (pause_s > 0.5):
            self._retract(max(last_s + self.rng.uniform(0.1, 0.35), end_s - self.rng.uniform(0.25, 0.6)), mood)

    def _strokes(self, times: np.ndarray, sizes: np.ndarray, mood: Mood) -> list[int]:
        """Indices of the accents that get a stroke: the strongest ones with time between them."""
        gap_s = self.rng.uniform(0.45, 0.7) / mood.tempo**0.7 / np.clip(mood.rate, 0.6, 1.3)
        taken: list[int] = []
        for index in np.argsort(-sizes * self.rng.uniform(0.8, 1.25, len(sizes))):
            if all(abs(times[index] - times[other]) > gap_s for other in taken):
                taken.append(int(index))
        return sorted(taken)

    def _small_beats(self, times: np.ndarray, sizes: np.ndarray, mood: Mood) -> None:
        """Where no stroke is, the hands still go a little with the accents."""
        for time_s, size in zip(times, sizes, strict=True):
            for which, track in enumerate(self.tracks):
                if self.rng.random() > 0.95 * mood.rate:
                    continue
                change = np.zeros(STATE_D)
                much = size * mood.size * (1.0 if self.raised else 0.45) * (0.55 if which else 1.0)
                change[PLACE] = much * self.rng.normal([0.008, -0.042, 0.018], [0.02, 0.012, 0.012])
                change[SUPINATION] = much * self.rng.normal(7, 9)
                change[FLEXION] = much * self.rng.normal(14, 7)
                duration_s = self.rng.uniform(0.15, 0.22) / mood.tempo**0.5
                track.nudge(change, time_s - _LEAD_S - duration_s, duration_s)

    def _unit(self, times: np.ndarray, mood: Mood, start_s: float) -> float:
        """Strokes at the given times in one or several forms; gives when the last one ends."""
        index, ends_s = 0, start_s - 1.0
        while index < len(times):
            form = FORMS[self._choose(FORMS, mood)]
            if self.rng.random() < 0.16:
                self.tracks.reverse()
                self.left_leads = not self.left_leads
            low, high = form.repeats
            count = int(self.rng.integers(low, high + 1))
            for number in range(min(count, len(times) - index)):
                ends_s = self._stroke(form, float(times[index + number]), ends_s, mood, number)
            index += count
        self.raised = True
        return ends_s

    def _stroke(self, form: Form, time_s: float, busy_s: float, mood: Mood, number: int) -> float:
        """Prepare and strike; a repeated stroke takes less room. Gives when it ends."""
        size = 1.35 * mood.size * self.rng.uniform(0.8, 1.2) * (0.8 if number else 1.0)
        stroke_s = float(np.clip(self.rng.normal(0.27, 0.04) / np.sqrt(mood.tempo), 0.2, 0.42))
        end_s = time_s - _LEAD_S
        room_s = end_s - stroke_s - busy_s
        ready_s = float(np.clip(self.rng.uniform(0.38, 0.6) / mood.tempo, 0.2, max(0.2, min(room_s, 0.9))))
        begin_s = end_s - stroke_s - ready_s - (self.rng.uniform(0, 0.12) if room_s > ready_s + 0.15 else 0.0)
        ready, stroke = self._sized(form, size, mood)
        if number:
            ready = stroke + 0.9 * (ready - stroke)
        for which, track in enumerate(self.tracks):
            if which == 1 and form.hands == "one":
                self._other_hand(track, begin_s, mood)
                continue
            if which == 1 and form.hands == "base":
                track.go(self._varied(BASE.state(), mood), begin_s, ready_s + 0.1)
                continue
            lag_s = self.rng.uniform(0.0, 0.05) if which else 0.0
            track.go(self._varied(ready, mood), begin_s + lag_s, ready_s)
            track.go(self._varied(stroke, mood), end_s - stroke_s + 0.5 * lag_s, stroke_s)
            self._recoil(track, end_s, mood)
        if form is FORMS["shrug"]:
            self.shrugs.append((end_s, size))
        return end_s

    def _recoil(self, track: Track, end_s: float, mood: Mood) -> None:
        """The hand sinks or bounces a little after a stroke, then is held."""
        soft = track.at.copy()
        soft[PLACE] += self.rng.normal([0, -0.008, 0.0], [0.008, 0.012, 0.01]) * mood.size
        soft[SUPINATION] += self.rng.normal(0, 5)
        track.go(soft, end_s - self.rng.uniform(0.02, 0.08), self.rng.uniform(0.3, 0.6) / mood.tempo)

    def _sized(self, form: Form, size: float, mood: Mood) -> tuple[np.ndarray, np.ndarray]:
        """Ready and stroke state of a form in this mood."""
        ready, stroke = form.ready.state(), form.stroke.state()
        middle = 0.5 * (ready[PLACE] + stroke[PLACE])
        for state in (ready, stroke):
            state[PLACE] = middle + (state[PLACE] - middle) * size + 0.25 * (middle - _CENTRE) * (size - 1)
            state[0] *= mood.spread if state[0] > 0.1 else 1.0
            state[1] += mood.height
            state[ELBOW] += mood.elbow
        return ready, stroke

    def _varied(self, state: np.ndarray, mood: Mood) -> np.ndarray:
        """No two strokes are alike; and the mood is in the hand."""
        state = state.copy()
        state[PLACE] += self.rng.normal(0, 0.018, 3)
        state[ELBOW] += self.rng.normal(0, 0.04)
        state[SUPINATION] += self.rng.normal(0, 8)
        state[SUPINATION + 1 : SUPINATION + 3] += self.rng.normal(0, 5, 2)
        return _toned(state, mood)

    def _other_hand(self, track: Track, begin_s: float, mood: Mood) -> None:
        """While one hand gestures the other stays, relaxes before the body, or goes to rest."""
        chance, start_s = self.rng.random(), begin_s + self.rng.uniform(0, 0.3)
        duration_s = self.rng.uniform(0.6, 1.0) / mood.tempo
        if self.raised and chance < 0.3:
            track.go(self._rest_state(False, mood), start_s, duration_s)
        elif chance < 0.65:
            track.go(self._varied(RESTS["ready"].other.state(), mood), start_s, duration_s)

    def _retract(self, time_s: float, mood: Mood) -> None:
        """Both hands go back to rest, sometimes to another one."""
        if self.rng.random() < 0.3:
            self.rest = self._choose(RESTS, mood)
        self.raised = False
        duration_s = self.rng.uniform(0.65, 1.05) / np.sqrt(mood.tempo)
        for which, track in enumerate(self.tracks):
            track.go(
                self._rest_state(which == 0, mood),
                time_s + self.rng.uniform(0, 0.12),
                duration_s * self.rng.uniform(0.9, 1.15),
            )


def _toned(state: np.ndarray, mood: Mood) -> np.ndarray:
    """A state with the tension of the mood in its hand."""
    tense, opened = np.clip(0.55 * mood.fist, 0, 0.7), np.clip(0.4 * mood.open, -0.3, 0.5)
    extra = shape_weights(fist=1.0) * tense + shape_weights(spread=1.0) * max(opened, 0)
    extra = extra + shape_weights(loose=1.0) * max(-opened, 0)
    state[SHAPE] = state[SHAPE] * (1 - extra.sum()) + extra
    return state
