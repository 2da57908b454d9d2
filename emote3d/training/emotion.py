"""The reader of the voice's emotion: logistic regression on EmoDB and plain read speech, judged on speakers left out.

What changes with the speaker is no emotion. So weights are penalised along the ways in which statistics move when a clip is given
another voice, and in which the speakers of an emotion differ (within-class covariance normalisation; Hatch et al. 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from emote3d.audio.encoder import CompactEncoder
from emote3d.audio.load import load_speech
from emote3d.audio.voice import VOICE_STATISTICS
from emote3d.data.voice_change import change_voice
from emote3d.errors import Emote3DError
from emote3d.latents.voice import VoiceEmotion, VoiceEmotionConfig, voice_statistics
from emote3d.names import EMOTIONS
from emote3d.records import Speech

_LETTERS = {"W": "anger", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
"""EmoDB's code of the acted emotion; boredom is left out."""
_VIEWS = ((slice(0, VOICE_STATISTICS), 0.1), (slice(VOICE_STATISTICS, None), 0.03))
"""The kinds of statistics, and the inverse strength of each one's L2 penalty on a sum over clips (scikit-learn's C)."""
_AGREEMENT = 1.5
"""Logits of the two kinds are added and divided by this: two readers would be 2 if they knew the same, 1 if nothing in common."""
_OTHER_VOICES, _OTHER_SPEAKERS = 2.0, 2.0
"""Strength of the penalty along what a changed voice and what another speaker changes; 1 to 3 read other speakers as well."""
_VOICES, _VOICE_SEED = 4, 0
"""Other voices that each clip is given."""
_PITCH, _FORMANTS, _TEMPO = 1.26, 1.12, 1.09
"""Their most, and the inverse of it their least, of the clip's own."""
_FOLLOWING = 0.25
"""Higher voices have higher formants: the power of the pitch that formants take part in."""
_UNHEARD_LOGIT = -30.0
_READ_SHARE = 0.3
"""Weight of all the read speech together, of that of one emotion of EmoDB."""
_READ_CLIPS, _READ_LEAST_S, _READ_MOST_S = 40, 2.0, 4.0
"""Clips looked at of each reader, and how much of each is heard."""
_READ_SUFFIXES = {".wav", ".flac", ".g722"}

Statistics = Float[np.ndarray, "clips statistics"]


@dataclass(frozen=True, kw_only=True)
class ActedVoices:
    """Clips of actors."""

    statistics: Statistics
    """Voice statistics of each clip."""
    changed: Float[np.ndarray, "clips voices statistics"]
    """The same of the clip in other voices."""
    labels: Int[np.ndarray, "clips"]
    """Index of the acted emotion."""
    speakers: np.ndarray
    """Name of each clip's speaker."""

    def take(self, chosen: np.ndarray) -> ActedVoices:
        """Some of the clips, by a mask or numbers."""
        return ActedVoices(
            statistics=self.statistics[chosen],
            changed=self.changed[chosen],
            labels=self.labels[chosen],
            speakers=self.speakers[chosen],
        )


def read_emodb(folder: Path, ear: CompactEncoder) -> ActedVoices:
    """EmoDB (names like 03a01Fa.wav: speaker, sentence, emotion, version), its clips in other voices too.

    Raises:
        Emote3DError: the folder holds none of them.
    """
    paths = [path for path in sorted(folder.glob("*.wav")) if len(path.stem) > 5 and path.stem[5] in _LETTERS]
    if not paths:
        raise Emote3DError(f"expected EmoDB's clips (03a01Fa.wav ...) in {folder}, found none")
    clips = [load_speech(path) for path in paths]
    return ActedVoices(
        statistics=np.stack([voice_statistics(ear, clip)[0] for clip in clips]),
        changed=np.stack([_in_other_voices(ear, clip, number) for number, clip in enumerate(clips)]),
        labels=np.array([EMOTIONS.index(_LETTERS[path.stem[5]]) for path in paths]),
        speakers=np.array([path.stem[:2] for path in paths]),
    )


def _in_other_voices(ear: CompactEncoder, clip: Speech, number: int) -> Float[np.ndarray, "voices statistics"]:
    rng = np.random.default_rng((_VOICE_SEED, number))
    rows = []
    for pitch, formants, tempo in np.array([_PITCH, _FORMANTS, _TEMPO]) ** rng.uniform(-1, 1, (_VOICES, 3)):
        wave = change_voice(clip.waveform.numpy(), pitch, formants * pitch**_FOLLOWING, tempo)
        rows.append(voice_statistics(ear, Speech(waveform=torch.from_numpy(wave), sample_rate=clip.sample_rate))[0])
    return np.stack(rows)


