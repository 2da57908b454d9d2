"""Feeds damaged files to every reader: each must accept them or raise Emote3DError, in 5 s and 1 GB, and run nothing.

    python scripts/fuzz.py --inputs 10000 [--readers audio,motion,...] [--seed 0]

Inputs are good files with bytes changed, cut, doubled, moved or overwritten with extreme numbers. They are read in child processes
with a limit on memory and time, under an audit hook that notices a process or a shell being started. What fails is kept in `--keep`.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import save_file

from emote3d.audio.load import load_speech
from emote3d.body import load_body_model
from emote3d.checkpoint import load_component
from emote3d.data.labels import read_textgrid_tier
from emote3d.data.parameter_files import read_parameters
from emote3d.errors import Emote3DError
from emote3d.export.audio2face import read_json
from emote3d.export.live_link import read_csv
from emote3d.files import asset_path
from emote3d.latents.direction_file import load_direction
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.metrics.subjects import read_subject
from emote3d.motion import load_motion
from emote3d.official.lightning_file import read_state

TIME_LIMIT_S, MEMORY_LIMIT_BYTES = 5, 1 << 30
BATCH = 200
EXTREMES = (
    b"\xff" * 8,
    b"\x00" * 8,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"NaN",
    b"1e999",
    b"-1",
    b"{",
    b"[" * 64,
)
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect")
Reader = tuple[str, Callable[[Path], object], bytes]


def _component(path: Path) -> object:
    """Read the weights in `path` as those of the latents component."""
    good = asset_path("checkpoints", "open-v1") / "latents"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name in ("config.json", "manifest.json"):
            (Path(folder) / name).write_bytes((good / name).read_bytes())
        (Path(folder) / "model.safetensors").write_bytes(path.read_bytes())
        return load_component(folder, SpeechEncoder, SpeechEncoderConfig)


def _config(path: Path) -> object:
    """Read the configuration in `path` beside good weights."""
    good = asset_path("checkpoints", "open-v1") / "latents"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name in ("model.safetensors", "manifest.json"):
            (Path(folder) / name).write_bytes((good / name).read_bytes())
        (Path(folder) / "config.json").write_bytes(path.read_bytes())
        return load_component(folder, SpeechEncoder, SpeechEncoderConfig)


def _sounds(folder: Path) -> list[tuple[str, bytes]]:
    """Short recordings in several containers."""
    import av
    from av.audio.stream import AudioStream

    samples = (8000 * np.sin(np.arange(6400) * 0.07)).astype(np.int16)
    found = []
    for suffix, codec in (
        (".wav", "pcm_s16le"),
        (".flac", "flac"),
        (".mp3", "libmp3lame"),
        (".ogg", "libopus"),
        (".m4a", "aac"),
    ):
        path = folder / f"seed{suffix}"
        rate = 48000 if codec == "libopus" else 16000
        with av.open(str(path), "w") as container:
            stream = cast("AudioStream", container.add_stream(codec, rate=rate, layout="mono"))
            resampler = av.AudioResampler(
                format=stream.format.name, layout="mono", rate=rate, frame_size=stream.frame_size or 0
            )
            frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            frame.sample_rate = 16000
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        found.append((suffix, path.read_bytes()))
    return found


def _npz(folder: Path, **members: object) -> bytes:
    np.savez(folder / "seed.npz", **members)  # pyright: ignore[reportArgumentType]
    return (folder / "seed.npz").read_bytes()


def _flame_pickle() -> bytes:
    """A small FLAME-shaped pickle."""
    rng = np.random.default_rng(0)
    members = {
        "v_template": rng.normal(size=(12, 3)), "shapedirs": rng.normal(size=(12, 3, 400)), "posedirs": rng.normal(size=(12, 3, 36)),
        "J_regressor": rng.random((5, 12)), "weights": rng.random((12, 5)), "f": np.arange(12, dtype=np.uint32).reshape(4, 3),
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
    }  # fmt: skip
    return pickle.dumps(members, protocol=2)


def readers(folder: Path) -> dict[str, list[Reader]]:
    """Name, function and a good file of each reader: (suffix, function, bytes)."""
    frames = 6
    ours = _npz(
        folder, fps=np.array(30.0), basis=np.array("arkit52"), expression=np.zeros((frames, 52), np.float32),
        jaw_axis_angle=np.zeros((frames, 3), np.float32), neck_axis_angle=np.zeros((frames, 3), np.float32),
        eyes_axis_angle=np.zeros((frames, 2, 3), np.float32),
    )  # fmt: skip
    smplx = _npz(folder, poses=np.zeros((frames, 165)), trans=np.zeros((frames, 3)), mocap_frame_rate=np.array(30.0))
    names = ["jawOpen", "mouthClose", "mouthPucker", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"] + [
        f"mouthSmile{side}" for side in ("Left", "Right")
    ]
    csv_text = "Timecode,BlendshapeCount," + ",".join(
        name[0].upper() + name[1:] for name in (*names, "mouthFrownLeft", "mouthFrownRight", "jawLeft", "jawRight")
    )
    csv_text += "".join(f"\n00:00:00:{index:02d}.000,61," + ",".join(["0.25"] * 12) for index in range(frames))
    weights = {
        "exportFps": 30,
        "trackPath": "a.wav",
        "numPoses": len(names),
        "numFrames": 2,
        "facsNames": names,
        "weightMat": [[0.1] * len(names)] * 2,
    }
    direction = "emotion: happy:0.6+surprise:0.4\nintensity: 0.8\nhead_motion: 1.0\nblink_rate: 1.0\n"
    rows = ("0", "0.5", '"AH0"', "0.5", "1", '"P"')
    grid = "\n".join(
        (
            'File type = "ooTextFile"',
            'Object class = "TextGrid"',
            "",
            "0",
            "1",
            "<exists>",
            "1",
            '"IntervalTier"',
            '"phones"',
            "0",
            "1",
            "2",
            *rows,
        )
    )
    save_file({"a": torch.zeros(4, 4), "b": torch.ones(3)}, folder / "seed.safetensors")
    torch.save({"state_dict": {"a": torch.zeros(4)}}, folder / "seed.ckpt")
    latents = asset_path("checkpoints", "open-v1") / "latents"
    vertices = folder / "seed.npy"
    np.save(vertices, np.zeros((4, 5, 3), np.float32))
    return {
        "audio": [(suffix, load_speech, data) for suffix, data in _sounds(folder)],
        "motion": [(".npz", load_motion, ours)],
        "parameters": [(".npz", read_parameters, smplx), (".npy", read_subject, vertices.read_bytes())],
        "pkl": [(".pkl", load_body_model, _flame_pickle())],
        "ckpt": [(".ckpt", read_state, (folder / "seed.ckpt").read_bytes())],
        "safetensors": [(".safetensors", _component, (folder / "seed.safetensors").read_bytes())],
        "config": [(".json", _config, (latents / "config.json").read_bytes())],
        "csv": [(".csv", read_csv, csv_text.encode())],
        "json": [(".json", read_json, json.dumps(weights).encode())],
        "yaml": [(".yaml", load_direction, direction.encode())],
        "textgrid": [(".TextGrid", lambda path: read_textgrid_tier(path, "phones"), grid.encode())],
    }


def damaged(good: bytes, rng: np.random.Generator) -> bytes:
    """Change a file in one to four ways."""
    data = bytearray(good)
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            return bytes(rng.integers(0, 256, 64, dtype=np.uint8))
        at, other = (int(x) for x in rng.integers(0, len(data), 2))
        length = int(rng.integers(1, 65))
        match int(rng.integers(0, 7)):
            case 0:
                data[at] ^= 1 << int(rng.integers(0, 8))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = data[other : other + length]
            case 3:
                del data[at : at + length]
            case 4:
                data[at : at + 8] = EXTREMES[int(rng.integers(0, len(EXTREMES)))]
            case 5:
                data[at : at + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
            case _:
                data[at : at + length] = data[other : other + length]
    return bytes(data)


class _TooSlow(BaseException):
    pass


def _alarm(*_: object) -> None:
    raise _TooSlow


def _watch(event: str, _arguments: object) -> None:
    if event.startswith(FORBIDDEN):
        os.write(2, f"a reader caused {event}\n".encode())
        os._exit(66)


def one(read: Callable[[Path], object], path: Path) -> str | None:
    """Read one file; what went wrong, or None."""
    signal.setitimer(signal.ITIMER_PROF, TIME_LIMIT_S)  # processor time: other work on the machine does not count
    signal.alarm(20 * TIME_LIMIT_S)
    before = set(path.parent.iterdir())
    try:
        read(path)
    except Emote3DError as error:
        if "\n" in str(error):
            return f"a message of several lines: {error}"
    except _TooSlow:
        return f"more than {TIME_LIMIT_S} s"
    except MemoryError:
        return "more than 1 GB"
    except Exception as error:  # everything else is what this script looks for
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    return None if set(path.parent.iterdir()) == before else "left a file behind"


def batch(kinds: list[Reader], first: int, count: int, seed: int, folder: Path) -> dict[int, str]:
    """Run some inputs in a child process; failures by number."""
    log = folder / "log"
    log.write_text("", encoding="utf-8")
    child = os.fork()
    if child == 0:
        warnings.simplefilter("ignore")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        in_use = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY_LIMIT_BYTES, in_use + MEMORY_LIMIT_BYTES))
        signal.signal(signal.SIGALRM, _alarm)
        signal.signal(signal.SIGPROF, _alarm)
        sys.addaudithook(_watch)
        with log.open("a", encoding="utf-8", buffering=1) as file:
            for number in range(first, first + count):
                suffix, read, good = kinds[number % len(kinds)]
                path = folder / f"input{suffix}"
                path.write_bytes(damaged(good, np.random.default_rng([seed, number])))
                file.write(f"{number}\n")
                if (problem := one(read, path)) is not None:
                    file.write(f"{number}\t{problem.splitlines()[0]}\n")
                path.unlink()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    lines = [line.split("\t", 1) for line in log.read_text(encoding="utf-8").splitlines()]
    failures = {int(number): problem[0] for number, *problem in lines if problem}
    if status != 0:
        failures[int(lines[-1][0]) if lines else first] = f"the process ended with status {status}"
    return failures


def fuzz(inputs: int, names: list[str], seed: int, keep: Path | None = None) -> dict[str, dict[int, str]]:
    """Share inputs between readers; failures by reader and number."""
    failures: dict[str, dict[int, str]] = {}
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        every = readers(Path(first))
        chosen = names or list(every)
        for name in chosen:
            total, found = max(1, inputs // len(chosen)), {}
            number = 0
            while number < total:
                count = min(BATCH, total - number)
                new = batch(every[name], number, count, seed, Path(second))
                crashed = [at for at, problem in new.items() if problem.startswith("the process ended")]
                found |= new
                number = crashed[0] + 1 if crashed else number + count
            failures[name] = found
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                for at in found:
                    suffix, _, good = every[name][at % len(every[name])]
                    (keep / f"{name}-{at}{suffix}").write_bytes(damaged(good, np.random.default_rng([seed, at])))
    return failures


def main() -> int:
    """Run and print a line a reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--readers", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # a forked child would wait for threads that it does not have
    started = time.monotonic()
    names = [name for name in arguments.readers.split(",") if name]
    failures = fuzz(arguments.inputs, names, arguments.seed, arguments.keep)
    for name, found in failures.items():
        print(f"{name:12s} {len(found)} failures")
        for number, problem in list(found.items())[:5]:
            print(f"   {number}: {problem}")
    print(f"{sum(len(found) for found in failures.values())} failures in {time.monotonic() - started:.0f} s")
    return 1 if any(failures.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
