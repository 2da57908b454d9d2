"""Clips of the synthetic part of a speech set: which voices say what, how, and with which pauses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

import numpy as np

from emote3d.data.corpus import SpeechClip, SpeechEntry
from emote3d.data.espeak import Espeak, EspeakVoice
from emote3d.data.phones import SILENCE
from emote3d.data.synthesis import RecordedVoice, speak_festival, speak_flite, speak_rhvoice
from emote3d.data.timed import TimedSpeech, join, silence, trimmed
from emote3d.errors import Emote3DError

ESPEAK_LANGUAGES: Final[Mapping[str, float]] = {
    "en-us": 5, "en-gb": 3, "en-gb-scotland": 1, "de": 3, "fr-fr": 3, "es": 2, "es-419": 2, "pt": 1, "pt-br": 2,
    "nl": 1, "sv": 1, "da": 1, "pl": 1, "cs": 1, "hu": 1, "fi": 1, "el": 1, "tr": 1, "uk": 1, "bg": 1, "ro": 1,
    "ca": 1, "eo": 1, "hi": 1, "te": 1, "mr": 1, "ko": 1, "cmn-latn-pinyin": 4, "fa": 1, "id": 1, "hr": 1, "lv": 1,
    "ru": 3, "it": 2,
}  # fmt: skip
"""Languages with their weight."""
MALE_VARIANTS: Final = (
    "m1", "m3", "m4", "m5", "m6", "m7", "m8", "Alex", "Andy", "Denis", "Gene", "Gene2", "Jacky", "Lee", "Mario",
    "Michael", "Mike", "adam", "antonio", "benjamin", "boris", "caleb", "david", "ed", "edward", "edward2",
    "grandpa", "gustave", "iven", "iven2", "iven3", "iven4", "john", "kaukovalta", "klatt", "klatt2", "klatt3",
    "klatt4", "marcelo", "max", "norbert", "paul", "pedro", "quincy", "rob", "robert", "sandro", "travis",
    "victor", "zac", "croak", "whisper",
)  # fmt: skip
"""Voice variants without echo (an echo fills the closures that give the stops their times)."""
FEMALE_VARIANTS: Final = (
    "f1", "Andrea", "Annie", "anika", "aunty", "belinda", "grandma", "shelby", "steph", "steph2", "steph3",
    "whisperf",
)  # fmt: skip
"""The same for women."""
RECORDED_WEIGHTS: Final[Mapping[str, float]] = {
    "slt": 9, "rms": 10, "awb": 10, "kal16": 5, "kal_diphone": 4, "ked_diphone": 5, "cmu_us_slt_arctic_hts": 8,
    "czech_dita": 8, "czech_machac": 8, "czech_krb": 5, "czech_ph": 5, "suo_fi_lj_diphone": 5,
    "hy_fi_mv_diphone": 5, "upc_ca_ona_hts": 7, "hindi_NSK_diphone": 2, "marathi_NSK_diphone": 2,
    "telugu_NSK_diphone": 2, "msu_ru_nsh_clunits": 8, "lp_diphone": 3, "pc_diphone": 3,
    "bdl": 12, "clb": 12, "alan": 12, "aleksandr": 12, "anna": 12, "elena": 12, "irina": 12, "anatol": 12, "natalia": 12,
    "spomenka": 10, "Leticia-F123": 12,
}  # fmt: skip
"""Share of each recorded voice."""
_HELDOUT_SHARE: Final = 0.04
_SHARE_FEMALE: Final = 0.45
_SHARE_LONG: Final = 0.3
_EDGE_S: Final = 0.25
_LONGEST_PHONE_S: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class Order:
    """One voice's worth of clips, made by one process."""

    engine: Literal["espeak", "recorded"]
    """Which synthesiser."""
    name: str
    """Language of espeak-ng, or name of a recorded voice."""
    number: int
    """Distinguishes the orders of a name; with the seed it fixes every random choice."""
    target_s: float
    """How much speech to make."""


def _choose(rng: np.random.Generator, sentences: Sequence[str]) -> list[str]:
    """The sentences of one clip: usually one, else two to six."""
    count = int(rng.integers(2, 7)) if rng.random() < _SHARE_LONG else 1
    return [sentences[int(index)] for index in rng.integers(0, len(sentences), size=count)]


def _assemble(rng: np.random.Generator, parts: Sequence[TimedSpeech]) -> TimedSpeech:
    """Spoken sentences with pauses of 0.3 to 1.5 s between them and short ones at the ends."""
    pieces = [silence(float(rng.uniform(0.02, _EDGE_S)))]
    for index, part in enumerate(parts):
        if index:
            pieces.append(silence(float(rng.uniform(0.3, 1.5))))
        pieces.append(trimmed(part, 0.05))
    pieces.append(silence(float(rng.uniform(0.05, _EDGE_S))))
    return join(pieces)


@cache
def _espeak() -> Espeak:
    """The one synthesiser of this process."""
    return Espeak()


