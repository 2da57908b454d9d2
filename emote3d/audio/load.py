"""Step 1: any recording to 16 kHz mono."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import soxr
import torch
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from emote3d.errors import Emote3DError
from emote3d.records import Speech

MIN_DURATION_S = 0.1
MAX_DURATION_S = 4 * 3600.0
_MIN_RATE, _MAX_RATE = 1_000, 768_000
_MAX_CHANNELS = 32
_MAX_PEAK = 8.0
_MAX_DAMAGED = 0.05
_UNKNOWN_LENGTH = 0x7FFF0000
_TRUSTED_LENGTHS = {"flac", "mov", "mp4", "m4a", "aiff", "caf", "au"}
_FORMATS = "wav, flac, mp3, m4a, ogg, opus, g722 or a video with sound"


def load_speech(source: str | Path | tuple[np.ndarray, int] | Speech, *, sample_rate: int = 16_000) -> Speech:
    """Read a recording as mono float32 in [-1, 1] at `sample_rate`.

    Args:
        source: an audio or video file (all that FFmpeg decodes; raw .g722 is taken as 16 kHz); or `(samples, rate)`
            with samples of shape [samples], [samples, channels] or [channels, samples] (the longer axis is time),
            as floats in [-1, 1] or integers over their full range; or a `Speech`.
        sample_rate: samples per second of the result. The resampler is soxr HQ.

    Channels are averaged. Samples beyond full scale are clipped. A recording of zeros is valid.

    Raises:
        Emote3DError: no such file, no sound in it, cut short, damaged, shorter than 0.1 s, not finite.
    """
    if isinstance(source, Speech):
        source = (source.waveform.detach().cpu().numpy(), source.sample_rate)
    if isinstance(source, tuple):
        name = "the array of samples"
        waveform = _resample_array(*_checked_array(*source), sample_rate)
    elif isinstance(source, (str, Path)):
        name = str(source)
        waveform = _decode_file(_checked_path(source), name, sample_rate)
    else:
        raise Emote3DError(f"expected a file name or (samples, rate), got {type(source).__name__}")
    return Speech(waveform=torch.from_numpy(_checked_waveform(waveform, sample_rate, name)), sample_rate=sample_rate)


def _checked_waveform(waveform: NDArray[np.float32], rate: int, name: str) -> NDArray[np.float32]:
    if waveform.shape[0] == 0:
        raise Emote3DError(f"{name} holds no sound that can be decoded; expected {_FORMATS}")
    duration_s = waveform.shape[0] / rate
    if duration_s < MIN_DURATION_S:
        raise Emote3DError(f"{name} holds {duration_s:.3f} s of sound; at least {MIN_DURATION_S} s are needed")
    peak = max(float(waveform.max()), -float(waveform.min()))
    if not np.isfinite(peak):
        raise Emote3DError(f"{name} holds samples that are not finite (NaN or infinite); repair or export it again")
    if peak > _MAX_PEAK:
        raise Emote3DError(f"{name} reaches {peak:.0f}; float samples must lie in [-1, 1], so divide by full scale")
    return np.clip(waveform, -1.0, 1.0, out=waveform)


def _checked_array(samples: np.ndarray, rate: int) -> tuple[NDArray[np.float32], int]:
    """Bring an array of samples to mono float32."""
    if not isinstance(samples, np.ndarray) or samples.ndim not in (1, 2) or samples.dtype.kind not in "iuf":
        got = f"{samples.dtype} {samples.shape}" if isinstance(samples, np.ndarray) else type(samples).__name__
        raise Emote3DError(f"expected integer or float samples [samples] or [samples, channels], got {got}")
    if samples.size == 0:
        raise Emote3DError("the array of samples is empty; at least 0.1 s of sound is needed")
    if isinstance(rate, bool) or rate != int(rate):
        raise Emote3DError(f"expected a whole number of samples per second, got {rate}")
    if samples.ndim == 2 and min(samples.shape) > _MAX_CHANNELS:
        raise Emote3DError(f"expected [samples] or [samples, channels], got {samples.shape}: too many channels")
    _check_rate(int(rate), "the array of samples")
    scaled = _to_float(samples)
    if scaled.ndim == 2:
        scaled = scaled.mean(axis=int(np.argmin(scaled.shape)), dtype=np.float32)
    return scaled, int(rate)


def _check_rate(rate: int, name: str) -> None:
    if not _MIN_RATE <= rate <= _MAX_RATE:
        raise Emote3DError(f"{name}: {rate} samples per second; expected {_MIN_RATE} to {_MAX_RATE}")


def _to_float(samples: np.ndarray) -> NDArray[np.float32]:
    """Scale integers over their full range to [-1, 1); unsigned ones are centred at half range."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    half = float(2 ** (8 * samples.dtype.itemsize - 1))
    offset = half if samples.dtype.kind == "u" else 0.0
    working = np.float32 if samples.dtype.itemsize <= 2 else np.float64
    return ((samples.astype(working) - working(offset)) / working(half)).astype(np.float32)


def _resample_array(samples: NDArray[np.float32], rate: int, sample_rate: int) -> NDArray[np.float32]:
    if rate == sample_rate:
        return samples.copy()
    return soxr.resample(samples, rate, sample_rate, quality="HQ")


