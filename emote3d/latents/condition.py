"""EMOTE's condition: emotion, intensity and whose way of moving, as one vector per frame (specs/emote.md 1.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS
from emote3d.records import Basis

MEAD_TRAIN_SUBJECTS = (
    "M003", "M005", "M007", "M009", "M011", "M012", "M013", "M019", "M022", "M023", "M024", "M025", "M026", "M027", "M028",
    "M029", "M030", "M031", "W009", "W011", "W014", "W015", "W016", "W018", "W019", "W021", "W023", "W024", "W025", "W026",
    "W028", "W029",
)  # fmt: skip
"""The people EMOTE was trained on, in the order of its identity condition."""


@dataclass(frozen=True, kw_only=True)
class EmoteConditionConfig:
    """What the parts of the condition mean."""

    intensities: int = 3
    """Levels of an emotion, weak to strong (MEAD: 3)."""
    subjects: tuple[str, ...] = MEAD_TRAIN_SUBJECTS
    basis: Basis = "flame2020"
    """What the expression coefficients mean that come of it."""

    @property
    def d(self) -> int:
        """Width of the condition."""
        return len(EMOTIONS) + self.intensities + len(self.subjects)


class EmoteCondition(nn.Module):
    """Emotion weights and a subject to the condition; it has no weights of its own."""

    def __init__(self, config: EmoteConditionConfig) -> None:
        super().__init__()
        self.config = config

    def subject_index(self, name: str | None) -> int:
        """Place of a subject; None is the first. Raises Emote3DError for a name that is not there."""
        if name is None:
            return 0
        if name not in self.config.subjects:
            known = ", ".join(self.config.subjects)
            raise Emote3DError(f"this checkpoint has no subject '{name}'; it has {known}")
        return self.config.subjects.index(name)

    def one_hot(self, emotion: int, intensity: int, subject: int) -> Float[Tensor, "1 d"]:
        """The condition of a training clip: indices of emotion, level and subject."""
        return self.of_labels(torch.tensor([[emotion, intensity, subject]]))

    def of_labels(self, labels: Int[Tensor, "batch 3"]) -> Float[Tensor, "batch d"]:
        """Conditions of training clips, from indices of emotion, level and subject."""
        sizes = (len(EMOTIONS), self.config.intensities, len(self.config.subjects))
        columns = zip(labels.unbind(dim=1), sizes, strict=True)
        return torch.cat([nn.functional.one_hot(index, size) for index, size in columns], dim=1).float()

    def forward(self, emotion: Float[Tensor, "frames 8"], subject: int) -> Float[Tensor, "frames d"]:
        """Emotion weights times intensity (the rest is neutral) to a condition that the network knows.

        A felt weight of 1/3, 2/3 and 1 is the pure emotion at levels 1, 2 and 3; in between the levels are mixed, below
        1/3 the weakest level is mixed with neutral, which MEAD has at the weakest level only.
        """
        felt = emotion[:, 1:].clamp_min(0)
        strength = felt.sum(dim=1, keepdim=True)
        levels = self.config.intensities
        share = (levels * strength).clamp(max=1)
        pure = share * felt / strength.clamp_min(1e-6)
        level = (levels * strength - 1).clamp(0, levels - 1)
        mixed = (1 - (level - torch.arange(levels).to(level)).abs()).clamp_min(0)
        identity = torch.eye(len(self.config.subjects)).to(emotion)[subject].expand(len(emotion), -1)
        return torch.cat([1 - share, pure, mixed, identity], dim=1)
