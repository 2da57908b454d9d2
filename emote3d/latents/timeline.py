"""A direction over time: every part of it per motion frame, with natural onsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from emote3d.errors import Emote3DError
from emote3d.latents.direction import GESTURE_STYLES, GESTURES, STYLE_LIMITS, STYLE_NAMES, Direction
from emote3d.latents.emotions import FEELINGS, MAX_INTENSITY, parse_feeling
from emote3d.latents.keys import REGIONS, Key, SpokenWord, parse_gaze
from emote3d.names import BODY_STYLES

_TEMPO = {"surprise": 0.65, "fear": 0.75, "anger": 0.9, "sad": 1.5, "contempt": 1.2}
"""Time an emotion takes to rise or fade relative to the asked attack and decay: startle is quick, sadness slow
(Ekman, Friesen 1982; Schmidt, Ambadar, Cohn 2006 measured 0.4 to 0.8 s for the onset of smiles)."""
_SETTLED = 4.744
"""A critically damped spring has done 95% of its way after this many time constants."""
_SPREAD_S = {"asymmetry": 0.2, "head_motion": 0.2, "brow_motion": 0.15, "blink_rate": 0.1}
"""Width over which numbers pass from one value to the next; others take the default."""
_WORD_SPREAD_S = 0.05
_LAST_S = 0.45
"""The last emotion of a short recording hurries to be seen before the end, but not more than this."""
_NUMBERS = (
    "intensity", "asymmetry", "articulation", "jaw", "lips", "smoothing_s", "head_motion", "brow_motion", "blink_rate",
    "attack_s", "decay_s", *GESTURES,
)  # fmt: skip
State = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What is asked for in each frame."""

    emotion: Float[np.ndarray, "frames 9"]
    """Weights of FEELINGS times intensity; neutral is what is left of 1."""
    upper: Float[np.ndarray, "frames 9"] | None
    """Those of brows, eyes and cheeks, where they differ."""
    mouth: Float[np.ndarray, "frames 9"] | None
    """Those of nose, mouth and jaw, where they differ."""
    asymmetry: Float[np.ndarray, "frames"]
    articulation: Float[np.ndarray, "frames"]
    jaw: Float[np.ndarray, "frames"]
    lips: Float[np.ndarray, "frames"]
    smoothing_s: Float[np.ndarray, "frames"]
    head_motion: Float[np.ndarray, "frames"]
    brow_motion: Float[np.ndarray, "frames"]
    blink_rate: Float[np.ndarray, "frames"]
    gesture_size: Float[np.ndarray, "frames"]
    gesture_rate: Float[np.ndarray, "frames"]
    gesture_speed: Float[np.ndarray, "frames"]
    gesture_openness: Float[np.ndarray, "frames"]
    handedness: Float[np.ndarray, "frames"]
    gaze_deg: Float[np.ndarray, "frames 2"]
    """To the avatar's left and up; zeros where free."""
    gaze_held: Float[np.ndarray, "frames"]
    """1 where a gaze target is asked for, 0 where the gaze is free."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.emotion)

    def style(self) -> Float[np.ndarray, "frames 3"]:
        """The style latent per frame, limited to what the networks were trained on."""
        columns = [np.log(np.clip(getattr(self, name), *STYLE_LIMITS[name])) for name in STYLE_NAMES]
        return np.stack(columns, axis=1)

    def gesture_style(self) -> Float[np.ndarray, "frames styles"]:
        """What is added to the body's style, in the order of `BODY_STYLES`."""
        added = {style: np.log(getattr(self, name)) / np.log(base) for name, (style, base) in GESTURE_STYLES.items()}
        return np.stack([(added | {"handedness": self.handedness})[name] for name in BODY_STYLES], axis=1)

    def beyond(self, name: str) -> Float[np.ndarray, "frames"]:
        """Factor of a style that lies beyond what the networks can do."""
        value = getattr(self, name)
        return value / np.clip(value, *STYLE_LIMITS[name])


def voiced(
    feeling: Float[np.ndarray, "frames 9"], voice: Float[np.ndarray, "frames 8"]
) -> Float[np.ndarray, "frames 8"]:
    """Put the emotion heard in the voice (probabilities) in the place of `auto`; neutral is what is left of 1."""
    felt = feeling[:, 1:-1] + feeling[:, -1:] * voice[:, 1:]
    felt = felt / np.maximum(1.0, felt.sum(axis=1, keepdims=True) / MAX_INTENSITY)
    return np.concatenate([np.maximum(0.0, 1.0 - felt.sum(axis=1, keepdims=True)), felt], axis=1)


