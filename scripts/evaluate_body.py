"""Measure the body of a checkpoint on recordings that it was never trained on.

python scripts/evaluate_body.py --data ../shared/data [--only motion emotions long gestures hands]

`motion`: the bars of speed, beats, feet, limits and hands, and two seeds. `emotions`: a classifier of emotions, labels and donors swapped. `long`: ten
minutes. `gestures`: what gesture_size, _rate, _speed, _openness and handedness do at 0.7 and 1.45 (-1 and 1), and how the body differs by emotion,
three speakers and two seeds each. `hands`: half minutes of recordings that are in no clip, every emotion four times, each
with another of the 32 ends of the five styles.
"""

from __future__ import annotations

import itertools
import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
import tyro
from jaxtyping import Float

from emote3d import Direction, Emote3D
from emote3d.audio.load import load_speech
from emote3d.body.kinematics import Skeleton
from emote3d.body.torso import Torso
from emote3d.errors import Emote3DError, ending_in_one_line, existing
from emote3d.files import asset_path
from emote3d.metrics.body import UPPER_BODY
from emote3d.metrics.gestures import (
    HANDS,
    Seen,
    audio_onsets,
    beat_gap,
    describe,
    faults,
    foot_slide_cm_s,
    gesture_onsets,
    joint_speed_deg,
    mean_seen,
    onset_f1,
    places_of,
    seam_ratio,
    seen_of,
    whole_body,
    wrist_acceleration,
)
from emote3d.names import EMOTIONS
from emote3d.records import BodyMotion, Motion, Speech

