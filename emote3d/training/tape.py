"""The training set as one long tape: log-mel, phones, articulation and prosody side by side, cut into windows and disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from emote3d.audio.encoder import CompactEncoderConfig, LogMel, speech_level
from emote3d.data.augment import augment
from emote3d.data.coarticulation import accents, articulate
from emote3d.data.corpus import read_index
from emote3d.data.phones import SYMBOLS
from emote3d.data.timed import TimedSpeech, load_timed
from emote3d.errors import Emote3DError

FPS = 30
_GRID_S = 0.1
"""Clips are cut to this length's multiples, so that mel, feature and motion frames begin together."""
_MEL_S = 0.01
_TAIL_FRAMES = 60
"""Mel frames that a room's tail lasts."""
_TELEPHONE_BINS = (7, 58)
"""Mel bins that a telephone passes, 300 to 3400 Hz."""
_TELEPHONE_SHARE = 0.12
_BROWN = 3.0
"""Log-mel by which brown noise is over its mean in the lowest bands, and under it in the highest."""
SYNTHETIC = ("espeak-ng", "flite", "festival", "rhvoice")
_PEOPLE_TIMES = {"tuxpaint": 2, "fillets": 2, "gcompris": 3, "drascula": 2, "queen": 1}
"""Recordings of people are rarer than synthetic voices and count more: so often a pass, by source; others `_FEW_TIMES`."""
_FEW_TIMES = 5
_MASK = -6.0
"""Log-mel of what is hidden from the encoder."""
_SPAN_FRAMES, _SPAN_STARTS = 20, 0.02
"""Mel frames of a hidden span, and the share of frames that begin one."""
_PIECE_STARTS = 0.25
"""Share of the tenths of a second at which a window that is shuffled is cut."""
_MEMBERS = ("mel", "phone", "articulation", "accent", "loudness")
_UNLABELLED = "unlabelled.npy"
"""Log-mel of speech without phone times, all of it once, one clip after the other."""


class TapeWindow(NamedTuple):
    """Windows of the tape, one per row of the batch (a tuple, since Lightning moves no frozen dataclass to a device)."""

    mel: Float[Tensor, "batch mel_frames mels"]
    phone: Int[Tensor, "batch feature_frames"]
    """Index into `emote3d.data.phones.SYMBOLS`."""
    articulation: Float[Tensor, "batch frames articulation"]
    accent: Float[Tensor, "batch frames"]
    loudness: Float[Tensor, "batch frames"]
    unlabelled: Float[Tensor, "rows mel_frames mels"]
    """Speech whose phones nobody told; no rows where none was asked for."""


