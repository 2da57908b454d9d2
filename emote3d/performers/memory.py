"""What was heard as a motion's origin, and back."""

from __future__ import annotations

import torch

from emote3d.latents.direction import Direction
from emote3d.latents.direction_file import direction_json
from emote3d.latents.keys import SpokenWord
from emote3d.performers.face import FacePerformer, Heard, Redirectable
from emote3d.records import Origin, SpeechLatents


def remember(heard: Heard, direction: Direction, face: FacePerformer, seed: int, duration_s: float) -> Origin:
    """The origin of a motion that `face` made of what it heard."""
    assert isinstance(face, Redirectable)
    words = heard.words or ()
    return Origin(
        content=heard.latents.content,
        voice=heard.latents.emotion.expand(len(heard.loudness), -1).contiguous(),
        loudness=heard.loudness,
        accents=heard.accents,
        contacts=heard.contacts,
        style=heard.latents.style,
        frame_rate=face.fps,
        duration_s=duration_s,
        seed=seed,
        model=face.fingerprint,
        words=tuple(word.text for word in words),
        word_times_s=torch.tensor([[word.start_s, word.end_s] for word in words]).reshape(-1, 2),
        direction=direction_json(direction),
    )


def heard_again(origin: Origin) -> Heard:
    """What was heard when the motion was made."""
    times = origin.word_times_s.tolist()
    words = [SpokenWord(text=text, start_s=a, end_s=b) for text, (a, b) in zip(origin.words, times, strict=True)]
    return Heard(
        latents=SpeechLatents(content=origin.content, emotion=origin.voice, style=origin.style),
        loudness=origin.loudness,
        accents=origin.accents,
        contacts=origin.contacts,
        words=tuple(words) or None,
    )
