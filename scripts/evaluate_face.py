"""Measure the face on real recordings that were never trained on, ours beside a peer:

    python scripts/evaluate_face.py --data ../shared/data [--peer rhubarb] [--json result.json]

Phones: `mfa` (hand-checked TextGrid), the `demo-*` prompts of Debian's asterisk-core-sounds-en-g722 and, with `--languages it ru`, the
first of the Italian and Russian prompts, aligned by pocketsphinx. `--languages el de acted` takes what choices are made by: Greek words (Tux
Paint, GCompris), EmoDB's held-out speakers, and English actors (the characters of Amazon Queen that are kept from training).
An alignment that the training set would not trust is left out (that of demo-instruct, whose text has numbers in digits).
Face motion: the FACEGOOD takes held out of training. What each figure means stands in `emote3d.metrics.lips` and `curves`.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro

from emote3d import Direction
from emote3d.audio.load import load_speech
from emote3d.body import BodyModel
from emote3d.data import augment
from emote3d.data.alignment import Aligner, spoken_words
from emote3d.data.corpus import SpeechClip
from emote3d.data.espeak import Espeak
from emote3d.data.facegood import ARKIT_LIKE, FPS, jaw_curve, load_take, rounding_curve, unseen_part
from emote3d.data.game_speech import tuxpaint_clips
from emote3d.data.gcompris_speech import gcompris_clips
from emote3d.data.labels import textgrid_speech
from emote3d.data.queen_speech import queen_clips
from emote3d.data.recordings import asterisk_clips, emodb_clips, trusted
from emote3d.data.timed import SPEECH_RATE, TimedSpeech
from emote3d.errors import ending_in_one_line, existing
from emote3d.metrics.curves import best_lag, correlation, jerk
from emote3d.metrics.lips import LipReport, lip_report
from emote3d.metrics.mouth import mouth_curves
from emote3d.metrics.sound import loudness_db
from emote3d.names import ARKIT_52
from emote3d.pipeline import Emote3D
from emote3d.records import Motion, Speech

if __package__:
    from scripts.peer_rhubarb import PeerMouth, rhubarb_mouth
else:
    from peer_rhubarb import PeerMouth, rhubarb_mouth

Language = Literal["it", "ru", "el", "de", "acted"]
RATE = 30
"""Frames per second at which everything is compared."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    data: Path = Path("../shared/data")
    """Folder with `mfa`, `asterisk` and `facegood`."""
    prompts: Path = Path("/usr/share/asterisk/sounds/en")
    """Folder of the English Asterisk prompts."""
    checkpoint: Path | None = None
    emotion: str = "neutral"
    sample: bool = False
    """Whether the denoiser draws the face, as `--sample` of the verbs does."""
    peer: Literal["none", "rhubarb", "rhubarb-text", "loudness"] = "none"
    """Rhubarb without or with the transcript; or a mouth that opens with the loudness, which shows what is too easy."""
    takes: tuple[str, ...] = ("1114_2_04", "1114_3_15")
    """FACEGOOD takes; only what the face was not fitted to is measured."""
    languages: tuple[Language, ...] = ()
    """Recordings in other languages, or of English actors, to take as well; `el`, `de` and `acted` are what choices are made by."""
    each: int = 60
    """How many of them."""
    limit: int = 99
    """Recordings with phones to take at most."""
    disturbed: bool = False
    """Whether to hear the recordings also through noise, a telephone and a room."""
    json: Path | None = None
    """File for all figures."""

    @property
    def direction(self) -> Direction:
        """How the face is to perform."""
        return Direction(emotion=self.emotion, sample=self.sample)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recording whose phones are known."""

    speech: Speech
    phones: TimedSpeech
    text: str
    language: str = "en"


Performer = Callable[[Speech, int, str], PeerMouth]
"""Recording, frames at `RATE` and transcript to a mouth."""


def _samples(speech: Speech) -> np.ndarray:
    return (speech.waveform.numpy() * 32767).astype(np.int16)


def clips(options: Options) -> dict[str, Recording]:
    """The held-out recordings with their phones."""
    found: dict[str, Recording] = {}
    for name in ("mfa", "asterisk"):
        existing(options.data / name, f"the recordings '{name}' in the folder --data")
    existing(options.prompts, "the prompts of asterisk-core-sounds-en-g722 in --prompts")
    mfa = options.data / "mfa" / "acoustic_corpus.wav"
    speech = load_speech(mfa)
    words = mfa.with_suffix(".txt").read_text(encoding="utf-8")
    timed = textgrid_speech(_samples(speech), mfa.with_suffix(".TextGrid"))
    found["mfa"] = Recording(speech=speech, phones=timed, text=words)
    aligner = Aligner(Espeak())
    for line in (options.data / "asterisk" / "core-sounds-en.txt").read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition(":")
        path = options.prompts / f"{name}.g722"
        if name.startswith("demo-") and path.exists() and len(found) < options.limit:
            speech = load_speech(path)
            aligned = aligner.align(_samples(speech), spoken_words(text))
            if aligned is not None and trusted(aligned, "en-us"):
                found[name] = Recording(speech=speech, phones=aligned.speech, text=" ".join(spoken_words(text)))
    for language in options.languages:
        recorded = _recorded(language, options.data)
        spoken = (clip for clip in recorded if clip.entry.timed and clip.entry.duration_s > 1.2)
        for clip in islice(spoken, options.each):
            waveform = clip.speech.waveform.astype(np.float32) / 32768
            found[clip.entry.id] = Recording(
                speech=load_speech((waveform, SPEECH_RATE)), phones=clip.speech, text="", language=language
            )
    return found


def _recorded(language: Language, data: Path) -> Iterator[SpeechClip]:
    """Recordings in another language, or of actors, that were never trained on."""
    if language == "acted":
        return queen_clips(only_held_out=True)
    if language == "de":
        return (clip for clip in emodb_clips(data) if clip.entry.split == "heldout")
    return chain(tuxpaint_clips("el"), gcompris_clips("el")) if language == "el" else asterisk_clips(language)


def ours(animate: Callable[[Speech], Motion], avatar: BodyModel) -> Performer:
    """A face of ours: the mouth of the open avatar."""

    def perform(speech: Speech, frames: int, _text: str) -> PeerMouth:
        motion = animate(speech)
        assert motion.face is not None
        mouth = mouth_curves(avatar, motion)
        rounding = motion.face.expression[:, [ARKIT_52.index(name) for name in ("mouthPucker", "mouthFunnel")]]
        fit = _fitted(frames)
        return PeerMouth(
            gap=fit(mouth.gap_mm), rounding=fit(rounding.sum(1).double().numpy()), teeth_on_lip=fit(mouth.teeth_on_lip)
        )

    return perform


def _fitted(frames: int) -> Callable[[np.ndarray], np.ndarray]:
    """Cut or hold a curve to a number of frames."""
    return lambda curve: curve[np.minimum(np.arange(frames), len(curve) - 1)]


def peer(name: str) -> Performer:
    """The peer's mouth."""
    if name == "loudness":

        def loud(speech: Speech, frames: int, _text: str) -> PeerMouth:
            gap = np.maximum(loudness_db(speech, frames, RATE) - 20, 0)
            return PeerMouth(gap=gap, rounding=np.zeros(frames), teeth_on_lip=np.zeros(frames, bool))

        return loud
    return lambda speech, frames, text: rhubarb_mouth(_samples(speech), frames, RATE, text if "text" in name else "")


