"""The default body live: a few latents at a time, each painted in behind those that are settled, from the rhythm heard so far.

What is said next is heard before a gesture is settled, so the body runs behind the face by `LiveBody.behind_frames`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from emote3d.audio.rhythm_stream import RhythmStream
from emote3d.decoders.denoiser import Conditions, by_latent
from emote3d.decoders.diffusion import Known, sample_latents
from emote3d.errors import Emote3DError
from emote3d.names import BODY_STYLES
from emote3d.performers.open_body import BODY_FPS, LIVE_SAMPLER, OpenBody, style_of_voice
from emote3d.performers.settling import SettlingStream
from emote3d.prior.body import CHANNELS, channels_from_body
from emote3d.prior.patch import PatchPrior
from emote3d.records import BodyMotion

SAMPLE_RATE = 16000
"""Samples a second that the rhythm is heard in."""
_STEP_LATENTS = 2
"""Latents settled at a time."""
_AHEAD_LATENTS = 2
"""Latents that are heard and drawn, but not settled yet."""
_PAST_LATENTS, _HEARD_LATENTS = 24, 36
"""Settled latents that the new ones are painted in behind; how far back the rhythm is judged."""
_GROUND_AFTER, _GROUND_BEFORE = 6, 24
"""Frames on either side that feet and hands are put right with: pushed hands move smoothly."""
_STYLE_SHARE = 0.08
"""How far the style follows the voice in a step."""
_BLEND_FRAMES = 12
"""Frames over which a body leaves the pose it begins in."""


def live_bodies(body: object) -> Callable[[int, BodyMotion | None], LiveBody]:
    """Makes live bodies from a seed and a pose to begin in.

    Raises:
        Emote3DError: that body needs the whole recording.
    """
    if not isinstance(body, OpenBody) or not isinstance(body.prior, PatchPrior):
        raise Emote3DError(
            "this checkpoint has no body that can gesture live; expected one of emote3d's own, with a patch prior, as in open-v1"
        )
    _ = body.skeleton, body.torso
    return partial(LiveBody, body)


class LiveBody:
    """Hears `step_frames` at a time and gives the frames that are settled; no clock and no thread in it."""

    def __init__(self, body: OpenBody, seed: int, start: BodyMotion | None = None) -> None:
        assert isinstance(body.prior, PatchPrior), "a prior whose latents are local in time"
        self.body, self.prior, self.seed, self.group = body, body.prior, seed, body.prior.config.frames_per_latent
        self._start = start
        self._rng = np.random.default_rng(seed)
        self._stance = None
        self._sound = RhythmStream(SAMPLE_RATE, BODY_FPS)
        d = body.prior.config.d
        self._z, self._noise = torch.zeros(0, d), torch.zeros(0, d)
        self._emotion = torch.zeros(0, 8)
        self._style = torch.zeros(0, len(BODY_STYLES))
        self._first = 0
        """Number of the first latent that is kept."""
        self._heard = 0
        """Latents heard."""
        self._settling = SettlingStream(BODY_FPS)
        self._channels, self._channels_first = torch.zeros(0, CHANNELS), 0
        self.frames = 0
        """Frames given."""

    @property
    def step_frames(self) -> int:
        """Frames of sound taken at a time."""
        return _STEP_LATENTS * self.group

    @property
    def behind_frames(self) -> int:
        """Frames after its own that are heard before a frame is given, at most."""
        margin = self.prior.config.hop + self.prior.config.margin
        return _AHEAD_LATENTS * self.group + margin + _GROUND_AFTER + self.step_frames

    def hear(self, samples: Float[Tensor, "samples"], emotion: Float[Tensor, "step_frames 8"]) -> BodyMotion:
        """Take the sound and the emotions of the next `step_frames`; gives the next frames, perhaps none.

        Args:
            samples: those that came since, at 16 kHz; they may reach beyond the frames.
        """
        assert len(emotion) == self.step_frames, emotion.shape
        with torch.inference_mode():
            self._sound.add(samples)
            if self._stance is None:
                self._stance = self.body.stance(emotion, self.seed)
            self._take(emotion)
            settled = max(0, self._heard - _AHEAD_LATENTS)
            spoken = self._draw(settled)
            self._decode(settled, spoken)
            return self._ground()

    def _take(self, emotion: Float[Tensor, "step_frames 8"]) -> None:
        """Note what goes with the new latents, and forget the oldest."""
        d = self._noise.shape[1]
        drawn = torch.from_numpy(self._rng.standard_normal((_STEP_LATENTS, d), dtype=np.float32))
        self._noise = torch.cat([self._noise, drawn])
        self._emotion = torch.cat([self._emotion, emotion.float().unflatten(0, (_STEP_LATENTS, -1)).mean(dim=1)])
        last = self._style[-1:] if len(self._style) else torch.zeros(1, len(BODY_STYLES))
        self._style = torch.cat([self._style, last.expand(_STEP_LATENTS, -1)])
        self._heard += _STEP_LATENTS
        spare = self._heard - _STEP_LATENTS - _AHEAD_LATENTS - _PAST_LATENTS - self._first
        if spare > 0:
            self._first += spare
            self._z, self._noise = self._z[spare:], self._noise[spare:]
            self._emotion, self._style = self._emotion[spare:], self._style[spare:]

    def _draw(self, settled: int) -> Bool[Tensor, "kept_frames"]:
        """Paint the new latents in; gives which of the kept frames are spoken."""
        group = self.group
        content, spoken = self._listen()
        conditions = Conditions(by_latent(content[None], group), self._emotion[None], self._style[None])
        drawn = sample_latents(self.body.denoiser, self._noise[None], conditions, LIVE_SAMPLER, known=self._known())[0]
        self._z = torch.cat([self._z, drawn[len(self._z) : settled - self._first]])
        return spoken

    def _known(self) -> Known | None:
        """The settled latents; at the very beginning that of the pose to begin in."""
        count, kept = len(self._z), len(self._noise)
        z, given = torch.zeros(kept, self._z.shape[1]), torch.zeros(kept, dtype=torch.bool)
        z[:count], given[:count] = self._z, True
        if not count and self._start is not None:
            held = channels_from_body(self._start)[-1].expand(1, self.group, -1)
            z[0], given[0] = self.prior.encode(held)[0][0, 0], True
        return Known(z=z, given=given) if given.any() else None

    def _listen(self) -> tuple[Float[Tensor, "kept_frames rhythm_d"], Bool[Tensor, "kept_frames"]]:
        """Rhythm of the kept frames under the level of the last seconds; the style goes slowly after the voice."""
        group, since = self.group, max(0, self._heard - _HEARD_LATENTS)
        since = min(since, self._first) // 3 * 3
        rhythm = self._sound.rhythm(since * group, self._heard * group)
        self._style[-_STEP_LATENTS:] += _STYLE_SHARE * (style_of_voice(rhythm) - self._style[-1])
        kept = slice((self._first - since) * group, None)
        return rhythm.features[kept], rhythm.spoken[kept]

    def _decode(self, settled: int, spoken: Bool[Tensor, "kept_frames"]) -> None:
        """Channels of the frames that no later latent changes, calm in pauses."""
        group, margin = self.group, self.prior.config.margin
        done = self._channels_first + len(self._channels)
        until = settled * group - self.prior.config.hop - margin
        if until <= done:
            return
        first = max(self._first, done // group - 3)
        decoded = self.prior.decode(self._z[None, first - self._first :])[0][done - first * group :][: until - done]
        calm = self._settling.run(decoded, spoken, done - self._first * group)
        if self._start is not None and done < _BLEND_FRAMES:
            calm = self._leave(calm, done)
        self._channels = torch.cat([self._channels, calm])

    def _leave(self, channels: Float[Tensor, "frames channels"], first: int) -> Float[Tensor, "frames channels"]:
        """Blend out of the pose to begin in."""
        assert self._start is not None
        t = ((first + torch.arange(len(channels)) + 1) / (_BLEND_FRAMES + 1)).clamp(max=1.0)[:, None]
        return torch.lerp(channels_from_body(self._start)[-1:].expand_as(channels), channels, t * t * (3 - 2 * t))

    def _ground(self) -> BodyMotion:
        """Put feet and hands of the next frames right."""
        assert self._stance is not None
        until = self._channels_first + len(self._channels) - _GROUND_AFTER
        if until <= self.frames:
            return BodyMotion(joints_axis_angle=torch.zeros(0, 55, 3), translation_m=torch.zeros(0, 3))
        grounded = self.body.grounded(self._channels, self._stance)
        inner = slice(self.frames - self._channels_first, until - self._channels_first)
        self.frames = until
        spare = max(0, self.frames - _GROUND_BEFORE - self._channels_first)
        self._channels, self._channels_first = self._channels[spare:], self._channels_first + spare
        return BodyMotion(
            joints_axis_angle=grounded.joints_axis_angle[inner], translation_m=grounded.translation_m[inner]
        )
