"""One client of the server from its first message to its close code."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from emote3d.errors import Emote3DError
from emote3d.records import Motion
from emote3d.stream.server import protocol
from emote3d.stream.server.pace import Pace
from emote3d.stream.session import Stream, as_samples

if TYPE_CHECKING:
    from emote3d.stream.server.app import LiveServer

_POLL_S = 0.03
"""How often it is looked for what comes without a message: silence that stands in, bodies."""
_SLICE = 1600
"""Samples computed at a time before other sessions have their turn."""


class Closed(Exception):
    """The session ends with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Session:
    """Reads, performs and answers; everything awaits, so a slow client holds up itself alone."""

    def __init__(self, server: LiveServer, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.server, self.socket, self.transport = server, socket, transport
        self.packed = False
        self.number = self.embodied = 0
        """Frames made since the start or the last reset or flush; those whose body was sent."""

    async def run(self) -> None:
        """Serve until one of both sides ends it; the close code says why."""
        try:
            start = await self._start()
            with self.server.seat() as number:
                await self._perform(start, number)
        except Closed as closed:
            await self._close(closed.code, closed.reason)
        except Emote3DError as error:
            await self._close(protocol.MALFORMED, str(error))
        except ConnectionError:
            self.server.metrics.add("closed_total", code=1006)
        except Exception as error:
            self.server.report(error)
            await self._close(WSCloseCode.INTERNAL_ERROR, "the server failed; its log says more")

    async def _close(self, code: int, reason: str) -> None:
        self.server.metrics.add("closed_total", code=int(code))
        try:
            async with asyncio.timeout(self.server.limits.send_s):
                await self.socket.close(code=code, message=reason.encode()[:120])
        except (TimeoutError, ConnectionError):
            if self.transport is not None:
                self.transport.abort()

    async def _start(self) -> protocol.Start:
        """The first message, and whether its token is right."""
        try:
            message = await self._receive(self.server.limits.hello_s)
        except TimeoutError:
            raise Closed(protocol.IDLE, "no start came in time") from None
        if message.type is not WSMsgType.TEXT:
            raise protocol.Malformed('the first message is text, {"type": "start"}')
        start = protocol.read_start(protocol.read_json(message.data))
        if not same_token(start.token, self.server.token):
            raise Closed(protocol.BAD_TOKEN, "the token is not right")
        return start

    async def _perform(self, start: protocol.Start, number: int) -> None:
        body = await self.server.body() if start.body else None
        with (
            self.server.body_seat(start.body),
            Stream(self.server.model, start.direction, start.look_ahead_ms, start.seed, body) as stream,
        ):
            await self._listen(start, number, stream)

    async def _listen(self, start: protocol.Start, number: int, stream: Stream) -> None:
        self.packed = start.format == "float32"
        await self._send(protocol.ready(number, stream.sample_rate, stream.latency))
        self.server.metrics.add("sessions_total")
        pace = Pace(stream.sample_rate, time.monotonic()) if start.fill else None
        heard_s = time.monotonic()
        while True:
            wait_s = self.server.limits.idle_s - (time.monotonic() - heard_s)
            if wait_s <= 0:
                raise Closed(protocol.IDLE, f"nothing was heard for {self.server.limits.idle_s:g} s")
            try:
                message = await self._receive(min(wait_s, _POLL_S) if start.fill or start.body else wait_s)
            except TimeoutError:
                message = None
            if message is not None:
                heard_s = time.monotonic()
                await self._answer(stream, message, pace)
            await self._send_bodies(stream.bodies())
            if pace is not None and (missing := pace.missing(time.monotonic())):
                missing = min(missing, stream.sample_rate)
                pace.fill(missing)
                self.server.metrics.add("filled_samples_total", missing)
                await self._feed(stream, np.zeros(missing, np.float32))

    async def _receive(self, wait_s: float) -> WSMessage:
        """The next message.

        Raises:
            Closed: the client went, or sent what no message may be.
            TimeoutError: nothing came in time.
        """
        async with asyncio.timeout(wait_s):  # not receive's own, which every pong begins anew
            message = await self.socket.receive()
        if message.type is WSMsgType.ERROR:
            raise Closed(self.socket.close_code or protocol.MALFORMED, "a frame was malformed or too big")
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            raise Closed(self.socket.close_code or WSCloseCode.OK, "the client left")
        return message

    async def _answer(self, stream: Stream, message: WSMessage, pace: Pace | None) -> None:
        if message.type is WSMsgType.BINARY:
            samples = as_samples(message.data)
            self.server.metrics.add("samples_total", len(samples))
            dropped = pace.late(len(samples)) if pace else 0
            await self._feed(stream, samples[dropped:].numpy())
            return
        told = protocol.read_json(message.data)
        match told["type"]:
            case "direct":
                await self._direct(stream, told)
            case "reset":
                stream.reset()
                self.number = self.embodied = 0
                await self._send('{"type": "reset"}')
            case "flush":
                await self._send_motion(stream.flush())
                await self._send_bodies(await asyncio.to_thread(stream.bodies, wait=True))
                await self._send(f'{{"type": "flushed", "frames": {self.number}}}')
                self.number = self.embodied = 0
            case other:
                raise protocol.Malformed(f'"type" is direct, reset or flush after the start, got "{other[:40]}"')

    async def _direct(self, stream: Stream, told: dict[str, Any]) -> None:
        """Change the direction; one that cannot be performed is answered and changes nothing."""
        try:
            stream.direct(protocol.read_direction(told.get("direction")))
        except protocol.Malformed:
            raise
        except Emote3DError as error:
            await self._send(protocol.refused(str(error)))

    async def _feed(self, stream: Stream, samples: np.ndarray) -> None:
        for start in range(0, len(samples), _SLICE):
            began_s = time.perf_counter()
            motions = stream.feed(samples[start : start + _SLICE])
            self.server.metrics.add("compute_seconds_total", time.perf_counter() - began_s)
            for motion in motions:
                await self._send_motion(motion)
            await asyncio.sleep(0)

    async def _send_motion(self, motion: Motion) -> None:
        if not motion.frames:
            return
        rows, first = protocol.rows_of(motion), self.number
        self.number += len(rows)
        self.server.metrics.add("frames_total", len(rows))
        for index, row in enumerate(rows):
            for output in self.server.outputs:
                output.send(first + index, row)
        await self._send(protocol.pack(first, rows) if self.packed else protocol.frames_json(first, rows))

    async def _send_bodies(self, motions: list[Motion]) -> None:
        for motion in motions:
            rows, first = protocol.body_rows_of(motion), self.embodied
            self.embodied += len(rows)
            self.server.metrics.add("body_frames_total", len(rows))
            for index, row in enumerate(rows):
                for output in self.server.outputs:
                    output.send_body(first + index, row)
            await self._send(protocol.pack(first, rows) if self.packed else protocol.frames_json(first, rows))

    async def _send(self, message: str | bytes) -> None:
        """Send; a client that takes nothing for too long is let go."""
        try:
            async with asyncio.timeout(self.server.limits.send_s):
                if isinstance(message, bytes):
                    await self.socket.send_bytes(message)
                else:
                    await self.socket.send_str(message)
        except TimeoutError:
            raise Closed(protocol.TOO_SLOW, "the frames are not read") from None


def same_token(got: str, wanted: str) -> bool:
    """Compare in a time that depends on neither (their digests are compared, whole)."""
    digests = [hashlib.sha256(text.encode()).digest() for text in (got, wanted)]
    return hmac.compare_digest(*digests)
