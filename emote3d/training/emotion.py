"""The reader of the voice's emotion: logistic regression on EmoDB and plain read speech, judged on speakers left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from emote3d.audio.encoder import LogMel
from emote3d.audio.load import load_speech
from emote3d.errors import Emote3DError
from emote3d.latents.voice import VoiceEmotion, VoiceEmotionConfig, voice_statistics
from emote3d.names import EMOTIONS
from emote3d.records import Speech

_LETTERS = {"W": "anger", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
"""EmoDB's code of the acted emotion; boredom is left out."""
_PENALTY = 0.03
"""Inverse strength of the L2 penalty on a sum over clips (scikit-learn's C); 0.01 to 0.2 read other speakers as well."""
_UNHEARD_LOGIT = -30.0
_READ_SHARE = 0.3
"""Weight of all the read speech together, of that of one emotion of EmoDB."""
_READ_CLIPS, _READ_LEAST_S, _READ_MOST_S = 40, 2.0, 4.0
"""Clips looked at of each reader, and how much of each is heard."""
_READ_SUFFIXES = {".wav", ".flac", ".g722"}

Statistics = Float[np.ndarray, "clips statistics"]


def emodb_statistics(folder: Path, log_mel: LogMel) -> tuple[Statistics, Int[np.ndarray, "clips"], list[str]]:
    """Voice statistics, emotion index and speaker of each clip of EmoDB (names like 03a01Fa.wav)."""
    paths = [path for path in sorted(folder.glob("*.wav")) if len(path.stem) > 5 and path.stem[5] in _LETTERS]
    if not paths:
        raise Emote3DError(f"expected EmoDB's clips (03a01Fa.wav ...) in {folder}, found none")
    rows = [voice_statistics(log_mel, load_speech(path))[0] for path in paths]
    labels = np.array([EMOTIONS.index(_LETTERS[path.stem[5]]) for path in paths])
    return np.stack(rows), labels, [path.stem[:2] for path in paths]


def reader_statistics(folder: Path, log_mel: LogMel) -> Statistics:
    """Voice statistics of sentences that one person reads plainly, evenly picked from a folder; never Asterisk's demo-*."""
    found = folder.glob("*") if folder.is_dir() else []
    paths = [path for path in sorted(found) if path.suffix in _READ_SUFFIXES and not path.stem.startswith("demo-")]
    rows = []
    for path in paths[:: max(1, len(paths) // _READ_CLIPS)]:
        speech = load_speech(path)
        if speech.duration_s >= _READ_LEAST_S:
            part = speech.waveform[: round(_READ_MOST_S * speech.sample_rate)]
            rows.append(voice_statistics(log_mel, Speech(waveform=part, sample_rate=speech.sample_rate))[0])
    rows = [row for row in rows if row.any()]
    if not rows:
        raise Emote3DError(f"expected recordings of {_READ_LEAST_S:g} s or more of one reader in {folder}, found none")
    return np.stack(rows)


def fit_reader(statistics: Statistics, labels: np.ndarray, read: Sequence[np.ndarray] = ()) -> VoiceEmotion:
    """Class-balanced multinomial logistic regression by L-BFGS; `read` holds the plain speech of each reader."""
    number = np.bincount(labels, minlength=len(EMOTIONS))
    each = len(labels) / np.count_nonzero(number)
    weights = [
        each / number[labels],
        *(np.full(len(rows), _READ_SHARE * each / len(read) / len(rows)) for rows in read),
    ]
    labels = np.concatenate([labels, *(np.full(len(rows), EMOTIONS.index("neutral")) for rows in read)])
    x, y = torch.from_numpy(np.concatenate([statistics, *read])).float(), torch.from_numpy(labels)
    weight = torch.from_numpy(np.concatenate(weights)).float()
    reader = VoiceEmotion(VoiceEmotionConfig(statistics=x.shape[1]))
    share = (weight / weight.sum())[:, None]
    reader.mean.copy_((share * x).sum(dim=0))
    reader.scale.copy_((share * (x - reader.mean).square()).sum(dim=0).sqrt().clamp_min(1e-6))
    heard = torch.bincount(y, minlength=len(EMOTIONS)) > 0
    nn.init.zeros_(reader.linear.weight)
    with torch.no_grad():
        reader.linear.bias.copy_(torch.where(heard, 0.0, _UNHEARD_LOGIT))
    optimizer = torch.optim.LBFGS(reader.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = (weight * nn.functional.cross_entropy(reader(x), y, reduction="none")).sum()
        value = value + reader.linear.weight.square().sum() / (2 * _PENALTY)
        value.backward()
        return value

    optimizer.step(loss)  # pyright: ignore[reportArgumentType]
    return reader


def fit_emotion(folder: Path, readers: Sequence[Path], log_mel: LogMel) -> tuple[VoiceEmotion, float]:
    """A reader of all speakers, and the unweighted recall of readers that never heard the speaker they judge.

    Args:
        folder: EmoDB's wav files.
        readers: a folder of plain speech of each person whose voice is to count as neutral.
        log_mel: makes the mel spectra.
    """
    statistics, labels, speakers = emodb_statistics(folder, log_mel)
    read = [reader_statistics(path, log_mel) for path in readers]
    names = np.array(speakers)
    found = np.zeros(len(labels), dtype=int)
    for speaker in sorted(set(speakers)):
        held_out = names == speaker
        reader = fit_reader(statistics[~held_out], labels[~held_out], read)
        with torch.inference_mode():
            found[held_out] = reader(torch.from_numpy(statistics[held_out]).float()).argmax(dim=1).numpy()
    recall = float(np.mean([(found[labels == label] == label).mean() for label in np.unique(labels)]))
    return fit_reader(statistics, labels, read), recall
