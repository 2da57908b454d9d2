"""`emote3d serve` and `emote3d view`: live faces for other programs, and a page to try everything."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from emote3d.cli.reporting import Flag, Flat, Reporting
from emote3d.errors import Emote3DError

if TYPE_CHECKING:
    from aiohttp import web

    from emote3d.stream.gestures import BodyMaker
    from emote3d.stream.outputs import Output

_TOKEN_VARIABLE = "EMOTE3D_TOKEN"


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Where a server listens and what it allows."""

    host: str = "127.0.0.1"
    """Address to listen on; others than the loopback need a token."""
    port: int = 8765
    """Port to listen on; 0 takes a free one."""
    token_file: Path | None = None
    """File with the token that clients must send (or set EMOTE3D_TOKEN)."""
    sessions: int = 16
    """Most sessions at the same time."""
    idle_s: float = 60.0
    """Seconds without a message after which a session ends."""
    live_link: str | None = None
    """HOST[:PORT] that gets the frames as Live Link Face packets (UDP, port 11111)."""
    vmc: str | None = None
    """HOST[:PORT] that gets the frames as VMC (OSC over UDP, port 39539)."""
    checkpoint: Path | None = None
    """Live checkpoint folder (default: the shipped live-v1)."""


@dataclass(frozen=True, kw_only=True)
class Serve(Reporting):
    """Live faces over WebSocket, Live Link Face and VMC; docs/live.md describes the protocol."""

    options: Flat[ServerOptions] = field(default_factory=ServerOptions)

    def run(self) -> None:
        """Serve until interrupted."""
        _serve(self, self.options, page=False)


@dataclass(frozen=True, kw_only=True)
class View(Reporting):
    """A local web page with the avatar: microphone, files, sliders, timeline, export."""

    options: Flat[ServerOptions] = field(default_factory=ServerOptions)
    open: Flag[bool] = False
    """Open it in the browser."""

    def run(self) -> None:
        """Show until interrupted; raises `Emote3DError` where a token is set."""
        if self.options.token_file is not None or os.environ.get(_TOKEN_VARIABLE):
            raise Emote3DError(
                "the page is for this machine and takes no token; leave out --token-file and EMOTE3D_TOKEN"
            )
        _serve(self, self.options, page=True, browse=self.open)


def _serve(verb: Reporting, options: ServerOptions, *, page: bool, browse: bool = False) -> None:
    try:
        import aiohttp  # noqa: F401
    except ImportError as error:
        raise Emote3DError("this needs aiohttp: pip install 'emote3d[serve]'") from error
    import asyncio

    from emote3d.stream.model import LiveModel
    from emote3d.stream.server.app import Limits, LiveServer, check_exposure, is_local, make_app

    token = _read_token(options.token_file)
    check_exposure(options.host, token)
    _check_numbers(options)
    limits = Limits(sessions=options.sessions, idle_s=options.idle_s)
    outputs = _outputs(options)
    server = LiveServer(
        LiveModel.from_pretrained(options.checkpoint), token=token, limits=limits, outputs=outputs, body=_bodies
    )
    app = make_app(server, local=is_local(options.host))
    if page:
        from emote3d.stream.server.page import add_page

        add_page(app)
    try:
        asyncio.run(_listen(verb, app, options, browse=browse))
    except KeyboardInterrupt:
        print("emote3d: stopped", file=sys.stderr)
    finally:
        for output in outputs:
            output.close()


async def _listen(verb: Reporting, app: web.Application, options: ServerOptions, *, browse: bool) -> None:
    import asyncio
    import signal
    import webbrowser

    from emote3d.stream.server.app import start_server

    runner, port = await start_server(app, options.host, options.port)
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"http://{host}:{port}"
    verb.report({"url": url, "port": port}, f"emote3d listens on {url} (Ctrl-C stops it)")
    sys.stdout.flush()
    if browse:
        webbrowser.open(url)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


def _bodies() -> BodyMaker:
    from emote3d.pipeline import Emote3D

    return Emote3D.from_pretrained().live_body


def _outputs(options: ServerOptions) -> tuple[Output, ...]:
    from emote3d.stream.outputs import LiveLinkOutput, VmcOutput

    found: list[Output] = []
    if options.live_link is not None:
        found.append(LiveLinkOutput(options.live_link))
    if options.vmc is not None:
        found.append(VmcOutput(options.vmc))
    return tuple(found)


def _check_numbers(options: ServerOptions) -> None:
    problems = []
    if not 0 <= options.port < 65536:
        problems.append(f"--port lies in 0 to 65535, got {options.port}")
    if not 1 <= options.sessions <= 1000:
        problems.append(f"--sessions lies in 1 to 1000, got {options.sessions}")
    if not 1 <= options.idle_s <= 86400:
        problems.append(f"--idle-s lies in 1 to 86400, got {options.idle_s:g}")
    if problems:
        raise Emote3DError("; ".join(problems))


def _read_token(path: Path | None) -> str:
    """The token from the file or the environment; empty for none."""
    if path is None:
        return os.environ.get(_TOKEN_VARIABLE, "")
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Emote3DError(f"the token file {path} cannot be read: {error}") from error
    if len(token) < 8:
        raise Emote3DError(f"the token in {path} has {len(token)} characters; use 8 or more")
    return token
