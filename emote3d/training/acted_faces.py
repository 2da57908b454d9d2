"""The teacher's performances as landmark motion: timed speech acted under random directions, seen on random heads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from emote3d.audio.loudness import frame_loudness
from emote3d.data.acting import act
from emote3d.data.coarticulation import accents, articulate
from emote3d.data.corpus import read_index
from emote3d.data.phones import SYMBOLS
from emote3d.data.timed import TimedSpeech, load_timed
from emote3d.decoders.face import face_from_channels, with_life
from emote3d.decoders.life import Life, draw_life
from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS
from emote3d.perception.landmarks import FRAME_RATE
from emote3d.training.face import draw_direction
from emote3d.training.onlookers import look_at

_SHORTEST_FRAMES = 25
_LIVES = 20
_REUSED, _POOL = 4, 400


@dataclass(frozen=True, kw_only=True)
class SpokenClip:
    """What the teacher needs of a clip, at the networks' frame rate."""

    articulation: Float[np.ndarray, "frames articulation"]
    accent: Float[np.ndarray, "frames"]
    loudness: Float[np.ndarray, "frames"]
    phone: Int[np.ndarray, "frames"]
    """Index into SYMBOLS."""


class ActedBatch(NamedTuple):
    """Acted windows."""

    seen: Float[Tensor, "batch frames 68 3"]
    phone: Int[Tensor, "batch frames"]
    emotion: Float[Tensor, "batch emotions"]
    """Share of each emotion in what is felt, over the window."""
    intensity: Float[Tensor, "batch"]
    """Felt weight, without neutral."""


def spoken_clip(clip: TimedSpeech) -> SpokenClip:
    """Articulation, accents, loudness and phones per frame."""
    frames = int(clip.duration_s * FRAME_RATE)
    loudness = frame_loudness(clip.sound, FRAME_RATE, frames).double().numpy()
    kernel = np.hanning(13) / np.hanning(13).sum()
    phones = np.array([SYMBOLS.index(symbol) for symbol in clip.phone])
    at = np.searchsorted(clip.start_s, np.arange(frames) / FRAME_RATE, side="right") - 1
    return SpokenClip(
        articulation=articulate(clip, loudness, FRAME_RATE),
        accent=accents(clip, loudness, FRAME_RATE),
        loudness=np.convolve(np.pad(loudness, 6, mode="edge"), kernel, mode="valid"),
        phone=phones[at.clip(0)],
    )


def spoken_clips(corpus: Path, split: Literal["train", "heldout"], limit: int, seed: int = 0) -> list[SpokenClip]:
    """Clips of a speech set (see `scripts/build_training_set.py`) with phone times; held-out ones are other voices.

    Raises:
        Emote3DError: no set, or no clip that is long enough.
    """
    entries = [
        entry
        for entry in read_index(corpus)
        if entry.split == split and entry.timed and entry.duration_s * FRAME_RATE > _SHORTEST_FRAMES
    ]
    order = np.random.default_rng(seed).permutation(len(entries))[:limit]
    if not len(order):
        raise Emote3DError(f"{corpus} has no timed clips of the split '{split}'")
    return [spoken_clip(load_timed(corpus / f"{entries[index].id}.npz")) for index in order]


@cache
def _lives(frames: int) -> list[Life]:
    """Blinks and gaze to choose from; drawing them anew for every window would take most of the time."""
    neutral = np.broadcast_to(np.eye(len(EMOTIONS))[0], (frames, len(EMOTIONS)))
    return [
        draw_life(neutral, np.full(frames, 0.6), FRAME_RATE, np.random.default_rng(seed), blink_rate=1.5)
        for seed in range(_LIVES)
    ]


def act_out(
    clip: SpokenClip, frames: int, rng: np.random.Generator
) -> tuple[Float[Tensor, "frames 52"], SpokenClip, Float[np.ndarray, "frames emotions"]]:
    """A random window of a clip under a random direction, with blinks: coefficients, what was spoken, what was felt."""
    spare = len(clip.phone) - frames
    start = int(rng.integers(0, spare + 1)) if spare > 0 else 0
    index = np.minimum(np.arange(start, start + frames), len(clip.phone) - 1)
    window = SpokenClip(**{name: value[index] for name, value in vars(clip).items()})
    emotion, style = draw_direction(rng, frames)
    channels = act(window.articulation, window.accent, window.loudness, emotion, style)
    face = face_from_channels(torch.from_numpy(channels).float())
    if rng.random() < 0.8:
        face = with_life(face, _lives(frames)[int(rng.integers(_LIVES))], 0.0)
    return face.expression, window, emotion


def _as_seen_on_others(seen: Float[Tensor, "frames 68 3"], rng: np.random.Generator) -> Float[Tensor, "frames 68 3"]:
    """Another head: other proportions, landmarks a little elsewhere, a tracker's noise, a head not held quite still."""
    scale = rng.uniform(0.8, 1.25) * rng.uniform(0.9, 1.1, (68, 3))
    place = rng.normal(0, 0.006, (68, 3)) * (rng.random() < 0.7)
    noise = rng.normal(0, rng.uniform(0, 0.004), (len(seen), 68, 3))
    gain = rng.uniform(0.75, 1.2)
    return seen * torch.from_numpy(scale * gain).float() + torch.from_numpy(place + noise).float()


class _Performance(NamedTuple):
    """One acted window."""

    seen: Float[Tensor, "frames 68 3"]
    phone: Int[Tensor, "frames"]
    emotion: Float[Tensor, "emotions"]
    intensity: float


def _performance(clip: SpokenClip, frames: int, rng: np.random.Generator) -> _Performance:
    expression, window, felt = act_out(clip, frames, rng)
    mean = felt.mean(axis=0)
    emotion = torch.from_numpy(mean / mean.sum()).float()
    return _Performance(look_at(expression), torch.from_numpy(window.phone), emotion, float(mean[1:].sum()))


def acted_batches(
    clips: list[SpokenClip], batch: int, frames: int, rng: np.random.Generator, other_heads: bool = True
) -> Iterator[ActedBatch]:
    """Batches without end; a performance serves about `_REUSED` times, on another head each time."""
    pool: deque[_Performance] = deque(maxlen=_POOL)
    while True:
        for index in rng.integers(0, len(clips), max(1, batch // _REUSED) if pool else batch):
            pool.append(_performance(clips[index], frames, rng))
        chosen = [pool[index] for index in rng.permutation(len(pool))[:batch]]
        seen = [_as_seen_on_others(one.seen, rng) if other_heads else one.seen for one in chosen]
        yield ActedBatch(
            torch.stack(seen),
            torch.stack([one.phone for one in chosen]),
            torch.stack([one.emotion for one in chosen]),
            torch.tensor([one.intensity for one in chosen]),
        )