def draw_timeline(direction: Direction, frames: int, fps: float, words: Sequence[SpokenWord] | None = None) -> Timeline:
    """Resolve a direction for a recording; `words` are those of its transcript.

    Raises:
        Emote3DError: a word is directed that is not said, or a key lies beyond the recording.
    """
    states, times = _states(direction, frames / fps, words)
    clock = np.arange(frames) / fps
    state = _spread(states, times, clock, linear=direction.curve == "linear")
    soft = {name: gaussian_filter1d(state[name], _SPREAD_S.get(name, 0.08) * fps, mode="nearest") for name in _NUMBERS}
    state |= soft
    in_time = max(_LAST_S, 0.8 * (frames / fps - times[-1])) if len(times) > 1 else np.inf
    last = clock >= times[-1]
    for name in ("attack_s", "decay_s"):
        state[name] = np.where(last, np.minimum(state[name], in_time), state[name])
    for start_s, end_s, settings in _ranges(direction, frames / fps, words):
        state = _overlay(state, settings, start_s, end_s, fps)
    for start_s, end_s, settings in _word_ranges(direction, words):
        state = _overlay(state, settings, start_s, end_s, fps, spread_s=_WORD_SPREAD_S)
    return _timeline(state, fps)


def _timeline(state: State, fps: float) -> Timeline:
    def feeling(name: str) -> np.ndarray:
        weights = state[name] * state["intensity"][:, None]
        weights[:, 1:] /= np.maximum(1.0, weights[:, 1:].sum(axis=1, keepdims=True) / MAX_INTENSITY)
        weights[:, 0] = 0
        felt = follow(weights, state["attack_s"], state["decay_s"], fps)
        felt[:, 0] = np.maximum(0.0, 1.0 - felt[:, 1:].sum(axis=1))
        return felt

    emotion = feeling("emotion")
    regions = {name: feeling(name) for name in ("upper", "mouth")}
    same = {name: np.array_equal(value, emotion) for name, value in regions.items()}
    numbers = {name: state[name] for name in _NUMBERS if name in {field.name for field in fields(Timeline)}}
    return Timeline(
        emotion=emotion,
        upper=None if same["upper"] else regions["upper"],
        mouth=None if same["mouth"] else regions["mouth"],
        gaze_deg=state["gaze"][:, :2],
        gaze_held=state["gaze"][:, 2],
        **numbers,
    )


def follow(
    target: Float[np.ndarray, "frames n"],
    attack_s: Float[np.ndarray, "frames"],
    decay_s: Float[np.ndarray, "frames"],
    fps: float,
) -> Float[np.ndarray, "frames n"]:
    """Approach a target as muscles do, critically damped: no jumps in place or speed; 95% after attack or decay.

    The first frame is at rest in its target. Frame k depends on frames up to k only.
    """
    if np.array_equal(target, np.broadcast_to(target[:1], target.shape)):
        return target.copy()
    tempo = np.array([_TEMPO.get(name, 1.0) for name in FEELINGS[: target.shape[1]]])
    out = np.empty_like(target)
    place, speed = target[0].copy(), np.zeros(target.shape[1])
    for frame, wanted in enumerate(target):
        place, speed = spring(
            place, speed, wanted, np.where(wanted >= place, attack_s[frame], decay_s[frame]) * tempo, fps
        )
        out[frame] = place
    return out


