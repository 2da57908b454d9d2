"""The body of a stream: it hears what the face hears, a few frames at a time, in a thread that the face never waits for."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.records import BodyMotion, FaceMotion, Motion
from emote3d.stream.model import LIVE_FPS
from emote3d.stream.threads import one_thread

SAMPLE_RATE = 16000
_TIMED_STEPS = 200
_FACE = ("expression", "jaw_axis_angle", "neck_axis_angle", "eyes_axis_angle")


@runtime_checkable
class Gesturing(Protocol):
    """A body that hears one voice from its beginning on."""

    @property
    def step_frames(self) -> int:
        """Frames of sound taken at a time."""
        ...

    @property
    def behind_frames(self) -> int:
        """Frames after its own that are heard before a frame is given, at most."""
        ...

    def hear(self, samples: Float[Tensor, "samples"], emotion: Float[Tensor, "step_frames 8"]) -> BodyMotion:
        """Take the sound and the emotions of the next `step_frames`; gives the next frames, perhaps none."""
        ...


BodyMaker = Callable[[int, BodyMotion | None], Gesturing]
"""Makes a body from a seed and a pose to begin in."""


@dataclass
class _Utterance:
    """What was said between two resets or flushes."""

    steps: deque[Future[BodyMotion]] = field(default_factory=deque)
    faces: list[FaceMotion] = field(default_factory=list)
    """Those of the frames whose body is not given yet."""
    frames: int | None = None
    """How many it has; not known while it goes on."""
    given: int = 0
    heard: int = 0
    """Frames handed to the worker."""

    def take(self, *, wait: bool) -> list[Motion]:
        """Face and body of the next frames that are performed, or, with `wait`, of all."""
        motions = []
        while self.steps and not self.over and (wait or self.steps[0].done()):
            body = self.steps.popleft().result()
            count = len(body.joints_axis_angle)
            if self.frames is not None:
                count = min(count, self.frames - self.given)
            if count:
                face = self._face(count)
                motions.append(Motion(face=face, body=_cut_body(body, slice(count)), fps=LIVE_FPS))
                self.given += count
        return motions

    @property
    def over(self) -> bool:
        """Whether all of it is given."""
        return self.frames is not None and self.given >= self.frames

    def _face(self, count: int) -> FaceMotion:
        """The next faces."""
        face = _joined(self.faces)
        self.faces = [_cut_face(face, slice(count, None))]
        return _cut_face(face, slice(count))


class BodyTrack:
    """Collects steps of sound, has them performed one after the other, and puts the bodies beside the faces of their frames."""

    def __init__(self, make: BodyMaker, seed: int) -> None:
        self._make, self._seeds = make, iter(range(seed, sys.maxsize))
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="emote3d-body")
        self._pose: BodyMotion | None = None
        """The last frame performed. This and the body are the worker's."""
        self._body: Gesturing = make(next(self._seeds), None)
        self.step_frames, self.behind_frames = self._body.step_frames, self._body.behind_frames
        self._took_ms: deque[float] = deque(maxlen=_TIMED_STEPS)
        self._samples: list[Tensor] = []
        self._emotion: list[np.ndarray] = []
        self._utterances = deque([_Utterance()])

    @property
    def look_ahead_ms(self) -> float:
        """Time after a frame until the last sound that it depends on, or waits for, is heard by the face."""
        return 1000 * (self.behind_frames - 1) / LIVE_FPS

    @property
    def compute_ms(self) -> float:
        """99th percentile of what a step took to compute (0 before the first)."""
        return float(np.percentile(self._took_ms, 99)) if self._took_ms else 0.0

    def hear(self, samples: Float[Tensor, "samples"], emotion: Float[np.ndarray, "8"]) -> None:
        """Take what belongs to the next frame; a whole step is handed to the worker."""
        self._samples.append(samples)
        self._emotion.append(emotion)
        if len(self._emotion) == self.step_frames:
            heard, felt = torch.cat(self._samples), torch.from_numpy(np.stack(self._emotion)).float()
            self._samples, self._emotion = [], []
            self._utterances[-1].steps.append(self._worker.submit(self._perform, heard, felt))
            self._utterances[-1].heard += self.step_frames

    def see(self, face: FaceMotion) -> None:
        """Take the faces of the frames that were heard."""
        if len(face.expression):
            self._utterances[-1].faces.append(face)

    def finish(self, frames: int) -> None:
        """The utterance has so many frames: silence follows until the last is performed, and another utterance begins."""
        utterance = self._utterances[-1]
        utterance.frames = frames
        if frames:
            last = self._emotion[-1] if self._emotion else np.eye(8)[0]
            silence = torch.zeros(SAMPLE_RATE // LIVE_FPS)
            while utterance.heard < frames + self.behind_frames:
                self.hear(silence, last)
        self._renew_later()
        self._utterances.append(_Utterance())

    def reset(self) -> None:
        """Another utterance begins: what is not given yet is lost; the body goes on from the pose it has then."""
        self._utterances = deque([_Utterance()])
        self._renew_later()

    def ready(self, *, wait: bool) -> list[Motion]:
        """Face and body of the next frames that are performed; with `wait`, of all that were heard."""
        motions = self._utterances[0].take(wait=wait)
        while self._utterances[0].over and len(self._utterances) > 1:
            self._utterances.popleft()
            motions += self._utterances[0].take(wait=wait)
        return motions

    def close(self) -> None:
        """Let go of the worker; what it has not begun is lost."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _renew_later(self) -> None:
        self._samples, self._emotion = [], []
        self._worker.submit(self._renew)

    def _renew(self) -> None:
        self._body = self._make(next(self._seeds), self._pose)

    def _perform(self, samples: Tensor, emotion: Tensor) -> BodyMotion:
        began_s = time.perf_counter()
        with one_thread():
            body = self._body.hear(samples, emotion)
        if len(body.joints_axis_angle):
            self._pose = _cut_body(body, slice(-1, None))
        self._took_ms.append(1000 * (time.perf_counter() - began_s))
        return body


def _cut_body(body: BodyMotion, place: slice) -> BodyMotion:
    return BodyMotion(joints_axis_angle=body.joints_axis_angle[place], translation_m=body.translation_m[place])


def _cut_face(face: FaceMotion, place: slice) -> FaceMotion:
    return replace(face, **{name: getattr(face, name)[place] for name in _FACE})


def _joined(faces: list[FaceMotion]) -> FaceMotion:
    return replace(faces[0], **{name: torch.cat([getattr(face, name) for face in faces]) for name in _FACE})
