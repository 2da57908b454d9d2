"""Whether other ways of running the face's networks pay: time beside eager float32 of the same rounds, and what becomes of the lips.

    python scripts/bench_encoder.py [--speech FILE] [--rounds 15] [--threads 1] [--ways eager bfloat16 int8]

`animate` is the whole of it but for the body. Times are processor time: on a busy machine the clock tells of the others.
ONNX Runtime is left out where `onnxruntime` and `onnx` are not installed.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.audio.hearing import log_mel
from emote3d.audio.load import load_speech
from emote3d.benchmark import machine
from emote3d.body import BodyModel
from emote3d.errors import Emote3DError, ending_in_one_line
from emote3d.files import asset_path
from emote3d.metrics.lips import closed_frames
from emote3d.metrics.mouth import mouth_curves, still_head
from emote3d.performers import load_performer
from emote3d.performers.open_face import OpenFace
from emote3d.pipeline import Emote3D
from emote3d.records import Motion, Speech

Run = Callable[..., Tensor]
PARTS = ("encoder", "decoder", "animate")
WayName = Literal["eager", "compile", "bfloat16", "int8", "onnx"]


def compiled(network: nn.Module, _: tuple[Tensor, ...]) -> Run:
    """By TorchInductor, for clips of any length; needs a C++ compiler."""
    return torch.compile(network.forward, dynamic=True)


def bfloat16(network: nn.Module, _: tuple[Tensor, ...]) -> Run:
    """Matrix products and convolutions in bfloat16, the rest as it was."""
    forward = network.forward

    def run(*inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return forward(*inputs).float()

    return run


def int8(network: nn.Module, _: tuple[Tensor, ...]) -> Run:
    """Linear layers with weights of 8 bits, activations quantised as they come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that torchao is to follow
        small = torch.ao.quantization.quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)
    return small.forward


def onnx_runtime(network: nn.Module, example: tuple[Tensor, ...]) -> Run:
    """Exported, and run by ONNX Runtime in float32.

    Only the encoders: the decoder's attention bias is made for the length of the clip, which the exporter would keep.
    """
    import onnxruntime  # pyright: ignore[reportMissingImports]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    axes = {name: {1: name} for name in ("mel", "features")}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that this exporter is the older one
        file = f"{folder}/network.onnx"
        torch.onnx.export(
            network, example, file, dynamo=False, input_names=["mel"], output_names=["features"], dynamic_axes=axes
        )
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda mel: torch.from_numpy(session.run(None, {"mel": mel.numpy()})[0])


def needs(*packages: str) -> str | None:
    """What is missing of some packages."""
    missing = [name for name in packages if find_spec(name) is None]
    return f"needs {' and '.join(missing)}" if missing else None


def encoders(face: OpenFace) -> tuple[nn.Module, ...]:
    """The face's encoder and the one by which the voice's emotion is heard."""
    return face.audio, face.voice.ear