_RATE, _PAUSE_S = 16000, 0.5
_EMOTIONS = ("anger", "sad", "happy")
_DONORS, _DRAWS = 3, 3
"""Recordings that give their emotion to each piece; how often they are drawn anew."""
_CLIP_S, _HALF_MINUTES, _SPEAKERS, _SEEDS = 60.0, 32, 3, 2
"""Length of a clip, where there is as much; of `hands` and `gestures`."""
_FACTORS = ("gesture_size", "gesture_rate", "gesture_speed", "gesture_openness")
_ENDS = (0.7, 1.45)
Part = Literal["motion", "emotions", "long", "gestures", "hands"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    data: Path = Path("../shared/data")
    """Folder with ljspeech, facegood, emodb."""
    sounds: Path = Path("/usr/share/asterisk/sounds")
    """Folder of Debian's asterisk-core-sounds; Russian and Italian are not trained on."""
    checkpoint: Path | None = None
    """Checkpoint folder (default: the shipped open-v1)."""
    minutes: float = 10.0
    """Length of the long recording."""
    clips: int = 10
    """Recordings of the beat consistency."""
    seed: int = 0
    only: tuple[Part, ...] = get_args(Part)
    """What to measure."""


def joined(paths: Sequence[Path], seconds: float) -> Speech:
    """Recordings one after the other, with pauses of half a second, until they last long enough."""
    parts: list[np.ndarray] = []
    for path in paths:
        parts += [load_speech(path).waveform.numpy(), np.zeros(round(_PAUSE_S * _RATE), np.float32)]
        if sum(map(len, parts)) >= seconds * _RATE:
            break
    return Speech(waveform=torch.from_numpy(np.concatenate(parts)[: round(seconds * _RATE)]), sample_rate=_RATE)


def prompts(options: Options) -> dict[str, list[Path]]:
    """Files of each recording: speakers and languages that the body was never trained on."""
    italian, russian = (sorted((options.sounds / name).glob("*.g722")) for name in ("it", "ru"))
    english = sorted((options.sounds / "en").glob("demo-*.g722"))
    mandarin = sorted((options.data / "facegood" / "wav").glob("*.wav"))
    lists = {
        "ru-1": russian[0::4], "it-1": italian[0::4], "demo": [asset_path("assets", "audio", "demo-congrats.flac")],
        "ru-2": russian[1::4], "it-2": italian[1::4], "en-demo": english[1:], "zh-1": mandarin[:1], "ru-3": russian[2::4],
        "it-3": italian[2::4], "zh-2": mandarin[-1:], "ru-4": russian[3::4], "it-4": italian[3::4],
    }  # fmt: skip
    return {name: paths for name, paths in lists.items() if paths}


def recordings(options: Options) -> dict[str, Speech]:
    """The first minute of each, where there is as much."""
    found = {name: joined(paths, _CLIP_S) for name, paths in prompts(options).items()}
    return dict(list(found.items())[: options.clips])


def other_half_minutes(options: Options) -> list[Speech]:
    """What comes after the first minute of the Russian and the Italian prompts."""
    lists = [paths for name, paths in prompts(options).items() if name[:2] in ("ru", "it")]
    each = -(-_HALF_MINUTES // max(1, len(lists)))
    size, pieces = round(30.0 * _RATE), []
    for paths in lists:
        rest = joined(paths, _CLIP_S + 30.0 * each).waveform[round(_CLIP_S * _RATE) :]
        pieces += [Speech(waveform=piece, sample_rate=_RATE) for piece in rest.split(size) if len(piece) == size]
    return pieces[:_HALF_MINUTES]


class Stage:
    """An engine and the body that it moves."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.engine = Emote3D.from_pretrained(options.checkpoint)
        model = self.engine.avatar
        self.skeleton = Skeleton(joints_m=model.joints_m.double(), parents=model.parents)
        self.torso = Torso.of(model)

    def perform(self, speech: Speech, emotion: str = "neutral", seed: int | None = None) -> tuple[Motion, BodyMotion]:
        """A motion, and its body with the head of its face."""
        seed = self.options.seed if seed is None else seed
        motion = self.engine.animate(speech, Direction(emotion=emotion), seed=seed)
        return motion, whole_body(motion)

    def body(self, speech: Speech, emotion: str = "neutral", seed: int | None = None) -> BodyMotion:
        """Only the body, in a fraction of the time."""
        seed = self.options.seed if seed is None else seed
        return self.felt(speech, torch.tensor(Direction(emotion=emotion).emotion_weights()), seed)

    def felt(self, speech: Speech, emotion: Float[torch.Tensor, "8"], seed: int) -> BodyMotion:
        """Only the body, under weights of the emotions."""
        from emote3d.performers.open_body import OpenBody, style_of_voice

        moved = self.engine.body
        assert isinstance(moved, OpenBody), "these figures are of our own body"
        rhythm = moved.listen(speech)
        return moved.act(rhythm, emotion.expand(len(rhythm.loudness), -1), style_of_voice(rhythm), seed)


def motion_figures(stage: Stage, clips: dict[str, Speech]) -> dict[str, object]:
    """Speeds, beats, feet, limits over the recordings."""
    rows: dict[str, list[float]] = {
        name: [] for name in ("upper", "hands", "own", "shifted", "slide", "excess", "inside_mm")
    }
    accelerations = []
    for name, speech in clips.items():
        motion, body = stage.perform(speech)
        places = places_of(body, stage.skeleton)
        speeds = joint_speed_deg(body, motion.fps)
        own, shifted = beat_gap(audio_onsets(speech.waveform.numpy(), _RATE), places, motion.fps)
        excess, inside = faults(body, stage.skeleton, stage.torso)
        values = (float(speeds[list(UPPER_BODY)].mean()), float(speeds[list(HANDS)].mean()), own, shifted)
        for key, value in zip(rows, (*values, foot_slide_cm_s(places, motion.fps), excess, inside), strict=True):
            rows[key].append(value)
        accelerations.append(wrist_acceleration(places, motion.fps))
        print(
            f"  {name}: {speech.duration_s:.0f} s, upper joints {values[0]:.1f} deg/s, beats {own:.3f} own, {shifted:.3f} shifted"
        )
    return {
        "upper_joint_speed_deg_s": _mean(rows["upper"]),
        "hand_joint_speed_deg_s": _mean(rows["hands"]),
        "beat_consistency_own": _mean(rows["own"]),
        "beat_consistency_shifted": _mean(rows["shifted"]),
        "beat_gap": _mean(np.subtract(rows["own"], rows["shifted"]).tolist()),
        "foot_slide_cm_s": max(rows["slide"]),
        "beyond_joint_limits_deg": max(rows["excess"]),
        "hand_in_torso_mm": max(rows["inside_mm"]),
    } | wrist_figures(accelerations)


def wrist_figures(accelerations: Sequence[torch.Tensor]) -> dict[str, object]:
    """How suddenly wrists move, over all frames of several clips."""
    all_m_s2 = torch.cat([rows.flatten() for rows in accelerations]).numpy()
    return {
        "wrists_m_s2_99.9th": round(float(np.quantile(all_m_s2, 0.999)), 1),
        "wrists_m_s2_largest": round(float(all_m_s2.max()), 1),
    }


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return round(float(np.mean(values)), 4)


def seeds(stage: Stage, speech: Speech) -> dict[str, object]:
    """Same seed, same motion; two seeds, two motions."""
    first, again, other = (stage.body(speech, seed=seed).joints_axis_angle for seed in (1, 1, 2))
    return {
        "same_seed_difference_rad": float((first - again).abs().max()),
        "two_seeds_difference_deg": round(
            float(torch.rad2deg((first - other)[:, list(UPPER_BODY)].norm(dim=-1).mean())), 2
        ),
    }


def _pieces(clips: dict[str, Speech], seconds: float) -> list[Speech]:
    size = round(seconds * _RATE)
    return [
        Speech(waveform=speech.waveform[start : start + size], sample_rate=_RATE)
        for speech in clips.values()
        for start in range(0, len(speech.waveform) - size + 1, size)
    ]


def emotions(stage: Stage, clips: dict[str, Speech]) -> dict[str, object]:
    """A classifier of anger, sadness and happiness trained on half of the speakers and judged on the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = list(clips)
    halves = [_pieces({name: clips[name] for name in names[part::2]}, 10.0) for part in (0, 1)]
    sets = []
    for part, pieces in enumerate(halves):
        rows, labels = [], []
        for index, piece in enumerate(pieces):
            for label, emotion in enumerate(_EMOTIONS):
                rows.append(describe(stage.body(piece, emotion, seed=100 * part + index), stage.skeleton, 30.0))
                labels.append(label)
        sets.append((np.stack(rows), np.array(labels)))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)).fit(*sets[0])

    def judge(body: BodyMotion) -> int:
        return int(classifier.predict(describe(body, stage.skeleton, 30.0)[None])[0])

    figures = {"emotion_accuracy": round(float(classifier.score(*sets[1])), 4)} | swaps(stage, halves[1], judge)
    return figures | donated(stage, halves[1], judge)


