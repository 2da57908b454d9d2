"""The server: one WebSocket for live faces, /health, /metrics, and what the page needs when it is shown."""

from __future__ import annotations

import asyncio
import ipaddress
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from emote3d.errors import Emote3DError
from emote3d.stream.gestures import BodyMaker
from emote3d.stream.model import LiveModel
from emote3d.stream.outputs import Output
from emote3d.stream.server import protocol
from emote3d.stream.server.metrics import Metrics
from emote3d.stream.server.session import Closed, Session

PATH = "/v1/stream"
_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SERVER: web.AppKey[LiveServer] = web.AppKey("server")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a client may do to the server."""

    sessions: int = 16
    """Sessions at the same time."""
    bodies: int = 4
    """Those of them that have a body."""
    connections: int = 256
    """Open connections, those that have not started included."""
    message_bytes: int = 1 << 18
    """Size of one message: 8 s of sound."""
    idle_s: float = 60.0
    """Time without a message after which a session ends."""
    hello_s: float = 10.0
    """Time for the first message."""
    send_s: float = 5.0
    """Time for the client to take a message."""
    heartbeat_s: float = 15.0
    """Time between pings; a client that answers none is gone."""


class LiveServer:
    """Shared by all sessions: the networks, the limits and the counts."""

    def __init__(
        self,
        model: LiveModel,
        *,
        token: str = "",
        limits: Limits | None = None,
        outputs: tuple[Output, ...] = (),
        body: Callable[[], BodyMaker] | None = None,
    ) -> None:
        self.model, self.token, self.outputs = model, token, outputs
        self._load_body = body
        self._loading: asyncio.Task[BodyMaker] | None = None
        self.limits = limits or Limits()
        self.metrics = Metrics()
        self.began_s = time.monotonic()
        self.connected: set[web.WebSocketResponse] = set()
        self.seated = self.numbered = self.embodied = 0

    @contextmanager
    def seat(self) -> Iterator[int]:
        """A place for a session; gives its number.

        Raises:
            Closed: all are taken.
        """
        if self.seated >= self.limits.sessions:
            raise Closed(protocol.FULL, f"all {self.limits.sessions} sessions are taken")
        self.seated += 1
        self.numbered += 1
        try:
            yield self.numbered
        finally:
            self.seated -= 1

    @contextmanager
    def body_seat(self, asked: bool) -> Iterator[None]:
        """A place for a session with a body, if it is asked for.

        Raises:
            Closed: all are taken.
        """
        if asked and self.embodied >= self.limits.bodies:
            raise Closed(protocol.FULL, f"all {self.limits.bodies} sessions with a body are taken; leave out body")
        self.embodied += asked
        try:
            yield
        finally:
            self.embodied -= asked

    async def body(self) -> BodyMaker:
        """What makes bodies; loaded when the first is asked for, while faces go on.

        Raises:
            Emote3DError: this server has none.
        """
        if self._load_body is None:
            raise Emote3DError('this server has no bodies; leave out "body"')
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load_body))
        return await asyncio.shield(self._loading)

    def report(self, error: Exception) -> None:
        """Say on stderr what should not have happened."""
        print(f"emote3d: a session failed: {type(error).__name__}: {error}", file=sys.stderr)

    def gauges(self) -> dict[str, float]:
        """What is so now."""
        uptime_s = time.monotonic() - self.began_s
        return {"connections": len(self.connected), "sessions": self.seated, "uptime_seconds": uptime_s}


def make_app(server: LiveServer, local: bool) -> web.Application:
    """The routes; a local server answers to local names only, and to no page from elsewhere."""
    guards = [_own_pages_only, *([_local_names_only] if local else [])]
    app = web.Application(middlewares=guards, client_max_size=1 << 26)
    app[SERVER] = server
    app.router.add_get("/health", _health)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get(PATH, _stream)
    app.on_shutdown.append(_hang_up)
    return app


@web.middleware
async def _local_names_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other names for the loopback address (DNS rebinding)."""
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    if host not in _LOCAL_NAMES:
        raise web.HTTPForbidden(text=f"this server answers to {', '.join(sorted(_LOCAL_NAMES))} only")
    return await handler(request)


@web.middleware
async def _own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse pages of other origins."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        raise web.HTTPForbidden(text="pages from elsewhere may not use this server")
    return await handler(request)


async def _health(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    return web.json_response({"status": "ok", "protocol": protocol.VERSION, **server.gauges()})


async def _metrics(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    return web.Response(
        text=server.metrics.text(server.gauges()), headers={"Content-Type": "text/plain; version=0.0.4"}
    )


async def _stream(request: web.Request) -> web.StreamResponse:
    server = request.app[SERVER]
    limits = server.limits
    if len(server.connected) >= limits.connections:
        raise web.HTTPServiceUnavailable(text=f"{limits.connections} connections are open; try again later")
    socket = web.WebSocketResponse(heartbeat=limits.heartbeat_s, max_msg_size=limits.message_bytes, timeout=1.0)
    await socket.prepare(request)
    server.connected.add(socket)
    server.metrics.add("connections_total")
    transport = request.transport
    try:
        await Session(server, socket, transport if isinstance(transport, asyncio.Transport) else None).run()
    finally:
        server.connected.discard(socket)
    return socket


async def _hang_up(app: web.Application) -> None:
    for socket in list(app[SERVER].connected):
        await socket.close(code=1001, message=b"the server stops")


def is_local(host: str) -> bool:
    """Whether an address is the machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(host: str, token: str) -> None:
    """Refuse to be open to others without a token.

    Raises:
        Emote3DError: so.
    """
    if not is_local(host) and not token:
        raise Emote3DError(f"{host} can be reached by others: give --token-file as well, or keep to 127.0.0.1")


async def start_server(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen; gives the runner, whose `cleanup` stops it, and the port (of use when 0 was asked for).

    Raises:
        Emote3DError: the address cannot be had.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise Emote3DError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from error
    return runner, runner.addresses[0][1]
