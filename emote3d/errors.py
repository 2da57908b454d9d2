"""The one error type that reaches a user, and how a program ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INTERRUPTED = "emote3d: interrupted; no unfinished file is left"
"""What the program says after Ctrl-C."""
INTERRUPTED_CODE = 130
"""Its exit code then: 128 and the signal's number, as shells have it."""
_LONGEST = 1000


class Emote3DError(Exception):
    """Bad input at a border: one line that says what was expected, what came and what to do.

    Line breaks of a message become spaces, and the middle of one that quotes too much of a damaged file is left out. The
    command line prints it on stderr and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        if len(line) > _LONGEST:
            line = f"{line[: _LONGEST * 2 // 3]} ... {line[-_LONGEST // 3 :]}"
        super().__init__(line)


def existing(path: Path, what: str) -> Path:
    """The path; raises `Emote3DError` where nothing is, with what was expected there."""
    if not path.exists():
        raise Emote3DError(f"expected {what}; there is no {path}")
    return path


@contextmanager
def ending_in_one_line(program: str) -> Iterator[None]:
    """End the program with an error's line on stderr and exit code 2: what verbs and scripts run in."""
    try:
        yield
    except Emote3DError as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(2)
