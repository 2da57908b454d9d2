"""A client of `emote3d serve` in Python (asyncio): the pattern for other languages. Needs aiohttp."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
from jaxtyping import Float

from emote3d.errors import Emote3DError
from emote3d.stream.server.protocol import unpack

Frames = tuple[int, Float[np.ndarray, "frames columns"]]
"""Number of the first frame since the start, reset or flush; values of each frame (see `LiveClient.columns`)."""


class LiveClient:
    """One session; made by `connect`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, ready: dict[str, Any]) -> None:
        self._socket = socket
        self.columns: tuple[str, ...] = tuple(ready["columns"])
        """Names of a frame's values."""
        self.fps: float = ready["fps"]
        self.sample_rate: int = ready["sample_rate"]
        self.latency: dict[str, float] = ready["latency"]
        """Terms of the delay in milliseconds."""
        self.body_columns: tuple[str, ...] = tuple(ready.get("body_columns", ()))
        """Names of the values of a body's frame, where `body=True` was asked for."""
        self.onbody: Callable[[Frames], None] = lambda frames: None
        """Called with bodies as they come, while `frames` is waited for."""

    async def send(self, pcm: bytes) -> None:
        """Send sound: little-endian int16 at `sample_rate`, mono, up to 256 KiB."""
        await self._socket.send_bytes(pcm)

    async def direct(self, **direction: str | float) -> None:
        """Change the direction: emotion, intensity, gaze, ..."""
        await self._socket.send_str(json.dumps({"type": "direct", "direction": direction}))

    async def reset(self) -> None:
        """Barge-in: forget the sound that was sent."""
        await self._socket.send_str('{"type": "reset"}')

    async def flush(self) -> None:
        """Ask for the last frames of the utterance; `frames` ends after them."""
        await self._socket.send_str('{"type": "flush"}')

    async def frames(self) -> AsyncIterator[Frames]:
        """Frames as they come, until a flush is answered.

        Raises:
            Emote3DError: the server ended the session, or refused a direction.
        """
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                frames = unpack(message.data)
                if frames[1].shape[1] == len(self.columns):
                    yield frames
                else:
                    self.onbody(frames)
                continue
            told = json.loads(message.data)
            if told["type"] == "flushed":
                return
            if told["type"] == "refused":
                raise Emote3DError(told["reason"])
        raise Emote3DError(f"the server ended the session with code {self._socket.close_code}")

    async def perform(self, pcm: bytes, chunk_s: float = 0.1, pace: float = 0.0) -> list[Frames]:
        """Send a whole recording and collect its frames.

        Args:
            pace: 1 sends as fast as the sound would be spoken, 0 at once.
        """
        step = 2 * int(chunk_s * self.sample_rate)

        async def speak() -> None:
            for start in range(0, len(pcm), step):
                await self.send(pcm[start : start + step])
                await asyncio.sleep(pace * chunk_s)
            await self.flush()

        speaking = asyncio.create_task(speak())
        try:
            return [frames async for frames in self.frames()]
        finally:
            speaking.cancel()


@asynccontextmanager
async def connect(url: str = "http://127.0.0.1:8765", *, token: str = "", **start: Any) -> AsyncIterator[LiveClient]:
    """Open a session.

    Args:
        start: look_ahead_ms, seed, fill, body, direction (a dict), as docs/live.md describes.

    Raises:
        Emote3DError: there is no server, or it refuses.
    """
    hello = {"type": "start", "format": "float32", "token": token, **start}
    async with aiohttp.ClientSession() as http:
        try:
            socket = await http.ws_connect(url.rstrip("/") + "/v1/stream", max_msg_size=1 << 22)
        except (aiohttp.ClientError, OSError) as error:
            raise Emote3DError(f"no live server at {url}: {error}; start one with emote3d serve") from error
        async with socket:
            await socket.send_str(json.dumps(hello))
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise Emote3DError(
                    f"the server refused: code {socket.close_code}, {message.extra or 'no reason given'}"
                )
            yield LiveClient(socket, json.loads(message.data))