def spring(
    place: np.ndarray, speed: np.ndarray, target: np.ndarray, settle_s: np.ndarray, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """One frame of a critically damped spring, exact for a target that rests; never below zero."""
    rate = _SETTLED / settle_s
    offset = place - target
    push = (speed + rate * offset) / fps
    fade = np.exp(-rate / fps)
    return np.maximum(0.0, target + (offset + push) * fade), (speed - rate * push) * fade


def _convert(name: str, value: str | float) -> np.ndarray:
    """A setting as numbers: feelings as nine weights, a gaze as degrees and whether it is held."""
    if name in REGIONS:
        return np.array(parse_feeling(str(value)))
    if name == "gaze":
        point = parse_gaze(str(value))
        return np.array([*(point or (0.0, 0.0)), float(point is not None)])
    return np.array(float(value))


def _initial(direction: Direction) -> State:
    settings: dict[str, str | float] = {name: getattr(direction, name) for name in _NUMBERS}
    settings |= {"emotion": direction.base_emotion, "gaze": direction.gaze}
    settings |= {name: getattr(direction, name) or direction.base_emotion for name in ("upper", "mouth")}
    return {name: _convert(name, value) for name, value in settings.items()}


def _changed(state: State, settings: dict[str, str | float], regional: set[str]) -> State:
    """A state with settings applied; upper and mouth go with the emotion until they are set by themselves."""
    new = {name: _convert(name, value) for name, value in settings.items()}
    if "emotion" in new:
        new |= {name: new["emotion"] for name in ("upper", "mouth") if name not in regional | new.keys()}
    return state | new


def _states(
    direction: Direction, duration_s: float, words: Sequence[SpokenWord] | None
) -> tuple[list[State], np.ndarray]:
    """The state after each key that holds, with the time it begins; the first is the base at time 0."""
    keys = sorted(
        ((key.start.at(duration_s, words), key) for key in direction.key_frames() if key.end is None),
        key=lambda pair: pair[0],
    )
    regional = {name for name in ("upper", "mouth") if getattr(direction, name)}
    states, times = [_initial(direction)], [0.0]
    for at_s, key in keys:
        _check_inside(at_s, duration_s, key)
        regional |= key.settings.keys() & {"upper", "mouth"}
        state = _changed(states[-1], dict(key.settings), regional)
        if at_s <= times[-1]:
            states[-1] = state
        else:
            states.append(state)
            times.append(at_s)
    return states, np.array(times)


def _check_inside(at_s: float, duration_s: float, key: Key) -> None:
    if at_s > duration_s:
        raise Emote3DError(f"the key '{key.text}' begins at {at_s:g} s, but the recording has {duration_s:.2f} s")


def _spread(states: list[State], times: np.ndarray, clock: np.ndarray, *, linear: bool) -> State:
    """The states at each frame: held, or interpolated between the keys (the gaze jumps: eyes do)."""
    index = np.searchsorted(times, clock + 1e-9, side="right") - 1
    out: State = {}
    for name in states[0]:
        values = np.stack([state[name] for state in states])
        if linear and name != "gaze":
            flat = values.reshape(len(values), -1)
            columns = [np.interp(clock, times, column) for column in flat.T]
            out[name] = np.stack(columns, axis=1).reshape(len(clock), *values.shape[1:])
        else:
            out[name] = values[index]
    return out


def _ranges(
    direction: Direction, duration_s: float, words: Sequence[SpokenWord] | None
) -> list[tuple[float, float, dict[str, str | float]]]:
    found = []
    for key in direction.key_frames():
        if key.end is not None:
            start_s, end_s = key.start.at(duration_s, words), key.end.at(duration_s, words, end=True)
            _check_inside(start_s, duration_s, key)
            if start_s >= end_s:
                raise Emote3DError(f"the range '{key.text}' ends at {end_s:g} s before it begins at {start_s:g} s")
            found.append((start_s, end_s, dict(key.settings)))
    return found


def _word_ranges(
    direction: Direction, words: Sequence[SpokenWord] | None
) -> list[tuple[float, float, dict[str, str | float]]]:
    found = []
    if direction.word and words is None:
        raise Emote3DError(f"--word '{direction.word[0]}' needs the words of the recording: give animate --transcript")
    for text, settings in direction.words():
        said = [word for word in words or () if word.text == text]
        if not said:
            known = ", ".join(dict.fromkeys(word.text for word in words or ()))
            raise Emote3DError(f"--word '{text}': the transcript does not say it; it has {known}")
        found += [(word.start_s, word.end_s, settings) for word in said]
    return found


def _overlay(
    state: State, settings: dict[str, str | float], start_s: float, end_s: float, fps: float, spread_s: float = 0.08
) -> State:
    """Settings laid over a range of frames, faded at its edges where they are numbers."""
    clock = np.arange(len(state["intensity"])) / fps
    inside = ((clock >= start_s - 1e-9) & (clock < end_s)).astype(np.float64)
    new = _changed({}, settings, set())
    out = dict(state)
    for name, value in new.items():
        width = max(spread_s, _SPREAD_S.get(name, 0.0)) * fps
        share = inside if value.ndim else gaussian_filter1d(inside, width, mode="nearest")
        share = share.reshape(-1, *[1] * (state[name].ndim - 1))
        out[name] = state[name] * (1 - share) + value * share
    return out
