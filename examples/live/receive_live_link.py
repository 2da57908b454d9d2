"""Receives Live Link Face packets (those of emote3d serve --live-link 127.0.0.1, or of Epic's app) and prints the mouth.

    python receive_live_link.py [PORT]

Needs nothing but Python: the pattern for other engines.
"""

import contextlib
import socket
import struct
import sys

JAW_OPEN, MOUTH_CLOSE, HEAD_YAW = 17, 18, 52  # in the order of Unreal's EARFaceBlendShape


def read(packet: bytes) -> tuple[str, int, tuple[float, ...]]:
    """Subject, frame number and 61 values: 52 shapes, then yaw, pitch, roll of head, left eye, right eye."""
    (name_length,) = struct.unpack_from("!i", packet, 41)  # after int32 version and "$" + uuid
    name = packet[45 : 45 + name_length].decode()
    number, _sub_frame, _fps, _denominator, count = struct.unpack_from("!if2iB", packet, 45 + name_length)
    return name, number, struct.unpack_from(f"!{count}f", packet, 45 + name_length + 17)


def main() -> None:
    """Print a bar that opens and closes with the mouth."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 11111
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", port))
        print(f"listening on UDP {port}; Ctrl-C stops it")
        while True:
            name, number, values = read(receiver.recv(2048))
            gap = max(0.0, values[JAW_OPEN] - values[MOUTH_CLOSE])
            print(f"{name} {number:6d} {'#' * round(40 * gap):40s} head {values[HEAD_YAW]:+.2f} rad", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
