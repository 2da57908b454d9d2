"""The training set of the body as one long tape: rhythm, emotion, style and what the teacher makes of them, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from emote3d.audio.rhythm import hear_rhythm
from emote3d.data.corpus import read_index
from emote3d.data.gesture import beats_of, gesture
from emote3d.data.timed import SPEECH_RATE, TimedSpeech, join, load_timed, silence
from emote3d.errors import existing
from emote3d.latents.direction import MAX_INTENSITY
from emote3d.names import BODY_STYLES, EMOTIONS
from emote3d.prior.body import channels_from_body
from emote3d.records import Speech
from emote3d.training.body import BodyBatch
from emote3d.training.tape_folder import TapeWriter

FPS = 30
MEMBERS = ("content", "emotion", "style", "motion")
SPOKEN = "spoken.npy"
"""Of a recorded tape: whether a performance has speech."""
_STREAM_S = 45.0
_SHORTEST_CLIP_S = 1.2
_PAUSES_S, _SILENCES_S, _SILENCE_SHARE = (0.15, 1.6), (2.0, 9.0), 0.07
"""Lengths of the pauses between clips, of the few long ones, and how many are long."""


def draw_emotion(rng: np.random.Generator, frames: int) -> Float[np.ndarray, "frames 8"]:
    """Neutral, one emotion or two, at a random strength; sometimes changing once."""

    def weights() -> np.ndarray:
        emotion = np.zeros(len(EMOTIONS))
        if rng.random() > 0.22:
            chosen = rng.choice(np.arange(1, len(EMOTIONS)), size=1 + (rng.random() < 0.15), replace=False)
            emotion[chosen] = rng.dirichlet(np.ones(len(chosen))) * rng.uniform(0.3, MAX_INTENSITY)
        emotion[0] = max(0.0, 1 - emotion.sum())
        return emotion

    mix = np.zeros(frames)
    if rng.random() < 0.3:
        mix = 1 / (1 + np.exp(-(np.arange(frames) - rng.uniform(0.2, 0.8) * frames) / rng.uniform(4, 15)))
    return weights() * (1 - mix)[:, None] + weights() * mix[:, None]


def draw_style(rng: np.random.Generator) -> Float[np.ndarray, "styles"]:
    """A random body style."""
    return np.where(rng.random(len(BODY_STYLES)) < 0.3, 0.0, rng.uniform(-1, 1, len(BODY_STYLES)))


def _stream(folder: Path, names: Sequence[str], durations: dict[str, float], rng: np.random.Generator) -> TimedSpeech:
    """Clips in a row with pauses between them."""
    parts, total_s = [silence(rng.uniform(0.2, 1.5))], 0.0
    while total_s < _STREAM_S:
        name = names[int(rng.integers(len(names)))]
        lengths = _SILENCES_S if rng.random() < _SILENCE_SHARE else _PAUSES_S
        parts += [load_timed(folder / f"{name}.npz"), silence(float(np.exp(rng.uniform(*np.log(lengths)))))]
        total_s += durations[name] + 0.6
    return join(parts)


def _heard(clip: TimedSpeech, rng: np.random.Generator) -> Speech:
    """The recording as some microphone gives it: at another level, with noise."""
    samples = clip.waveform.astype(np.float32) / 32768 * float(10 ** rng.uniform(-0.8, 0.0))
    if rng.random() < 0.5:
        colour = np.convolve(rng.normal(size=len(samples)), np.ones(int(rng.integers(1, 6))) / 2, mode="same")
        samples = samples + colour.astype(np.float32) * np.abs(samples).max() * float(10 ** rng.uniform(-3.2, -1.7))
    return Speech(waveform=torch.from_numpy(samples.astype(np.float32)), sample_rate=SPEECH_RATE)


def build_body_tape(corpus: Path, out: Path, *, hours: float, seed: int = 0) -> float:
    """Let the teacher perform `hours` of speech of a set (see `scripts/build_training_set.py`); gives the hours made.

    Clips held out or without phone times are left out; emotion and style are drawn without regard to the speech, so that the
    networks learn them apart.
    """
    entries = [
        one for one in read_index(corpus) if one.split == "train" and one.timed and one.duration_s > _SHORTEST_CLIP_S
    ]
    durations = {entry.id: entry.duration_s for entry in entries}
    rng = np.random.default_rng(seed)
    tape, made = TapeWriter(out, MEMBERS), 0
    while made < hours * 3600 * FPS:
        clip = _stream(corpus, list(durations), durations, rng)
        rhythm = hear_rhythm(_heard(clip, rng), FPS)
        frames = len(rhythm.loudness) // FPS * FPS
        emotion, style = draw_emotion(rng, frames), draw_style(rng)
        beats = beats_of(clip, rhythm.loudness[:frames].double().numpy(), FPS)
        body = gesture(beats, emotion, style, FPS, rng.spawn(1)[0])
        tape.add(
            {
                "content": rhythm.features[:frames].numpy(),
                "emotion": emotion,
                "style": np.broadcast_to(style, (frames, len(style))),
                "motion": channels_from_body(body).numpy(),
            }
        )
        made += frames
    tape.close()
    return made / FPS / 3600


class BodyTape:
    """Random windows of a tape folder; none crosses from one performance to the next."""

    def __init__(self, folder: Path, spoken_only: bool = False) -> None:
        """`spoken_only`: leave out performances without speech, which recorded tapes may have."""
        existing(folder / "starts.npy", "a body tape, which make-tape writes")
        self._members = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in MEMBERS}
        starts = np.load(folder / "starts.npy")
        spans = list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
        spoken = np.load(folder / SPOKEN) if (folder / SPOKEN).is_file() else np.ones(len(spans), bool)
        self.spoken = bool(spoken.all())
        """Whether all of it has speech."""
        if spoken_only:
            spans = [span for span, heard in zip(spans, spoken, strict=True) if heard]
        self._spans = spans

    def __len__(self) -> int:
        return len(self._spans)

    def draw(self, batch: int, frames: int, rng: np.random.Generator) -> BodyBatch:
        """One batch of windows."""
        rows = []
        for index in rng.integers(0, len(self._spans), batch):
            start, end = self._spans[index]
            first = int(rng.integers(start, max(start, end - frames) + 1))
            rows.append(slice(first, first + frames))
        cut = {
            name: torch.from_numpy(np.stack([array[row] for row in rows])).float()
            for name, array in self._members.items()
        }
        return BodyBatch(cut["motion"], cut["content"], cut["emotion"], cut["style"][:, :1])

    def batches(self, batch: int, frames: int, seed: int) -> Iterator[BodyBatch]:
        """Batches without end."""
        rng = np.random.default_rng(seed)
        while True:
            yield self.draw(batch, frames, rng)
