"""Compiles inner loops with numba, kept on disk between runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

from numba import njit
from numba.core import config

_kernels: list[Any] = []


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that runs without the interpreter lock.

    Only a change of its own file makes numba compile it anew: a kernel calls no kernel of another file.
    Where neither the package's folder nor the user's cache folder can be written, the temporary folder holds the code.
    """
    compiler = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
    try:
        made = compiler(function)
    except RuntimeError:  # numba found no place for its cache
        setattr(config, "CACHE_DIR", str(_private_temporary_folder()))  # noqa: B010 (numba sets its options at run time)
        made = compiler(function)
    _kernels.append(made)
    return made


def called_kernels() -> list[tuple[str, str]]:
    """Source file and name of each kernel that was called in this process: numba made or loaded its code."""
    functions = [made.py_func for made in _kernels if made.signatures]
    return [(function.__code__.co_filename, function.__name__) for function in functions]


def is_cold() -> bool:
    """Tell whether some kernel will be compiled when it is first called: nothing newer than its source is kept on disk."""
    return any(not made.signatures and not _is_kept(made) for made in _kernels)


def _is_kept(made: Any) -> bool:
    function = made.py_func
    source = Path(function.__code__.co_filename).stat().st_mtime
    kept = Path(made.stats.cache_path).glob(f"*.{function.__qualname__}-*.nbi")
    return any(file.stat().st_mtime >= source for file in kept)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function part of each kernel that calls it: a call by itself would count references to every array."""
    return njit(nogil=True, fastmath=True, error_model="numpy", inline="always")(function)


@cache
def _private_temporary_folder() -> Path:
    """Give a folder that only this user can write: compiled code is loaded from it."""
    if not hasattr(os, "getuid"):
        return Path(gettempdir()) / "emote3d-numba"
    folder = Path(gettempdir()) / f"emote3d-numba-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    return folder if status.st_uid == os.getuid() and not status.st_mode & 0o022 else Path(mkdtemp())
