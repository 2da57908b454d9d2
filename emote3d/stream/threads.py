"""One thread for small networks: a second one costs more in waiting than it saves, on a busy machine a hundred times over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LOCK = threading.Lock()
_OWN = threading.local()
_inside = 0


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in the calling thread alone; torch gets its threads back when nobody is inside any more.

    OpenMP counts threads for each caller, MKL for the whole process: while somebody else is inside, the caller's count stays
    at one, and is given back the next time that the caller leaves last.
    """
    global _inside
    with _LOCK:
        _inside += 1
    if not hasattr(_OWN, "before"):
        _OWN.before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if not _inside:
                torch.set_num_threads(_OWN.before)
                del _OWN.before
