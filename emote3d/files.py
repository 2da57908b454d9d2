"""Files at the border: outputs that appear whole or not at all, and the data shipped with the package."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emote3d.errors import Emote3DError

_PACKAGE = Path(__file__).resolve().parent
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}
"""What a system says of a full, failing or read-only disk."""
_unfinished: set[Path] = set()
"""Temporary files and folders of this process."""
_EXCHANGE = 2
_THIS_FOLDER = -100


def require_writable(path: str | Path) -> Path:
    """Check that a file can be written there, and return where it really lies (links followed).

    Raises:
        Emote3DError: the folder is missing or not writable, or the path is a folder or a device.
    """
    target = Path(path).expanduser()
    try:
        target = target.resolve()
        if target.is_dir():
            raise Emote3DError(f"cannot write {path}: it is a folder; give the name of a file in it")
        if target.exists() and not target.is_file():
            raise Emote3DError(f"cannot write {path}: it is not a regular file")
        parent = target.parent
        if not parent.is_dir():
            raise Emote3DError(f"cannot write {path}: there is no folder {parent}; create it first")
        _probe(parent, path)
    except OSError as error:
        raise Emote3DError(f"cannot write {path}: {error.strerror or error}") from error
    if target.exists() and not os.access(target, os.W_OK):
        raise Emote3DError(f"cannot write {path}: the file there is read-only; remove it or choose another name")
    return target


def _probe(folder: Path, path: str | Path) -> None:
    """Find out whether files can be made in a folder by making one (mode bits lie on network and read-only disks)."""
    probe = folder / f".{secrets.token_hex(6)}.tmp"
    _unfinished.add(probe)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise Emote3DError(f"cannot write {path}: the folder {folder} refuses it ({error.strerror})") from error
    _unfinished.discard(probe)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` with its suffix; it takes the name when the block ends well, else it goes.

    The temporary file is also removed on KeyboardInterrupt.

    Raises:
        Emote3DError: as `require_writable`, or the disk is full or went read-only meanwhile.
    """
    target = require_writable(path)
    temporary = target.with_name(f".{secrets.token_hex(6)}.tmp{target.suffix}")
    _unfinished.add(temporary)
    try:
        with _disk_errors(path):
            yield temporary
            assert temporary.is_file(), f"nothing was written to {temporary}"
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


@contextmanager
def atomic_folder(path: str | Path, members: frozenset[str]) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends well it replaces `path`, else it goes.

    Args:
        members: names that a folder already there may hold to be replaced; a folder with anything else is refused.

    Raises:
        Emote3DError: the folder cannot be made, or one with other files is already there.
    """
    target = Path(path).expanduser().resolve()
    if target.exists() and (not target.is_dir() or {entry.name for entry in target.iterdir()} - members):
        raise Emote3DError(f"cannot write {path}: something else is already there; choose a new folder name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Emote3DError(f"cannot write {path}: {error.strerror}") from error
    _probe(target.parent, path)
    token = secrets.token_hex(6)
    temporary, old = (target.with_name(f".{token}.{kind}") for kind in ("tmp", "old"))
    _unfinished.add(temporary)
    try:
        temporary.mkdir()
        with _disk_errors(path):
            yield temporary
            if not target.exists():
                os.replace(temporary, target)
            elif not _exchanged(temporary, target):
                os.replace(target, old)
                os.replace(temporary, target)
    except BaseException:
        if old.exists():
            os.replace(old, target)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        _unfinished.discard(temporary)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, so that there is no moment without one; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return rename(_THIS_FOLDER, os.fsencode(one), _THIS_FOLDER, os.fsencode(other), _EXCHANGE) == 0


def discard_unfinished() -> None:
    """Remove what this process has not finished writing; only for a process that is about to end."""
    for path in tuple(_unfinished):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _disk_errors(path: str | Path) -> Iterator[None]:
    """Turn a full or failing disk into the user's error; let every other error pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise Emote3DError(f"cannot write {path}: {error.strerror}; choose another folder") from error


def asset_path(*parts: str) -> Path:
    """Find a shipped file or folder, e.g. `asset_path("assets", "smplx", "open_body.npz")`, in a checkout or a wheel.

    Raises:
        Emote3DError: it is not there.
    """
    assert parts and parts[0] in ("assets", "checkpoints"), parts
    installed = _PACKAGE / "_data"
    root = installed if installed.is_dir() else _PACKAGE.parent
    path = root.joinpath(*parts)
    if not path.exists():
        raise Emote3DError(f"{'/'.join(parts)} is missing from {root}; install emote3d again")
    return path
