"""What the features of sound must tell: phones, prosody, and the movements of the mouth that a phone-timed set teaches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from emote3d.audio.encoder import CompactEncoderConfig, resample_features
from emote3d.audio.lips import PhoneReader, PhoneReaderConfig
from emote3d.checkpoint import load_component
from emote3d.data.coarticulation import ARTICULATION
from emote3d.data.phones import PHONES, SYMBOLS, Phone
from emote3d.names import LIPS
from emote3d.training.tape import FPS, TapeWindow


def _spoken(wanted: Callable[[Phone], bool]) -> tuple[int, ...]:
    """Places of the phones that a condition holds for."""
    return tuple(index for index, symbol in enumerate(SYMBOLS) if wanted(PHONES[symbol]))


_GROUPS = {
    "shut": _spoken(lambda phone: phone.lip_closure == 1),
    "tucked": _spoken(lambda phone: bool(phone.labiodental)),
    "apart": _spoken(lambda phone: phone.needs_open_mouth),
}
"""Phones that want something of the lips."""
_CLOSURE = ARTICULATION.index("closure")


class Hearing(nn.Module):
    """Heads of the encoder; but for the phone reader they are thrown away after training."""

    wanted: Int[Tensor, "phones"]
    """Which of `LIPS` each phone wants, counted from 1; 0 for none."""

    def __init__(self, config: CompactEncoderConfig) -> None:
        super().__init__()
        self.feature_rate = config.feature_rate
        self.phones = PhoneReader(PhoneReaderConfig(feature_d=config.d, phones=len(SYMBOLS), **_GROUPS))
        self.articulation = nn.Linear(config.d, len(ARTICULATION))
        self.prosody = nn.Linear(config.d, 2)
        groups = torch.arange(1.0, 1 + len(LIPS))
        self.register_buffer("wanted", (self.phones.wants @ groups).long(), persistent=False)

    def forward(self, features: Float[Tensor, "batch feature_frames d"], batch: TapeWindow) -> dict[str, Tensor]:
        """Cross-entropy of phones, and of what they want of the lips, at the feature rate; errors of articulation, closure, velocity, accents and loudness at the motion
        rate."""
        resampled = resample_features(features, self.feature_rate, FPS, batch.accent.shape[1])
        error = self.articulation(resampled).float() - batch.articulation
        prosody = self.prosody(resampled).float() - torch.stack([batch.accent, batch.loudness], dim=2)
        return self.phone_losses(features, batch.phone) | {
            "articulation_mse": error.square().mean(),
            "closure_mse": error[..., _CLOSURE].square().mean(),
            "articulation_velocity": error.diff(dim=1).square().mean(),
            "prosody_mse": prosody.square().mean(),
        }

    def phone_losses(
        self, features: Float[Tensor, "batch feature_frames d"], phone: Int[Tensor, "batch feature_frames"]
    ) -> dict[str, Tensor]:
        """Cross-entropy of phones, and of what they want of the lips."""
        phones = self.phones(features).float()
        return {
            "phone_ce": nn.functional.cross_entropy(phones.transpose(1, 2), phone),
            "lips_ce": nn.functional.nll_loss(self._lips(phones).flatten(0, 1), self.wanted[phone].flatten()),
        }

    def start(self, folder: Path) -> None:
        """Take the phone reader of a checkpoint."""
        self.phones.load_state_dict(load_component(folder / "phones", PhoneReader, PhoneReaderConfig).state_dict())

    def _lips(
        self, phones: Float[Tensor, "batch feature_frames phones"]
    ) -> Float[Tensor, "batch feature_frames groups"]:
        """Log-probabilities of what the phones want of the lips; nothing comes first."""
        return torch.stack(
            [phones[..., self.wanted == group].logsumexp(dim=2) for group in range(1 + len(LIPS))], dim=2
        ).log_softmax(dim=2)


def heard(losses: dict[str, Tensor]) -> Tensor:
    """The sum that is minimised."""
    weights = {
        "phone_ce": 0.3,
        "lips_ce": 1.0,
        "articulation_mse": 10.0,
        "closure_mse": 3.0,
        "articulation_velocity": 10.0,
        "prosody_mse": 1.0,
    }
    return sum((weights[name] * value for name, value in losses.items()), torch.zeros(()))