def donors(stage: Stage) -> list[tuple[int, Float[torch.Tensor, "8"]]]:
    """The label of each angry, sad or happy recording of EmoDB, and what readers hear in it that never heard its speaker."""
    from emote3d.latents.voice import leading_emotion
    from emote3d.performers.open_face import OpenFace
    from emote3d.training.emotion import heard_unseen, read_emodb, reader_statistics

    assert isinstance(stage.engine.face, OpenFace)
    ear, data = stage.engine.face.voice.ear, stage.options.data
    acted = read_emodb(data / "emodb" / "wav", ear)
    plain = (
        *(stage.options.sounds / name for name in ("en", "es", "fr")),
        data / "ljspeech",
    )  # as train_face.py train-emotion
    heard = heard_unseen(acted, [reader_statistics(folder, ear) for folder in plain])
    return [
        (_EMOTIONS.index(EMOTIONS[label]), leading_emotion(row[None]))
        for label, row in zip(acted.labels, heard, strict=True)
        if EMOTIONS[label] in _EMOTIONS
    ]


def donated(stage: Stage, pieces: Sequence[Speech], judge: Callable[[BodyMotion], int]) -> dict[str, object]:
    """As `swaps`, but with the emotion heard in a donor's recording, as --emotion-from takes it: no label is given."""
    givers = donors(stage)
    own = [
        gesture_onsets(places_of(stage.body(piece, "neutral", seed=index), stage.skeleton), 30.0)
        for index, piece in enumerate(pieces)
    ]
    rows = []
    for draw in range(_DRAWS):
        order = np.random.default_rng(draw).permutation(len(givers))[: _DONORS * len(pieces)]
        for place, number in enumerate(order):
            (label, emotion), index = givers[number], place // _DONORS
            edited = stage.felt(pieces[index], emotion, seed=index)
            right = int(emotion.argmax()) == EMOTIONS.index(_EMOTIONS[label])
            kept = onset_f1(own[index], gesture_onsets(places_of(edited, stage.skeleton), 30.0))
            rows.append((draw, judge(edited) == label, right, kept))
    draws, followed, heard_right, agreement = np.array(rows, dtype=float).T
    return {
        "donor_pairs": len(rows),
        "donor_followed": _mean(followed),
        "donor_followed_by_draw": [_mean(followed[draws == draw]) for draw in range(_DRAWS)],
        "donor_heard_right": _mean(heard_right),
        "donor_followed_where_heard_right": _mean(followed[heard_right > 0]),
        "donor_onset_f1": _mean(agreement),
    }