def measure_phones(recordings: dict[str, Recording], perform: Performer) -> dict[str, LipReport]:
    """Closures, teeth and timing of each recording."""
    reports = {}
    for name, recording in recordings.items():
        frames = max(1, round(recording.speech.duration_s * RATE))
        mouth = perform(recording.speech, frames, recording.text)
        reports[name] = lip_report(
            mouth.gap, recording.phones, loudness_db(recording.speech, frames, RATE), RATE, mouth.teeth_on_lip
        )
    return reports


def disturbances() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Noise at 10 dB under the speech, a telephone's band, a room that decays in half a second."""
    rng = np.random.default_rng(0)
    room = augment.room_response(rng, rt60_s=0.5, direct_to_late_db=3.0)
    return {
        "noise_10_db": lambda wave: augment.add_noise(rng, wave, 10.0, ()),
        "telephone": augment.telephone,
        "room": lambda wave: augment.reverberate(wave, room),
    }


def measure_disturbed(recordings: dict[str, Recording], perform: Performer) -> dict[str, float]:
    """Closure recall on the English recordings, disturbed."""
    recall = {}
    for name, disturb in disturbances().items():
        changed = {
            key: replace(
                one, speech=replace(one.speech, waveform=torch.from_numpy(disturb(one.speech.waveform.numpy())))
            )
            for key, one in recordings.items()
            if one.language == "en"
        }
        recall[name] = sum(measure_phones(changed, perform).values(), LipReport()).recall
    return recall


def measure_takes(options: Options, perform: Performer) -> dict[str, dict[str, float]]:
    """Correlation with real face motion, take by take."""
    folder, results = options.data / "facegood", {}
    for name in options.takes:
        take, unseen = load_take(folder, name), unseen_part(folder, name)
        jaw, rounding = jaw_curve(take), rounding_curve(take)
        speech = load_speech(folder / "wav" / f"{name}.wav")
        mouth = perform(speech, len(jaw), "")
        gap, jaw = mouth.gap[unseen], jaw[unseen]
        lag, at_lag = best_lag(gap, jaw)
        results[name] = {
            "gap_correlation": correlation(gap, jaw),
            "rounding_correlation": correlation(mouth.rounding[unseen], rounding[unseen]),
            "gap_lag_frames": lag,
            "gap_correlation_at_lag": at_lag,
        }
    return results


