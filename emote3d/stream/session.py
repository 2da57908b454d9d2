"""One voice, live: samples in as they come, motion out frame by frame."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.rhythm_stream import AccentStream
from emote3d.decoders.face import CHANNELS, face_from_channels, with_life
from emote3d.decoders.life import Life, LifeStream, join_lives
from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction
from emote3d.records import Motion
from emote3d.stream.contacts import Contacts
from emote3d.stream.directing import Steered, Steering
from emote3d.stream.gestures import BodyMaker, BodyTrack
from emote3d.stream.incremental import DecoderStream, EncoderStream, PriorStream
from emote3d.stream.model import LIVE_FPS, LIVE_LEAD_S, LiveModel, loudness_of
from emote3d.stream.posture import Posture
from emote3d.stream.resting import Resting
from emote3d.stream.threads import one_thread
from emote3d.stream.voice import VoiceTrack

_BLEND_FRAMES = 5
"""Frames over which the face leaves the pose it had at a reset."""
_MOST_FRAMES = 30
"""Frames of one Motion, so that a long chunk is answered in pieces."""
_TIMED_FRAMES = 600

Pcm = np.ndarray | Tensor | bytes
"""Mono sound at the stream's rate: floats in [-1, 1], int16, or the bytes of little-endian int16."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What lies between a sound and the frame that shows it, in milliseconds; playing the sound so much later is in sync."""

    look_ahead_ms: float
    """Sound after a frame that the frame depends on."""
    hop_ms: float
    """Time between frames: a sound shows in the next one."""
    compute_ms: float
    """99th percentile of what a frame took to compute so far (0 before the first)."""
    smoothing_ms: float
    """Delay of smoothing on the lips: none."""
    direction_ms: float
    """After `direct`, until 95% of the new emotion show; the lips do not wait for it."""
    body_look_ahead_ms: float | None = None
    """Sound after a body frame that it depends on or waits for; None without a body. The face does not wait for it."""
    body_compute_ms: float | None = None
    """99th percentile of what the body took to compute a step so far."""

    @property
    def total_ms(self) -> float:
        """Sum of the terms that a sound goes through."""
        return self.look_ahead_ms + self.hop_ms + self.compute_ms + self.smoothing_ms


