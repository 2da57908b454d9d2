"""The server under good and bad clients; a tiny model, the real protocol, real sockets on the loopback address."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from emote3d import Direction
from emote3d.errors import Emote3DError
from emote3d.records import Speech
from emote3d.stream.client import connect
from emote3d.stream.gestures import BodyMaker
from emote3d.stream.model import LiveModel
from emote3d.stream.server import protocol
from emote3d.stream.server.app import Limits, LiveServer, check_exposure, is_local, make_app, start_server
from emote3d.stream.server.pace import Pace
from emote3d.stream.session import Stream
from stream.listening import listening

PATIENT = Limits(
    sessions=3, connections=40, message_bytes=65536, idle_s=30.0, hello_s=10.0, send_s=0.5, heartbeat_s=30.0
)
QUICK = replace(PATIENT, idle_s=1.2, hello_s=1.0)
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


START = json.dumps({"type": "start"})


def test_a_client_gets_what_a_stream_gives(tiny: LiveModel, demo: Speech):
    stream = Stream(tiny, Direction(emotion="happy"), seed=4)
    expected = [protocol.rows_of(m) for m in [*stream.feed(pcm(demo)), stream.flush()]]

    async def use(server: LiveServer, url: str) -> None:
        async with connect(url, seed=4, direction={"emotion": "happy"}) as client:
            assert client.columns[:2] == ("eyeBlinkLeft", "eyeLookDownLeft")
            assert client.latency["look_ahead_ms"] <= 80
            got = await client.perform(pcm(demo))
            assert got[0][0] == 0
            assert np.array_equal(np.concatenate([rows for _, rows in got]), np.concatenate(expected))

    server = serving(tiny, use)
    assert server.metrics.values["frames_total"] == 45


def test_a_client_redirects_and_begins_anew(tiny: LiveModel, demo: Speech):
    second = pcm(demo, 1.0)
    with Stream(tiny, Direction(), seed=4) as stream:
        expected = [[*stream.feed(second), stream.flush()]]
        stream.direct(Direction(emotion="anger", intensity=1.2))
        expected.append([*stream.feed(second), stream.flush()])

    async def use(server: LiveServer, url: str) -> None:
        async with connect(url, seed=4) as client:
            calm = await client.perform(second)
            await client.direct(emotion="anger", intensity=1.2)
            angry = await client.perform(second)
            for got, motions in zip((calm, angry), expected, strict=True):
                wanted = np.concatenate([protocol.rows_of(motion) for motion in motions])
                assert np.array_equal(np.concatenate([rows for _, rows in got]), wanted)
            await client.send(second[:16000])
            await client.reset()
            last = await client.perform(second)
            assert last[-1][0] + len(last[-1][1]) == 30  # the half second before the barge-in is forgotten
            await client.direct(emotion="joyless")
            with pytest.raises(Emote3DError, match="joyless"):
                await client.perform(second)

    serving(tiny, use)


def test_json_frames_carry_the_same_numbers(tiny: LiveModel, demo: Speech):
    async def use(server: LiveServer, url: str) -> None:
        async with aiohttp.ClientSession() as http, http.ws_connect(url + "/v1/stream") as ws:
            await ws.send_str(START)
            assert (await ws.receive_json())["type"] == "ready"
            await ws.send_bytes(pcm(demo, 0.5))
            first = await ws.receive_json()
            assert (first["type"], first["first"], len(first["frames"][0])) == ("frames", 0, 64)
            await ws.send_str('{"type": "direct", "direction": {"emotion": "joyless"}}')
            await ws.send_str('{"type": "flush"}')
            types = []
            while not types or types[-1] != "flushed":
                types.append((await ws.receive_json())["type"])
            assert "refused" in types

    serving(tiny, use)


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


async def raw_health(url: str) -> dict:
    async with aiohttp.ClientSession() as http, http.get(url + "/health") as response:
        return await response.json()


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


def test_silence_stands_in_for_late_sound_and_so_much_is_dropped():
    pace = Pace(sample_rate=16000, began_s=10.0)
    assert pace.missing(10.1) == 0
    assert pace.late(1600) == 0
    missing = pace.missing(10.5)
    assert missing == 6400
    pace.fill(missing)
    assert pace.missing(10.5) == 0
    assert pace.late(4000) == 4000
    assert pace.late(4000) == 2400
    assert pace.samples == 1600 + 6400 + 1600


def test_with_fill_the_face_lives_while_nothing_comes(tiny: LiveModel):
    async def use(server: LiveServer, url: str) -> None:
        async with connect(url, fill=True) as client:
            got = 0
            async with asyncio.timeout(5):
                async for _, rows in client.frames():
                    got += len(rows)
                    if got >= 20:
                        break

    server = serving(tiny, use)
    assert server.metrics.values["filled_samples_total"] > 8000


def test_bodies_come_beside_the_faces(tiny: LiveModel, demo: Speech, maker: BodyMaker):
    with Stream(tiny, Direction(), seed=4, body=maker) as stream:
        stream.feed(pcm(demo))
        stream.flush()
        expected = np.concatenate([protocol.body_rows_of(motion) for motion in stream.bodies(wait=True)])

    async def use(server: LiveServer, url: str) -> None:
        async with connect(url, seed=4, body=True) as client:
            bodies = []
            client.onbody = bodies.append
            faces = await client.perform(pcm(demo))
            assert client.body_columns[:3] == ("pelvis_x", "pelvis_y", "pelvis_z")
            assert client.latency["body_look_ahead_ms"] < 2000
            assert bodies[0][0] == 0 and sum(len(rows) for _, rows in faces) == len(expected) == 45
            assert np.array_equal(np.concatenate([rows for _, rows in bodies]), expected)
            code, _ = await raw(url, json.dumps({"type": "start", "body": True}))
            assert code == protocol.FULL
        assert server.embodied == 0

    one = Limits(sessions=3, bodies=1, idle_s=30.0)
    serving(tiny, use, limits=one, body=maker)


def test_what_fails_inside_is_reported_and_ends_that_session_alone(
    tiny: LiveModel, demo: Speech, capsys: pytest.CaptureFixture[str]
):
    def broken() -> BodyMaker:
        raise ZeroDivisionError("no legs")

    async def main() -> None:
        server = LiveServer(tiny, limits=PATIENT, body=broken)
        runner, port = await start_server(make_app(server, local=True), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{port}"
        code, _ = await raw(url, json.dumps({"type": "start", "body": True}))
        assert code == 1011
        async with connect(url) as client:
            assert len(await client.perform(pcm(demo, 0.5))) > 0
        await runner.cleanup()

    asyncio.run(main())
    assert capsys.readouterr().err == "emote3d: a session failed: ZeroDivisionError: no legs\n"


def test_the_verb_serves_those_who_know_the_token(demo: Speech, tmp_path: Path):
    (tmp_path / "token").write_text("a-long-secret\n")

    async def use(url: str, receiver: socket.socket) -> None:
        with pytest.raises(Emote3DError, match="refused"):
            async with connect(url, token="wrong-secret"):
                pass
        async with connect(url, token="a-long-secret") as client:
            frames = await client.perform(pcm(demo, 0.5))
        assert sum(len(rows) for _, rows in frames) == 15
        assert receiver.recv(2048)[:5] == struct.pack("<i", 6) + b"$"

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        live_link = f"127.0.0.1:{receiver.getsockname()[1]}"
        with listening("serve", "--token-file", str(tmp_path / "token"), "--live-link", live_link) as url:
            asyncio.run(use(url, receiver))


def test_a_server_without_bodies_says_so(tiny: LiveModel):
    async def use(server: LiveServer, url: str) -> None:
        code, _ = await raw(url, json.dumps({"type": "start", "body": True}))
        assert code == protocol.MALFORMED

    serving(tiny, use)