def _espeak_clip(rng: np.random.Generator, sentences: Sequence[str], voice: EspeakVoice) -> TimedSpeech:
    """One clip in a voice whose rate, pitch and loudness vary a little by sentence."""
    manner = replace(
        voice,
        rate_wpm=int(rng.uniform(120, 240)),
        pitch=int(np.clip(rng.normal(50, 20), 5, 95)),
        pitch_range=int(rng.uniform(15, 95)),
        volume=int(rng.uniform(50, 100)),
    )
    parts: list[TimedSpeech] = []
    for text in _choose(rng, sentences):
        now = replace(
            manner,
            rate_wpm=round(manner.rate_wpm * rng.uniform(0.92, 1.08)),
            pitch=int(np.clip(manner.pitch + rng.normal(0, 4), 0, 99)),
        )
        parts.append(_espeak().speak(text, now))
    return _assemble(rng, parts)


def _espeak_clips(rng: np.random.Generator, order: Order, sentences: Sequence[str]) -> tuple[str, list[TimedSpeech]]:
    """Speaker name and clips of one espeak-ng voice."""
    voice = EspeakVoice(
        language=order.name,
        variant=str(rng.choice(np.array(FEMALE_VARIANTS if rng.random() < _SHARE_FEMALE else MALE_VARIANTS))),
    )
    clips: list[TimedSpeech] = []
    while sum(clip.duration_s for clip in clips) < order.target_s:
        clips.append(_espeak_clip(rng, sentences, voice))
    return voice.name, clips


def _is_sound(clip: TimedSpeech) -> bool:
    """Whether no phone is stretched beyond what people do, as a voice's rare failures are."""
    lengths = clip.end_s - clip.start_s
    return all(
        length < _LONGEST_PHONE_S for length, symbol in zip(lengths, clip.phone, strict=True) if symbol != SILENCE
    )


def _recorded_clips(
    rng: np.random.Generator, order: Order, sentences: Sequence[str], voice: RecordedVoice
) -> list[TimedSpeech]:
    """Clips of one recorded voice at one speaking rate."""
    stretch = float(rng.uniform(0.78, 1.3)) if voice.stretchable else 1.0
    plans = [_choose(rng, sentences) for _ in range(max(1, round(order.target_s / 7.5)))]
    texts = [text for plan in plans for text in plan]
    if voice.engine == "festival":
        spoken = speak_festival(texts, voice, stretch)
    else:
        speak = speak_flite if voice.engine == "flite" else speak_rhvoice
        spoken = [speak(text, voice, stretch) for text in texts]
    waiting = iter(spoken)
    clips: list[TimedSpeech] = []
    for plan in plans:
        parts = [part for part in (next(waiting) for _ in plan) if part is not None and _is_sound(part)]
        if parts:
            clips.append(_assemble(rng, parts))
    return clips


def make_clips(
    order: Order, sentences: Callable[[str], Sequence[str]], voices: Mapping[str, RecordedVoice], seed: int
) -> list[SpeechClip]:
    """The clips of an order; the same seed makes the same choices, whatever else is made.

    espeak-ng carries its oscillators' phase from call to call, so its samples and durations differ by some milliseconds.

    Raises:
        Emote3DError: the order names no voice of `voices`.
    """
    rng = np.random.default_rng([seed, order.number, *order.name.encode()])
    split: Literal["train", "heldout"] = "heldout" if rng.random() < _HELDOUT_SHARE else "train"
    if order.engine == "espeak":
        language = order.name
        speaker, clips = _espeak_clips(rng, order, sentences(language))
    else:
        if order.name not in voices:
            raise Emote3DError(f"expected a voice of {sorted(voices)}, got '{order.name}'")
        voice = voices[order.name]
        speaker, language = voice.name, voice.language
        clips = _recorded_clips(rng, order, sentences(language), voice)
    source = "espeak-ng" if order.engine == "espeak" else voices[order.name].engine
    stem = f"{source}-{order.name}-{order.number:04d}"
    return [
        SpeechClip(
            entry=SpeechEntry(
                id=f"{stem}-{index:03d}",
                source=source,
                speaker=speaker,
                language=language,
                emotion=None,
                split=split,
                duration_s=round(clip.duration_s, 4),
                timed=True,
            ),
            speech=clip,
        )
        for index, clip in enumerate(clips)
    ]


def plan_orders(engine: Literal["espeak", "recorded"], hours: float, chunk_s: float = 90.0) -> list[Order]:
    """Orders of one engine adding up to `hours`, interleaved so that any prefix is diverse."""
    weights = ESPEAK_LANGUAGES if engine == "espeak" else RECORDED_WEIGHTS
    total = sum(weights.values())
    keyed: list[tuple[float, Order]] = []
    for name, weight in weights.items():
        count = max(1, round(hours * 3600.0 * weight / total / chunk_s))
        orders = [Order(engine=engine, name=name, number=number, target_s=chunk_s) for number in range(count)]
        keyed += [((number + 0.5) / count, order) for number, order in enumerate(orders)]
    return [order for _, order in sorted(keyed, key=lambda pair: pair[0])]
