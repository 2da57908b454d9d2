"""Step 2: a recording of any length to audio features at the motion frame rate, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from emote3d.audio.encoder import CompactEncoder, resample_features, speech_level
from emote3d.records import Speech, SpeechFeatures
from emote3d.windows import joined

_WINDOW_FRAMES = 3000
FULL_SCALE_BELOW_LEVEL = 6.0
"""Log-mel units under the speech level at which loudness counts as zero."""


def in_windows(
    run: Callable[[Tensor], Tensor], x: Float[Tensor, "inputs *rest"], step: int, context: int
) -> Float[Tensor, "outputs d"]:
    """Run a local function over windows of its input and join what each got with full context: the same as in one go.

    Output k depends on inputs within `context` outputs of `k * step`; there is one output for each `step` inputs.
    """
    outputs = max(1, -(-len(x) // step))

    def part(start: int) -> Float[Tensor, "window d"]:
        first = max(0, start - context)
        got = run(x[first * step : (start + _WINDOW_FRAMES + context) * step])
        return got[start - first : start - first + _WINDOW_FRAMES]

    return joined(map(part, range(0, outputs, _WINDOW_FRAMES)), outputs + 1)  # a spectrogram has one more


def log_mel(encoder: CompactEncoder, speech: Speech) -> Float[Tensor, "mel_frames mels"]:
    """Log-mel energies with the level of the speech subtracted."""
    config = encoder.config
    assert speech.sample_rate == config.sample_rate, (speech.sample_rate, config.sample_rate)
    context = -(-config.fft // config.hop)
    mel = in_windows(lambda part: encoder.log_mel(part[None])[0], speech.waveform, config.hop, context)
    mel -= speech_level(mel)
    return mel


def hear(encoder: CompactEncoder, speech: Speech, frame_rate: float) -> tuple[SpeechFeatures, Float[Tensor, "frames"]]:
    """Encode the audio at the motion frame rate; also its loudness, 0 (silence) to 1 (the level of the speech)."""
    config = encoder.config
    mel = log_mel(encoder, speech)
    context = int(config.context_s * config.feature_rate) + 1
    encoded = in_windows(lambda part: encoder(part[None])[0], mel, 2, context)
    frames = max(1, round(speech.duration_s * frame_rate))
    features = resample_features(encoded[None], config.feature_rate, frame_rate, frames)[0]
    level = mel.mean(dim=1)[None, :, None]
    level = resample_features(level, 2 * config.feature_rate, frame_rate, frames)[0, :, 0]
    loudness = (1 + level / FULL_SCALE_BELOW_LEVEL).clamp(0, 1)
    return SpeechFeatures(features=features, frame_rate=frame_rate), loudness
