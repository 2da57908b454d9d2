"""Every set of recorded speech that the training set is made of, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from emote3d.data import (
    bopomofo_speech,
    drascula_speech,
    game_speech,
    gcompris_speech,
    kde_speech,
    queen_speech,
    recordings,
)
from emote3d.data.corpus import SpeechClip

READERS: Final[dict[str, Callable[[Path], Iterator[SpeechClip]]]] = {
    **{f"asterisk-{name}": lambda _, name=name: recordings.asterisk_clips(name) for name in recordings.VOICES},
    **{
        f"tuxpaint-{name}": lambda _, name=name: game_speech.tuxpaint_clips(name)
        for name in game_speech.TUXPAINT_LANGUAGES
    },
    **{
        f"fillets-{name}": lambda _, name=name: game_speech.fillets_clips(name)
        for name in game_speech.FILLETS_LANGUAGES
    },
    **{
        f"klettres-{name}": lambda _, name=name: kde_speech.klettres_clips(name)
        for name in kde_speech.KLETTRES_LANGUAGES
    },
    **{
        f"ktuberling-{name}": lambda _, name=name: kde_speech.ktuberling_clips(name)
        for name in kde_speech.KTUBERLING_LANGUAGES
    },
    **{
        f"gcin-{name}": lambda _, file=file: bopomofo_speech.gcin_clips(file)
        for file, name in bopomofo_speech.PEOPLE.items()
    },
    **{
        f"gcompris-{name}": lambda _, name=name: gcompris_speech.gcompris_clips(name)
        for name in gcompris_speech.LANGUAGES
    },
    **{
        f"drascula-{name}": lambda _, name=name: drascula_speech.drascula_clips(name)
        for name in drascula_speech.LANGUAGES
    },
    "queen": lambda _: queen_speech.queen_clips(),
    "ljspeech": recordings.ljspeech_clips,
    "emodb": recordings.emodb_clips,
    "mfa": recordings.mfa_clips,
    "facegood": recordings.facegood_clips,
}
"""Each takes the folder of recordings (`../shared/data`); those of Debian's packages do not look at it."""