def reader_statistics(folder: Path, ear: CompactEncoder) -> Statistics:
    """Voice statistics of sentences that one person reads plainly, evenly picked from a folder; never Asterisk's demo-*.

    Raises:
        Emote3DError: the folder holds none that are long enough.
    """
    found = folder.glob("*") if folder.is_dir() else []
    paths = [path for path in sorted(found) if path.suffix in _READ_SUFFIXES and not path.stem.startswith("demo-")]
    rows = []
    for path in paths[:: max(1, len(paths) // _READ_CLIPS)]:
        speech = load_speech(path)
        if speech.duration_s >= _READ_LEAST_S:
            part = speech.waveform[: round(_READ_MOST_S * speech.sample_rate)]
            rows.append(voice_statistics(ear, Speech(waveform=part, sample_rate=speech.sample_rate))[0])
    rows = [row for row in rows if row.any()]
    if not rows:
        raise Emote3DError(f"expected recordings of {_READ_LEAST_S:g} s or more of one reader in {folder}, found none")
    return np.stack(rows)


def fit_reader(acted: ActedVoices, read: Sequence[np.ndarray] = ()) -> VoiceEmotion:
    """Class-balanced multinomial logistic regression by L-BFGS; `read` holds the plain speech of each reader."""
    number = np.bincount(acted.labels, minlength=len(EMOTIONS))
    each = len(acted.labels) / np.count_nonzero(number)
    balanced = each / number[acted.labels]
    weights = [balanced, *(np.full(len(rows), _READ_SHARE * each / len(read) / len(rows)) for rows in read)]
    labels = np.concatenate([acted.labels, *(np.full(len(rows), EMOTIONS.index("neutral")) for rows in read)])
    x, y = torch.from_numpy(np.concatenate([acted.statistics, *read])).float(), torch.from_numpy(labels)
    weight = torch.from_numpy(np.concatenate(weights)).float()
    reader = VoiceEmotion(VoiceEmotionConfig(statistics=x.shape[1]))
    share = (weight / weight.sum())[:, None]
    reader.mean.copy_((share * x).sum(dim=0))
    reader.scale.copy_((share * (x - reader.mean).square()).sum(dim=0).sqrt().clamp_min(1e-6))
    ways = _speaker_ways(reader, acted, balanced / len(acted.labels))
    z, heard = reader.standardise(x), torch.bincount(y, minlength=len(EMOTIONS)) > 0
    views = [(view, penalty) for view, penalty in _VIEWS if z[:, view].shape[1]]
    share_of_each = 1.0 if len(views) == 1 else 1 / _AGREEMENT
    with torch.no_grad():
        reader.linear.bias.zero_()
        for view, penalty in views:
            fitted = _fit_linear(z[:, view], y, weight, ways[:, view], penalty)
            reader.linear.weight[:, view] = share_of_each * fitted.weight
            reader.linear.bias.add_(share_of_each * fitted.bias)
        reader.linear.bias[~heard] = _UNHEARD_LOGIT
        reader.linear.weight[~heard] = 0.0
    return reader


def _fit_linear(
    x: Float[torch.Tensor, "clips statistics"],
    labels: Int[torch.Tensor, "clips"],
    weight: Float[torch.Tensor, "clips"],
    ways: Float[torch.Tensor, "ways statistics"],
    penalty: float,
) -> nn.Linear:
    """Logits from standardised statistics; `weight` is of clips, `ways` are penalised beside the plain L2."""
    linear = nn.Linear(x.shape[1], len(EMOTIONS))
    heard = torch.bincount(labels, minlength=len(EMOTIONS)) > 0
    nn.init.zeros_(linear.weight)
    with torch.no_grad():
        linear.bias.copy_(torch.where(heard, 0.0, _UNHEARD_LOGIT))
    optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = (weight * nn.functional.cross_entropy(linear(x), labels, reduction="none")).sum()
        rows = linear.weight
        value = value + (rows.square().sum() + (rows @ ways.T).square().sum()) / (2 * penalty)
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)  # pyright: ignore[reportArgumentType]
    return linear


def _speaker_ways(
    reader: VoiceEmotion, acted: ActedVoices, share: Float[np.ndarray, "clips"]
) -> Float[torch.Tensor, "ways statistics"]:
    """Directions that tell speakers and not emotions, as long as their penalty is strong; `share` is each clip's part of 1."""
    x, changed = (reader.standardise(torch.from_numpy(rows).float()) for rows in (acted.statistics, acted.changed))
    part = torch.from_numpy(share / acted.changed.shape[1]).float()[:, None, None]
    ways = [((_OTHER_VOICES * part).sqrt() * (changed - x[:, None])).flatten(0, 1)]
    means = []
    for label in np.unique(acted.labels):
        felt = acted.labels == label
        groups = [felt & (acted.speakers == speaker) for speaker in np.unique(acted.speakers)]
        means += [x[group].mean(dim=0) - x[felt].mean(dim=0) for group in groups if group.sum() > 1]
    if means:
        ways.append(torch.stack(means) * (_OTHER_SPEAKERS / len(means)) ** 0.5)
    return torch.cat(ways)


def heard_unseen(acted: ActedVoices, read: Sequence[np.ndarray]) -> Float[torch.Tensor, "clips 8"]:
    """Probabilities of the emotions of each clip, by readers that never heard its speaker."""
    heard = torch.zeros(len(acted.labels), len(EMOTIONS))
    for speaker in np.unique(acted.speakers):
        judged = acted.speakers == speaker
        reader = fit_reader(acted.take(~judged), read)
        with torch.inference_mode():
            rows = torch.from_numpy(acted.statistics[judged]).float()
            heard[torch.from_numpy(judged)] = reader(rows).softmax(dim=1)
    return heard


def fit_emotion(folder: Path, readers: Sequence[Path], ear: CompactEncoder) -> tuple[VoiceEmotion, dict[str, float]]:
    """A reader of all speakers, and the recall of each emotion by readers that never heard the speaker they judge.

    Args:
        folder: EmoDB's wav files.
        readers: a folder of plain speech of each person whose voice is to count as neutral.
        ear: what `ear_of` makes of the audio encoder; the reader keeps a copy.
    """
    acted = read_emodb(folder, ear)
    read = [reader_statistics(path, ear) for path in readers]
    found = heard_unseen(acted, read).argmax(dim=1).numpy()
    recalls = {
        EMOTIONS[label]: float((found[acted.labels == label] == label).mean()) for label in np.unique(acted.labels)
    }
    reader = fit_reader(acted, read)
    reader.ear.load_state_dict(ear.state_dict())
    return reader, recalls
