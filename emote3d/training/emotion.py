"""The emotion head: EmoDB's acted emotions from the pooled features of the audio encoder, judged on speakers left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from emote3d.audio.encoder import CompactEncoder
from emote3d.audio.hearing import hear
from emote3d.audio.load import load_speech
from emote3d.latents.speech import SpeechEncoder
from emote3d.names import EMOTIONS
from emote3d.training.tape import FPS

_LETTERS = {"W": "anger", "L": "neutral", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
"""EmoDB's code of the acted emotion; boredom counts as neutral."""
_STEPS, _SMOOTHING, _WEIGHT_DECAY = 250, 0.15, 0.2


def emodb_features(
    folder: Path, audio: CompactEncoder
) -> tuple[list[Float[Tensor, "frames feature_d"]], Int[Tensor, "clips"], list[str]]:
    """Features, emotion index and speaker of each clip of EmoDB (names like 03a01Fa.wav)."""
    paths = sorted(folder.glob("*.wav"))
    with torch.inference_mode():
        features = [hear(audio, load_speech(path), FPS)[0].features.clone() for path in paths]
    labels = torch.tensor([EMOTIONS.index(_LETTERS[path.stem[5]]) for path in paths])
    return features, labels, [path.stem[:2] for path in paths]


def _train(head: nn.Module, pooled: Tensor, labels: Tensor, seed: int) -> None:
    torch.manual_seed(seed)
    count = torch.bincount(labels, minlength=len(EMOTIONS)).clamp_min(1)
    loss = nn.CrossEntropyLoss(weight=1 / count, label_smoothing=_SMOOTHING)
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=_WEIGHT_DECAY)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        noisy = nn.functional.dropout(pooled, 0.3) + 0.05 * torch.randn_like(pooled)
        loss(head(noisy), labels).backward()
        optimizer.step()


def fit_emotion(latents: SpeechEncoder, folder: Path, audio: CompactEncoder, seed: int = 0) -> float:
    """Train the emotion head on all speakers; gives the unweighted recall of heads trained without the speaker they judge."""
    features, labels, speakers = emodb_features(folder, audio)
    pooled = torch.stack([torch.cat([f.mean(dim=0), f.std(dim=0, correction=0)]) for f in features])
    names = np.array(speakers)
    hits = torch.zeros(len(labels), dtype=torch.bool)
    for speaker in sorted(set(speakers)):
        held_out = torch.from_numpy(names == speaker)
        head = SpeechEncoder(latents.config).emotion
        _train(head, pooled[~held_out], labels[~held_out], seed)
        with torch.inference_mode():
            hits[held_out] = head(pooled[held_out]).argmax(dim=1) == labels[held_out]
    _train(latents.emotion, pooled, labels, seed)
    return float(np.mean([hits[labels == label].float().mean() for label in labels.unique()]))