def _checked_path(source: str | Path) -> Path:
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            raise Emote3DError(f"{source} is a folder; expected a sound file ({_FORMATS})")
        if not path.exists():
            raise Emote3DError(f"there is no file {source}")
        if not path.is_file():
            raise Emote3DError(f"{source} is not a regular file; expected {_FORMATS}")
        if path.stat().st_size == 0:
            raise Emote3DError(f"{source} is empty (0 bytes); expected {_FORMATS}")
        with path.open("rb") as file:
            _check_wav_length(file, path.stat().st_size, str(source))
    except (OSError, ValueError) as error:
        raise Emote3DError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return path.resolve()


def _check_wav_length(file: BinaryIO, size: int, name: str) -> None:
    """Refuse a wav whose header promises more sound than the file holds; live writers' "unknown length" passes."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return
    bytes_per_second = 0
    while len(chunk := file.read(8)) == 8:
        kind, length = chunk[:4], int.from_bytes(chunk[4:], "little")
        if kind == b"data":
            break
        body = file.read(min(length, 16))  # the header's word for a length is not to be trusted with memory
        file.seek(length + length % 2 - len(body), 1)
        if kind == b"fmt ":
            bytes_per_second = int.from_bytes(body[8:12], "little")
    else:
        raise Emote3DError(f"{name} is cut short: the wav file ends before its sound; copy it again")
    held = size - file.tell()
    if held < length - bytes_per_second // 20 and length < _UNKNOWN_LENGTH:
        seconds = f" ({held / bytes_per_second:.2f} of {length / bytes_per_second:.2f} s)" if bytes_per_second else ""
        raise Emote3DError(
            f"{name} is cut short: its header promises {length} bytes of sound, {held} are there{seconds}; "
            "copy it again, or keep what is there with: ffmpeg -i IN.wav OUT.wav"
        )


def _decode_file(path: Path, name: str, sample_rate: int) -> NDArray[np.float32]:
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}, metadata_errors="replace") as container:
            if not container.streams.audio:
                raise Emote3DError(f"{name} holds no sound; expected {_FORMATS}")
            stream = container.streams.best("audio") or container.streams.audio[0]
            assert isinstance(stream, AudioStream)
            waveform = _gathered(_resampled(container, stream, name, sample_rate))
            _check_promised_length(container, stream, waveform.shape[0] / sample_rate, name)
            return waveform
    except FFmpegError as error:
        raise Emote3DError(f"{name} is not a sound file that can be read ({error.strerror}); use {_FORMATS}") from error


def _gathered(chunks: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One array of chunks that come one by one; it grows in place, so that they are never held twice."""
    whole, filled = np.empty(1 << 16, np.float32), 0
    for chunk in chunks:
        end = filled + len(chunk)
        if end > len(whole):
            whole.resize(max(end, 5 * len(whole) // 4), refcheck=False)
        whole[filled:end] = chunk
        filled = end
    whole.resize(filled, refcheck=False)
    return whole


def _check_promised_length(container: InputContainer, stream: AudioStream, duration_s: float, name: str) -> None:
    """Refuse a file of a kind whose header states its length exactly and that holds clearly less."""
    if not _TRUSTED_LENGTHS & set(container.format.name.split(",")) or not stream.duration or not stream.time_base:
        return
    promised_s = float(stream.duration * stream.time_base)
    if duration_s < 0.98 * promised_s - 0.25:
        raise Emote3DError(
            f"{name} is cut short or damaged: {duration_s:.2f} of {promised_s:.2f} s are there; "
            "copy it again, or keep what is there with: ffmpeg -i IN OUT.wav"
        )


def _resampled(
    container: InputContainer, stream: AudioStream, name: str, sample_rate: int
) -> Iterator[NDArray[np.float32]]:
    """Decode block by block and resample on the way; a change of rate inside the file starts a new resampler."""
    resampler: soxr.ResampleStream | None = None
    rate, samples_left = 0, int(MAX_DURATION_S * sample_rate)
    for frame in _frames(container, stream, name):
        if frame.sample_rate != rate:
            if resampler is not None:
                yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            rate = frame.sample_rate
            _check_rate(rate, name)
            resampler = None if rate == sample_rate else soxr.ResampleStream(rate, sample_rate, 1, quality="HQ")
        chunk = _mono(frame)
        if resampler is not None:
            chunk = resampler.resample_chunk(chunk)
        samples_left -= chunk.shape[0]
        if samples_left < 0:
            raise Emote3DError(f"{name} is longer than {MAX_DURATION_S / 3600:.0f} hours; cut it into pieces")
        yield chunk
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _frames(container: InputContainer, stream: AudioStream, name: str) -> Iterator[AudioFrame]:
    """Decode packet by packet; a few undecodable ones are skipped, many are an error."""
    packets = damaged = 0
    for packet in container.demux(stream):
        packets += 1
        try:
            yield from packet.decode()
        except FFmpegError:
            damaged += 1
    if damaged > max(1.0, _MAX_DAMAGED * packets):
        raise Emote3DError(f"{name} is damaged: {damaged} of {packets} blocks cannot be decoded; export it again")


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    if frame.format.name in ("s64", "s64p"):  # which PyAV hands out in no other way
        (frame,) = av.AudioResampler(format="dblp").resample(frame)
    samples = _to_float(frame.to_ndarray())
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    return np.ascontiguousarray(samples.mean(axis=0, dtype=np.float32))
