"""Batches of tracked clips that are a function of seed and step alone: resumable, and the same however many processes share them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from emote3d.data.face_clips import ClipEntry, ClipSet, FaceClip, window
from emote3d.errors import Emote3DError

_MAX_NAMED = 20


class FaceBatch(NamedTuple):
    """Windows of clips, and for each the clip whose emotion it takes in the exchanged half of the batch."""

    waveform: Float[Tensor, "batch samples"]
    expression: Float[Tensor, "batch frames coefficients"]
    jaw_axis_angle: Float[Tensor, "batch frames 3"]
    shape: Float[Tensor, "batch shape"]
    valid: Bool[Tensor, "batch frames"]
    labels: Int[Tensor, "batch 3"]
    """Emotion, intensity and subject."""
    noise: Int[Tensor, "batch"]
    """Seed of each clip's own noise."""
    partner_expression: Float[Tensor, "batch frames coefficients"]
    partner_jaw_axis_angle: Float[Tensor, "batch frames 3"]
    partner_shape: Float[Tensor, "batch shape"]
    partner_valid: Bool[Tensor, "batch frames"]
    partner_labels: Int[Tensor, "batch 3"]


def derangement(emotions: Sequence[int], rng: np.random.Generator) -> Int[np.ndarray, "clips"]:
    """A partner for each clip: never itself, and of another emotion wherever the batch allows it.

    Clips sorted by emotion (in random order within one) are matched with the list turned by the size of the largest
    group; if no emotion fills over half of the batch, that leaves nobody with its own emotion.
    """
    count = len(emotions)
    if count < 2:
        return np.arange(count)
    shuffled = rng.permutation(count)
    labels = np.asarray(emotions)[shuffled]
    kinds = rng.permutation(np.unique(labels))
    order = np.concatenate([shuffled[labels == kind] for kind in kinds])
    turn = max(int((labels == kind).sum()) for kind in kinds)
    turn = min(turn, count - 1)
    partner = np.empty(count, dtype=np.int64)
    partner[order] = np.roll(order, -turn)
    return partner


@runtime_checkable
class StepSource(Protocol):
    """Gives the whole batch of a step, as a named tuple of tensors with a row for each item."""

    def batch(self, step: int, seed: int, batch: int, frames: int) -> Any:
        """So many items of so many frames."""
        ...


class ClipSource:
    """Usable clips of a set, kept in memory; the first look at each decides whether it is usable."""

    def __init__(self, clips: ClipSet, subjects: Sequence[str], coefficients: int, seed: int = 0) -> None:
        """Read all clips.

        Args:
            subjects: of the condition; another person gets one of them at random, always the same.
            coefficients: of the expression to keep.

        Raises:
            Emote3DError: none is left.
        """
        self.skipped: list[str] = list(clips.skipped)
        self._clips: list[tuple[ClipEntry, FaceClip, int]] = []
        for entry in clips.entries:
            try:
                clip = clips.read(entry)
                if clip.expression.shape[1] < coefficients:
                    raise Emote3DError(f"{clip.expression.shape[1]} expression coefficients, expected {coefficients}")
            except Emote3DError as error:
                self.skipped.append(f"{entry.name}: {error}")
                continue
            drawn = int(np.random.default_rng([seed, *entry.subject.encode()]).integers(len(subjects)))
            subject = subjects.index(entry.subject) if entry.subject in subjects else drawn
            self._clips.append((entry, clip, subject))
        self.coefficients = coefficients
        if not self._clips:
            raise Emote3DError(f"no clip can be used; {len(self.skipped)} were skipped, e.g. {self.skipped[:1]}")

    def __len__(self) -> int:
        return len(self._clips)

    def report(self) -> list[str]:
        """One line about each clip that was skipped, the first ones by name."""
        more = len(self.skipped) - _MAX_NAMED
        return self.skipped[:_MAX_NAMED] + ([f"and {more} more"] if more > 0 else [])

    def batch(self, step: int, seed: int, batch: int, frames: int) -> FaceBatch:
        """The batch of a step, whole."""
        rng = np.random.default_rng([seed, step])
        chosen = rng.permutation(len(self._clips))[:batch]
        if len(chosen) < batch:
            chosen = rng.integers(0, len(self._clips), batch)
        rows = [self._clips[index] for index in chosen]
        windows = [window(clip, _start(clip, frames, rng), frames) for _, clip, _ in rows]
        labels = torch.tensor([[entry.emotion, entry.intensity, subject] for entry, _, subject in rows])
        partner = torch.from_numpy(derangement([entry.emotion for entry, _, _ in rows], rng))
        width = max(len(one.shape) for one in windows)

        def stacked(arrays: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.stack(arrays))

        expression = stacked([one.expression[:, : self.coefficients] for one in windows])
        jaw = stacked([one.jaw_axis_angle for one in windows])
        shape = stacked([np.pad(one.shape, (0, width - len(one.shape))) for one in windows])
        valid = stacked([one.valid for one in windows])
        return FaceBatch(
            waveform=stacked([one.waveform for one in windows]),
            expression=expression,
            jaw_axis_angle=jaw,
            shape=shape,
            valid=valid,
            labels=labels,
            noise=torch.from_numpy(rng.integers(0, 2**31, batch)),
            partner_expression=expression[partner],
            partner_jaw_axis_angle=jaw[partner],
            partner_shape=shape[partner],
            partner_valid=valid[partner],
            partner_labels=labels[partner],
        )


def _start(clip: FaceClip, frames: int, rng: np.random.Generator) -> int:
    """A random start whose window has a valid frame."""
    spare = max(0, clip.frames - frames)
    start = int(rng.integers(0, spare + 1))
    if clip.valid[start : start + frames].any():
        return start
    anchor = int(rng.choice(np.flatnonzero(clip.valid)))
    return int(np.clip(anchor - frames // 2, 0, spare))


@dataclass(frozen=True, kw_only=True)
class Share:
    """What part of every batch a process takes."""

    rank: int = 0
    world: int = 1


class StepBatches(IterableDataset[Any]):
    """The batches from a step on, this process's rows of each."""

    def __init__(self, source: StepSource, first_step: int, seed: int, size: tuple[int, int], share: Share) -> None:
        """`size` is rows of the whole batch and frames."""
        self._source, self._first, self._seed, self._size, self._share = source, first_step, seed, size, share
        if size[0] % share.world:
            raise Emote3DError(
                f"a batch of {size[0]} clips cannot be shared by {share.world} processes; give a multiple"
            )

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        first, step_by = (self._first + worker.id, worker.num_workers) if worker else (self._first, 1)
        step = first
        while True:
            whole = self._source.batch(step, self._seed, *self._size)
            yield type(whole)(*(value[self._share.rank :: self._share.world] for value in whole))
            step += step_by
