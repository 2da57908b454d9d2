"""Build the phone-timed speech set that teaches the face model: synthetic voices and aligned recordings.

Needs Debian packages:
  apt-get install espeak-ng flite festival festvox-us-slt-hts festvox-kallpc16k festvox-kdlpc16k festvox-czech-{dita,machac,krb,ph} \
    festvox-suopuhe-{lj,mv} festvox-ca-ona-hts festival-{hi,te,mr,ca} festvox-{hi,te,mr}-nsk asterisk-core-sounds-{en,es,fr}-g722 \
    fortunes fortunes-{de,es,cs,pl,br,bg,ga,eo,zh} gnome-user-docs
and PyPI's pypinyin and pocketsphinx. Files appear as they are made, so a run may be used before it ends:
  python scripts/build_speech_set.py --out /data/speech --hours 10 --data /data/recordings
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

from emote3d.data.corpus import SpeechEntry, append_index, write_clips
from emote3d.data.synthesis import RECORDED_VOICES
from emote3d.data.synthetic_set import Order, make_clips, plan_orders
from emote3d.data.texts import load_sentences

SHARE_ESPEAK = 0.42
SHARE_RECORDED = 0.42


@cache
def sentences(language: str, docs: Path) -> Sequence[str]:
    """Texts of a language, kept for the next order."""
    found = load_sentences(language, docs)
    return [text for text in found if len(text) <= 110]


def fill(order: Order, folder: Path, docs: Path, seed: int) -> list[SpeechEntry]:
    """Make one order's clips and write them."""
    voices = {voice.name: voice for voice in RECORDED_VOICES}
    return write_clips(folder, make_clips(order, lambda language: sentences(language, docs), voices, seed))


def main() -> None:
    """Build the set named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the set; must not hold an index yet")
    parser.add_argument("--hours", type=float, default=10.0, help="synthetic and recorded speech to make, in all")
    parser.add_argument("--data", type=Path, help="folder with facegood, emodb, ljspeech, mfa and asterisk; without it only voices")
    parser.add_argument("--docs", type=Path, default=Path("/usr/share/help"), help="GNOME's user documentation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if (args.out / "index.jsonl").exists():
        parser.error(f"{args.out} already holds a set: choose an empty folder")
    began = time.monotonic()
    espeak = plan_orders("espeak", args.hours * SHARE_ESPEAK)
    recorded = plan_orders("recorded", args.hours * SHARE_RECORDED)
    orders = [order for _, order in sorted(
        [((i + 0.5) / len(espeak), o) for i, o in enumerate(espeak)] + [((i + 0.5) / len(recorded), o) for i, o in enumerate(recorded)],
        key=lambda pair: pair[0],
    )]  # fmt: skip
    made_s = 0.0
    with ProcessPoolExecutor(args.jobs) as pool:
        for entries in pool.map(partial(fill, folder=args.out, docs=args.docs, seed=args.seed), orders):
            append_index(args.out, entries)
            made_s += sum(entry.duration_s for entry in entries)
    print(f"{made_s / 3600:.2f} h of synthetic speech in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
