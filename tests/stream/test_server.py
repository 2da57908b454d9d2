"""The server under good clients; a tiny model, the real protocol, real sockets on the loopback address."""

import asyncio
import json
import socket
import struct
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
from emote3d.stream.server.app import Limits, LiveServer, make_app, start_server
from emote3d.stream.server.pace import Pace
from emote3d.stream.session import Stream
from stream.listening import listening
from stream.serving import PATIENT, START, pcm, raw, serving


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
