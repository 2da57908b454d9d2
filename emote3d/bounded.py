"""Files of others, read so that nothing in them runs and a small file cannot take much memory: npz and YAML."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from emote3d.errors import Emote3DError

DAMAGED_NPZ = (
    OSError, ValueError, TypeError, EOFError, LookupError, SyntaxError, RuntimeError, OverflowError, MemoryError, AttributeError,
    zipfile.BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip
"""What numpy and zipfile raise for damaged files."""
_ALWAYS_BYTES, _EXPANSION = 256 << 20, 20
_LONGEST_YAML, _MOST_NODES = 1 << 20, 200_000


def check_unpacked(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive that unpacks to far more than its own size.

    Raises:
        Emote3DError: to more than 256 MB and more than 20 times the file.
    """
    unpacked, limit = sum(entry.file_size for entry in archive.infolist()), path.stat().st_size * _EXPANSION
    if unpacked > max(_ALWAYS_BYTES, limit):
        raise Emote3DError(f"{path} unpacks to {unpacked >> 20} MB, far more than its own size; it is not read")


def read_npz(path: str | Path, what: str, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of an npz (those of `names` that are there; default all); none holds objects.

    Args:
        what: what it should be, for the message, e.g. "a motion".

    Raises:
        Emote3DError: it cannot be read, holds pickled objects, or unpacks to far more than its size.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile) or file.zip is None:
                raise Emote3DError(f"{path} holds one array; expected {what}: an npz with several named ones")
            check_unpacked(file.zip, Path(path))
            wanted = file.files if names is None else [name for name in names if name in file.files]
            arrays = {name: file[name] for name in wanted}
    except DAMAGED_NPZ as error:
        raise Emote3DError(f"{path} cannot be read as {what} ({error}); copy it again") from error
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def read_yaml(path: Path, what: str) -> object:
    """Read a YAML (or JSON) file of plain values, at most 1 MB long; parts that it repeats by reference count every time.

    Raises:
        Emote3DError: it cannot be read, is no YAML of plain values, or grows beyond all bounds.
    """
    import yaml

    try:
        if path.stat().st_size > _LONGEST_YAML:
            raise Emote3DError(f"{path} is longer than 1 MB; expected {what}")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, RecursionError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise Emote3DError(f"{path} cannot be read as {what}, it is no YAML of plain values: {error}") from error
    waiting, nodes = [content], 0
    while waiting:
        value = waiting.pop()
        nodes += 1
        if nodes + len(waiting) > _MOST_NODES:
            raise Emote3DError(f"{path} repeats parts of itself without end; expected {what}")
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set):
            waiting += value
    return content