class Stream:
    """A context manager around `feed`; the same samples give the same frames, however they are cut into chunks.

    With a body, `bodies` gives whole motions later on; the body is computed in a thread of its own.
    """

    def __init__(
        self,
        model: LiveModel,
        direction: Direction,
        look_ahead_ms: float = 80.0,
        seed: int = 0,
        body: BodyMaker | None = None,
    ) -> None:
        self.model, self.timing = model, model.timing(look_ahead_ms)
        self._life, self._posture = LifeStream(LIVE_FPS, np.random.default_rng(seed), LIVE_LEAD_S), Posture()
        self._steering = Steering(direction)
        self._voice = VoiceTrack(model.voice)
        self._last: Tensor | None = None
        self._took_ms: deque[float] = deque(maxlen=_TIMED_FRAMES)
        self._body = None if body is None else BodyTrack(body, seed)
        self._begin()

    def _begin(self) -> None:
        """Forget the sound."""
        model = self.model
        self._encoder = EncoderStream(model.audio, self.timing.look_ahead)
        self._decoder, self._prior = DecoderStream(model.decoder), PriorStream(model.prior.decoder)
        self._waiting: list[Tensor] = []
        self._features, self._levels = _Rows(), _Rows()
        self._accents = AccentStream(self.sample_rate, LIVE_FPS)
        self._contacts, self._resting = Contacts(LIVE_FPS), Resting(model.silent, LIVE_FPS)
        self._taken = 0
        self.samples = 0
        """Samples fed since the beginning or the last reset."""
        self.frames = 0
        """Frames made since then; frame k is at k / 30 s of the sound."""
        self._left: Tensor | None = self._last

    def __enter__(self) -> Stream:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what is still waiting."""
        self._begin()
        self.close()

    def close(self) -> None:
        """End the threads of voice and body, if there are any; there is no body any more then."""
        self._voice.close()
        if self._body is not None:
            self._body.close()
            self._body = None

    @property
    def sample_rate(self) -> int:
        """Samples per second that `feed` expects."""
        return self.model.encoder_config.sample_rate

    @property
    def latency(self) -> Latency:
        """Every term of the delay."""
        took, body = np.percentile(self._took_ms, 99) if self._took_ms else 0.0, self._body
        return Latency(
            look_ahead_ms=self.timing.look_ahead_ms,
            hop_ms=1000 / LIVE_FPS,
            compute_ms=float(took),
            smoothing_ms=0.0,
            direction_ms=self._steering.settles_ms,
            body_look_ahead_ms=None if body is None else body.look_ahead_ms + self.timing.look_ahead_ms,
            body_compute_ms=None if body is None else body.compute_ms,
        )

    def feed(self, pcm: Pcm) -> list[Motion]:
        """Take the next samples, any number; gives what can be shown now: motions of up to a second, or none.

        Raises:
            Emote3DError: not mono PCM, or not finite; nothing of it is taken then.
        """
        samples = as_samples(pcm)
        if len(samples):
            self._waiting.append(samples)
            self.samples += len(samples)
        motions = []
        while self.samples >= self.timing.samples_for(self.frames):
            ready = self._ready()
            motions.append(self._make(ready))
        return motions

    def direct(self, direction: Direction) -> None:
        """Change the direction; the face moves there smoothly from the next frame on.

        Raises:
            Emote3DError: the direction asks for what needs the whole recording.
        """
        self._steering.aim(direction)

    def reset(self) -> None:
        """Barge-in: drop the sound that is still waiting; face and body go on from where they are."""
        self._begin()
        if self._body is not None:
            self._body.reset()

    def flush(self) -> Motion:
        """The frames up to the end of what was fed; what is fed then begins a new utterance."""
        wanted = max(self.frames, round(self.samples * LIVE_FPS / self.sample_rate))
        if wanted > self.frames:
            missing = self.timing.samples_for(wanted - 1) - self.samples
            self._waiting.append(torch.zeros(max(0, missing)))
        tail = self._make(wanted - self.frames)
        if self._body is not None:
            self._body.finish(wanted)
        self._begin()
        return tail

    def bodies(self, *, wait: bool = False) -> list[Motion]:
        """Face and body together of the next frames whose body is performed, in the order of `feed`'s frames.

        They come `latency.body_look_ahead_ms` behind the sound. Empty without a body.

        Args:
            wait: until all are performed that can be; after `flush` these are all.
        """
        return [] if self._body is None else self._body.ready(wait=wait)

    def _ready(self) -> int:
        """How many frames can be made, up to the length of a Motion."""
        count = 1
        while count < _MOST_FRAMES and self.samples >= self.timing.samples_for(self.frames + count):
            count += 1
        return count

    def _make(self, count: int) -> Motion:
        """The next frames: the networks one by one, what is drawn around them together."""
        made = []
        with one_thread(), torch.inference_mode():
            for _ in range(count):
                began = time.perf_counter()
                made.append(self._tick())
                self._took_ms.append(1000 * (time.perf_counter() - began))
            poses = [pose for pose, _, _ in made] or [torch.zeros(0, CHANNELS)]
            face = face_from_channels(torch.cat(poses))
            if made:
                self._last = poses[-1]
                moves = [(steered.head_motion, steered.brow_motion) for _, steered, _ in made]
                life = join_lives([life for _, _, life in made])
                face = with_life(face, life, *torch.tensor(moves, dtype=torch.float64).T)
        if self._body is not None:
            self._body.see(face)
        return Motion(face=face, fps=LIVE_FPS)

    def _tick(self) -> tuple[Float[Tensor, "1 channels"], Steered, Life]:
        """The next frame. Its sound goes through the networks in one piece of its own, so the chunking leaves no trace."""
        frame, samples = self.frames, self._take(self.timing.samples_for(self.frames))
        felt = self._voice.hear(samples, asked=self._steering.listens)
        if felt is not None:
            self._steering.hear(felt)
        steered = self._steering.step()
        feature, loudness, mel = self._hear(frame, samples)
        if self._body is not None:
            self._body.hear(samples, steered.emotion)
        content = self.model.latents(feature[None, None])[0]
        pose = self._prior.push(self._decoder.push(content, steered.condition))
        pose = self._contacts.step(self._posture.step(pose, steered.emotion), self.model.phones.lips(feature[None])[0])
        pose = self._resting.step(pose, steered.emotion, mel)
        if self._left is not None and frame < _BLEND_FRAMES:
            t = (frame + 1) / (_BLEND_FRAMES + 1)
            pose = torch.lerp(self._left, pose, t * t * (3 - 2 * t))
        accent = self._accents.hear(samples)
        life = self._life.step(steered.emotion, loudness, steered.blink_rate, steered.aim_rad, steered.held, accent)
        self.frames += 1
        return pose, steered, life

    def _hear(
        self, frame: int, samples: Float[Tensor, "samples"]
    ) -> tuple[Float[Tensor, "d"], float, Float[Tensor, "mel_frames mels"]]:
        """Feature and loudness at a frame, and log-mel of `samples`, those that belong to it."""
        features, levels, mel = self._encoder.push(samples)
        self._features.add(features)
        self._levels.add(levels)
        low, weight = self.timing.features_of(frame)
        self._features.forget(low)
        self._levels.forget(2 * low)
        feature, loudness = self._features.rows[0], float(loudness_of(self._levels.rows[0]))
        return (torch.lerp(feature, self._features.rows[1], weight) if weight else feature), loudness, mel

    def _take(self, until: int) -> Float[Tensor, "samples"]:
        """Samples from where the last frame stopped to `until`."""
        wanted, parts = until - self._taken, []
        while wanted > 0:
            part = self._waiting[0]
            parts.append(part[:wanted])
            if len(part) > wanted:
                self._waiting[0] = part[wanted:]
            else:
                self._waiting.pop(0)
            wanted -= len(parts[-1])
        self._taken = max(until, self._taken)
        return torch.cat(parts) if parts else torch.zeros(0)


class _Rows:
    """The latest rows; `first` is the number from the beginning of the first that is kept."""

    def __init__(self) -> None:
        self.first, self.rows = 0, torch.zeros(0)

    def add(self, rows: Tensor) -> None:
        """Append."""
        self.rows = torch.cat([self.rows, rows]) if len(self.rows) else rows

    def forget(self, index: int) -> None:
        """Drop the rows before that number."""
        self.rows = self.rows[index - self.first :]
        self.first = index


def as_samples(pcm: Pcm) -> Float[Tensor, "samples"]:
    """Mono PCM in any of the accepted forms as floats.

    Raises:
        Emote3DError: another shape or type, an odd number of bytes, or values that are not finite.
    """
    if isinstance(pcm, (bytes, bytearray, memoryview)):
        if len(pcm) % 2:
            raise Emote3DError(f"PCM bytes are little-endian int16, two a sample; got an odd number, {len(pcm)}")
        pcm = np.frombuffer(pcm, "<i2")
    array = pcm.numpy() if isinstance(pcm, Tensor) else np.asarray(pcm)
    if array.ndim != 1 or not (array.dtype == np.int16 or array.dtype.kind == "f"):
        raise Emote3DError(
            f"expected mono PCM, one axis of int16 or of floats in [-1, 1]; got {array.dtype} of shape {array.shape}"
        )
    if array.dtype == np.int16:
        return torch.from_numpy(array.astype(np.float32) / 32768)
    if not np.isfinite(array).all():
        raise Emote3DError("the samples hold values that are not finite")
    return torch.from_numpy(np.clip(array, -1, 1).astype(np.float32))
