"""Time EMOTE at full size (random weights) from waveform to expression, and hold it against the machine's floor.

The floor is the network's multiply-adds over the matrix rate that this machine reaches; both are printed.
  python scripts/bench_emote.py --seconds 10 --threads 2
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from torch import nn

from emote3d.audio.wav2vec import ResampledWav2Vec, Wav2VecConfig
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.latents.condition import EmoteCondition, EmoteConditionConfig
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.layers import EncoderLayer
from emote3d.performers.emote import EmoteFace
from emote3d.prior.flint import FlintConfig, FlintDecoder
from emote3d.records import Speech


def full_size() -> EmoteFace:
    """EMOTE v2's sizes with random weights."""
    torch.manual_seed(0)
    condition = EmoteCondition(EmoteConditionConfig())
    return EmoteFace(
        ResampledWav2Vec(Wav2VecConfig()),
        SpeechEncoder(SpeechEncoderConfig(feature_d=768, emotion_hidden_d=0)),
        condition,
        RegressionDecoder(RegressionConfig(condition_d=condition.config.d)),
        FlintDecoder(FlintConfig(channels=103)),
    )


def count_multiply_adds(face: EmoteFace, run: Callable[[], object]) -> int:
    """Multiply-adds of all linear layers, convolutions and attentions while `run` runs."""
    total = 0

    def linear(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Linear)
        total += output.numel() * module.in_features

    def conv(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, (nn.Conv1d, nn.ConvTranspose1d))
        per_output = module.in_channels // module.groups * module.kernel_size[0]
        size = inputs[0].numel() // module.in_channels if isinstance(module, nn.ConvTranspose1d) else output.shape[2]
        total += size * output.shape[0] * module.out_channels * per_output

    def attention(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        nonlocal total
        frames, d = inputs[0].shape[1:]
        total += 2 * inputs[0].shape[0] * frames * frames * d

    hooks = []
    for part in (face.audio, face.latents, face.decoder, face.prior):
        for module in part.modules():
            if isinstance(module, nn.Linear):
                hooks.append(module.register_forward_hook(linear))
            elif isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
                hooks.append(module.register_forward_hook(conv))
            elif isinstance(module, EncoderLayer) or type(module).__name__ == "Wav2Vec2Attention":
                hooks.append(module.register_forward_hook(attention))
    run()
    for hook in hooks:
        hook.remove()
    return total


def matrix_rate(repeats: int = 7) -> float:
    """Multiply-adds a second of float32 matrix products of the size of wav2vec2's, the best of several."""
    a, b = torch.randn(1024, 1536), torch.randn(1536, 1536)
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(4):
            torch.mm(a, b)
        best = min(best, (time.perf_counter() - began) / 4)
    return 1024 * 1536 * 1536 / best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the recording")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5, help="the best of so many runs counts")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    face = full_size()
    speech = Speech(waveform=0.1 * torch.randn(round(args.seconds * 16000)), sample_rate=16000)
    row = face.condition.one_hot(1, 2, 0)

    def run() -> torch.Tensor:
        return face.decode(face.listen(speech).latents.content, row)[0]

    with torch.inference_mode():
        multiply_adds = count_multiply_adds(face, run)
        times, rates = [], []
        for _ in range(args.repeats):
            rates.append(matrix_rate())
            began = time.perf_counter()
            run()
            times.append(time.perf_counter() - began)
            rates.append(matrix_rate())
    floor_s = multiply_adds / max(rates)
    result = {
        "seconds_of_audio": args.seconds,
        "multiply_adds": multiply_adds,
        "matrix_rate_per_s": round(max(rates)),
        "floor_s": round(floor_s, 3),
        "best_s": round(min(times), 3),
        "times_floor": round(min(times) / floor_s, 2),
        "real_time_factor": round(min(times) / args.seconds, 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
