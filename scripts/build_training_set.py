"""Build the phone-timed speech set that teaches the face model: synthetic voices and aligned recordings.

Needs Debian packages (`apt-get install`):
  espeak-ng flite festival festvox-us-slt-hts festvox-kallpc16k festvox-kdlpc16k festvox-czech-{dita,machac,krb,ph}
  festvox-suopuhe-{lj,mv} festvox-ca-ona-hts festival-{hi,te,mr,ca} festvox-{hi,te,mr}-nsk festvox-ru festvox-italp16k festvox-itapc16k
  asterisk-core-sounds-{en,es,fr}{,-g722} tuxpaint-stamps-default fillets-ng-data-{cs,nl} klettres-data ktuberling-data
  flight-of-the-amazon-queen drascula drascula-spanish gcin-voice fortunes fortunes-{de,es,cs,pl,br,bg,ga,eo,zh,it,ru} gnome-user-docs
  rhvoice rhvoice-{english,russian,ukrainian,esperanto,brazilian-portuguese}   (component non-free, for other voices than those used)
PyPI's pypinyin and pocketsphinx, and GCompris' old sounds (emote3d/data/gcompris_speech.py). Files appear as they are made, so a run
may be used before it ends:
  python scripts/build_training_set.py --out /data/speech --hours 10 --data /data/recordings
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np

from emote3d.data.corpus import SpeechEntry, append_index, read_clips, write_clips
from emote3d.data.readers import READERS
from emote3d.data.synthesis import RECORDED_VOICES
from emote3d.data.synthetic_set import Order, make_clips, plan_orders
from emote3d.data.texts import load_sentences
from emote3d.data.timing import boundary_offsets
from emote3d.errors import ending_in_one_line, existing

SHARE_ESPEAK = 0.4
"""Of the synthetic hours; the rest are voices of recorded people."""
REPORT_STEPS = 800
REPORT_KINDS = frozenset({"vowel>stop", "vowel>lip stop", "vowel>sibilant", "sibilant>vowel", "pause>voiced"})


@cache
def sentences(language: str, docs: Path) -> Sequence[str]:
    """Texts of a language, kept for the next order."""
    found = load_sentences(language, docs)
    return [text for text in found if len(text) <= 110]


def fill(order: Order, folder: Path, docs: Path, seed: int) -> list[SpeechEntry]:
    """Make one order's clips and write them."""
    voices = {voice.name: voice for voice in RECORDED_VOICES}
    return write_clips(folder, make_clips(order, lambda language: sentences(language, docs), voices, seed))


def copy(name: str, folder: Path, data: Path) -> list[SpeechEntry]:
    """Read one recorded corpus and write its clips."""
    return write_clips(folder, READERS[name](data))


def timing_report(folder: Path) -> list[str]:
    """Median distance of labelled boundaries from the energy steps near them, by voice, one line each."""
    steps: dict[str, list[float]] = defaultdict(list)
    for clip in read_clips(folder):
        if clip.entry.timed:
            name = (
                clip.entry.source if clip.entry.source == "espeak-ng" else f"{clip.entry.source} {clip.entry.speaker}"
            )
            if len(steps[name]) < REPORT_STEPS:
                steps[name] += [offset for kind, offset in boundary_offsets(clip.speech) if kind in REPORT_KINDS]
    lines: list[str] = []
    for name, found in steps.items():
        middle, size = 1000 * np.median(found or [0.0]), 1000 * np.median(np.abs(found or [0.0]))
        lines.append(f"{name}: median {middle:+.0f} ms, of size {size:.0f} ms, {len(found)} steps")
    return lines


def main() -> None:
    """Build the set named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the set; must not hold an index yet")
    parser.add_argument("--hours", type=float, default=10.0, help="speech of synthetic voices to make")
    parser.add_argument("--data", type=Path, help="folder with facegood, emodb, ljspeech, mfa and asterisk")
    parser.add_argument("--docs", type=Path, default=Path("/usr/share/help"), help="GNOME's user documentation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="languages of espeak-ng and voices to make, the others left out")
    args = parser.parse_args()
    existing(args.docs, "GNOME's user documentation in --docs")
    if args.data is not None:
        existing(args.data, "a folder --data with facegood, emodb, ljspeech, mfa and asterisk")
    args.out.mkdir(parents=True, exist_ok=True)
    if (args.out / "index.jsonl").exists():
        parser.error(f"{args.out} already holds a set: choose an empty folder")
    began = time.monotonic()
    espeak = plan_orders("espeak", args.hours * SHARE_ESPEAK)
    recorded = plan_orders("recorded", args.hours * (1.0 - SHARE_ESPEAK))
    keyed = [((place + 0.5) / len(part), order) for part in (espeak, recorded) for place, order in enumerate(part)]
    orders = [order for _, order in sorted(keyed, key=lambda pair: pair[0]) if not args.only or order.name in args.only]
    made_s = 0.0
    with ProcessPoolExecutor(args.jobs) as pool:
        if args.data is not None:
            for entries in pool.map(partial(copy, folder=args.out, data=args.data), READERS):
                append_index(args.out, entries)
        for entries in pool.map(partial(fill, folder=args.out, docs=args.docs, seed=args.seed), orders):
            append_index(args.out, entries)
            made_s += sum(entry.duration_s for entry in entries)
    print(f"{made_s / 3600:.2f} h of synthetic speech; all in {time.monotonic() - began:.0f} s")
    print("\n".join(timing_report(args.out)))


if __name__ == "__main__":
    with ending_in_one_line("build_training_set"):
        main()
