"""Frames to other programs over UDP: Epic's Live Link Face, and VMC (OSC) for VRM tools."""

from __future__ import annotations

import socket
import struct
import uuid
from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52, SMPLX_JOINTS
from emote3d.rotations import axis_angle_to_quaternion
from emote3d.stream.directing import LIVE_FPS

if TYPE_CHECKING:
    from pythonosc.osc_bundle import OscBundle

LIVE_LINK_PORT, VMC_PORT = 11111, 39539
_LIVE_LINK_VERSION = 6
_LOWER_AND_HEAD = {
    SMPLX_JOINTS.index(name)
    for name in (
        "pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot",
        "neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf",
    )
}  # fmt: skip
_NECK, _EYES = slice(55, 58), (slice(58, 61), slice(61, 64))


@runtime_checkable
class Output(Protocol):
    """Somewhere frames go besides the client."""

    def send(self, number: int, row: Float[np.ndarray, "64"]) -> None:
        """Send one frame: its number and the values of `protocol.COLUMNS`."""
        ...

    def send_body(self, number: int, row: Float[np.ndarray, "168"]) -> None:
        """Send the body of a frame, `Latency.body_look_ahead_ms` after its face: the values of `protocol.BODY_COLUMNS`."""
        ...

    def close(self) -> None:
        """Let go of the socket."""
        ...


def parse_address(text: str, port: int) -> tuple[str, int]:
    """HOST, HOST:PORT or [IPV6]:PORT.

    Raises:
        Emote3DError: not one of them.
    """
    if text.count(":") > 1 and not text.startswith("["):
        host, digits = text, str(port)
    else:
        host, _, digits = text.rpartition(":") if ":" in text.rpartition("]")[2] else (text, "", str(port))
    host = host.strip("[]")
    if not host or not digits.isdigit() or not 0 < int(digits) < 65536:
        raise Emote3DError(f"expected HOST or HOST:PORT, got '{text}', e.g. 192.168.1.20:{port}")
    return host, int(digits)


def live_link_packet(name: str, device: str, number: int, row: Float[np.ndarray, "64"]) -> bytes:
    """One frame as the Live Link Face app sends it: packet version 6, 61 values, Left before Right.

    The order is that of Unreal's EARFaceBlendShape; then yaw, pitch and roll of head, left and right eye, in radians.
    """
    angles = [row[part][[1, 0, 2]] for part in (_NECK, *_EYES)]
    values = np.concatenate([row[: len(ARKIT_52)], *angles]).astype(">f4")
    label = name.encode()
    head = struct.pack("<i", _LIVE_LINK_VERSION) + f"${device}".encode() + struct.pack("!i", len(label)) + label
    return head + struct.pack("!if2iB", number, 0.0, LIVE_FPS, 1, len(values)) + values.tobytes()


class LiveLinkOutput:
    """Sends every frame to Unreal (or whatever listens) as the subject `name`."""

    def __init__(self, address: str, name: str = "emote3d") -> None:
        self.address = _resolved(parse_address(address, LIVE_LINK_PORT))
        self.name, self.device = name, str(uuid.uuid4())
        self._socket = socket.socket(self.address[0], socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, number: int, row: Float[np.ndarray, "64"]) -> None:
        """Send one frame; one that the network does not take is lost, as is usual for UDP."""
        try:
            self._socket.sendto(live_link_packet(self.name, self.device, number, row), self.address[1])
        except OSError:
            return

    def send_body(self, number: int, row: Float[np.ndarray, "168"]) -> None:
        """Live Link Face has no body."""

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


