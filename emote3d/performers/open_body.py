"""The performer of the default body: rhythm of the voice, emotion and style to gestures, by latent diffusion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.load import load_speech
from emote3d.audio.rhythm import Rhythm, hear_rhythm
from emote3d.body.kinematics import Skeleton
from emote3d.body.legs import FEET_APART, Stance
from emote3d.body.torso import Torso
from emote3d.checkpoint import load_component, read_manifest
from emote3d.decoders.denoiser import NO_GUIDANCE, Denoiser, DenoiserConfig, Guidance, conditions_by_latent
from emote3d.decoders.diffusion import Known, sample_latents
from emote3d.decoders.samplers import SamplerConfig, draw_noise
from emote3d.latents.direction import Direction
from emote3d.latents.timeline import Timeline, draw_timeline, voiced
from emote3d.names import BODY_STYLES, EMOTIONS
from emote3d.performers.face import Heard
from emote3d.performers.footing import Footing
from emote3d.performers.handedness import led
from emote3d.performers.settling import settled
from emote3d.prior.body import channels_from_body
from emote3d.prior.mld import MldConfig, MldVAE
from emote3d.prior.patch import PatchConfig, PatchPrior
from emote3d.records import BodyMotion, Speech

BODY_FPS = 30
"""Frame rate of the default body."""
_SAMPLER = SamplerConfig(steps=10, spacing="logsnr")
LIVE_SAMPLER = SamplerConfig(steps=10)
"""Of a live body, which is calmer where it is painted in behind what is settled."""
_DIRECTED = Guidance(style=3.0)
"""Where the style of the gestures is directed, it is exaggerated: the networks alone follow a third as far as the teacher."""
_MOST_STYLE = 1.0
"""Of the styles that the body was taught."""
_USUAL = {"pitch_range_octaves": (0.27, 0.10), "dynamics": (0.29, 0.06), "syllables_per_s": (2.1, 0.35)}
"""Median and spread of what `hear_rhythm` says of Asterisk's, LJSpeech's and the demo's speakers."""


def style_of_voice(rhythm: Rhythm) -> Float[Tensor, "styles"]:
    """The body style that goes with a voice: lively pitch and loudness make large gestures, quick speech quick ones."""
    pitch, dynamics, pace = (
        (getattr(rhythm, name) - middle) / (2.5 * spread) for name, (middle, spread) in _USUAL.items()
    )
    style = {
        "size": 0.6 * pitch + 0.4 * dynamics,
        "rate": 0.6 * pace + 0.2 * pitch,
        "tempo": pace,
        "openness": 0.5 * pitch,
    }
    return torch.tensor([float(np.clip(style.get(name, 0.0), -0.7, 0.7)) for name in BODY_STYLES])


def load_body_prior(folder: Path) -> PatchPrior | MldVAE:
    """The motion prior of a body, of either kind."""
    if folder.is_dir() and read_manifest(folder).get("class") == "MldVAE":
        return load_component(folder, MldVAE, MldConfig)
    return load_component(folder, PatchPrior, PatchConfig)


