"""The performer of the default body: rhythm of the voice, emotion and style to gestures, by latent diffusion."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.audio.rhythm import Rhythm, hear_rhythm
from emote3d.body import BodyModel, open_avatar
from emote3d.body.clearance import clear_hands
from emote3d.body.kinematics import Skeleton, plant_feet
from emote3d.body.legs import Stance, lowered
from emote3d.body.torso import Torso
from emote3d.checkpoint import load_component
from emote3d.decoders.denoiser import Denoiser, DenoiserConfig, Guidance, conditions_by_latent
from emote3d.decoders.diffusion import Known, sample_latents
from emote3d.decoders.samplers import SamplerConfig, draw_noise
from emote3d.names import BODY_STYLES, EMOTIONS
from emote3d.performers.settling import settled
from emote3d.prior.body import ROTATIONS, TRANSLATION, channels_from_body
from emote3d.prior.patch import PatchConfig, PatchPrior
from emote3d.records import BodyMotion, Speech
from emote3d.rotations import matrix_to_axis_angle, rot6d_to_matrix

BODY_FPS = 30
"""Frame rate of the default body."""
COMPONENTS = ("body_prior", "body_denoiser")
"""Folders of a checkpoint with a body."""
_STRETCH_FRAMES, _CONTEXT_FRAMES = 1800, 60
"""Frames put right at a time, and how many more on either side they are seen with (pushed hands move smoothly)."""
_SAMPLER = SamplerConfig(steps=10)
_GUIDANCE = Guidance(content=1.0, emotion=1.0)
_APART = {"sad": -0.35, "fear": -0.5, "anger": 0.7, "contempt": 0.2}
"""How far apart somebody with an emotion puts the feet, -1..1."""
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


class OpenBody:
    """Moves the 55 joints of SMPL-X."""

    fps: float = BODY_FPS

    def __init__(self, prior: PatchPrior, denoiser: Denoiser) -> None:
        self.prior = prior.eval().requires_grad_(False)
        self.denoiser = denoiser.eval().requires_grad_(False)

    @classmethod
    def from_pretrained(cls, folder: Path) -> OpenBody:
        """Load the body components of a checkpoint folder."""
        return cls(
            load_component(folder / "body_prior", PatchPrior, PatchConfig),
            load_component(folder / "body_denoiser", Denoiser, DenoiserConfig),
        )

    @cached_property
    def _avatar(self) -> BodyModel:
        return open_avatar()

    @cached_property
    def skeleton(self) -> Skeleton:
        """The open avatar's skeleton, which feet and hands are put right on."""
        return Skeleton(joints_m=self._avatar.joints_m.double(), parents=self._avatar.parents)

    @cached_property
    def torso(self) -> Torso:
        """The open avatar's trunk."""
        return Torso.of(self._avatar)

    def listen(self, speech: Speech) -> Rhythm:
        """The rhythm of a recording."""
        with torch.inference_mode():
            return hear_rhythm(speech, BODY_FPS)

    def act(
        self,
        rhythm: Rhythm,
        emotion: Float[Tensor, "frames 8"],
        style: Float[Tensor, "styles"],
        seed: int,
        start: BodyMotion | None = None,
        end: BodyMotion | None = None,
    ) -> BodyMotion:
        """Perform; the same seed gives the same gestures, whatever their emotion, as far as it lets them be.

        Args:
            emotion: weights times intensity; neutral is what is left of 1.
            style: in the order of `BODY_STYLES`, each -1..1.
            start: a pose to begin in (its last frame).
            end: a pose to end in (its first frame).
        """
        channels = self.channels(rhythm, emotion, style, seed, self._known(len(rhythm.loudness), start, end))
        return self.grounded(settled(channels, rhythm.spoken, BODY_FPS), self.stance(emotion, seed))

    def channels(
        self,
        rhythm: Rhythm,
        emotion: Float[Tensor, "frames 8"],
        style: Float[Tensor, "styles"],
        seed: int,
        known: Known | None = None,
    ) -> Float[Tensor, "frames channels"]:
        """What the networks say, before feet and hands are put right."""
        frames, group = len(rhythm.loudness), self.prior.config.frames_per_latent
        conditions = conditions_by_latent(
            rhythm.features[None], emotion[None].float(), style[None, None].float(), group
        )
        noise = draw_noise([seed], conditions.content.shape[1], self.prior.config.d)
        with torch.inference_mode():
            z = sample_latents(self.denoiser, noise, conditions, _SAMPLER, _GUIDANCE, known)
            return self.prior.decode_long(z)[0, :frames]

    def _known(self, frames: int, start: BodyMotion | None, end: BodyMotion | None) -> Known | None:
        """Latents of the poses at the ends."""
        if start is None and end is None:
            return None
        latents = -(-frames // self.prior.config.frames_per_latent)
        z, given = torch.zeros(latents, self.prior.config.d), torch.zeros(latents, dtype=torch.bool)
        for pose, index, frame in ((start, 0, -1), (end, latents - 1, 0)):
            if pose is not None:
                held = channels_from_body(pose)[frame].expand(1, self.prior.config.hop, -1)
                z[index] = self.prior.encode(held)[0][0, 0]
                given[index] = True
        return Known(z=z, given=given)

    def stance(self, emotion: Float[Tensor, "frames 8"], seed: int) -> Stance:
        """Where the feet are put."""
        apart = emotion.float().mean(dim=0) @ torch.tensor([_APART.get(name, 0.0) for name in EMOTIONS])
        return Stance.drawn(np.random.default_rng([seed, 1]), self.skeleton, float(apart.clamp(-1, 1)))

    def grounded(self, channels: Float[Tensor, "frames channels"], stance: Stance) -> BodyMotion:
        """Hands out of the body, feet on the floor, the pelvis as high as the legs let it be; in stretches, for little memory."""
        parts = []
        for start in range(0, len(channels), _STRETCH_FRAMES):
            first = max(0, start - _CONTEXT_FRAMES)
            posed, moved_m = self._grounded(channels[first : start + _STRETCH_FRAMES + _CONTEXT_FRAMES], stance)
            inner = slice(start - first, start - first + _STRETCH_FRAMES)
            parts.append((posed[inner], moved_m[inner]))
        joints, places = zip(*parts, strict=True)
        return BodyMotion(joints_axis_angle=torch.cat(joints), translation_m=torch.cat(places))

    def _grounded(
        self, channels: Float[Tensor, "frames channels"], stance: Stance
    ) -> tuple[Float[Tensor, "frames 55 3"], Float[Tensor, "frames 3"]]:
        rot6d = channels[:, ROTATIONS].double().unflatten(1, (-1, 6))
        rotations = clear_hands(self.skeleton, self.torso, rot6d_to_matrix(rot6d))
        sway_m = channels[:, TRANSLATION].double()[:, [0, 2]]
        translation_m = lowered(self.skeleton, rotations, sway_m, stance)
        rotations = plant_feet(self.skeleton, rotations, translation_m, stance.ankles_m, stance.feet)
        return matrix_to_axis_angle(rotations).float(), translation_m.float()
