"""How a direction is performed: the networks are asked per frame, operators compose what they give, life is added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.decoders import contacts, operators
from emote3d.decoders.beats import announced
from emote3d.decoders.face import NECK, face_from_channels, with_life
from emote3d.decoders.life import Aim, draw_life
from emote3d.latents.speech import direct
from emote3d.latents.timeline import Timeline, voiced
from emote3d.performers.face import Heard
from emote3d.records import FaceMotion, SpeechLatents

_LEAN, _LEAN_DRAW = (0.06, 0.05, 0.15), 1
"""Mean, spread and most of the share of an emotion that one side lacks; which of a seed's draws it is."""
Decode = Callable[[SpeechLatents], Float[Tensor, "frames channels"]]


def perform(decode: Decode, heard: Heard, timeline: Timeline, fps: float, seed: int) -> FaceMotion:
    """Perform what was heard; the seed decides blinks, nods, raised brows, gaze and head drift."""
    timeline = lopsided(timeline, seed)
    with torch.inference_mode():
        channels = directed_channels(decode, heard, timeline, fps, accented=False)
    voice = heard.latents.emotion.expand(timeline.frames, -1).double().numpy()
    rng = np.random.default_rng(seed)
    loudness = heard.loudness.double().numpy()
    accents = announced(heard.accents.double().numpy(), fps)
    felt = voiced(timeline.emotion, voice)
    life = draw_life(felt, loudness, fps, rng, timeline.blink_rate, aim_of(timeline), accents)
    head, brows = (torch.from_numpy(np.ascontiguousarray(c)) for c in (timeline.head_motion, timeline.brow_motion))
    return with_life(face_from_channels(channels), life, head, brows)


def lopsided(timeline: Timeline, seed: int) -> Timeline:
    """The timeline of a face that, as people's do, shows emotions a little more on one side, mostly its left (Borod et al. 1997)."""
    mean, spread, most = _LEAN
    lean = float(np.clip(np.random.default_rng((seed, _LEAN_DRAW)).normal(mean, spread), -most, most))
    return replace(timeline, asymmetry=timeline.asymmetry + (1 - np.abs(timeline.asymmetry)) * lean)


def aim_of(timeline: Timeline) -> Aim:
    """Where the gaze has to be."""
    return Aim(gaze_rad=np.radians(timeline.gaze_deg * [1, -1]), held=timeline.gaze_held)


def directed_channels(
    decode: Decode, heard: Heard, timeline: Timeline, fps: float, *, accented: bool = True
) -> Float[Tensor, "frames channels"]:
    """The channels that voice and direction determine: the regions decoded one by one and composed.

    Args:
        accented: whether head and brows keep what the networks let them do on accents.
    """
    neutral_feeling = np.zeros_like(timeline.emotion)
    neutral_feeling[:, 0] = 1.0

    def performed(feeling: Float[np.ndarray, "frames 9"]) -> Tensor:
        decoded = decode(direct(heard.latents, feeling, timeline.style()))
        return contacts.touch(operators.settle(decoded, fps), heard.contacts, fps)

    def decoded(feeling: Float[np.ndarray, "frames 9"]) -> Tensor:
        return performed(feeling) if feeling[:, 1:].any() else neutral

    neutral = performed(neutral_feeling)
    whole = decoded(timeline.emotion)
    upper = whole if timeline.upper is None else decoded(timeline.upper)
    mouth = whole if timeline.mouth is None else decoded(timeline.mouth)
    channels = operators.compose(upper, mouth)
    channels[:, NECK] = whole[:, NECK]
    channels, neutral = (operators.rest(one, neutral, heard.loudness, fps) for one in (channels, neutral))
    if not accented:
        channels = operators.without_accents(channels, neutral, fps)
    return _operate(channels, neutral, timeline, fps)


def _operate(channels: Tensor, neutral: Tensor, timeline: Timeline, fps: float) -> Tensor:
    """Apply the operators that are asked for; closures are kept last, whatever happened before."""

    def curve(name: str) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(getattr(timeline, name))).float()

    size = torch.from_numpy(timeline.beyond("articulation")).float()
    jaw, lips = size * curve("jaw"), size * curve("lips")
    channels = operators.lean(channels, neutral, curve("asymmetry"))
    channels = operators.articulate(channels, neutral, jaw, lips)
    channels = operators.smooth(channels, curve("smoothing_s"), fps)
    head, brows = (torch.from_numpy(timeline.beyond(name)).float() for name in ("head_motion", "brow_motion"))
    channels = operators.move(channels, head, brows, fps)
    return operators.keep_closures(channels, neutral, jaw)
