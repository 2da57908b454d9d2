"""Measure the bars of the live face (issue 7) with the shipped checkpoint; each part prints one JSON line:

python scripts/bench_live.py closures --data ../shared/data   # recall of closures, live against offline
python scripts/bench_live.py speed                            # time per frame, first frame, four sessions in real time
python scripts/bench_live.py endurance --minutes 30           # memory and drift
python scripts/bench_live.py equality                         # streamed against the same weights in one go
python scripts/bench_live.py connects                         # 1,000 quick connects and what they leave behind
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from evaluate_face import Language, Options, by_language, clips, measure_phones, ours, summary

from emote3d import Direction
from emote3d.audio.load import load_speech
from emote3d.decoders.face import EXPRESSION
from emote3d.errors import ending_in_one_line
from emote3d.pipeline import Emote3D
from emote3d.records import Motion, Speech
from emote3d.stream.client import connect
from emote3d.stream.model import LIVE_FPS, LiveModel
from emote3d.stream.server.app import LiveServer, make_app, start_server
from emote3d.stream.session import Stream

_UPGRADE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
DEMO = Path(__file__).parents[1] / "assets" / "audio" / "demo-congrats.flac"


@dataclass(frozen=True, kw_only=True)
class _Bench:
    checkpoint: Path | None = None
    """Live checkpoint (default: the shipped one)."""

    def model(self) -> LiveModel:
        """The networks."""
        torch.set_num_threads(1)
        return LiveModel.from_pretrained(self.checkpoint)

    def say(self, **facts: object) -> None:
        """Print the figures."""
        print(json.dumps({"bench": type(self).__name__.lower(), "machine": platform.machine(), **facts}), flush=True)


@dataclass(frozen=True, kw_only=True)
class Closures(_Bench):
    """p, b, m that reach closed lips, and open vowels that stay closed, on recordings never trained on."""

    data: Path = Path("../shared/data")
    look_aheads: tuple[int, ...] = (40, 80, 120)
    languages: tuple[Language, ...] = ()
    """Other languages than English, as evaluate_face takes them."""

    def run(self) -> None:
        """Offline with its whole context, then live at each look-ahead."""
        engine, model = Emote3D.from_pretrained(), self.model()
        found = clips(Options(data=self.data, languages=self.languages))
        variants = {"offline": lambda speech: engine.animate(speech, Direction())}
        for ms in self.look_aheads:
            variants[f"live_{ms}ms"] = lambda speech, ms=ms: model.perform(speech, Direction(), ms)
        for name, animate in variants.items():
            reports = measure_phones(found, ours(animate, engine.avatar))
            for language, report in by_language(found, reports).items():
                figures = {key: round(value, 3) for key, value in summary(report).items()}
                self.say(of=name, language=language, **figures)


@dataclass(frozen=True, kw_only=True)
class Speed(_Bench):
    """Time per frame on one core; then sessions fed in real time through the server."""

    seconds: int = 20
    sessions: int = 4

    def run(self) -> None:
        """Measure."""
        model, speech = self.model(), load_speech(DEMO)
        for paced in (False, True):
            self.say(fed="in real time" if paced else "at once", **self._alone(model, speech, paced))
        first_ms, late_ms, frames = asyncio.run(self._live(model, speech))
        self.say(
            sessions=self.sessions,
            first_frame_ms_after_first_sample=round(max(first_ms), 1),
            frames_per_second=round(min(frames) / self.seconds, 2),
            behind_p50_ms=round(float(np.percentile(late_ms, 50)), 1),
            behind_p99_ms=round(float(np.percentile(late_ms, 99)), 1),
        )

    def _alone(self, model: LiveModel, speech: Speech, paced: bool) -> dict[str, object]:
        """Wall and processor time of a frame: one stream, 10 ms of sound at a time; what the machine did besides."""
        stream = Stream(model, Direction())
        stream.feed(speech.waveform[:16000])
        stream.reset()
        wall_ms, cpu_ms = [], []
        start_s, machine_s = time.perf_counter(), time.process_time()
        before = _busy_s()
        for index, chunk in enumerate(speech.waveform[: 16000 * self.seconds].split(160), start=1):
            if paced:
                time.sleep(max(0.0, start_s + index / 100 - time.perf_counter()))
            began_s, cpu_s = time.perf_counter(), time.thread_time()
            frames = sum(motion.frames for motion in stream.feed(chunk))
            if frames:
                cpu_ms.append(1000 * (time.thread_time() - cpu_s) / frames)
                wall_ms.append(1000 * (time.perf_counter() - began_s) / frames)
        took_s = time.perf_counter() - start_s
        others = (_busy_s() - before - (time.process_time() - machine_s)) / took_s
        return {
            "look_ahead_ms": round(stream.latency.look_ahead_ms, 1),
            **{f"wall_{name}": value for name, value in _quantiles(wall_ms).items()},
            **{f"cpu_{name}": value for name, value in _quantiles(cpu_ms).items()},
            "cores_busy_with_others": round(others, 2),
        }

    async def _live(self, model: LiveModel, speech: Speech) -> tuple[list[float], list[float], list[int]]:
        """First frame, lateness of frames against the time of their sound, and frames in the time; real time, 20 ms chunks."""
        runner, port = await start_server(make_app(LiveServer(model), local=True), "127.0.0.1", 0)
        wave = speech.waveform.repeat(-(-self.seconds * 16000 // len(speech.waveform)))[: self.seconds * 16000]
        pcm = (wave.numpy() * 32767).astype("<i2").tobytes()
        first_ms, late_ms, counts = [], [], []

        async def one(delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            async with connect(f"http://127.0.0.1:{port}") as client:
                began_s, count = time.monotonic(), 0

                async def speak() -> None:
                    for index in range(0, len(pcm), 640):
                        await asyncio.sleep(max(0.0, began_s + (index / 2 + 320) / 16000 - time.monotonic()))
                        await client.send(pcm[index : index + 640])
                    await client.flush()

                speaking = asyncio.create_task(speak())
                async for first, rows in client.frames():
                    now_s = time.monotonic() - began_s
                    if not count:
                        first_ms.append(1000 * now_s)
                    late_ms.extend(1000 * (now_s - (first + k) / LIVE_FPS) for k in range(len(rows)))
                    count += len(rows)
                counts.append(count)
                await speaking

        await asyncio.gather(*(one(0.13 * index) for index in range(self.sessions)))
        await runner.cleanup()
        return first_ms, late_ms, counts


@dataclass(frozen=True, kw_only=True)
class Endurance(_Bench):
    """Sound for a long time, as fast as it can be taken."""

    minutes: float = 30.0

    def run(self) -> None:
        """Feed a recording over and over."""
        stream, wave = Stream(self.model(), Direction()), load_speech(DEMO).waveform
        pcm, fed, made, resident = (wave.numpy() * 32767).astype(np.int16), 0, 0, []
        chunks = [pcm[start : start + 1600] for start in range(0, len(pcm) - 1600, 1600)]
        while fed < self.minutes * 60 * stream.sample_rate:
            for chunk in chunks:
                made += sum(motion.frames for motion in stream.feed(chunk))
                fed += len(chunk)
            resident.append(_resident_mb())
        behind_ms = 1000 * (fed / stream.sample_rate - made / LIVE_FPS)
        growth_mb = resident[-1] - resident[len(resident) // 10]
        self.say(
            minutes=round(fed / 16000 / 60, 1),
            frames=made,
            behind_ms=round(behind_ms, 1),
            growth_mb=round(growth_mb, 2),
        )


@dataclass(frozen=True, kw_only=True)
class Equality(_Bench):
    """The largest difference between a stream and the same weights over the whole recording."""

    def run(self) -> None:
        """Compare at each look-ahead, in chunks of several sizes."""
        model, speech = self.model(), load_speech(DEMO)
        for ms in (40, 80, 120):
            whole = _rows([model.perform(speech, Direction(emotion="happy"), ms)])
            for chunk in (160, 4001):
                stream = Stream(model, Direction(emotion="happy"), ms)
                motions = [motion for part in speech.waveform.split(chunk) for motion in stream.feed(part)]
                streamed = _rows([*motions, stream.flush()])
                self.say(look_ahead_ms=ms, chunk=chunk, largest_difference=float((streamed - whole).abs().max()))


@dataclass(frozen=True, kw_only=True)
class Connects(_Bench):
    """Quick connects while a session goes on."""

    count: int = 1000

    def run(self) -> None:
        """Connect and drop."""
        asyncio.run(self._run(self.model()))

    async def _run(self, model: LiveModel) -> None:
        server = LiveServer(model)
        runner, port = await start_server(make_app(server, local=True), "127.0.0.1", 0)
        pcm = (load_speech(DEMO).waveform[:48000].numpy() * 32767).astype("<i2").tobytes()
        async with connect(f"http://127.0.0.1:{port}") as first:
            await first.perform(pcm)
        before, began_s = _resident_mb(), time.monotonic()
        async with connect(f"http://127.0.0.1:{port}") as steady:

            async def storm() -> None:
                for _ in range(self.count):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(_UPGRADE)
                    await reader.readuntil(b"\r\n\r\n")
                    writer.transport.abort()

            storming = asyncio.create_task(storm())
            frames = sum(len(rows) for _, rows in await steady.perform(pcm, pace=1.0))
            await storming
        seconds, grown = time.monotonic() - began_s, _resident_mb() - before
        await asyncio.sleep(1)
        self.say(
            connects=self.count,
            seconds=round(seconds, 1),
            frames_of_the_steady_session=frames,
            growth_mb=round(grown, 1),
            left_open=len(server.connected),
        )
        await runner.cleanup()


def _rows(motions: list[Motion]) -> torch.Tensor:
    parts = []
    for face in (motion.face for motion in motions):
        assert face is not None
        parts.append(torch.cat([face.expression, face.neck_axis_angle, face.eyes_axis_angle.flatten(1)], dim=1))
    assert parts[0].shape[1] > EXPRESSION.stop
    return torch.cat(parts)


def _quantiles(took_ms: list[float]) -> dict[str, float]:
    found = np.percentile(took_ms, [50, 99, 100]).round(2).tolist()
    return dict(zip(("p50_ms", "p99_ms", "max_ms"), found, strict=True))


def _busy_s() -> float:
    """Processor time that all programs of the machine have used."""
    user, nice, system, *_ = Path("/proc/stat").read_text().split()[1:5]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def _resident_mb() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    benches = {
        "closures": Closures(),
        "speed": Speed(),
        "endurance": Endurance(),
        "equality": Equality(),
        "connects": Connects(),
    }
    with ending_in_one_line("bench_live"):
        tyro.cli(tyro.extras.subcommand_type_from_defaults(benches), args=sys.argv[1:]).run()  # pyright: ignore[reportArgumentType, reportCallIssue]