def _log_mel(samples: np.ndarray, log_mel: LogMel) -> np.ndarray:
    """Level-normalised log-mel [mel_frames, mels] of 16-bit samples, cut to the grid."""
    grid = round(_GRID_S * log_mel.config.sample_rate)
    waveform = samples[: len(samples) // grid * grid].astype(np.float32) / 32768
    mel = log_mel(torch.from_numpy(waveform)[None])[0, :-1]
    return (mel - speech_level(mel)).numpy()


def _prepare(clip: TimedSpeech, log_mel: LogMel) -> dict[str, np.ndarray]:
    """What the tape holds of one clip."""
    mel = _log_mel(clip.waveform, log_mel)
    frames = round(len(mel) * _MEL_S * FPS)
    at = np.arange(frames) / FPS * (log_mel.config.sample_rate / log_mel.config.hop)
    loudness = np.clip(1 + np.interp(at, np.arange(len(mel)), mel.mean(axis=1)) / 6, 0, 1)
    smooth = np.convolve(np.pad(loudness, 7, mode="edge"), np.hanning(15) / np.hanning(15).sum(), mode="valid")
    feature_s = np.arange(len(mel) // 2) * 0.02
    phone = np.array([SYMBOLS.index(symbol) for symbol in clip.phone])
    index = np.searchsorted(clip.start_s, feature_s, side="right") - 1
    return {
        "mel": mel.astype(np.float16),
        "phone": phone[index.clip(0)].astype(np.uint8),
        "articulation": articulate(clip, loudness, FPS).astype(np.float16),
        "accent": accents(clip, loudness, FPS).astype(np.float16),
        "loudness": smooth.astype(np.float16),
    }


def _augmented(clip: TimedSpeech, rng: np.random.Generator) -> TimedSpeech:
    """The clip through another room and microphone, at another speed; phone times follow."""
    changed = augment(clip.waveform.astype(np.float32) / 32768, rng)
    waveform = np.round(np.clip(changed.waveform, -1, 1) * 32767).astype(np.int16)
    times = {name: (getattr(clip, name) * changed.time_scale).astype(np.float32) for name in ("start_s", "end_s")}
    return replace(clip, waveform=waveform, **times)


def times_on_tape(source: str) -> int:
    """How often a clip goes onto the tape in a pass."""
    return 1 if source in SYNTHETIC else _PEOPLE_TIMES.get(source, _FEW_TIMES)


def build_tape(corpus: Path, out: Path, *, passes: int, seed: int = 0, limit: int | None = None) -> float:
    """Write the tape of a speech set (see `scripts/build_training_set.py`); pass 0 is clean, later ones augmented.

    Recordings of people are on it several times a pass, the repeats augmented. Clips without phone times lie beside it,
    clips held out are left out. Returns the hours of audio on the tape.
    """
    log_mel = LogMel(CompactEncoderConfig())
    log_mel.fill_filters()
    taught = [entry for entry in read_index(corpus) if entry.split == "train"]
    entries = [entry for entry in taught if entry.timed][:limit]
    untold = [load_timed(corpus / f"{entry.id}.npz") for entry in taught if not entry.timed][:limit]
    rng = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in _MEMBERS}
    for number in range(passes):
        takes = [(e.id, n) for e in entries for n in range(times_on_tape(e.source))]
        for index in rng.permutation(len(takes)):
            name, repeat = takes[index]
            clip = load_timed(corpus / f"{name}.npz")
            prepared = _prepare(_augmented(clip, rng) if number or repeat else clip, log_mel)
            for member, array in prepared.items():
                parts[member].append(array)
    out.mkdir(parents=True, exist_ok=True)
    for member, arrays in parts.items():
        np.save(out / f"{member}.npy", np.concatenate(arrays))
    mels = [_log_mel(clip.waveform, log_mel).astype(np.float16) for clip in untold]
    np.save(out / _UNLABELLED, np.concatenate([np.zeros((0, log_mel.config.mels), np.float16), *mels]))
    return sum(len(array) for array in parts["loudness"]) / FPS / 3600


class Tape:
    """Random windows of a tape folder.

    Raises:
        Emote3DError: a file of it is missing, or it was made before one was added.
    """

    def __init__(self, folder: Path) -> None:
        files = (*(f"{name}.npy" for name in _MEMBERS), _UNLABELLED)
        missing = [name for name in files if not (folder / name).is_file()]
        if missing:
            raise Emote3DError(
                f"expected a tape in {folder}, found no {', '.join(missing)} there: make it with make-tape"
            )
        self._members = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _MEMBERS}
        self._unlabelled = np.load(folder / _UNLABELLED, mmap_mode="r")
        self.seconds = len(self._members["loudness"]) // FPS

    def windows(self, batch: int, seconds: int, rng: np.random.Generator, unlabelled: int = 0) -> Iterator[TapeWindow]:
        """Draw batches without end; windows start on the grid.

        Args:
            unlabelled: rows of speech without labels that come with each batch.

        Raises:
            Emote3DError: rows of it are asked for, and the tape has no more than one.
        """
        lengths = {"mel": 100, "phone": 50, "articulation": FPS, "accent": FPS, "loudness": FPS}
        length = lengths["mel"] * seconds
        if unlabelled and len(self._unlabelled) <= length:
            raise Emote3DError(
                f"expected more than {seconds} s of speech without phone times on the tape, got"
                f" {len(self._unlabelled) / lengths['mel']:.1f} s: add recordings to the set, or ask for 0 unlabelled rows"
            )
        while True:
            starts = rng.integers(0, int((self.seconds - seconds) / _GRID_S), size=batch)
            cut = {}
            for name, rate in lengths.items():
                step = round(rate * _GRID_S)
                rows = [self._members[name][s * step : s * step + seconds * rate] for s in starts]
                cut[name] = torch.from_numpy(np.stack(rows))
            untold = rng.integers(0, len(self._unlabelled) - length, size=unlabelled) if unlabelled else []
            rows = [self._unlabelled[start : start + length] for start in untold]
            cut["unlabelled"] = torch.from_numpy(np.stack(rows)) if rows else cut["mel"][:0]
            yield TapeWindow(phone=cut.pop("phone").long(), **{name: value.float() for name, value in cut.items()})


