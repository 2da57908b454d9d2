"""The reader of the voice's emotion: logistic regression on EmoDB, judged on speakers left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from emote3d.audio.encoder import LogMel
from emote3d.audio.load import load_speech
from emote3d.latents.voice import VoiceEmotion, VoiceEmotionConfig, voice_statistics
from emote3d.names import EMOTIONS

_LETTERS = {"W": "anger", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
"""EmoDB's code of the acted emotion; boredom is left out."""
_PENALTY = 0.02
"""Inverse strength of the L2 penalty on a sum over clips (scikit-learn's C)."""
_UNHEARD_LOGIT = -30.0


def emodb_statistics(
    folder: Path, log_mel: LogMel
) -> tuple[Float[np.ndarray, "clips statistics"], Int[np.ndarray, "clips"], list[str]]:
    """Voice statistics, emotion index and speaker of each clip of EmoDB (names like 03a01Fa.wav)."""
    paths = [path for path in sorted(folder.glob("*.wav")) if path.stem[5] in _LETTERS]
    rows = [voice_statistics(log_mel, load_speech(path))[0] for path in paths]
    labels = np.array([EMOTIONS.index(_LETTERS[path.stem[5]]) for path in paths])
    return np.stack(rows), labels, [path.stem[:2] for path in paths]


def fit_reader(statistics: np.ndarray, labels: np.ndarray) -> VoiceEmotion:
    """Class-balanced multinomial logistic regression by L-BFGS."""
    reader = VoiceEmotion(VoiceEmotionConfig(statistics=statistics.shape[1]))
    x, y = torch.from_numpy(statistics).float(), torch.from_numpy(labels)
    reader.mean.copy_(x.mean(dim=0))
    reader.scale.copy_(x.std(dim=0, correction=0).clamp_min(1e-6))
    heard = torch.bincount(y, minlength=len(EMOTIONS)) > 0
    weight = len(y) / (heard.sum() * torch.bincount(y, minlength=len(EMOTIONS)).clamp_min(1))
    nn.init.zeros_(reader.linear.weight)
    with torch.no_grad():
        reader.linear.bias.copy_(torch.where(heard, 0.0, _UNHEARD_LOGIT))
    optimizer = torch.optim.LBFGS(reader.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(reader(x), y, weight=weight, reduction="sum")
        value = value + reader.linear.weight.square().sum() / (2 * _PENALTY)
        value.backward()
        return value

    optimizer.step(loss)  # pyright: ignore[reportArgumentType]
    return reader


def fit_emotion(folder: Path, log_mel: LogMel) -> tuple[VoiceEmotion, float]:
    """A reader of all speakers, and the unweighted recall of readers that never heard the speaker they judge."""
    statistics, labels, speakers = emodb_statistics(folder, log_mel)
    names = np.array(speakers)
    found = np.zeros(len(labels), dtype=int)
    for speaker in sorted(set(speakers)):
        held_out = names == speaker
        reader = fit_reader(statistics[~held_out], labels[~held_out])
        with torch.inference_mode():
            found[held_out] = reader(torch.from_numpy(statistics[held_out]).float()).argmax(dim=1).numpy()
    recall = float(np.mean([(found[labels == label] == label).mean() for label in np.unique(labels)]))
    return fit_reader(statistics, labels), recall
