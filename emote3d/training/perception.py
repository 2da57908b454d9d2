"""Training of the shipped lip reader and motion emotion network on the teacher's performances."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from emote3d.data.phones import PHONES, SYMBOLS
from emote3d.perception.networks import LandmarkEmotionNet, LandmarkLipReader
from emote3d.training.acted_faces import ActedBatch, SpokenClip, acted_batches
from emote3d.training.settings import PerceptionTraining


class _PerceptionTask(lightning.LightningModule):
    def __init__(self, settings: PerceptionTraining) -> None:
        super().__init__()
        self.settings = settings

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.settings.learning_rate, weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.settings.learning_rate, total_steps=self.settings.steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class LipReaderTask(_PerceptionTask):
    """Cross-entropy of the phone in each frame."""

    def __init__(self, net: LandmarkLipReader, settings: PerceptionTraining) -> None:
        super().__init__(settings)
        self.net = net

    def training_step(self, batch: ActedBatch, index: int) -> Tensor:
        """One step on a batch."""
        loss = nn.functional.cross_entropy(self.net(batch.seen).transpose(1, 2), batch.phone)
        self.log("phone_ce", loss)
        return loss


class EmotionNetTask(_PerceptionTask):
    """Cross-entropy of the mixture of emotions, and the error of the intensity."""

    def __init__(self, net: LandmarkEmotionNet, settings: PerceptionTraining) -> None:
        super().__init__(settings)
        self.net = net

    def training_step(self, batch: ActedBatch, index: int) -> Tensor:
        """One step on a batch."""
        valid = torch.ones(batch.seen.shape[:2], dtype=torch.bool)
        logits, intensity = self.net(batch.seen, valid)
        cross_entropy = nn.functional.cross_entropy(logits, batch.emotion)
        error = (intensity - batch.intensity).square().mean()
        self.log_dict({"emotion_ce": cross_entropy, "intensity_mse": error})
        return cross_entropy + error


_OPEN, _ROUND = 0.55, 0.5


def viseme_group(symbol: str) -> str:
    """What can be seen of a phone: its lip shape, and for the rest how far the mouth is open."""
    phone = PHONES[symbol]
    if phone.manner == "silence":
        return "silence"
    if phone.lip_closure == 1:
        return "closed"
    if phone.labiodental > 0.5:
        return "labiodental"
    if max(phone.rounding, phone.protrusion) >= _ROUND:
        return "rounded"
    if phone.is_vowel:
        return "open" if phone.openness >= _OPEN else "half"
    return "consonant"


def lip_reader_metrics(net: LandmarkLipReader, clips: list[SpokenClip], seed: int = 1) -> dict[str, float]:
    """Accuracy over the frames of acted windows, of the phone and of its viseme group, and recall of closures."""
    groups = np.array([viseme_group(symbol) for symbol in SYMBOLS])
    batches = acted_batches(clips, 32, 75, np.random.default_rng(seed))
    phone, said = [], []
    with torch.inference_mode():
        for _ in range(12):
            batch = next(batches)
            said.append(net.eval()(batch.seen).argmax(dim=-1).flatten())
            phone.append(batch.phone.flatten())
    truth, guess = torch.cat(phone).numpy(), torch.cat(said).numpy()
    closed = groups[truth] == "closed"
    return {
        "phone_accuracy": float((truth == guess).mean()),
        "viseme_accuracy": float((groups[truth] == groups[guess]).mean()),
        "closure_frame_recall": float((groups[guess][closed] == "closed").mean()),
    }


def emotion_net_metrics(net: LandmarkEmotionNet, clips: list[SpokenClip], seed: int = 1) -> dict[str, float]:
    """Accuracy of the strongest emotion where it is clear (a share over half, felt by 0.4 at least, or none), and the intensity's error."""
    batches = acted_batches(clips, 32, 75, np.random.default_rng(seed))
    hits, clear, errors = 0, 0, []
    with torch.inference_mode():
        for _ in range(16):
            batch = next(batches)
            valid = torch.ones(batch.seen.shape[:2], dtype=torch.bool)
            logits, intensity = net.eval()(batch.seen, valid)
            share, truth = batch.emotion.max(dim=1)
            sure = (share > 0.5) & ((truth == 0) & (batch.intensity < 0.1) | (truth > 0) & (batch.intensity > 0.4))
            hits += int((logits.argmax(dim=1) == truth)[sure].sum())
            clear += int(sure.sum())
            errors.append((intensity - batch.intensity).abs())
    return {"emotion_accuracy": hits / max(1, clear), "intensity_mae": float(torch.cat(errors).mean())}
