"""Measure the face on real recordings with phone times that were never trained on:

    python scripts/evaluate_face.py --data ../shared/data

Recordings: `mfa` (hand-checked TextGrid) and the `demo-*` prompts of Debian's asterisk-core-sounds-en-g722, aligned by pocketsphinx.
"""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro

from emote3d import Direction
from emote3d.audio.hearing import hear
from emote3d.audio.load import load_speech
from emote3d.data.alignment import Aligner, spoken_words
from emote3d.data.espeak import Espeak
from emote3d.data.labels import textgrid_speech
from emote3d.data.timed import TimedSpeech
from emote3d.metrics.lips import lip_report
from emote3d.pipeline import MOTION_FPS, Emote3D
from emote3d.records import Speech
from emote3d.training.geometry import lip_gap


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    data: Path = Path("../shared/data")
    """Folder with `mfa` and `asterisk`."""
    prompts: Path = Path("/usr/share/asterisk/sounds/en")
    """Folder of the English Asterisk prompts."""
    checkpoint: Path | None = None
    emotion: str = "neutral"


def _samples(speech: Speech) -> np.ndarray:
    return (speech.waveform.numpy() * 32767).astype(np.int16)


def clips(options: Options) -> dict[str, tuple[Speech, TimedSpeech]]:
    """The held-out recordings with their phones."""
    found: dict[str, tuple[Speech, TimedSpeech]] = {}
    mfa = options.data / "mfa" / "acoustic_corpus.wav"
    speech = load_speech(mfa)
    found["mfa"] = speech, textgrid_speech(_samples(speech), mfa.with_suffix(".TextGrid"))
    aligner = Aligner(Espeak())
    for line in (options.data / "asterisk" / "core-sounds-en.txt").read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition(":")
        path = options.prompts / f"{name}.g722"
        if name.startswith("demo-") and path.exists():
            speech = load_speech(path)
            aligned = aligner.align(_samples(speech), spoken_words(text))
            if aligned is not None:
                found[name] = speech, aligned.speech
    return found


def main(options: Options) -> None:
    """Print one line a recording and the totals."""
    engine = Emote3D.from_pretrained(options.checkpoint)
    head = engine.avatar.cropped("head")
    totals = dict.fromkeys(("closures", "closed", "vowels", "closed_vowels"), 0)
    lags, audio_s, compute_s = [], 0.0, 0.0
    for name, (speech, phones) in clips(options).items():
        began = time.perf_counter()
        motion = engine.animate(speech, Direction(emotion=options.emotion))
        compute_s += time.perf_counter() - began
        audio_s += speech.duration_s
        gap = np.concatenate([lip_gap(head.landmarks(mesh.vertices_m)).numpy() for mesh in head.pose_chunks(motion)])
        _, loudness = hear(engine.face.audio, speech, MOTION_FPS)
        report = lip_report(gap, phones, loudness.numpy(), MOTION_FPS)
        for key in totals:
            totals[key] += asdict(report)[key]
        lags.append(report.lag_frames)
        print(
            f"{name:22s} closures {report.closed:3d}/{report.closures:<3d} closed open vowels "
            f"{report.closed_vowels:2d}/{report.vowels:<3d} lag {report.lag_frames:+d} r {report.correlation:.2f}"
        )
    print(
        json.dumps(
            {
                "machine": platform.machine(),
                "closure_recall": round(totals["closed"] / totals["closures"], 3),
                "false_closures_on_open_vowels": round(totals["closed_vowels"] / totals["vowels"], 3),
                "median_lag_frames": float(np.median(lags)),
                "audio_to_parameters_x_real_time": round(compute_s / audio_s, 3),
            }
        )
    )


if __name__ == "__main__":
    main(tyro.cli(Options))
