"""What client and server say to each other, version 1; docs/live.md describes it. Everything that comes in is checked here."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float

from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction
from emote3d.names import ARKIT_52, SMPLX_JOINTS
from emote3d.records import Motion
from emote3d.stream.directing import LIVE_FPS, LIVE_SETTINGS
from emote3d.stream.session import Latency

VERSION = 1
MAGIC = b"E3F1"
BODY_MAGIC = b"E3B1"
HEADER = struct.Struct("<4sIHH")
"""Of a packed message: magic, number of its first frame, frames, values a frame; float32 little-endian follow."""
COLUMNS = (
    *ARKIT_52, "jawPitch", "jawYaw", "jawRoll", "headPitch", "headYaw", "headRoll", "leftEyePitch", "leftEyeYaw",
    "leftEyeRoll", "rightEyePitch", "rightEyeYaw", "rightEyeRoll",
)  # fmt: skip
"""Values of a frame: ARKit's coefficients in 0..1, then axis-angles in radians about +x (to the person's left), +y (up), +z."""
BODY_COLUMNS = (
    *(f"{joint}_{axis}" for joint in SMPLX_JOINTS for axis in "xyz"), "translation_x", "translation_y", "translation_z",
)  # fmt: skip
"""Values of a body's frame: local axis-angles of the joints in radians, then where the pelvis is off its rest place, metres."""

MALFORMED, BAD_TOKEN, IDLE, TOO_SLOW, FULL = 4400, 4401, 4408, 4413, 4429
"""Close codes of ours; 1009 is a message that is too big, 1001 a server that stops, 1011 our fault."""


class Malformed(Emote3DError):
    """A message that no client of this protocol sends."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A client's first message."""

    format: Literal["json", "float32"] = "json"
    """How frames are sent."""
    look_ahead_ms: float = 80.0
    seed: int = 0
    fill: bool = False
    """Whether silence stands in for sound that is late, so that frames follow the clock."""
    body: bool = False
    """Whether bodies are sent as well, in their own time."""
    token: str = ""
    direction: Direction = field(default_factory=Direction)


def read_json(text: str) -> dict[str, Any]:
    """A text message as an object with a type.

    Raises:
        Malformed: not that.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"a text message is a JSON object; this is not JSON ({error})") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Malformed('a text message is a JSON object with a "type": start, direct, reset or flush')
    return message


def read_start(message: dict[str, Any]) -> Start:
    """The first message.

    Raises:
        Malformed: not a start, an unknown key or a value of another type.
        Emote3DError: a direction that cannot be performed.
    """
    if message["type"] != "start":
        raise Malformed(f'the first message has the type "start", got "{message["type"][:40]}"')
    kinds: dict[str, type | tuple[type, ...]] = {
        "format": str, "look_ahead_ms": (int, float), "seed": int, "fill": bool, "body": bool, "token": str, "direction": dict,
    }  # fmt: skip
    values = {key: value for key, value in message.items() if key != "type"}
    _check(values, kinds, "start")
    if values.get("format", "json") not in ("json", "float32"):
        raise Malformed('"format" is "json" or "float32"')
    if values.get("seed", 0) < 0:
        raise Malformed('"seed" is not negative')
    given: dict[str, Any] = values | {"direction": read_direction(values.get("direction", {}))}
    return Start(**given)


def read_direction(values: object) -> Direction:
    """A direction from JSON; only what can be had live.

    Raises:
        Malformed: unknown settings or values of another type.
        Emote3DError: values that cannot be performed.
    """
    if not isinstance(values, dict):
        raise Malformed('"direction" is an object')
    others = {"emotion": str, "gaze": str, "at": list}
    _check(values, {name: others.get(name, (int, float)) for name in LIVE_SETTINGS}, "direction")
    keys = values.get("at", [])
    if not all(isinstance(key, str) for key in keys):
        raise Malformed('"at" is a list of texts like "2.5:sad"')
    given: dict[str, Any] = values | {"at": tuple(keys)}
    return Direction(**given)


def _check(values: dict[str, Any], kinds: dict[str, type | tuple[type, ...]], where: str) -> None:
    problems = [f"unknown key {str(key)[:40]!r}" for key in values if key not in kinds]
    problems += [
        f"{key} has the wrong type {type(values[key]).__name__}"
        for key, kind in kinds.items()
        if key in values and (not isinstance(values[key], kind) or (isinstance(values[key], bool) and kind is not bool))
    ]
    if problems:
        raise Malformed(f"{where}: {'; '.join(problems)}; known keys are {', '.join(kinds)}")


def ready(session: int, sample_rate: int, latency: Latency) -> str:
    """The answer to a start."""
    return json.dumps(
        {
            "type": "ready",
            "protocol": VERSION,
            "session": session,
            "fps": LIVE_FPS,
            "sample_rate": sample_rate,
            "columns": COLUMNS,
            **({} if latency.body_look_ahead_ms is None else {"body_columns": BODY_COLUMNS}),
            "latency": asdict(latency),
        }
    )


def refused(reason: str) -> str:
    """A direction was not taken; the session goes on as it was."""
    return json.dumps({"type": "refused", "reason": reason})


def rows_of(motion: Motion) -> Float[np.ndarray, "frames 64"]:
    """The values of each frame in the order of COLUMNS."""
    face = motion.face
    assert face is not None, "a live motion has a face"
    parts = (face.expression, face.jaw_axis_angle, face.neck_axis_angle, face.eyes_axis_angle.flatten(1))
    return torch.cat(parts, dim=1).numpy()


def body_rows_of(motion: Motion) -> Float[np.ndarray, "frames 168"]:
    """The values of each frame's body in the order of BODY_COLUMNS."""
    body = motion.body
    assert body is not None, "a motion with a body"
    return torch.cat([body.joints_axis_angle.flatten(1), body.translation_m], dim=1).numpy()


def pack(first: int, rows: Float[np.ndarray, "frames columns"]) -> bytes:
    """Frames as a binary message: faces, or bodies."""
    magic = BODY_MAGIC if rows.shape[1] == len(BODY_COLUMNS) else MAGIC
    return HEADER.pack(magic, first, len(rows), rows.shape[1]) + rows.astype("<f4").tobytes()


def unpack(message: bytes) -> tuple[int, Float[np.ndarray, "frames columns"]]:
    """Number of the first frame, and the frames; a body's have as many values as BODY_COLUMNS.

    Raises:
        Malformed: not a packed message.
    """
    if len(message) < HEADER.size or message[:4] not in (MAGIC, BODY_MAGIC):
        raise Malformed("not a packed message of emote3d")
    _, first, frames, width = HEADER.unpack_from(message)
    if len(message) != HEADER.size + 4 * frames * width:
        raise Malformed(f"a packed message of {frames} x {width} values has another length: {len(message)} bytes")
    return first, np.frombuffer(message, "<f4", offset=HEADER.size).reshape(frames, width).astype(np.float32)


def frames_json(first: int, rows: Float[np.ndarray, "frames columns"]) -> str:
    """Frames as a text message, rounded to five digits."""
    kind = "body" if rows.shape[1] == len(BODY_COLUMNS) else "frames"
    return json.dumps({"type": kind, "first": first, "frames": np.round(rows.astype(np.float64), 5).tolist()})