def networks(face: OpenFace) -> tuple[nn.Module, ...]:
    """All that is run for a clip and is more than a layer."""
    return *encoders(face), face.decoder, face.prior.decoder


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to run networks."""

    make: Callable[[nn.Module, tuple[Tensor, ...]], Run]
    of: Callable[[OpenFace], tuple[nn.Module, ...]] = networks
    missing: str | None = None
    """Why it cannot be tried here."""


WAYS: dict[WayName, Way] = {
    "eager": Way(make=lambda network, _: network.forward),
    "compile": Way(make=compiled),
    "bfloat16": Way(make=bfloat16),
    "int8": Way(make=int8),
    "onnx": Way(make=onnx_runtime, of=encoders, missing=needs("onnxruntime", "onnx")),
}


@dataclass(frozen=True, kw_only=True)
class Clip:
    """The recording, and what the stages of eager float32 hand on."""

    speech: Speech
    mel: Float[Tensor, "1 mel_frames mels"]
    engine: Emote3D

    def jobs(self, engine: Emote3D) -> dict[str, Callable[[], object]]:
        """What is timed."""
        face, heard = engine.face, self.engine.face.listen(self.speech)
        assert isinstance(face, OpenFace)
        return {
            "encoder": lambda: face.audio(self.mel),
            "decoder": lambda: face.decode(heard.latents),
            "animate": lambda: engine.animate(self.speech, body=False),
        }


def in_a_way(face: OpenFace, way: Way, mel: Tensor) -> OpenFace:
    """A copy of a face whose networks run in that way."""
    face = copy.deepcopy(face)
    for network in way.of(face):
        network.forward = way.make(network, (mel,))
    return face


def processor_s() -> float:
    """Processor time so far, of all threads and of compilers that have ended."""
    ran = os.times()
    return time.process_time() + ran.children_user + ran.children_system


def spent_ms(job: Callable[[], object]) -> float:
    """Processor time of a job."""
    before = processor_s()
    job()
    return 1000 * (processor_s() - before)


def first_runs(clip: Clip, engine: Emote3D) -> dict[str, float]:
    """Seconds until the first motion is there, compiling included, and until that of a recording of another length is."""
    samples, rate = clip.speech.waveform, clip.speech.sample_rate
    runs = {
        "first_s": clip.speech,
        "first_of_other_length_s": Speech(waveform=samples[: len(samples) * 2 // 3], sample_rate=rate),
    }
    return {name: round(spent_ms(partial(engine.animate, one, body=False)) / 1000, 2) for name, one in runs.items()}


def changes(avatar: BodyModel, motion: Motion, plain: Motion) -> dict[str, float]:
    """Largest differences of a motion from eager float32's, and in how many frames lips are shut in only one of them."""
    head = avatar.cropped("head")
    assert motion.face is not None and plain.face is not None
    stills = [Motion(face=still_head(one), fps=plain.fps) for one in (motion.face, plain.face)]
    with torch.inference_mode():
        pairs = zip(*map(head.pose_chunks, stills), strict=True)
        moved = [(one.vertices_m - other.vertices_m).norm(dim=-1).amax() for one, other in pairs]
    gaps = [mouth_curves(avatar, one).gap_mm for one in stills]
    shut = [closed_frames(gap) for gap in gaps]
    return {
        "coefficient_change": float((motion.face.expression - plain.face.expression).abs().max()),
        "vertex_change_mm": 1000 * float(torch.stack(moved).max()),
        "lip_gap_change_mm": float(np.abs(gaps[0] - gaps[1]).max()),
        "shut_frames": int(shut[1].sum()),
        "shut_frames_changed": int((shut[0] != shut[1]).sum()),
    }


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    speech: Path | None = None
    """Recording (default: the demo's)."""
    rounds: int = 15
    """Runs of every part; each runs all ways one after the other, so that what else the machine does hits all alike."""
    ways: tuple[WayName, ...] = ("eager", "compile", "bfloat16", "int8", "onnx")
    """Which to try; eager float32 is always measured."""
    threads: int = 1
    """Threads of torch and of ONNX Runtime."""


def set_up(clip: Clip, wanted: Iterable[WayName]) -> dict[str, tuple[Emote3D, dict[str, float]]]:
    """An engine for each way that can be tried here, with the times of its first runs; one line about each of the others."""
    face = clip.engine.face
    assert isinstance(face, OpenFace)
    found = {}
    for name in dict.fromkeys(("eager", *wanted)):
        way = WAYS[name]
        try:
            if way.missing is not None:
                raise RuntimeError(way.missing)
            engine = Emote3D(in_a_way(face, way, clip.mel))
            found[name] = engine, first_runs(clip, engine)
        except RuntimeError as error:  # of torch.compile too: there may be no C++ compiler
            print(f"{name} left out: {str(error).strip().splitlines()[0]}", file=sys.stderr, flush=True)
    return found


def main(options: Options) -> None:
    """Measure; a line of JSON for the machine and one for each way."""
    if min(options.rounds, options.threads) < 1:
        raise Emote3DError(f"expected at least 1 round and 1 thread; got {options.rounds} and {options.threads}")
    torch.set_num_threads(options.threads)
    speech = load_speech(options.speech or asset_path("assets", "audio", "demo-congrats.flac"))
    engine = Emote3D(load_performer(asset_path("checkpoints", "open-v1")))
    assert isinstance(engine.face, OpenFace)
    clip = Clip(speech=speech, mel=log_mel(engine.face.audio, speech)[None], engine=engine)
    plain = engine.animate(speech, body=False)
    print(json.dumps({"clip_s": round(speech.duration_s, 2), "rounds": options.rounds, **machine()}), flush=True)
    ways = set_up(clip, options.ways)
    jobs = {name: clip.jobs(one) for name, (one, _) in ways.items()}
    with torch.inference_mode():
        rounds = [
            {part: {name: spent_ms(work[part]) for name, work in jobs.items()} for part in PARTS}
            for _ in range(options.rounds + 1)
        ][1:]
    for name, (one, first) in ways.items():
        facts: dict[str, object] = {"way": name, **first}
        for part in PARTS:
            times = np.array([row[part][name] for row in rounds])
            eager = np.array([row[part]["eager"] for row in rounds])
            facts |= {f"{part}_ms": round(float(np.median(times)), 1)}
            facts |= {f"{part}_x_eager": round(float(np.median(eager / times)), 2)}
        found = changes(engine.avatar, one.animate(speech, body=False), plain)
        print(json.dumps(facts | {key: round(value, 5) for key, value in found.items()}), flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own, ending_in_one_line("bench_encoder"):
        # What an earlier run compiled would not count, nor what workers compile that outlive the run.
        os.environ |= {"TORCHINDUCTOR_CACHE_DIR": own, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        main(tyro.cli(Options))
