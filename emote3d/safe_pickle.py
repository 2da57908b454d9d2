"""Reads the arrays of a pickle without running anything of it.

FLAME and SMPL-X files are Python 2 pickles that mix numpy arrays with chumpy and scipy objects. Here a pickle can build
only plain containers, numpy arrays and inert records; every other class is refused by name.
"""

from __future__ import annotations

import collections
import pickle
import re
import struct
import types
from collections.abc import Callable
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from emote3d.bounded import DAMAGED_NPZ, check_unpacked
from emote3d.errors import Emote3DError

_DTYPE = re.compile(r"[<>|=]?([biufSUO]\d{0,6}|bool)")
_MOST_DENSE = 1 << 26
"""Numbers of a sparse matrix that is made dense; SMPL-X' regressor has 0.6 million."""
_DAMAGE = (
    pickle.UnpicklingError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    AttributeError,
    OverflowError,
    ImportError,
    struct.error,
)


class _Record:
    """Stands for an object of a library that is not loaded; holds its state and does nothing."""

    path = ""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, dict) else {}


class _DType:
    """Stands for numpy.dtype; numbers, text and objects only (numpy's own trusts the flags in a pickle)."""

    def __init__(self, code: str, align: object = None, copy: object = None) -> None:
        if not _DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"an array of the type {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for numpy.ndarray while it is read."""

    value: np.ndarray = np.zeros(0)
    """Empty until it is filled; a damaged file may not do it."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, data = state
        order = "F" if fortran else "C"
        if kind.dtype.hasobject:
            self.value = np.empty(len(data), dtype=object)
            self.value[:] = data
        else:
            self.value = np.frombuffer(_bytes(data), dtype=kind.dtype)
        self.value = self.value.reshape(shape, order=order)


def _bytes(data: object) -> bytes:
    """Bytes of a Python 3 pickle, or the text that those of a Python 2 pickle are read as."""
    return data.encode("latin1") if isinstance(data, str) else bytes(memoryview(data))  # pyright: ignore[reportArgumentType]


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    """Make the array that the pickle then fills, as numpy's function of this name."""
    return _Array()


def _from_buffer(data: object, kind: _DType, shape: object, order: object) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", data))
    return array


def _scalar(kind: _DType, data: object) -> Any:
    return np.frombuffer(_bytes(data), dtype=kind.dtype)[0]


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in the encoding {encoding!r}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


def _new_record(kind: type, base: object, state: object) -> _Record:
    """Python 2's way to make an object, as copy_reg._reconstructor."""
    if not (isinstance(kind, type) and issubclass(kind, _Record)):
        raise pickle.UnpicklingError("an object of an unexpected kind")
    return kind()


_NUMPY = {"_reconstruct": _reconstruct, "scalar": _scalar, "_frombuffer": _from_buffer}
_ALLOWED: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
    ("copy_reg", "_reconstructor"): _new_record,
    ("copyreg", "_reconstructor"): _new_record,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
    ("__builtin__", "bytes"): _empty_bytes,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
}
for _module in ("numpy.core", "numpy._core"):
    for _name, _function in _NUMPY.items():
        _ALLOWED[f"{_module}.multiarray", _name] = _ALLOWED[f"{_module}.numeric", _name] = _function


class _Unpickler(pickle._Unpickler):  # pyright: ignore[reportAttributeAccessIssue]
    """Admits the names above and inert records for chumpy and scipy.sparse.

    It is Python's own in Python: that in C makes room for as many memorised objects as a single number in the file says.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up in what is admitted; nothing is imported."""
        found = _ALLOWED.get((module, name))
        if found is not None:
            return found
        if module.split(".", maxsplit=1)[0] == "chumpy" or module.startswith("scipy.sparse"):
            return type(name, (_Record,), {"path": f"{module}.{name}"})
        raise Emote3DError(f"it holds an object of the class {module}.{name}, which is not data and not loaded")


def _load_build(unpickler: Any) -> None:
    """Give an object its state; a function or class that is named gets none."""
    if len(unpickler.stack) > 1 and isinstance(unpickler.stack[-2], type | types.FunctionType):
        raise pickle.UnpicklingError("a state for something that is no object")
    unpickler.load_build()


_Unpickler.dispatch = pickle._Unpickler.dispatch | {pickle.BUILD[0]: _load_build}  # pyright: ignore[reportAttributeAccessIssue]


