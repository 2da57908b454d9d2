"""Measure what directions do to lips and smoothness on real recordings never trained on:

    PYTHONPATH=. python scripts/evaluate_direction.py --data ../shared/data

For every setting: closure recall on p, b, m and false closures (as `evaluate_face.py`), correlation of the lip gap with the neutral
performance (both on the opening between the inner lips of the open avatar, which is linear in the coefficients), and the fastest change
of a coefficient but those of the eyes. For every emotion: whether `explain` sees it, and whether
what it sees grows with the intensity.

`--only emotions` measures the bars of emotion on more recordings (`--prompts` of each of five languages): the share that the
motion emotion net shipped as `motion_emotion` takes for what was asked, the rank correlation of the asked intensity and the one that the net
measures, and the correlation of the lip gap with that of the neutral performance. It ends with 1 where a bar is missed. That net learnt from
performances of our teacher, so it proves that the face does what the teacher does; beside it stands what `explain` reads, which has learnt
nothing: FACS' prototypes fitted to the action units that last.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from scipy.stats import spearmanr

from emote3d import Direction, Emote3D
from emote3d.audio.hearing import hear
from emote3d.audio.load import load_speech
from emote3d.body import load_body_model
from emote3d.data.timed import TimedSpeech
from emote3d.errors import Emote3DError, ending_in_one_line
from emote3d.files import asset_path
from emote3d.metrics.explain import explain
from emote3d.metrics.lips import lip_report
from emote3d.names import ARKIT_52, EMOTIONS
from emote3d.perception import load_emotion_net, read_emotion
from emote3d.performers.open_face import OpenFace
from emote3d.pipeline import MOTION_FPS
from emote3d.records import Motion, Speech
from emote3d.training.geometry import measure_face
from scripts.evaluate_face import Options as FaceOptions
from scripts.evaluate_face import clips

STEADY = [index for index, name in enumerate(ARKIT_52) if not name.startswith("eye")]

HELD_OUT = (
    ("en", "demo-*.g722"),
    ("it", "*.g722"),
    ("ru", "*.g722"),
    ("es_MX_f_Allison", "*.g722"),
    ("fr_CA_f_June", "*.g722"),
)
"""Folders and prompts."""
ASKED = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Intensities."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    data: Path = Path("../shared/data")
    """Folder with `mfa` and `asterisk`."""
    checkpoint: Path | None = None
    clips: int = 4
    """How many of the recordings with phones to take."""
    only: Literal["all", "settings", "emotions"] = "all"
    """What to measure: directions with `explain`, or the bars of emotion with the motion emotion net."""
    sounds: Path = Path("/usr/share/asterisk/sounds")
    """Folder with Asterisk's prompts."""
    prompts: int = 6
    """How many of the longest prompts of each language to take for the bars of emotion."""


def settings() -> dict[str, Direction]:
    """One direction for each part."""
    named = {emotion: Direction(emotion=emotion, intensity=1.2) for emotion in EMOTIONS}
    parts = (
        "upper=sad,mouth=happy", "emotion=happy,asymmetry=0.8", "articulation=0.4", "articulation=1.8", "jaw=0.4", "jaw=1.8", "lips=0.4",
        "lips=1.8", "smoothing_s=0.15", "head_motion=0", "brow_motion=2", "gaze=left",
    )  # fmt: skip
    quick = Direction(at=("1:surprise:1.4", "1.6:anger", "2.2..2.6:sad,jaw=1.6,articulation=0.5", "3:happy,upper=fear"))
    shout = Direction(emotion="anger", intensity=1.3, articulation=1.6, jaw=1.4)
    return named | {part: Direction(at=(f"0:{part}",)) for part in parts} | {"quick keys": quick, "shouting": shout}


class Measure:
    """Sums over recordings."""

    def __init__(self) -> None:
        self.counts = np.zeros(4, dtype=int)
        self.correlation: list[float] = []
        self.step = 0.0

    def add(
        self, motion: Motion, gap: np.ndarray, neutral: np.ndarray, phones: TimedSpeech, loudness: np.ndarray
    ) -> None:
        """Take in one recording."""
        report = lip_report(gap, phones, loudness, MOTION_FPS)
        self.counts += [report.closures, report.closed, report.vowels, report.closed_vowels]
        self.correlation.append(float(np.corrcoef(gap, neutral)[0, 1]))
        assert motion.face is not None
        self.step = max(self.step, float(motion.face.expression[:, STEADY].diff(dim=0).abs().max()))

    def line(self) -> str:
        """The figures."""
        closures, closed, vowels, closed_vowels = self.counts
        return (
            f"closure recall {closed / closures:.3f} ({closures})  false {closed_vowels / max(1, vowels):.3f}  "
            f"gap correlation {min(self.correlation):.2f}..{max(self.correlation):.2f}  fastest step {self.step:.2f}"
        )


def held_out(options: Options) -> Iterator[tuple[str, Speech]]:
    """English demo prompts, Italian and Russian ones up to 12 s, which no network was trained on; Spanish and French ones, whose
    speakers the face has heard."""
    for language, pattern in HELD_OUT:
        paths = sorted((options.sounds / language).glob(pattern), key=lambda path: (-path.stat().st_size, path.name))
        fitting = [path for path in paths if 3 <= path.stat().st_size / 8000 <= 12]
        for path in fitting[: options.prompts]:
            yield f"{language}/{path.stem}", load_speech(path)


