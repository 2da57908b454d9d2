"""Time EMOTE at full size (random weights) from waveform to expression, and hold it against the machine's floor.

The floor is the network's multiply-adds over the matrix rate that this machine reaches, measured right before and after each run; all
are printed. So is the time of the vertices of a head of FLAME's size. On a machine that others use, `--clock thread` with one thread
counts processor time instead.
  python scripts/bench_emote.py --seconds 10 --threads 2
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from emote3d.audio.wav2vec import ResampledWav2Vec, Wav2VecConfig, framed
from emote3d.body import BodyModel, load_body_model
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.latents.condition import EmoteCondition, EmoteConditionConfig
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.layers import EncoderLayer
from emote3d.performers.emote import EmoteFace
from emote3d.prior.flint import FlintConfig, FlintDecoder
from emote3d.records import FaceMotion, Motion, Speech


def full_size() -> EmoteFace:
    """EMOTE v2's sizes with random weights."""
    torch.manual_seed(0)
    condition = EmoteCondition(EmoteConditionConfig())
    return EmoteFace(
        ResampledWav2Vec(Wav2VecConfig()),
        SpeechEncoder(SpeechEncoderConfig(feature_d=768)),
        condition,
        RegressionDecoder(RegressionConfig(condition_d=condition.config.d)),
        FlintDecoder(FlintConfig(channels=103)),
    )


def count_multiply_adds(face: EmoteFace, run: Callable[[], object]) -> int:
    """Multiply-adds of all linear layers, convolutions and attentions while `run` runs the modules."""
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


def matrix_rate(clock: Callable[[], float]) -> float:
    """Multiply-adds a second of float32 matrix products of the size of wav2vec2's, the best of several."""
    a, b = torch.randn(1024, 1536), torch.randn(1536, 1536)
    best = min(timed(lambda: torch.mm(a, b), clock) for _ in range(6))
    return 1024 * 1536 * 1536 / best


def timed(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of a call."""
    began = clock()
    run()
    return clock() - began


def flame_sized(folder: Path) -> BodyModel:
    """A model of FLAME's sizes with random members."""
    rng, verts, joints = np.random.default_rng(0), 5023, 5
    weights = rng.random((verts, joints))
    path = folder / "flame.npz"
    np.savez(
        path,
        v_template=rng.normal(0, 0.05, (verts, 3)),
        f=rng.integers(0, verts, (9976, 3)),
        shapedirs=rng.normal(0, 1e-3, (verts, 3, 400)),
        posedirs=rng.normal(0, 1e-3, (verts, 3, 9 * (joints - 1))),
        J_regressor=rng.dirichlet(np.ones(verts), joints),
        weights=weights / weights.sum(axis=1, keepdims=True),
        kintree_table=np.array([[-1, 0, 1, 1, 1], range(joints)]),
    )
    return load_body_model(path)


def pose_all(model: BodyModel, expression: torch.Tensor, jaw_axis_angle: torch.Tensor) -> None:
    """Make the vertices of a motion, piece by piece as the renderer takes them."""
    frames = len(expression)
    face = FaceMotion(
        expression=expression,
        basis=model.basis,
        jaw_axis_angle=jaw_axis_angle,
        neck_axis_angle=torch.zeros(frames, 3),
        eyes_axis_angle=torch.zeros(frames, 2, 3),
    )
    for _ in model.pose_chunks(Motion(face=face, fps=25)):
        pass


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the recording")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--clock", choices=["wall", "thread"], default="wall")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clock = time.perf_counter if args.clock == "wall" else time.thread_time
    face = full_size()
    speech = Speech(waveform=0.1 * torch.randn(round(args.seconds * 16000)), sample_rate=16000)
    row = face.condition.one_hot(1, 2, 0)

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        return face.decode(face.listen(speech).latents.content, row)

    def slowly() -> None:
        waveform, frames = framed(speech.waveform, face.audio.config.samples_per_frame, False)
        content = face.latents(face.audio(waveform[None], frames))[0]
        face.decode(content, row)

    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        multiply_adds = count_multiply_adds(face, slowly)
        model = flame_sized(Path(folder))
        motion = run()
        rates, times, vertices = [matrix_rate(clock)], [], []
        for _ in range(args.repeats):
            times.append(timed(run, clock))
            vertices.append(timed(lambda: pose_all(model, *motion), clock))
            rates.append(matrix_rate(clock))
    over = [time_s * max(pair) / multiply_adds for time_s, pair in zip(times, pairwise(rates), strict=True)]
    floor_s = multiply_adds / max(rates)
    result = {
        "seconds_of_audio": args.seconds,
        "threads": args.threads,
        "clock": args.clock,
        "multiply_adds": multiply_adds,
        "matrix_rate_per_s": round(max(rates)),
        "floor_s": round(floor_s, 3),
        "best_s": round(min(times), 3),
        "times_floor": round(min(times) / floor_s, 2),
        "times_floor_each": [round(value, 2) for value in over],
        "real_time_factor": round(min(times) / args.seconds, 4),
        "vertices_real_time_factor": round(min(vertices) / args.seconds, 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
