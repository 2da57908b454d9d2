"""Our own tracked faces: real recordings acted by the teacher, written as the folder of recordings with npz that trainings read."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from emote3d.data.acting import act
from emote3d.data.corpus import SpeechEntry, read_index
from emote3d.data.face_clips import CLIP_FPS
from emote3d.data.phones import PHONES
from emote3d.data.timed import SPEECH_RATE, TimedSpeech, build_timed, load_timed
from emote3d.decoders.face import face_from_channels
from emote3d.errors import Emote3DError
from emote3d.files import atomic_path
from emote3d.names import EMOTIONS
from emote3d.training.acted_faces import SpokenClip, spoken_clip

PEOPLE = ("emodb", "ljspeech", "asterisk", "mfa")
"""Corpora of people's voices."""
_STRONGEST = 2
_EACH_SPEAKER = 2


@dataclass(frozen=True, kw_only=True)
class ActedClip:
    """A window of a recording, performed in one emotion at full strength."""

    name: str
    speech: TimedSpeech
    emotion: int
    """Index into EMOTIONS."""
    speaker: str


def cut(clip: TimedSpeech, first_frame: int, frames: int) -> TimedSpeech:
    """A window of a clip, in motion frames."""
    step = SPEECH_RATE // CLIP_FPS
    start_s = first_frame / CLIP_FPS
    spans = [
        (float(start) - start_s, (symbol,), int(stress))
        for symbol, start, end, stress in zip(clip.phone, clip.start_s, clip.end_s, clip.stress, strict=True)
        if end > start_s and start < start_s + frames / CLIP_FPS
    ]
    return build_timed(clip.waveform[first_frame * step : (first_frame + frames) * step], spans)


def closures(clip: TimedSpeech) -> int:
    """Phones that close the lips."""
    return sum(PHONES[symbol].lip_closure == 1 for symbol in clip.phone)


def pick_clips(corpus: Path, frames: int, emotions: Sequence[int], choice: int = 0) -> list[ActedClip]:
    """One recording for each emotion: the windows of people's voices with the most closures of the lips, two of a speaker at most.

    Args:
        choice: 0 for the first recordings of that order, 1 for the next that are in none of the former, and so on.

    Raises:
        Emote3DError: the speech set has too few recordings that are long enough.
    """
    found: list[tuple[int, SpeechEntry, TimedSpeech]] = []
    for entry in read_index(corpus):
        if entry.source in PEOPLE and entry.timed:
            speech = load_timed(corpus / f"{entry.id}.npz")
            starts = range(0, int(speech.duration_s * CLIP_FPS) - frames + 1, 5)
            windows = [cut(speech, start, frames) for start in starts]
            if windows:
                best = max(windows, key=closures)
                found.append((closures(best), entry, best))
    found.sort(key=lambda row: (-row[0], row[1].id))
    chosen = _first(found, emotions)
    for _ in range(choice):
        used = {clip.name for clip in chosen}
        found = [row for row in found if row[1].id not in used]
        chosen = _first(found, emotions)
    if len(chosen) < len(emotions):
        raise Emote3DError(
            f"{corpus} has timed recordings of people with {frames} frames for {len(chosen)} clips; expected {len(emotions)}"
        )
    return chosen


def _first(found: list[tuple[int, SpeechEntry, TimedSpeech]], emotions: Sequence[int]) -> list[ActedClip]:
    """The first recordings, two of a speaker at most; fewer than emotions where there are no more."""
    chosen: list[ActedClip] = []
    for _, entry, speech in found:
        if len(chosen) < len(emotions) and sum(clip.speaker == entry.speaker for clip in chosen) < _EACH_SPEAKER:
            emotion = emotions[len(chosen)]
            chosen.append(ActedClip(name=entry.id, speech=speech, emotion=emotion, speaker=entry.speaker))
    return chosen


def performed(clip: SpokenClip, emotion: int) -> Float[np.ndarray, "frames channels"]:
    """The teacher's performance of a clip in one emotion at full strength, in no particular style."""
    weights = np.broadcast_to(np.eye(len(EMOTIONS))[emotion], (len(clip.phone), len(EMOTIONS)))
    return act(clip.articulation, clip.accent, clip.loudness, weights, np.zeros(3))


def write_acted(folder: Path, clips: Sequence[ActedClip]) -> None:
    """Write clips as `name.wav` and `name.npz`, the layout of `FlameFolder`, in ARKit's basis (`--model open`)."""
    folder.mkdir(parents=True, exist_ok=True)
    for clip in clips:
        spoken = spoken_clip(clip.speech)
        face = face_from_channels(torch.from_numpy(performed(spoken, clip.emotion)).float())
        with atomic_path(folder / f"{clip.name}.wav") as path, wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SPEECH_RATE)
            file.writeframes(clip.speech.waveform.astype("<i2").tobytes())
        with atomic_path(folder / f"{clip.name}.npz") as path:
            np.savez(
                path,
                expression=face.expression.numpy(),
                jaw_axis_angle=face.jaw_axis_angle.numpy(),
                emotion=EMOTIONS[clip.emotion],
                intensity=_STRONGEST,
                subject=clip.speaker,
            )