def facs_reading(motion: Motion) -> str:
    """The emotion that the rules of `explain` find most of, neutral where there is little."""
    shown = explain(motion).mean_emotion
    strongest = max(EMOTIONS[1:], key=lambda name: shown[name])
    return strongest if shown[strongest] >= 0.2 else "neutral"


def emotion_bars(options: Options) -> bool:
    """Print the bars of emotion; returns whether all of them are met."""
    engine = Emote3D.from_pretrained(options.checkpoint)
    net, head = load_emotion_net(), load_body_model(asset_path("assets", "flame", "open_head.npz"))
    geometry = measure_face(engine.avatar)
    right, facs = {name: 0 for name in EMOTIONS}, {name: 0 for name in EMOTIONS}
    taken: list[str] = []
    ranks: dict[str, list[float]] = {name: [] for name in EMOTIONS[1:]}
    gaps: dict[str, list[float]] = {name: [] for name in EMOTIONS[1:]}
    recordings = 0
    for recording, speech in held_out(options):
        recordings += 1
        plain = engine.animate(speech, body=False)
        assert plain.face is not None
        neutral = geometry.lip_gap(plain.face.expression).numpy()
        for name in EMOTIONS:
            motion = engine.redirect(plain, Direction(emotion=name))
            reading = read_emotion(motion, net, head)
            right[name] += reading.emotion == name
            facs[name] += facs_reading(motion) == name
            if reading.emotion != name:
                taken.append(f"{recording}: {name} taken for {reading.emotion}")
            if name != "neutral":
                assert motion.face is not None
                gap = geometry.lip_gap(motion.face.expression).numpy()
                gaps[name].append(float(np.corrcoef(gap, neutral)[0, 1]))
                measured = [
                    read_emotion(engine.redirect(plain, Direction(emotion=name, intensity=asked)), net, head).intensity
                    for asked in ASKED
                ]
                ranks[name].append(float(np.asarray(spearmanr(ASKED, measured))[0]))
    if not recordings:
        raise Emote3DError(f"expected Asterisk's prompts in {options.sounds}, in en, it, ru, es or fr; found none")
    met = True
    for name in EMOTIONS:
        share = right[name] / recordings
        line = (
            f"{name:10s} recognised {share:.3f}, by FACS' rules {facs[name] / recordings:.3f} ({recordings} recordings)"
        )
        met &= share >= 0.95
        if name in ranks:
            line += f", intensity rank correlation {np.mean(ranks[name]):.3f} (lowest {min(ranks[name]):.3f})"
            line += f", lip gap correlation {np.mean(gaps[name]):.3f} (lowest {min(gaps[name]):.3f})"
            met &= float(np.mean(ranks[name])) >= 0.95 and float(np.mean(gaps[name])) >= 0.90
        print(line, flush=True)
    print("\n".join(taken))
    return bool(met)


def main(options: Options) -> None:
    """Print a line for each setting and each emotion."""
    if options.only != "emotions":
        _settings(options)
    if options.only != "settings" and not emotion_bars(options):
        sys.exit(1)


def _settings(options: Options) -> None:
    engine = Emote3D.from_pretrained(options.checkpoint)
    assert isinstance(engine.face, OpenFace)
    geometry = measure_face(engine.avatar)
    measures = {name: Measure() for name in settings()}
    seen = {name: 0 for name in EMOTIONS}
    ranks: dict[str, list[float]] = {name: [] for name in EMOTIONS[1:]}
    recordings = list(clips(FaceOptions(data=options.data)).values())[: options.clips]

    def gap_of(motion: Motion) -> np.ndarray:
        assert motion.face is not None
        return geometry.lip_gap(motion.face.expression).numpy()

    for recording in recordings:
        speech, phones = recording.speech, recording.phones
        plain = engine.animate(speech)
        loudness = hear(engine.face.audio, speech, MOTION_FPS)[1].numpy()
        neutral = gap_of(plain)
        for name, direction in settings().items():
            motion = engine.redirect(plain, direction)
            measures[name].add(motion, gap_of(motion), neutral, phones, loudness)
        for name in EMOTIONS:
            seen[name] += facs_reading(engine.redirect(plain, Direction(emotion=name))) == name
            if name != "neutral":
                asked = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
                read = [
                    explain(engine.redirect(plain, Direction(emotion=name, intensity=i))).mean_emotion[name]
                    for i in asked
                ]
                ranks[name].append(float(np.asarray(spearmanr(asked, read))[0]))
    for name, measure in measures.items():
        print(f"{name:28s} {measure.line()}")
    for name in EMOTIONS:
        monotonic = (
            f", rank correlation of asked and read intensity {np.mean(ranks[name]):.3f}" if name in ranks else ""
        )
        print(f"{name:10s} seen by explain in {seen[name]}/{len(recordings)} recordings{monotonic}")


if __name__ == "__main__":
    with ending_in_one_line("evaluate_direction"):
        main(tyro.cli(Options))
