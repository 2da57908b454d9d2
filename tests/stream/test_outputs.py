"""The UDP packets, read with the layouts that receivers use."""

import socket
import struct

import numpy as np
import pytest

from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52, SMPLX_JOINTS
from emote3d.stream.outputs import LiveLinkOutput, VmcOutput, parse_address, vmc_body_bundle, vmc_bundles

ROW = np.linspace(0, 1, 64, dtype=np.float32)


def read_as_unreal(packet: bytes) -> tuple[str, int, int, np.ndarray]:
    """Subject, frame, rate and values: int32 version (little-endian), $uuid, then network order."""
    assert struct.unpack("<i", packet[:4])[0] == 6
    assert packet[4:5] == b"$" and len(packet[5:41].decode().replace("-", "")) == 32
    length = struct.unpack("!i", packet[41:45])[0]
    name, rest = packet[45 : 45 + length].decode(), packet[45 + length :]
    number, sub_frame, fps, denominator, count = struct.unpack("!if2ib", rest[:17])
    assert (sub_frame, denominator, count, len(rest)) == (0.0, 1, 61, 17 + 4 * 61)
    return name, number, fps, np.array(struct.unpack("!61f", rest[17:]), np.float32)


def test_live_link_packets_arrive_as_unreal_reads_them():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        output = LiveLinkOutput(f"127.0.0.1:{receiver.getsockname()[1]}", "me")
        output.send(7, ROW)
        name, number, fps, values = read_as_unreal(receiver.recv(2048))
        output.close()
    assert (name, number, fps) == ("me", 7, 30)
    assert np.array_equal(values[:52], ROW[:52])
    assert np.array_equal(values[52:55], ROW[[56, 55, 57]])


def test_vmc_bundles_carry_every_shape_and_the_head():
    from pythonosc.osc_bundle import OscBundle

    shapes, bones = (OscBundle(bundle.dgram) for bundle in vmc_bundles(30, ROW))
    messages = [(message.address, message.params) for message in shapes]
    assert messages[17] == ("/VMC/Ext/Blend/Val", ["JawOpen", pytest.approx(ROW[17])])
    assert len(messages) == len(ARKIT_52) + 1 and messages[-1][0] == "/VMC/Ext/Blend/Apply"
    told = {message.address + str(message.params[0]): message.params for message in bones}
    assert told["/VMC/Ext/T1.0"] == [1.0]
    head = told["/VMC/Ext/Bone/PosHead"]
    assert sum(value**2 for value in head[4:]) == pytest.approx(1)
    assert head[4] > 0 and head[5] < 0 and head[6] < 0


def test_vmc_bundles_arrive_and_a_closed_socket_sends_no_more():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        output = VmcOutput(f"127.0.0.1:{receiver.getsockname()[1]}")
        output.send(30, ROW)
        assert [receiver.recv(8192) for _ in range(2)] == [bundle.dgram for bundle in vmc_bundles(30, ROW)]
        body = np.linspace(-1, 1, 168, dtype=np.float32)
        output.send_body(30, body)
        assert receiver.recv(8192) == vmc_body_bundle(body).dgram
        output.close()
        output.send(31, ROW)
        receiver.settimeout(0.1)
        with pytest.raises(TimeoutError):
            receiver.recv(8192)


def test_a_vmc_body_moves_spine_arms_and_fingers_alone():
    from pythonosc.osc_bundle import OscBundle

    row = np.zeros(168, np.float32)
    elbow = SMPLX_JOINTS.index("left_elbow")
    row[3 * elbow : 3 * elbow + 3] = (0.2, -0.4, 0.1)
    told = {message.params[0]: message.params[4:] for message in OscBundle(vmc_body_bundle(row).dgram)}
    x, y, z, w = told.pop("LeftLowerArm")
    assert x > 0 and y > 0 and z < 0 and x * x + y * y + z * z + w * w == pytest.approx(1)
    assert all(turn == [0, 0, 0, 1] for turn in told.values())
    assert {"Spine", "UpperChest", "RightUpperArm", "LeftThumbIntermediate", "RightLittleDistal"} < told.keys()
    assert not {"Hips", "Head", "Neck", "LeftUpperLeg"} & told.keys()


@pytest.mark.parametrize(
    ("text", "address"),
    [("localhost", ("localhost", 11111)), ("10.0.0.2:9", ("10.0.0.2", 9)), ("[::1]:80", ("::1", 80)), ("::1", ("::1", 11111))],
)  # fmt: skip
def test_addresses(text: str, address: tuple[str, int]):
    assert parse_address(text, 11111) == address


@pytest.mark.parametrize("text", ["", ":80", "host:x", "host:0", "host:70000"])
def test_bad_addresses_are_refused(text: str):
    with pytest.raises(Emote3DError, match="expected HOST"):
        parse_address(text, 11111)
