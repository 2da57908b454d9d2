"""Measure whether nods, raised brows and blinks go with real speech in several languages, against chance:

    PYTHONPATH=. python scripts/evaluate_life.py [--live] [--sample] [--seeds 2]

Of the longest Asterisk prompts up to 22 s of each language, and LJSpeech and `mfa` where there is `--data`. "Near an accent" means within
150 ms of one of the stronger half of the accents (`emote3d.audio.rhythm`); chance is that of the same events shifted around the clip. For
`mfa` also against accents found in another way: stressed vowels of the hand-checked phones that stand out (`emote3d.data.coarticulation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from scipy.signal import find_peaks

from emote3d import Direction, Emote3D
from emote3d.audio.load import load_speech
from emote3d.audio.loudness import frame_loudness
from emote3d.audio.rhythm import hear_rhythm
from emote3d.data.coarticulation import accents
from emote3d.data.labels import textgrid_speech
from emote3d.errors import Emote3DError, ending_in_one_line
from emote3d.metrics.beats import Share, near_times, share_in, speech_beats
from emote3d.metrics.explain import Explanation, explain
from emote3d.pipeline import MOTION_FPS
from emote3d.records import Motion, Speech


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    data: Path = Path("../shared/data")
    """Folder with `ljspeech` and `mfa`; left out where it is missing."""
    sounds: Path = Path("/usr/share/asterisk/sounds")
    """Folder with Asterisk's prompts."""
    voices: tuple[str, ...] = (
        "en_US_f_Allison",
        "es_MX_f_Allison",
        "fr_CA_f_June",
        "it_IT_m_Carlo",
        "ru_RU_f_IvrvoiceRU",
    )
    prompts: int = 3
    """How many of each."""
    seeds: int = 2
    live: bool = False
    """The live face instead of the offline one."""
    sample: bool = False
    """The sampled face."""
    checkpoint: Path | None = None


def recordings(options: Options) -> Iterator[tuple[str, Speech]]:
    """Names and recordings."""
    for voice in options.voices:
        found = {path for path in (options.sounds / voice).rglob("*.g722") if 4 <= path.stat().st_size / 8000 <= 22}
        for path in sorted(found, key=lambda one: (-one.stat().st_size, one.name))[: options.prompts]:
            yield f"{voice}/{path.stem}", load_speech(path)
    for path in ("ljspeech/LJ001-0001.wav", "ljspeech/LJ001-0003.wav", "mfa/acoustic_corpus.wav"):
        if (options.data / path).exists():
            yield path, load_speech(options.data / path)


def stressed(data: Path, speech: Speech) -> np.ndarray:
    """Times of the accents that the phones of `mfa` show, the stronger half."""
    timed = textgrid_speech(speech.waveform.numpy(), data / "mfa" / "acoustic_corpus.TextGrid")
    frames = round(speech.duration_s * MOTION_FPS)
    curve = accents(timed, frame_loudness(speech, MOTION_FPS, frames).double().numpy(), MOTION_FPS)
    peaks = find_peaks(curve, height=1e-3)[0]
    return peaks[curve[peaks] >= np.median(curve[peaks])] / MOTION_FPS


def pooled(shares: list[Share]) -> str:
    """All events together."""
    events = sum(share.events for share in shares)
    there, chance = (
        sum(share.events * getattr(share, name) for share in shares if share.events) / max(1, events)
        for name in ("there", "chance")
    )
    return f"{100 * there:.1f}% of {events} (chance {100 * chance:.1f}%)"


def main(options: Options) -> None:
    """Print the figures."""
    torch.set_num_threads(1)
    engine = Emote3D.from_pretrained(options.checkpoint)
    found, minutes, independent = [], 0.0, []

    def performed(speech: Speech, seed: int) -> Motion:
        if options.live:
            return engine.live.perform(speech, Direction(), seed=seed)
        return engine.animate(speech, Direction(sample=options.sample), seed=seed, body=False)

    for name, speech in recordings(options):
        rhythm = hear_rhythm(speech, MOTION_FPS)
        for seed in range(options.seeds):
            explanation: Explanation = explain(performed(speech, seed))
            found.append(speech_beats(explanation, rhythm))
            minutes += speech.duration_s / 60
            if name.startswith("mfa"):
                near = near_times(stressed(options.data, speech), len(rhythm.accents), MOTION_FPS)
                independent.append(
                    [share_in(events, near, MOTION_FPS) for events in (explanation.nods, explanation.raises)]
                )
    if not found:
        raise Emote3DError(f"expected recordings in {options.sounds} or {options.data}; found none")
    for name in ("nods", "raises", "blinks"):
        shares = [getattr(one, name) for one in found]
        where = "in pauses" if name == "blinks" else "near an accent"
        print(f"{name:7s} {sum(share.events for share in shares) / minutes:.1f} a minute; {where}: {pooled(shares)}")
    if independent:
        print("mfa, near stressed vowels: nods", *map(pooled, [[a for a, _ in independent]]), end="; ")
        print("raises", *map(pooled, [[b for _, b in independent]]))


if __name__ == "__main__":
    with ending_in_one_line("evaluate_life"):
        main(tyro.cli(Options))