def load_pickle(file: BufferedIOBase, name: str) -> object:
    """Read what a pickle holds, with records in place of chumpy and scipy objects; see `to_array`.

    Raises:
        Emote3DError: it is damaged, or holds anything but data; nothing of it has run.
    """
    try:
        return _Unpickler(file, encoding="latin1").load()
    except Emote3DError as error:
        raise Emote3DError(f"{name} is refused: {error}") from error
    except (MemoryError, RecursionError, AssertionError, *_DAMAGE) as error:
        raise Emote3DError(f"{name} is not a readable pickle of arrays ({type(error).__name__}: {error})") from error


def load_npz(path: Path) -> dict[str, Callable[[], object]]:
    """Open an npz lazily: a reader per member. Members that are pickled objects are read as `load_pickle` does.

    Raises:
        Emote3DError: it is not an npz; a reader raises it where its member is damaged or holds anything but data.
    """
    try:
        archive = np.load(path, allow_pickle=False)
    except DAMAGED_NPZ as error:
        raise Emote3DError(f"{path} is not a readable npz file ({error})") from error
    if not isinstance(archive, np.lib.npyio.NpzFile) or archive.zip is None:
        raise Emote3DError(f"{path} holds one array; expected an npz with several named ones")
    check_unpacked(archive.zip, path)
    return {key: _member_reader(archive, key, path) for key in archive.files}


def _member_reader(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> Callable[[], object]:
    def read() -> object:
        try:
            try:
                return archive[key]
            except ValueError:  # an array of objects
                assert archive.zip is not None
                name = f"{key}.npy" if f"{key}.npy" in archive.zip.namelist() else key
                with archive.zip.open(name) as member:
                    content = BytesIO(member.read())
            return load_npy_object(content, f"{path}: {key}")
        except DAMAGED_NPZ as error:
            raise Emote3DError(f"{path} is damaged at {key} ({error}); copy it again") from error

    return read


def load_npy_object(file: BufferedIOBase, name: str) -> object:
    """Read a .npy stream that holds pickled objects; one object alone comes without its 0-d array.

    Raises:
        Emote3DError: it is damaged, or holds anything but data; nothing of it has run.
    """
    try:
        version = np.lib.format.read_magic(file)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        reader(file)
    except DAMAGED_NPZ as error:
        raise Emote3DError(f"{name} is not a readable array ({error})") from error
    value = load_pickle(file, name)
    return value.value.item() if isinstance(value, _Array) and value.value.ndim == 0 else value


def to_array(value: object, name: str) -> np.ndarray:
    """Turn a loaded value into a plain dense array; chumpy and scipy records give the array they hold.

    Raises:
        Emote3DError: it is no array.
    """
    if isinstance(value, _Array):
        value = value.value
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype == object:
        value = value.item()
    if isinstance(value, _Record):
        value = _record_array(value, name)
    array = np.asarray(value) if isinstance(value, (np.ndarray, np.generic, int, float, str, list, tuple)) else None
    if array is None or array.dtype.kind not in "biufSU":
        raise Emote3DError(f"{name}: expected an array of numbers, got {type(value).__name__}")
    return array


def _record_array(record: _Record, name: str) -> np.ndarray:
    state = record.state
    if record.path.startswith("chumpy") and "x" in state:
        return to_array(state["x"], name)
    if record.path.endswith("reordering.Select") and {"a", "idxs"} <= state.keys():
        picked = to_array(state["a"], name).ravel()[to_array(state["idxs"], name)]
        shape = state.get("preferred_shape")
        return picked if shape is None else picked.reshape(to_array(shape, name).tolist())
    if record.path.endswith(("csc_matrix", "csr_matrix", "csc_array", "csr_array")):
        return _dense(record, name)
    raise Emote3DError(f"{name}: cannot take an array out of a {record.path}; save it as a plain numpy array")


def _dense(record: _Record, name: str) -> np.ndarray:
    """Compressed sparse rows or columns to a dense array."""
    state = record.state
    shape = state.get("_shape", state.get("shape"))
    if shape is None or not {"data", "indices", "indptr"} <= state.keys():
        raise Emote3DError(f"{name}: an incomplete {record.path}")
    data, indices, starts = (to_array(state[key], name) for key in ("data", "indices", "indptr"))
    by_column = ".csc_" in f".{record.path.rsplit('.', 1)[-1]}"
    try:
        rows, columns = (int(size) for size in shape)
        if not 0 <= rows * columns <= _MOST_DENSE:
            raise ValueError(f"{rows} x {columns} numbers")
        outer = np.repeat(np.arange(columns if by_column else rows), np.diff(starts))
        dense = np.zeros((rows, columns), data.dtype)
        np.add.at(dense, (indices, outer) if by_column else (outer, indices), data)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise Emote3DError(f"{name}: a damaged {record.path} ({error})") from error
    return dense
