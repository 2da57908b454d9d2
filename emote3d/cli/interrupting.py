"""Ctrl-C: the program ends within a second, whatever it is doing, and leaves no unfinished file."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from emote3d.errors import INTERRUPTED, INTERRUPTED_CODE, Emote3DError
from emote3d.files import discard_unfinished

GRACE_S = 0.6
"""How long what is going on may take to end by itself."""
_HEARD_S = 0.05
"""How long the thread that hears Ctrl-C may take to say so."""


class Interruption:
    """Whether Ctrl-C came, told by a thread that also sees it while a library computes."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self._told = threading.Lock()

    @contextmanager
    def recognised(self) -> Iterator[None]:
        """Inside of the block, what a library made of Ctrl-C is KeyboardInterrupt again: an end of the program (Lightning), an error (safetensors).

        The thread may not have said so yet: it is waited for.
        """
        try:
            yield
        except (Emote3DError, SystemExit) as other:
            failed = isinstance(other, Emote3DError) or bool(other.code)
            if failed and self.came.wait(_HEARD_S):
                raise KeyboardInterrupt from other
            raise

    def tell(self) -> None:
        """Say so, once."""
        if self._told.acquire(blocking=False):
            print(INTERRUPTED, file=sys.stderr, flush=True)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Inside of the block, Ctrl-C raises KeyboardInterrupt; where that is not heeded, the process is ended after `GRACE_S`.

    Programs that handle signals on their own (asyncio) do so as ever.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    hears, speaks = socket.socketpair()
    speaks.setblocking(False)
    before = signal.set_wakeup_fd(speaks.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(hears, interruption), daemon=True, name="interruption").start()
    try:
        yield interruption
    finally:
        if not interruption.came.is_set():
            signal.set_wakeup_fd(before)
            speaks.close()


def _watch(hears: socket.socket, interruption: Interruption) -> None:
    while got := hears.recv(64):
        if signal.SIGINT in got:
            interruption.came.set()
            time.sleep(GRACE_S)
            discard_unfinished()
            interruption.tell()
            os._exit(INTERRUPTED_CODE)
    hears.close()
