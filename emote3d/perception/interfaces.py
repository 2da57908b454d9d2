"""What a perceptual network must offer, ours or a published one."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor

Sight = Literal["landmarks", "mouth", "face"]
"""What a network looks at: landmark motion [batch, frames, 68, 3], or grey pictures in [0, 1] [batch, frames, rows, columns] of
the mouth or of the whole face."""


@runtime_checkable
class LipReader(Protocol):
    """Says what the lips say, frame by frame."""

    @property
    def sight(self) -> Sight:
        """What it looks at."""
        ...

    def read(self, seen: Float[Tensor, "batch frames *rest"]) -> Float[Tensor, "batch frames d"]:
        """Features of each frame; those of two performances of the same words point in the same direction."""
        ...


@runtime_checkable
class MotionEmotionNet(Protocol):
    """Says what a moving face feels."""

    @property
    def sight(self) -> Sight:
        """What it looks at."""
        ...

    def feel(
        self, seen: Float[Tensor, "batch frames *rest"], valid: Bool[Tensor, "batch frames"]
    ) -> Float[Tensor, "batch d"]:
        """One feature per sequence; invalid frames do not count. Those of the same feeling point in the same direction."""
        ...