def swaps(stage: Stage, pieces: Sequence[Speech], judge: Callable[[BodyMotion], int]) -> dict[str, object]:
    """The emotion of a donor with the speech and the noise of another: is it followed, and does the timing stay?"""
    followed, agreement = [], []
    for index, piece in enumerate(pieces):
        original = stage.body(piece, "neutral", seed=index)
        own = gesture_onsets(places_of(original, stage.skeleton), 30.0)
        for label, emotion in enumerate(_EMOTIONS):
            edited = stage.body(piece, emotion, seed=index)
            followed.append(judge(edited) == label)
            agreement.append(onset_f1(own, gesture_onsets(places_of(edited, stage.skeleton), 30.0)))
    return {"swap_followed": _mean(followed), "swap_onset_f1": _mean(agreement)}


def long_form(stage: Stage, speech: Speech) -> dict[str, object]:
    """Seams, drift and memory over minutes."""
    stage.body(Speech(waveform=speech.waveform[: 60 * _RATE], sample_rate=_RATE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started_s = time.process_time()
    body = stage.body(speech)
    spent_s = time.process_time() - started_s
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    third = len(body.joints_axis_angle) // 3
    first, last = (body.joints_axis_angle[part][:, list(UPPER_BODY)] for part in (slice(0, third), slice(-third, None)))
    return {
        "long_minutes": round(speech.duration_s / 60, 2),
        "long_seam_ratio": round(seam_ratio(body, 30.0), 3),
        "long_drift_deg": round(float(torch.rad2deg((first.mean(dim=0) - last.mean(dim=0)).norm(dim=-1).max())), 2),
        "long_repeat_correlation": round(_repeat(body.joints_axis_angle[:, [16, 17, 18, 19]].flatten(1).numpy()), 3),
        "long_extra_memory_mb": round(grown, 1),
        "long_cpu_s_per_minute": round(spent_s / speech.duration_s * 60, 2),
    }


def _repeat(x: Float[np.ndarray, "frames numbers"]) -> float:
    """Largest correlation of the motion with itself more than 10 s later."""
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-6)
    size = 1 << int(np.ceil(np.log2(2 * len(x))))
    power = np.abs(np.fft.rfft(x, size, axis=0)) ** 2
    correlation = np.fft.irfft(power.sum(axis=1), size)[: len(x) // 2]
    overlap = len(x) - np.arange(len(x) // 2)
    return float((correlation / overlap)[300:].max() / (correlation[0] / len(x)))


def gestures(stage: Stage, clips: dict[str, Speech]) -> dict[str, object]:
    """What is seen under either end of each factor of the gestures, and under each emotion."""
    directions = {"plain": Direction()} | {
        f"{name} {end}": replace(Direction(), **{name: end}) for name in _FACTORS for end in _ENDS
    }
    directions |= {f"handedness {end}": Direction(handedness=end) for end in (-1.0, 1.0)}
    directions |= {name: Direction(emotion=name) for name in EMOTIONS[1:]}
    rows: dict[str, list[Seen]] = {name: [] for name in directions}
    for speech in list(clips.values())[:_SPEAKERS]:
        for seed in range(_SEEDS):
            motions = stage.engine.animate_each(speech, directions.values(), seed=stage.options.seed + seed)
            for name, motion in zip(directions, motions, strict=True):
                rows[name].append(seen_of(whole_body(motion), stage.skeleton, motion.fps))
    figures = {name: asdict(mean_seen(seen)) for name, seen in rows.items()}
    for name in figures["plain"]:
        print(f"  {name}: " + ", ".join(f"{label} {one[name]:.2f}" for label, one in figures.items()))
    return {"seen": {label: {name: round(value, 2) for name, value in one.items()} for label, one in figures.items()}}


def hands(stage: Stage, pieces: Sequence[Speech]) -> dict[str, object]:
    """Hands in the trunk, joints beyond their limits and sudden wrists, at the ends of all styles."""
    size, handedness = _ENDS, (-1.0, 1.0)
    corners = list(itertools.product(size, size, size, size, handedness))
    order = np.random.default_rng(stage.options.seed).permutation(len(corners))
    found, accelerations = [], []
    for index, piece in enumerate(pieces):
        corner = corners[order[index % len(corners)]]
        asked = dict(zip((*_FACTORS, "handedness"), corner, strict=True))
        direction = replace(Direction(emotion=EMOTIONS[index % len(EMOTIONS)]), **asked)
        motion = stage.engine.animate(piece, direction, seed=stage.options.seed + index)
        body = whole_body(motion)
        found.append(faults(body, stage.skeleton, stage.torso))
        accelerations.append(wrist_acceleration(places_of(body, stage.skeleton), motion.fps))
    excess, inside = np.array(found).T
    figures = {"beyond_joint_limits_deg": float(excess.max()), "hand_in_torso_mm": float(inside.max())}
    return {"hands": {"half_minutes": len(found)} | figures | wrist_figures(accelerations)}


def main(options: Options) -> None:
    """Measure and print; the figures as JSON at the end."""
    if not any((options.sounds / name).is_dir() for name in ("ru", "it")) and {"emotions", "long", "hands"} & {
        *options.only
    }:
        raise Emote3DError(f"{options.sounds}: expected folders ru and it (Debian's asterisk-core-sounds-*-g722)")
    existing(options.data, "a folder --data with ljspeech, facegood, emodb")
    torch.manual_seed(0)
    stage, clips, figures = Stage(options), recordings(options), {}
    if "motion" in options.only:
        figures |= motion_figures(stage, clips) | seeds(stage, next(iter(clips.values())))
    if "emotions" in options.only:
        figures |= emotions(stage, clips)
    if "long" in options.only:
        paths = sorted((options.sounds / "ru").glob("*.g722")) + sorted((options.sounds / "it").glob("*.g722"))
        figures |= long_form(stage, joined(paths, 60 * options.minutes))
    if "gestures" in options.only:
        figures |= gestures(stage, clips)
    if "hands" in options.only:
        figures |= hands(stage, other_half_minutes(options))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    with ending_in_one_line("evaluate_body"):
        main(tyro.cli(Options))
