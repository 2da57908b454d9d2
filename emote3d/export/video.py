"""Writes pictures and sound as a video file: H.264 and AAC, encoded while the pictures are still being drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import Float32, UInt8
from numpy import ndarray

from emote3d.errors import Emote3DError
from emote3d.files import atomic_path
from emote3d.records import Speech
from emote3d.render.cameras import check_size

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
PRESET = "superfast"
QUALITY_CRF = 19
"""x264's constant rate factor: 18 looks lossless."""
WAITING_FRAMES = 8
"""Drawn pictures that may wait for the encoder."""
AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
AAC_BLOCK = 1024
AAC_BITS_PER_SECOND = 64_000
"""Bit rate of each channel at 24 kHz and more; lower rates take their share."""


class Sound:
    """A sound track as blocks of samples, read as they are needed; silence after its end."""

    def __init__(self, source: Path | Speech) -> None:
        """Open a file that PyAV can decode, or take a recording; raises Emote3DError for a file without sound."""
        self._container: InputContainer | None = None
        if isinstance(source, Speech):
            self.layout, source_rate = "mono", source.sample_rate
            decoded = _frames_of(source)
        else:
            self._container, decoded, source_rate, channels = _open_sound(source)
            self.layout = "mono" if channels == 1 else "stereo"
        self.sample_rate = next((rate for rate in AAC_RATES if rate >= source_rate), 48000)
        self._name = "the recording" if isinstance(source, Speech) else source.name
        self._chunks = self._resampled(decoded)
        self._rest = np.zeros((1 if self.layout == "mono" else 2, 0), np.float32)

    def _resampled(self, decoded: Iterable[av.AudioFrame]) -> Iterator[Float32[ndarray, "channels samples"]]:
        resampler = av.AudioResampler(format="fltp", layout=self.layout, rate=self.sample_rate)
        try:
            for frame in decoded:
                frame.pts = None  # sound starts with the picture, whatever the container says
                yield from (part.to_ndarray() for part in resampler.resample(frame))
            yield from (part.to_ndarray() for part in resampler.resample(None))
        except FFmpegError as error:
            raise Emote3DError(f"expected sound in {self._name}; got: {error.strerror}; convert it to wav") from error

    def take(self, samples: int) -> Float32[ndarray, "channels samples"]:
        """Give the next samples of every channel."""
        while self._rest.shape[1] < samples:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._rest = np.pad(self._rest, ((0, 0), (0, samples - self._rest.shape[1])))
            else:
                self._rest = np.concatenate([self._rest, chunk], 1)
        taken, self._rest = self._rest[:, :samples], self._rest[:, samples:]
        return np.ascontiguousarray(taken)

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()


def _frames_of(speech: Speech) -> Iterator[av.AudioFrame]:
    samples = speech.waveform.numpy().astype(np.float32)
    for start in range(0, len(samples), AAC_BLOCK):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + AAC_BLOCK], format="fltp", layout="mono")
        frame.sample_rate = speech.sample_rate
        yield frame


def _open_sound(path: Path) -> tuple[InputContainer, Iterator[av.AudioFrame], int, int]:
    try:
        container = av.open(str(path))
    except (OSError, FFmpegError) as error:
        raise Emote3DError(f"expected a sound file; got {path}: {error.strerror}") from error
    if not container.streams.audio:
        container.close()
        raise Emote3DError(f"expected sound in {path}; got a file without an audio stream")
    stream = container.streams.audio[0]
    return container, container.decode(stream), stream.sample_rate, stream.channels