def disturb(
    mel: Float[Tensor, "batch mel_frames mels"], generator: torch.Generator
) -> Float[Tensor, "batch mel_frames mels"]:
    """Another voice, room and microphone: warp the mel axis, tilt it, smear it, add noise that comes and goes and other
    speech, keep a telephone's band, mask bands. Where this changes the level of the speech, it is subtracted anew."""
    batch, frames, mels = mel.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(batch, *shape, generator=generator)

    position = torch.arange(mels) * uniform(0.86, 1.16, 1)
    low = position.long().clamp(max=mels - 2)
    index = low[:, None].expand(-1, frames, -1)
    mel = torch.lerp(mel.gather(2, index), mel.gather(2, index + 1), (position - low).clamp(max=1)[:, None])
    level = _levels(mel)
    curve = nn.functional.interpolate(
        torch.randn(batch, 1, 6, generator=generator), mels, mode="linear", align_corners=True
    )
    power = in_room((mel + uniform(0, 1.0, 1, 1) * curve).exp(), generator)
    swell = nn.functional.interpolate(
        torch.randn(batch, 1, 2 + frames // 40, generator=generator), frames, mode="linear", align_corners=True
    )
    noise_level = uniform(-10.0, 0.0, 1, 1) + uniform(0, 1.2, 1, 1) * swell.transpose(1, 2)
    hue = uniform(-1.0, _BROWN, 1, 1) * torch.linspace(1, -1, mels)  # from some hiss to brown noise
    noise = noise_level + hue + 0.8 * curve.roll(1, 0) + 0.5 * torch.randn(mel.shape, generator=generator)
    babble = power.roll(1, 0) * uniform(-14.0, -2.5, 1, 1).exp()
    mel = (power + noise.exp() + babble).log()
    bins = torch.arange(mels)
    cut = (bins < _TELEPHONE_BINS[0]) | (bins >= _TELEPHONE_BINS[1])
    mel = torch.where(cut & (uniform(0, 1, 1, 1) < _TELEPHONE_SHARE), mel - uniform(6, 14, 1, 1), mel)
    mel = mel - (_levels(mel) - level)[:, None, None] + uniform(-0.4, 0.4, 1, 1)
    start = torch.randint(0, mels, (batch, 1), generator=generator)
    width = torch.randint(0, 12, (batch, 1), generator=generator)
    masked = (bins >= start) & (bins < start + width)
    return mel.masked_fill(masked[:, None], _MASK)


def mask_spans(
    mel: Float[Tensor, "batch mel_frames mels"], generator: torch.Generator
) -> tuple[Float[Tensor, "batch mel_frames mels"], Bool[Tensor, "batch feature_frames"]]:
    """Hide about a third of each row in spans of 0.2 s or more; gives the rest, and which features lie in what is hidden."""
    starts = torch.rand(mel.shape[:2], generator=generator) < _SPAN_STARTS
    ahead = nn.functional.pad(starts.float(), (_SPAN_FRAMES - 1, 0))
    hidden = nn.functional.max_pool1d(ahead[:, None], _SPAN_FRAMES, 1)[:, 0] > 0
    return mel.masked_fill(hidden[..., None], _MASK), hidden[:, ::2]


def shuffle_pieces(
    batch: TapeWindow, rows: int, generator: torch.Generator
) -> tuple[Float[Tensor, "rows mel_frames mels"], Int[Tensor, "rows feature_frames"]]:
    """Log-mel and phones of the first rows, each cut into pieces of 0.4 s on average that follow one another in any order."""
    mel, phone = (
        member[:rows].unflatten(1, (-1, round(_GRID_S * rate)))
        for member, rate in ((batch.mel, 100), (batch.phone, 50))
    )
    pieces = (torch.rand(mel.shape[:2], generator=generator) < _PIECE_STARTS).cumsum(dim=1)
    order = torch.rand(mel.shape[:2], generator=generator).gather(1, pieces - pieces[:, :1]).argsort(dim=1, stable=True)
    row = torch.arange(len(mel))[:, None]
    return mel[row, order].flatten(1, 2), phone[row, order].flatten(1, 2)


def _levels(mel: Float[Tensor, "batch mel_frames mels"]) -> Float[Tensor, "batch"]:
    """Loudness of the speech in each row, as `speech_level` has it of a recording."""
    return torch.quantile(mel.mean(dim=2), 0.95, dim=1)


def in_room(
    power: Float[Tensor, "batch mel_frames mels"], generator: torch.Generator, share: float = 0.35
) -> Float[Tensor, "batch mel_frames mels"]:
    """Put a share of the rows of mel power into rooms: each frame decays over the next, by 60 dB in 0.15 to 0.8 s, all of
    its tail 0 to 12 dB below the direct sound."""
    batch = len(power)
    rooms, decay_s, late_db = torch.rand(3, batch, generator=generator)
    rows = torch.nonzero(rooms < share)[:, 0]
    if not len(rows):
        return power
    lag_s = _MEL_S * torch.arange(1, _TAIL_FRAMES + 1)
    tail = torch.exp(-13.8 * lag_s / (0.15 + 0.65 * decay_s[rows])[:, None])
    tail = tail / tail.sum(1, keepdim=True) * 10 ** (-1.2 * late_db[rows])[:, None]
    kernel = torch.cat([tail.flip(1), torch.ones(len(rows), 1)], dim=1)
    padded = nn.functional.pad(power[rows].permute(2, 0, 1), (_TAIL_FRAMES, 0))
    reverberant = nn.functional.conv1d(padded, kernel[:, None], groups=len(rows))
    return power.index_copy(0, rows, reverberant.permute(1, 2, 0))