class OpenBody:
    """Moves the 55 joints of SMPL-X."""

    fps: float = BODY_FPS

    def __init__(self, prior: PatchPrior | MldVAE, denoiser: Denoiser) -> None:
        self.prior = prior.eval().requires_grad_(False)
        self.denoiser = denoiser.eval().requires_grad_(False)
        self.footing = Footing()

    @classmethod
    def from_pretrained(cls, folder: Path) -> OpenBody:
        """Load the body components of a checkpoint folder."""
        return cls(
            load_body_prior(folder / "body_prior"),
            load_component(folder / "body_denoiser", Denoiser, DenoiserConfig),
        )

    @property
    def skeleton(self) -> Skeleton:
        """The open avatar's skeleton, which feet and hands are put right on."""
        return self.footing.skeleton

    @property
    def torso(self) -> Torso:
        """The open avatar's trunk."""
        return self.footing.torso

    def check(self, direction: Direction) -> None:
        """This body does whatever a direction asks of a body."""

    def listen(self, speech: Speech, heard: Heard | None = None) -> Rhythm:
        """The rhythm of a recording, as its face heard it where that has the same frames."""
        known = None if heard is None else heard.rhythm
        if known is not None and len(known.loudness) == max(1, round(speech.duration_s * BODY_FPS)):
            return known
        with torch.inference_mode():
            return hear_rhythm(speech, BODY_FPS)

    def act(
        self,
        rhythm: Rhythm,
        emotion: Float[Tensor, "frames 8"],
        style: Float[Tensor, "*#frames styles"],
        seed: int,
        start: BodyMotion | None = None,
        end: BodyMotion | None = None,
    ) -> BodyMotion:
        """Perform; the same seed gives the same gestures, whatever their emotion, as far as it lets them be.

        Args:
            emotion: weights times intensity; neutral is what is left of 1.
            style: in the order of `BODY_STYLES`, each -1..1; one for all frames, or one each.
            start: a pose to begin in (its last frame).
            end: a pose to end in (its first frame).
        """
        channels = self.channels(rhythm, emotion, style, seed, self._known(len(rhythm.loudness), start, end))
        return self.grounded(settled(channels, rhythm.spoken, BODY_FPS), self.stance(emotion, seed))

    def channels(
        self,
        rhythm: Rhythm,
        emotion: Float[Tensor, "frames 8"],
        style: Float[Tensor, "*#frames styles"],
        seed: int,
        known: Known | None = None,
        guidance: Guidance = NO_GUIDANCE,
    ) -> Float[Tensor, "frames channels"]:
        """What the networks say, before feet and hands are put right."""
        frames, group = len(rhythm.loudness), self.prior.config.frames_per_latent
        conditions = conditions_by_latent(
            rhythm.features[None], emotion[None].float(), torch.atleast_2d(style)[None].float(), group
        )
        noise = draw_noise([seed], conditions.content.shape[1], self.prior.config.d)
        with torch.inference_mode():
            z = sample_latents(self.denoiser, noise, conditions, _SAMPLER, guidance, known)
            return self.prior.decode_long(z)[0, :frames]

    def _known(self, frames: int, start: BodyMotion | None, end: BodyMotion | None) -> Known | None:
        """Latents of the poses at the ends."""
        if start is None and end is None:
            return None
        latents = -(-frames // self.prior.config.frames_per_latent)
        z, given = torch.zeros(latents, self.prior.config.d), torch.zeros(latents, dtype=torch.bool)
        for pose, index, frame in ((start, 0, -1), (end, latents - 1, 0)):
            if pose is not None:
                held = channels_from_body(pose)[frame].expand(1, self.prior.config.frames_per_latent, -1)
                z[index] = self.prior.encode(held)[0][0, 0]
                given[index] = True
        return Known(z=z, given=given)

    def perform(self, sound: Rhythm, heard: Heard, direction: Direction, seed: int) -> BodyMotion:
        """Perform what was heard under a direction."""
        timeline = draw_timeline(direction, len(sound.loudness), BODY_FPS, heard.words)
        emotion, style = felt_by_body(heard, timeline), self.style(sound, direction.style_from, timeline)
        guidance = _DIRECTED if timeline.gesture_style().any() else NO_GUIDANCE
        channels = self.channels(sound, emotion, style, seed, guidance=guidance)
        channels = led(channels, timeline.handedness, BODY_FPS)
        channels = settled(channels, sound.spoken, BODY_FPS)
        return self.grounded(channels, self.stance(emotion, seed))

    def style(
        self, rhythm: Rhythm, style_from: Path | None, timeline: Timeline
    ) -> Float[Tensor, "frames_or_one styles"]:
        """The style of the voice, or of another recording's voice, and what the direction adds to it."""
        if style_from is not None and style_from.suffix.lower() != ".npz":
            rhythm = self.listen(load_speech(style_from))
        added = torch.from_numpy(timeline.gesture_style()).float()
        added = added[:1] if torch.equal(added, added[:1].expand_as(added)) else added
        return (style_of_voice(rhythm) + added).clamp(-_MOST_STYLE, _MOST_STYLE)

    def stance(self, emotion: Float[Tensor, "frames 8"], seed: int) -> Stance:
        """Where the feet are put."""
        apart = emotion.float().mean(dim=0) @ torch.tensor([FEET_APART.get(name, 0.0) for name in EMOTIONS])
        return self.footing.stance(float(apart.clamp(-1, 1)), seed)

    def grounded(self, channels: Float[Tensor, "frames channels"], stance: Stance) -> BodyMotion:
        """Hands out of the body, feet on the floor, the pelvis as high as the legs let it be."""
        return self.footing.grounded(channels, stance)


def felt_by_body(heard: Heard, timeline: Timeline) -> Float[Tensor, "frames 8"]:
    """Weights of the emotions over time, as directed or heard in the voice."""
    voice, frames = heard.latents.emotion, timeline.frames
    nearest = np.minimum(np.arange(frames) * len(voice) // max(1, frames), len(voice) - 1)
    return torch.from_numpy(voiced(timeline.emotion, voice.double().numpy()[nearest])).float()
