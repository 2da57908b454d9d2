"""The emotion of a voice, live: its last seconds are judged in the background, once a second."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.latents.voice import VoiceEmotion, recognise_emotion
from emote3d.names import EMOTIONS
from emote3d.records import Speech
from emote3d.stream.threads import one_thread

_HEARD_S, _EVERY_FRAMES = 6.0, 30
"""Sound that is judged; how often. What is found counts from the next time on, so a stream is the same however quick a machine is."""
_NEWEST = 0.5
"""Share of the newest judgement in what counts."""


class VoiceTrack:
    """Keeps the last seconds and judges them while somebody asks for it."""

    def __init__(self, reader: VoiceEmotion) -> None:
        self._reader = reader
        self._sample_rate = reader.ear.config.sample_rate
        self._worker: ThreadPoolExecutor | None = None
        self._judging: Future[Float[np.ndarray, "8"]] | None = None
        self._kept: list[Tensor] = []
        self._frame = 0
        self._found = np.eye(len(EMOTIONS))[0]

    def hear(self, samples: Float[Tensor, "samples"], *, asked: bool) -> Float[np.ndarray, "8"] | None:
        """Take the sound of the next frame; gives probabilities of the emotions where they are new.

        Waits for a judgement that took more than a second.
        """
        self._kept.append(samples)
        self._frame += 1
        if self._frame % _EVERY_FRAMES:
            return None
        news = self._judging.result() if self._judging is not None else None
        self._judging = None
        kept = torch.cat(self._kept)[-round(_HEARD_S * self._sample_rate) :]
        self._kept = [kept]
        if asked:
            self._worker = self._worker or ThreadPoolExecutor(1, thread_name_prefix="emote3d-voice")
            self._judging = self._worker.submit(self._judge, kept)
        if news is None:
            return None
        self._found = self._found + _NEWEST * (news - self._found)
        return self._found

    def close(self) -> None:
        """Let go of the worker."""
        if self._worker is not None:
            self._worker.shutdown(wait=False, cancel_futures=True)
        self._worker = self._judging = None

    def _judge(self, samples: Float[Tensor, "samples"]) -> Float[np.ndarray, "8"]:
        with one_thread(), torch.inference_mode():
            speech = Speech(waveform=samples, sample_rate=self._sample_rate)
            return recognise_emotion(self._reader, speech, 1)[0].double().numpy()
