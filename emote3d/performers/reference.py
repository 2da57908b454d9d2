"""Emotion and style taken from a reference: another recording, or a motion file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.load import load_speech
from emote3d.audio.prosody import measure_prosody
from emote3d.latents.direction import GESTURES, Direction
from emote3d.latents.direction_file import direction_from
from emote3d.latents.keys import RANGES
from emote3d.latents.voice import leading_emotion
from emote3d.metrics.explain import explain
from emote3d.motion import load_motion
from emote3d.names import EMOTIONS
from emote3d.performers.face import FacePerformer, Heard
from emote3d.performers.style import measure_style
from emote3d.records import Motion

STYLES = ("articulation", "head_motion", "brow_motion", "blink_rate")
"""What a style is."""
_USUAL = {"articulation": 7.0, "head_motion": 4.9, "brow_motion": 0.036, "blink_rate": 17.0}
"""`measure_style` of the default checkpoint's plain performance: medians over Asterisk, LJSpeech and EmoDB recordings."""
_USUAL_PITCH_SEMITONES, _USUAL_LOUDNESS_DB = 3.9, 7.0
"""Medians of `measure_prosody` over the same recordings."""
_LIMITS = (0.5, 1.6)
"""A reference makes no factor beyond these."""


def referenced(
    direction: Direction, heard: Heard, face: FacePerformer, plain: Callable[[Motion, Direction], Motion]
) -> tuple[Direction, Heard]:
    """Fill in what the references say: the voice's emotion and the style's factors (which multiply those given).

    Args:
        plain: performs one of our motions again under another direction.

    Raises:
        Emote3DError: a reference cannot be read or says too little.
    """
    if direction.emotion_from is not None:
        voice = emotion_of(direction.emotion_from, face)
        latents = replace(heard.latents, emotion=voice.expand(len(heard.loudness), -1))
        heard = replace(heard, latents=latents)
    if direction.style_from is not None:
        direction = with_style(direction, style_of(direction.style_from, face, plain))
    return direction, heard


def emotion_of(path: Path, face: FacePerformer) -> Float[Tensor, "8"]:
    """Weight of each emotion: the one that a recording's voice has, or the mean of what a motion shows."""
    if path.suffix.lower() == ".npz":
        shown = explain(load_motion(path)).mean_emotion
        return torch.tensor([shown[name] for name in EMOTIONS])
    heard = face.listen(load_speech(path))
    return leading_emotion(heard.latents.emotion.expand(len(heard.loudness), -1))


def style_of(path: Path, face: FacePerformer, plain: Callable[[Motion, Direction], Motion]) -> dict[str, float]:
    """Factors of a style: how large movements are relative to a plain performance."""
    if path.suffix.lower() == ".npz":
        motion = load_motion(path)
        usual = _USUAL if motion.origin is None else measure_style(plain(motion, _unstyled(motion.origin.direction)))
        measured = measure_style(motion)
        return {name: _limited(measured[name], usual[name]) for name in STYLES}
    speech = load_speech(path)
    prosody = measure_prosody(speech)
    heard = face.listen(speech)
    performed = measure_style(Motion(face=face.act(heard, Direction(), 0), fps=face.fps))
    pitch, loudness = prosody.pitch_semitones / _USUAL_PITCH_SEMITONES, prosody.loudness_db / _USUAL_LOUDNESS_DB
    return {
        "articulation": _limited(performed["articulation"], _USUAL["articulation"]),
        "head_motion": _limited((pitch * loudness) ** 0.5, 1.0),
        "brow_motion": _limited(pitch, 1.0),
    }


def with_style(direction: Direction, factors: dict[str, float]) -> Direction:
    """A direction with the factors of a style multiplied in; key frames keep what they set."""
    changes: dict[str, float] = {}
    for name, factor in factors.items():
        low, high = RANGES[name]
        changes[name] = min(high, max(low, getattr(direction, name) * factor))
    return replace(direction, **changes)  # pyright: ignore[reportArgumentType]


def _unstyled(direction: str) -> Direction:
    """How a motion was performed, but in the average style."""
    settings = {
        name: value
        for name, value in json.loads(direction).items()
        if name not in (*STYLES, *GESTURES, "style_from", "transcript")
    }
    return direction_from(settings)


def _limited(value: float, usual: float) -> float:
    low, high = _LIMITS
    return min(high, max(low, value / max(usual, 1e-6)))