def measure_coefficients(options: Options, engine: Emote3D) -> dict[str, dict[str, float]]:
    """Jaw coefficient against the real jaw, and jerk of each coefficient over that of the real motion."""
    folder, results = options.data / "facegood", {}
    for name in options.takes:
        whole, unseen = load_take(folder, name), unseen_part(folder, name)
        take = {column: curve[unseen] for column, curve in whole.items()}
        speech = load_speech(folder / "wav" / f"{name}.wav")
        motion = engine.animate(speech, options.direction, fps=FPS)
        assert motion.face is not None
        face = _fitted(len(jaw_curve(whole)))(motion.face.expression.double().numpy())[unseen]
        lag, _ = best_lag(face[:, ARKIT_52.index("jawOpen")], jaw_curve(take))
        ratios, relative = {}, {}
        for coefficient, columns in ARKIT_LIKE.items():
            real, made = np.sum([take[column] for column in columns], axis=0), face[:, ARKIT_52.index(coefficient)]
            if real.std() > 0.005:
                ratios[coefficient] = float(jerk(made, FPS) / jerk(real, FPS))
                relative[coefficient] = ratios[coefficient] * float(real.std() / max(made.std(), 1e-6))
        results[name] = {
            "jaw_correlation": correlation(face[:, ARKIT_52.index("jawOpen")], jaw_curve(take)),
            "jaw_lag_frames": float(lag),
            "jerk_ratio_mean": float(np.mean(list(ratios.values()))),
            "jerk_ratio_max": max(ratios.values()),
            "jerk_ratio_mean_at_equal_amplitude": float(np.mean(list(relative.values()))),
            **{f"jerk_ratio_{key}": value for key, value in ratios.items()},
        }
    return results


def summary(report: LipReport) -> dict[str, float]:
    """The bars of the lips."""
    return {
        "closure_recall": report.recall,
        "false_closures_on_open_vowels": report.false_closures,
        "closed_inside_other_phones": report.closed_elsewhere,
        "closure_timing_error_ms": 1000 * report.timing_error_s,
        "teeth_on_lip_in_f_v": report.teeth_share,
        "median_lag_frames": report.lag_frames,
        "loudness_correlation": report.correlation,
    }


def by_language(recordings: dict[str, Recording], reports: dict[str, LipReport]) -> dict[str, LipReport]:
    """Reports of all recordings of a language together."""
    languages = sorted({recording.language for recording in recordings.values()})
    return {
        language: sum((reports[name] for name in reports if recordings[name].language == language), LipReport())
        for language in languages
    }


def show(title: str, reports: dict[str, LipReport]) -> None:
    """One line a recording or language."""
    print(
        f"{title}: recording, closed p b m, closed open vowels, closed elsewhere, teeth on f v, timing, lag to loudness"
    )
    for name, one in reports.items():
        print(
            f"  {name:22s} {one.closed:3d}/{one.closures:<3d} {one.closed_vowels:2d}/{one.vowels:<3d} "
            f"{one.closed_elsewhere:6.1%}  {one.on_teeth:2d}/{one.lip_teeth:<3d} {1000 * one.timing_error_s:4.0f} ms "
            f"{one.lag_frames:+.1f} (r {one.correlation:.2f})"
        )


def main(options: Options) -> None:
    """Measure ours, and the peer in the same run."""
    engine = Emote3D.from_pretrained(options.checkpoint)
    performers = {"emote3d": ours(lambda speech: engine.animate(speech, options.direction, fps=RATE), engine.avatar)}
    if options.peer != "none":
        performers[options.peer] = peer(options.peer)
    existing(options.data / "facegood", "the takes of FACEGOOD in the folder --data")
    recordings = clips(options)
    audio_s = sum(recording.speech.duration_s for recording in recordings.values())
    results: dict[str, object] = {"machine": platform.machine(), "audio_s": round(audio_s, 1)}
    for title, perform in performers.items():
        began = time.process_time()
        reports = measure_phones(recordings, perform)
        used_s = time.process_time() - began
        english = {name: one for name, one in reports.items() if recordings[name].language == "en"}
        spoken = by_language(recordings, reports)
        show(title, english | spoken)
        facegood = measure_takes(options, perform)
        results[title] = {
            **summary(spoken["en"]),
            "recall": {name: one.recall for name, one in spoken.items()},
            "recall_disturbed": measure_disturbed(recordings, perform) if options.disturbed else {},
            "cpu_s_per_s": used_s / audio_s,
            "facegood": facegood,
        }
    results["coefficients"] = measure_coefficients(options, engine)
    rounded = json.loads(json.dumps(results), parse_float=lambda text: round(float(text), 4))
    print(json.dumps(rounded, indent=1))
    if options.json is not None:
        options.json.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with ending_in_one_line("evaluate_face"):
        main(tyro.cli(Options))
