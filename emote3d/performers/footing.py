"""What networks get slightly wrong is put right: hands out of the trunk, feet on the floor, the pelvis as low as the legs need it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body import BodyModel, open_avatar
from emote3d.body.clearance import clear_hands
from emote3d.body.kinematics import Skeleton, plant_feet
from emote3d.body.legs import Stance, lowered
from emote3d.body.limits import within_limits
from emote3d.body.torso import Torso
from emote3d.prior.body import ROTATIONS, TRANSLATION
from emote3d.records import BodyMotion
from emote3d.rotations import matrix_to_axis_angle, rot6d_to_matrix
from emote3d.windows import joined

_STRETCH_FRAMES, _CONTEXT_FRAMES = 1800, 60
"""Frames put right at a time, and how many more on either side they are seen with (pushed hands move smoothly)."""


class Footing:
    """The open avatar's skeleton and trunk, which feet and hands are put right on."""

    @cached_property
    def _avatar(self) -> BodyModel:
        return open_avatar()

    @cached_property
    def skeleton(self) -> Skeleton:
        """The open avatar's skeleton."""
        return Skeleton(joints_m=self._avatar.joints_m.double(), parents=self._avatar.parents)

    @cached_property
    def torso(self) -> Torso:
        """The open avatar's trunk."""
        return Torso.of(self._avatar)

    def stance(self, apart: float, seed: int) -> Stance:
        """Where the feet are put; `apart` -1 close together .. 1 wide."""
        return Stance.drawn(np.random.default_rng([seed, 1]), self.skeleton, apart)

    def grounded(self, channels: Float[Tensor, "frames channels"], stance: Stance) -> BodyMotion:
        """A body that stands, of channels of `emote3d.prior.body`; in stretches, for little memory."""

        def part(start: int) -> Float[Tensor, "stretch 56 3"]:
            first = max(0, start - _CONTEXT_FRAMES)
            posed, moved_m = self._grounded(channels[first : start + _STRETCH_FRAMES + _CONTEXT_FRAMES], stance)
            return torch.cat([posed, moved_m[:, None]], dim=1)[start - first :][:_STRETCH_FRAMES]

        body = joined(map(part, range(0, len(channels), _STRETCH_FRAMES)), len(channels))
        return BodyMotion(joints_axis_angle=body[:, :-1], translation_m=body[:, -1])

    def _grounded(
        self, channels: Float[Tensor, "frames channels"], stance: Stance
    ) -> tuple[Float[Tensor, "frames 55 3"], Float[Tensor, "frames 3"]]:
        rot6d = channels[:, ROTATIONS].double().unflatten(1, (-1, 6))
        rotations = clear_hands(self.skeleton, self.torso, within_limits(rot6d_to_matrix(rot6d)))
        rotations = within_limits(rotations)
        sway_m = channels[:, TRANSLATION].double()[:, [0, 2]]
        translation_m = lowered(self.skeleton, rotations, sway_m, stance)
        rotations = plant_feet(self.skeleton, rotations, translation_m, stance.ankles_m, stance.feet)
        return matrix_to_axis_angle(rotations).float(), translation_m.float()
