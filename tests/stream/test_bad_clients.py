"""The server under clients that break, hog or may not; a tiny model, the real protocol, real sockets on the loopback address."""

import asyncio
import json
import socket
import struct
from dataclasses import replace

import aiohttp
import pytest

from emote3d.errors import Emote3DError
from emote3d.records import Speech
from emote3d.stream.client import connect
from emote3d.stream.model import LiveModel
from emote3d.stream.server import protocol
from emote3d.stream.server.app import Limits, LiveServer, check_exposure, is_local
from stream.serving import PATIENT, QUICK, START, pcm, raw, raw_health, serving


@pytest.mark.parametrize(
    "messages",
    [(b"\0\0",), ("{",), ("[1]",), ('{"type": "begin"}',), ('{"type": "start", "x": 1}',),
     ('{"type": "start", "direction": {"emotion_from": "/etc/passwd"}}',), ('{"type": "start", "seed": "1"}',),
     ('{"type": "start", "look_ahead_ms": 5}',), (START, b"odd"), (START, '{"type": "dance"}'),
     ("[" * 20000,), (START, '{"type": "direct", "direction": 3}')],
    ids=lambda messages: str(messages[-1])[:30],
)  # fmt: skip
def test_malformed_messages_end_the_session_with_a_code_and_a_reason(tiny: LiveModel, messages: tuple):
    async def use(server: LiveServer, url: str) -> None:
        code, _ = await raw(url, *messages)
        assert code == protocol.MALFORMED
        assert (await raw_health(url))["sessions"] == 0

    server = serving(tiny, use)
    assert server.metrics.values['closed_total{code="4400"}'] == 1


def test_too_big_a_message_is_refused(tiny: LiveModel):
    async def use(server: LiveServer, url: str) -> None:
        code, _ = await raw(url, START, b"\0" * 70000)
        assert code == 1009

    serving(tiny, use)


def test_a_frame_that_breaks_the_websocket_protocol_harms_nobody(tiny: LiveModel, demo: Speech):
    async def use(server: LiveServer, url: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(
            b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\xff\xff" + bytes(range(100)))
        answer = await reader.read(100)
        assert answer[:1] == b"\x88"
        assert struct.unpack("!H", answer[2:4])[0] == 1002
        writer.close()
        async with connect(url) as client:
            assert len(await client.perform(pcm(demo, 0.5))) > 0

    serving(tiny, use)


def test_tokens(tiny: LiveModel):
    async def use(server: LiveServer, url: str) -> None:
        for token in ("", "wrong", "secret2"):
            code, _ = await raw(url, json.dumps({"type": "start", "token": token}))
            assert code == protocol.BAD_TOKEN
        async with connect(url, token="secret"):
            pass

    serving(tiny, use, token="secret")


def test_sessions_are_limited_and_free_again(tiny: LiveModel):
    async def use(server: LiveServer, url: str) -> None:
        async with connect(url), connect(url), connect(url):
            code, _ = await raw(url, START)
            assert code == protocol.FULL
        await asyncio.sleep(0.1)
        async with connect(url):
            assert (await raw_health(url))["sessions"] == 1

    serving(tiny, use)


def test_idle_clients_are_let_go(tiny: LiveModel):
    async def use(server: LiveServer, url: str) -> None:
        (silent, _), (started, _) = await asyncio.gather(raw(url), raw(url, START))
        assert silent == started == protocol.IDLE

    serving(tiny, use, limits=QUICK)


def test_killed_half_open_and_quick_clients_leave_nothing_behind(tiny: LiveModel, demo: Speech):
    async def use(server: LiveServer, url: str) -> None:
        port = int(url.rsplit(":", 1)[1])
        async with connect(url) as steady:
            for _ in range(100):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.transport.abort()
            async with aiohttp.ClientSession() as http:
                killed = await http.ws_connect(url + "/v1/stream")
                await killed.send_str(START)
                await killed.send_bytes(pcm(demo, 0.5))
                transport = killed._conn.transport  # pyright: ignore
                assert transport is not None
                transport.abort()
                deaf = await http.ws_connect(url + "/v1/stream", autoping=False)
                await deaf.send_str(START)
                deaf._conn.transport.pause_reading()  # pyright: ignore
                assert len(await steady.perform(pcm(demo, 0.5))) > 0
                for _ in range(60):
                    await asyncio.sleep(0.1)
                    if (await raw_health(url))["connections"] <= 1:
                        break
                assert (await raw_health(url))["connections"] <= 1

    serving(tiny, use, limits=replace(PATIENT, heartbeat_s=0.6))


def test_a_client_that_never_reads_is_let_go_and_holds_up_nobody(tiny: LiveModel, demo: Speech):
    async def use(server: LiveServer, url: str) -> None:
        async with connect(url) as steady:
            hog = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))
            hog.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            hog.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(
                hog,
                b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                + masked(0x81, START.encode()),
            )
            shrink = asyncio.create_task(squeeze(server))
            sound = masked(0x82, b"\0" * 32000)
            sending = asyncio.create_task(flood(loop, hog, sound))
            await asyncio.sleep(0.3)
            assert len(await steady.perform(pcm(demo, 0.5))) > 0
            for _ in range(100):
                await asyncio.sleep(0.1)
                if server.metrics.values['closed_total{code="4413"}']:
                    break
            assert server.metrics.values['closed_total{code="4413"}'] == 1
            sending.cancel()
            shrink.cancel()
            hog.close()

    serving(tiny, use, limits=Limits(sessions=3, message_bytes=65536, send_s=0.5, heartbeat_s=30, idle_s=30))


async def squeeze(server: LiveServer) -> None:
    """Make the kernel's send buffers small, so that a client that does not read is felt soon."""
    while True:
        for ws in list(server.connected):
            writer = ws._writer  # pyright: ignore
            if writer is not None:
                writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await asyncio.sleep(0.02)


async def flood(loop: asyncio.AbstractEventLoop, hog: socket.socket, sound: bytes) -> None:
    try:
        while True:
            await loop.sock_sendall(hog, sound)
    except OSError:
        return


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's WebSocket frame with a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return bytes([opcode]) + length + b"\0\0\0\0" + payload


def test_pages_from_elsewhere_are_refused(tiny: LiveModel):
    async def use(server: LiveServer, url: str) -> None:
        async with aiohttp.ClientSession() as http:
            for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
                async with http.get(url + "/health", headers=headers) as response:
                    assert response.status == 403
            async with http.get(url + "/health", headers={"Origin": url}) as response:
                assert response.status == 200
            async with http.get(url + "/metrics") as response:
                text = await response.text()
                assert "# TYPE emote3d_sessions gauge\nemote3d_sessions 0\n" in text

    serving(tiny, use)


def test_only_loopback_goes_without_a_token():
    assert is_local("127.0.0.1") and is_local("localhost") and is_local("::1")
    assert not is_local("0.0.0.0") and not is_local("192.168.1.5")
    check_exposure("127.0.0.1", "")
    check_exposure("0.0.0.0", "secret")
    with pytest.raises(Emote3DError, match="--token"):
        check_exposure("0.0.0.0", "")
