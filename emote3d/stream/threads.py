"""One thread for small networks: a second one costs more in waiting than it saves, on a busy machine a hundred times over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LOCK = threading.Lock()
_OWN = threading.local()
_INSIDE: list[int] = []
"""Threads that compute now."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in the calling thread alone; torch gets its threads back when nobody is inside any more.

    OpenMP counts threads for each caller, MKL for the whole process: while somebody else is inside, the caller's count stays
    at one, and is given back the next time that the caller leaves last.
    """
    with _LOCK:
        _INSIDE.append(threading.get_ident())
    if not hasattr(_OWN, "before"):
        _OWN.before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE.remove(threading.get_ident())
            if not _INSIDE:
                torch.set_num_threads(_OWN.before)
                del _OWN.before
