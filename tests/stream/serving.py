"""A server in this process, and clients that speak to it in the raw."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import aiohttp

from emote3d.records import Speech
from emote3d.stream.gestures import BodyMaker
from emote3d.stream.model import LiveModel
from emote3d.stream.server.app import Limits, LiveServer, make_app, start_server

PATIENT = Limits(
    sessions=3, connections=40, message_bytes=65536, idle_s=30.0, hello_s=10.0, send_s=0.5, heartbeat_s=30.0
)


QUICK = replace(PATIENT, idle_s=1.2, hello_s=1.0)


START = json.dumps({"type": "start"})


Use = Callable[[LiveServer, str], Awaitable[None]]


def serving(
    model: LiveModel, use: Use, token: str = "", limits: Limits = PATIENT, body: BodyMaker | None = None
) -> LiveServer:
    server = LiveServer(model, token=token, limits=limits, body=None if body is None else lambda: body)

    async def main() -> None:
        runner, port = await start_server(make_app(server, local=True), "127.0.0.1", 0)
        try:
            async with asyncio.timeout(60):
                await use(server, f"http://127.0.0.1:{port}")
        finally:
            await runner.cleanup()

    asyncio.run(main())
    return server


def pcm(speech: Speech, seconds: float = 1.5) -> bytes:
    return (speech.waveform[: int(16000 * seconds)].numpy() * 32767).astype("<i2").tobytes()


async def raw(url: str, *messages: str | bytes) -> tuple[int | None, list[str]]:
    """Send messages, read until the end; gives the close code and the texts."""
    async with aiohttp.ClientSession() as http, http.ws_connect(url + "/v1/stream") as ws:
        for message in messages:
            await (ws.send_bytes(message) if isinstance(message, bytes) else ws.send_str(message))
        texts = [message.data async for message in ws if message.type is aiohttp.WSMsgType.TEXT]
        return ws.close_code, texts


async def raw_health(url: str) -> dict:
    async with aiohttp.ClientSession() as http, http.get(url + "/health") as response:
        return await response.json()
