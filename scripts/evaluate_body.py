"""Measure the body of a checkpoint on recordings that it was never trained on.

python scripts/evaluate_body.py --data ../shared/data
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from jaxtyping import Float

from emote3d import Direction, Emote3D
from emote3d.audio.load import load_speech
from emote3d.body.kinematics import Skeleton
from emote3d.body.torso import Torso
from emote3d.files import asset_path
from emote3d.metrics.gestures import (
    HANDS,
    UPPER,
    audio_onsets,
    beat_gap,
    describe,
    faults,
    foot_slide_cm_s,
    gesture_onsets,
    joint_speed_deg,
    onset_f1,
    places_of,
    seam_ratio,
    whole_body,
)
from emote3d.names import EMOTIONS
from emote3d.records import BodyMotion, Motion, Speech

_RATE, _PAUSE_S = 16000, 0.5
_EMOTIONS = ("anger", "sad", "happy")
_DONORS, _DRAWS = 3, 3
"""Recordings that give their emotion to each piece; how often they are drawn anew."""


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
    """Length of the long recording; 0 leaves that part out."""
    clips: int = 10
    """Recordings of the beat consistency."""
    seed: int = 0


def joined(paths: Sequence[Path], seconds: float) -> Speech:
    """Recordings one after the other, with pauses of half a second, until they last long enough."""
    parts: list[np.ndarray] = []
    for path in paths:
        parts += [load_speech(path).waveform.numpy(), np.zeros(round(_PAUSE_S * _RATE), np.float32)]
        if sum(map(len, parts)) >= seconds * _RATE:
            break
    return Speech(waveform=torch.from_numpy(np.concatenate(parts)[: round(seconds * _RATE)]), sample_rate=_RATE)


def recordings(options: Options) -> dict[str, Speech]:
    """Speech of speakers and languages that the body was never trained on, 60 s each where there is as much."""
    italian, russian = (sorted((options.sounds / name).glob("*.g722")) for name in ("it", "ru"))
    english = sorted((options.sounds / "en").glob("demo-*.g722"))
    mandarin = sorted((options.data / "facegood" / "wav").glob("*.wav"))
    lists = {
        "ru-1": russian[0::4], "it-1": italian[0::4], "demo": [asset_path("assets", "audio", "demo-congrats.flac")],
        "ru-2": russian[1::4], "it-2": italian[1::4], "en-demo": english[1:], "zh-1": mandarin[:1], "ru-3": russian[2::4],
        "it-3": italian[2::4], "zh-2": mandarin[-1:], "ru-4": russian[3::4], "it-4": italian[3::4],
    }  # fmt: skip
    found = {name: joined(paths, 60.0) for name, paths in lists.items() if paths}
    return dict(list(found.items())[: options.clips])


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
    for name, speech in clips.items():
        motion, body = stage.perform(speech)
        places = places_of(body, stage.skeleton)
        speeds = joint_speed_deg(body, motion.fps)
        own, shifted = beat_gap(audio_onsets(speech.waveform.numpy(), _RATE), places, motion.fps)
        excess, inside = faults(body, stage.skeleton, stage.torso)
        values = (float(speeds[list(UPPER)].mean()), float(speeds[list(HANDS)].mean()), own, shifted)
        for key, value in zip(rows, (*values, foot_slide_cm_s(places, motion.fps), excess, inside), strict=True):
            rows[key].append(value)
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
    }


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return round(float(np.mean(values)), 4)


def seeds(stage: Stage, speech: Speech) -> dict[str, object]:
    """Same seed, same motion; two seeds, two motions."""
    first, again, other = (stage.body(speech, seed=seed).joints_axis_angle for seed in (1, 1, 2))
    return {
        "same_seed_difference_rad": float((first - again).abs().max()),
        "two_seeds_difference_deg": round(float(torch.rad2deg((first - other)[:, list(UPPER)].norm(dim=-1).mean())), 2),
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
    first, last = (body.joints_axis_angle[part][:, list(UPPER)] for part in (slice(0, third), slice(-third, None)))
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


def main(options: Options) -> None:
    """Measure and print; the figures as JSON at the end."""
    torch.manual_seed(0)
    stage, clips = Stage(options), recordings(options)
    figures = motion_figures(stage, clips)
    figures |= seeds(stage, next(iter(clips.values())))
    figures |= emotions(stage, clips)
    if options.minutes:
        paths = sorted((options.sounds / "ru").glob("*.g722")) + sorted((options.sounds / "it").glob("*.g722"))
        figures |= long_form(stage, joined(paths, 60 * options.minutes))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Options))