class _Encoder:
    """The two streams of an open file; frame k of the pictures is at k / fps."""

    def __init__(self, container: OutputContainer, fps: Fraction, size: tuple[int, int], sound: Sound | None) -> None:
        self._container, self._fps, self._sound = container, fps, sound
        self._video = _add_video(container, fps, size)
        self._audio = None if sound is None else _add_audio(container, sound)
        self._reformatter = VideoReformatter()
        self._frames = 0
        self._samples = 0

    def add(self, picture: UInt8[ndarray, "height width 3"]) -> None:
        """Encode a picture and the sound up to its end."""
        assert picture.shape[:2] == (self._video.height, self._video.width), "the picture is not of the video's size"
        converted = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(picture, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        converted.pts, converted.time_base = self._frames, 1 / self._fps
        self._frames += 1
        self._container.mux(self._video.encode(converted))
        self._add_sound(whole_blocks=True)

    def _add_sound(self, whole_blocks: bool) -> None:
        if self._sound is None or self._audio is None:
            return
        end = round(self._frames / self._fps * self._sound.sample_rate)
        while (samples := min(AAC_BLOCK, end - self._samples)) == AAC_BLOCK or (samples > 0 and not whole_blocks):
            frame = av.AudioFrame.from_ndarray(self._sound.take(samples), format="fltp", layout=self._sound.layout)
            frame.sample_rate, frame.pts = self._sound.sample_rate, self._samples
            frame.time_base = Fraction(1, self._sound.sample_rate)
            self._samples += samples
            self._container.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """Write what the encoders hold back."""
        if not self._frames:
            raise Emote3DError("expected at least one picture for a video; got none")
        self._add_sound(whole_blocks=False)
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))


def _add_video(container: OutputContainer, fps: Fraction, size: tuple[int, int]) -> VideoStream:
    stream = container.add_stream("libx264", rate=fps, options={"preset": PRESET, "crf": str(QUALITY_CRF)})
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = 1 / fps
    context = stream.codec_context
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return stream


def _add_audio(container: OutputContainer, sound: Sound) -> AudioStream:
    stream = container.add_stream("aac", rate=sound.sample_rate, layout=sound.layout)
    channels = 1 if sound.layout == "mono" else 2
    stream.bit_rate = channels * AAC_BITS_PER_SECOND * min(sound.sample_rate, 24000) // 24000
    return stream


def write_video(
    path: Path,
    frames: Iterable[UInt8[ndarray, "height width 3"]],
    fps: float | Fraction,
    size: tuple[int, int],
    sound: Path | Speech | None = None,
) -> None:
    """Write a video of `size` pixels whose frame k is at k / fps; sound is cut, or followed by silence, to its length.

    `frames` are taken in the caller's thread while another one encodes. Whatever fails, no part of a file is left.
    Raises Emote3DError, before a frame is asked for where it can, for a place that cannot be written or bad sound.
    """
    check_size(size)
    rate = Fraction(fps).limit_denominator(1001)
    if not 1 <= rate <= 1000:
        raise Emote3DError(f"expected 1 to 1000 frames per second; got {float(fps):g}")
    if path.suffix.lower() not in SUFFIXES:
        raise Emote3DError(f"expected a video file name ending in {', '.join(SUFFIXES)}; got {path.name!r}")
    with atomic_path(path) as unfinished:
        track = None if sound is None else Sound(sound)
        try:
            options = {"movflags": "+faststart"} if path.suffix.lower() != ".mkv" else {}
            with av.open(str(unfinished), "w", options=options) as container:
                _encode_beside(_Encoder(container, rate, size, track), frames)
        finally:
            if track is not None:
                track.close()


def _encode_beside(encoder: _Encoder, frames: Iterable[UInt8[ndarray, "height width 3"]]) -> None:
    """Take frames in this thread and encode them in another, at most `WAITING_FRAMES` behind."""
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="encoder") as worker:
        try:
            for picture in frames:
                waiting.append(worker.submit(encoder.add, picture))
                if len(waiting) > WAITING_FRAMES:
                    waiting.popleft().result()
            while waiting:
                waiting.popleft().result()
        except BaseException:
            worker.shutdown(wait=True, cancel_futures=True)
            raise
    encoder.finish()
