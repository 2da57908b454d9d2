"""What the page of `emote3d view` asks of the server: its files, the avatar, and exports."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import numpy as np
import torch
from aiohttp import web
from jaxtyping import Float

from emote3d.decoders.face import CHANNELS, EXPRESSION, EYES, JAW, NECK
from emote3d.errors import Emote3DError
from emote3d.export.registry import Export, export
from emote3d.records import FaceMotion, Motion
from emote3d.stream.directing import LIVE_FPS
from emote3d.stream.server.protocol import COLUMNS

FILES = Path(__file__).resolve().parent.parent / "page"
FORMATS = {"csv": "text/csv", "json": "application/json", "glb": "model/gltf-binary", "npz": "application/octet-stream"}
_MOST_FRAMES = 20 * 60 * LIVE_FPS
_AVATAR: web.AppKey[asyncio.Task[bytes]] = web.AppKey("avatar")


def add_page(app: web.Application) -> None:
    """Add the page's routes; the avatar is made once, when it is first asked for."""
    app.router.add_get("/", _index)
    app.router.add_static("/page", FILES)
    app.router.add_get("/columns", _columns)
    app.router.add_get("/avatar.glb", _avatar)
    app.router.add_post("/export/{format}", _export)
    app.on_startup.append(_prepare)


async def _prepare(app: web.Application) -> None:
    still = Motion(face=face_of(np.zeros((2, CHANNELS), np.float32)), fps=LIVE_FPS)
    app[_AVATAR] = asyncio.create_task(asyncio.to_thread(written, still, "glb"))


async def _index(request: web.Request) -> web.FileResponse:
    return web.FileResponse(FILES / "index.html", headers={"Cache-Control": "no-cache"})


async def _columns(request: web.Request) -> web.Response:
    return web.json_response(COLUMNS)


async def _avatar(request: web.Request) -> web.Response:
    return web.Response(body=await request.app[_AVATAR], content_type="model/gltf-binary")


async def _export(request: web.Request) -> web.Response:
    """Frames as float32 rows come in, a file goes out."""
    kind = request.match_info["format"]
    if kind not in FORMATS:
        raise web.HTTPNotFound(text=f"known formats are {', '.join(FORMATS)}")
    body = await request.read()
    if not body or len(body) % (4 * CHANNELS) or len(body) > 4 * CHANNELS * _MOST_FRAMES:
        raise web.HTTPBadRequest(text=f"expected 1 to {_MOST_FRAMES} rows of {CHANNELS} float32 values")
    rows = np.frombuffer(body, "<f4").reshape(-1, CHANNELS).astype(np.float32)
    if not np.isfinite(rows).all():
        raise web.HTTPBadRequest(text="the rows hold values that are not finite")
    try:
        data = await asyncio.to_thread(written, Motion(face=face_of(rows), fps=LIVE_FPS), kind)
    except Emote3DError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    return web.Response(body=data, content_type=FORMATS[kind])


def written(motion: Motion, kind: str) -> bytes:
    """A motion as the bytes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"emote3d.{kind}"
        export(Export(motion), [path])
        return path.read_bytes()


def face_of(rows: Float[np.ndarray, "frames 64"]) -> FaceMotion:
    """The values of `COLUMNS` as a face."""
    values = torch.from_numpy(rows)
    return FaceMotion(
        expression=values[:, EXPRESSION].clamp(0, 1),
        basis="arkit52",
        jaw_axis_angle=values[:, JAW],
        neck_axis_angle=values[:, NECK],
        eyes_axis_angle=values[:, EYES].reshape(-1, 2, 3),
    )