class VmcOutput:
    """Sends perfect-sync shapes and the head to VMC receivers (VSeeFace, Warudo, VMagicMirror)."""

    def __init__(self, address: str) -> None:
        try:
            from pythonosc.udp_client import UDPClient
        except ImportError as error:
            raise Emote3DError("VMC output needs python-osc: pip install 'emote3d[serve]'") from error
        host, port = parse_address(address, VMC_PORT)
        _resolved((host, port))
        self._client = UDPClient(host, port)

    def send(self, number: int, row: Float[np.ndarray, "64"]) -> None:
        """Send one frame as two bundles: shapes, then bones."""
        try:
            for bundle in vmc_bundles(number, row):
                self._client.send(bundle)
        except OSError:
            return

    def send_body(self, number: int, row: Float[np.ndarray, "168"]) -> None:
        """Send spine, shoulders, arms and hands as a bundle; legs stay, neck and head are the face's."""
        try:
            self._client.send(vmc_body_bundle(row))
        except OSError:
            return

    def close(self) -> None:
        """Let go of the socket."""
        self._client._sock.close()


def vmc_bundles(number: int, row: Float[np.ndarray, "64"]) -> list:
    """The OSC bundles of a frame. Unity's axes are ours with x mirrored: rotations become (x, -y, -z, w)."""
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    shapes, bones = OscBundleBuilder(IMMEDIATELY), OscBundleBuilder(IMMEDIATELY)

    def say(bundle: OscBundleBuilder, address: str, *arguments: str | float | int) -> None:
        message = OscMessageBuilder(address)
        for argument in arguments:
            message.add_arg(argument)
        bundle.add_content(message.build())  # pyright: ignore[reportArgumentType]

    for name, value in zip(ARKIT_52, row.tolist(), strict=False):
        say(shapes, "/VMC/Ext/Blend/Val", name[0].upper() + name[1:], value)
    say(shapes, "/VMC/Ext/Blend/Apply")
    say(bones, "/VMC/Ext/OK", 1)
    say(bones, "/VMC/Ext/T", number / LIVE_FPS)
    parts = {"Head": _NECK, "LeftEye": _EYES[0], "RightEye": _EYES[1]}
    for bone, part in parts.items():
        w, x, y, z = axis_angle_to_quaternion(torch.from_numpy(row[part].astype(np.float32))).tolist()
        say(bones, "/VMC/Ext/Bone/Pos", bone, 0.0, 0.0, 0.0, x, -y, -z, w)
    return [shapes.build(), bones.build()]


def vmc_body_bundle(row: Float[np.ndarray, "168"]) -> OscBundle:
    """The OSC bundle of a body's upper half, by Unity's names of bones."""
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    bundle = OscBundleBuilder(IMMEDIATELY)
    wxyz = axis_angle_to_quaternion(torch.from_numpy(row[:165].astype(np.float32)).reshape(-1, 3)).tolist()
    for bone, joint in _upper_bones().items():
        w, x, y, z = wxyz[joint]
        message = OscMessageBuilder("/VMC/Ext/Bone/Pos")
        for argument in (bone, 0.0, 0.0, 0.0, x, -y, -z, w):
            message.add_arg(argument)
        bundle.add_content(message.build())  # pyright: ignore[reportArgumentType]
    return bundle.build()


@cache
def _upper_bones() -> dict[str, int]:
    """Joint of each of Unity's bones from the spine to the fingers."""
    from emote3d.export.rig_maps import load_rig

    thumbs = {"Metacarpal": "Proximal", "Proximal": "Intermediate"}
    bones = {}
    for name, joint in load_rig("vrm").bones.items():
        index = SMPLX_JOINTS.index(joint)
        if index in _LOWER_AND_HEAD:
            continue
        if "Thumb" in name:
            name = next((name.replace(old, new) for old, new in thumbs.items() if name.endswith(old)), name)
        bones[name[0].upper() + name[1:]] = index
    return bones


def _resolved(address: tuple[str, int]) -> tuple[socket.AddressFamily, tuple]:
    try:
        family, _, _, _, place = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
    except OSError as error:
        raise Emote3DError(f"the address {address[0]} is not known: {error.strerror}") from error
    return family, place
