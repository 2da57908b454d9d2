"""Phone times of a speech set anew: the phones of a recording stay, their boundaries go where the trained encoder hears them.

The first times come from an aligner that knows English sounds alone (`data/alignment.py`); this is the usual second pass of
speech recognisers, Viterbi training (Juang and Rabiner 1990), once there is a reader of all the phones.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from emote3d.audio.encoder import CompactEncoder, CompactEncoderConfig
from emote3d.audio.hearing import hear
from emote3d.audio.lips import PhoneReader, PhoneReaderConfig
from emote3d.checkpoint import load_component
from emote3d.data.corpus import INDEX_NAME, SpeechClip, SpeechEntry, append_index, read_index, write_clips
from emote3d.data.phones import SILENCE, SYMBOLS
from emote3d.data.timed import TimedSpeech, load_timed
from emote3d.errors import Emote3DError
from emote3d.training.tape import SYNTHETIC

_RATE = 100
"""Frames per second in which boundaries are sought."""
_REACH_S = 0.5
"""So far a boundary may move."""
_KEPT_S = 0.05
"""A phone keeps two thirds of its length up to this much, heard or not: else a quarter of the f and v would all but vanish, and not be learned."""
_LEAST_LOG = -8.0
"""Log-probability that no phone falls below: one frame must not forbid a path."""
_HEARD_LOG = -2.3
"""Mean log-probability of its phones from which a clip is believed to say its text (5% of the recordings lie below)."""


@dataclass(frozen=True, kw_only=True)
class Realigned:
    """A clip with its boundaries moved."""

    speech: TimedSpeech
    """The same sound and phones."""
    heard: float
    """Mean log-probability of the phones but pauses."""

    @property
    def timed(self) -> bool:
        """Whether the phones are heard well enough to teach from."""
        return self.heard >= _HEARD_LOG


class Realigner:
    """Hears phones by the encoder and phone reader of a face."""

    def __init__(self, checkpoint: Path) -> None:
        """Load them.

        Raises:
            Emote3DError: one of them is missing or damaged.
        """
        self._encoder = load_component(checkpoint / "audio", CompactEncoder, CompactEncoderConfig).eval()
        self._reader = load_component(checkpoint / "phones", PhoneReader, PhoneReaderConfig)

    def __call__(self, clip: TimedSpeech) -> Realigned | None:
        """The most probable boundaries within reach of those there are; None for a clip too short for its phones."""
        phones = np.array([SYMBOLS.index(symbol) for symbol in clip.phone])
        logs = self._heard(clip)[:, phones]
        near = np.round(clip.start_s * _RATE).astype(int)
        least = np.clip(np.diff(near, append=len(logs)) * 2 // 3, 1, round(_KEPT_S * _RATE))
        if len(logs) < least.sum():
            return None
        starts = best_starts(logs, near, round(_REACH_S * _RATE), least)
        edges = np.clip((starts[1:] - 0.5) / _RATE, 0.0, clip.duration_s).astype(np.float32)
        owner = np.searchsorted(starts, np.arange(len(logs)), side="right") - 1
        spoken = np.array(clip.phone)[owner] != SILENCE
        heard = logs[np.arange(len(logs)), owner][spoken]
        moved = replace(
            clip,
            start_s=np.concatenate([clip.start_s[:1], edges]),
            end_s=np.concatenate([edges, clip.end_s[-1:]]),
        )
        return Realigned(speech=moved, heard=float(heard.mean()) if len(heard) else 0.0)

    def _heard(self, clip: TimedSpeech) -> Float[np.ndarray, "frames phones"]:
        """Log-probabilities of all phones."""
        with torch.inference_mode():
            features = hear(self._encoder, clip.sound, _RATE)[0].features
            return self._reader(features).log_softmax(dim=1).clamp(min=_LEAST_LOG).numpy()


def best_starts(
    logs: Float[np.ndarray, "frames phones"],
    near: Int[np.ndarray, "phones"],
    reach: int,
    least: Int[np.ndarray, "phones"],
) -> Int[np.ndarray, "phones"]:
    """The frames where the phones of a sequence begin on its most probable path.

    Args:
        logs: log-probability of each phone of the sequence in each frame.
        near: frames where they began so far.
        reach: frames by which a beginning may lie off from that, where room for all phones allows it.
        least: frames that each phone lasts at least, 1 or more; no more in all than there are.
    """
    import librosa

    frames, states = len(logs), int(least.sum())
    firsts = np.cumsum(least) - least
    place, frame = np.arange(states), np.arange(frames)[:, None]
    earliest, latest = place.copy(), frames - states + place
    earliest[firsts], latest[firsts] = (
        np.clip(near + far, earliest[firsts], latest[firsts]) for far in (-reach, reach)
    )
    allowed = (frame >= earliest) & (frame < np.append(latest[1:], frames))
    cost = np.where(allowed, -np.repeat(logs, least, axis=1), np.inf)
    _, path = librosa.sequence.dtw(C=cost.T, step_sizes_sigma=np.array([[0, 1], [1, 1]]))
    return path[::-1, 1][np.searchsorted(path[::-1, 0], firsts)]


def realign_set(corpus: Path, out: Path, checkpoint: Path) -> tuple[int, int]:
    """Write a speech set again with the boundaries of its recordings of people moved; synthetic voices and what is held out keep theirs.

    Returns how many clips were moved, and how many of them are heard too badly to teach from: those become untimed.

    Raises:
        Emote3DError: there is no set, or `out` already holds one.
    """
    entries = read_index(corpus)
    if (out / INDEX_NAME).exists():
        raise Emote3DError(f"expected a folder without a set, got {out}: choose another")
    out.mkdir(parents=True, exist_ok=True)
    listen = Realigner(checkpoint)
    written = list(_moved(entries, corpus, out, listen))
    append_index(out, written)
    return sum(map(_moves, entries)), sum(entry.timed for entry in entries) - sum(entry.timed for entry in written)


def _moves(entry: SpeechEntry) -> bool:
    """Whether a clip teaches by times that an aligner gave it."""
    return entry.timed and entry.split == "train" and entry.source not in SYNTHETIC


def _moved(entries: list[SpeechEntry], corpus: Path, out: Path, listen: Realigner) -> Iterator[SpeechEntry]:
    """Write the clips one by one, moved or as they are."""
    for entry in entries:
        if not _moves(entry):
            shutil.copyfile(corpus / f"{entry.id}.npz", out / f"{entry.id}.npz")
            yield entry
            continue
        speech = load_timed(corpus / f"{entry.id}.npz")
        new = listen(speech)
        timed = new is not None and new.timed
        clip = SpeechClip(entry=replace(entry, timed=timed), speech=new.speech if new is not None else speech)
        yield from write_clips(out, [clip])
