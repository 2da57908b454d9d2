"""Damage to binary files that keeps their checksums, hashes and lengths right."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import struct
import zipfile
import zlib
from functools import cache
from typing import Any

import numpy as np

from fuzzing.damage import NUMBERS, damaged, damaged_tree, json_text, pick

_DTYPES = ("<f2", "<f4", "<f8", ">f8", "<c16", "|b1", "|u1", "<i8", "<u8", "<U3", "|S4", "|V8", "<M8[ns]", "|O")
_SIZES = (0, 1, 2, 3, 7, 2**20, 2**28, 2**31, 2**40, -1)
_BOMB_BYTES = 3 << 29


def odd_array(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same array of another type, shape or with other values."""
    match int(rng.integers(0, 7)):
        case 0:
            with np.errstate(all="ignore"):
                return array.astype(pick(("<f2", ">f4", "<f8", "<c8", "?", "u1", "<i8", "<u8", "<U8", "S4"), rng))
        case 1 | 2:
            changed = array.astype(np.float64) if array.dtype.kind in "iuf" else np.full(array.shape or (1,), np.nan)
            if changed.size:
                changed.flat[int(rng.integers(0, changed.size))] = float(pick(NUMBERS, rng))
            return changed if rng.random() < 0.5 else changed.astype(np.float32)
        case 3:
            return array.reshape(-1)
        case 4:
            return array[None] if rng.random() < 0.5 else array.T
        case 5:
            return array[:0] if array.ndim else np.zeros(0, array.dtype)
        case _:
            return np.repeat(array[None] if array.ndim == 0 else array, int(rng.integers(2, 60)), axis=0)


def npy(array: np.ndarray) -> bytes:
    """Bytes of a .npy file."""
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=array.dtype == object)
    return out.getvalue()


def damaged_npy(good: bytes, rng: np.random.Generator) -> bytes:
    """Another array, or a header that promises another one than follows."""
    stream = io.BytesIO(good)
    array = np.load(stream, allow_pickle=False)
    if rng.random() < 0.5:
        return npy(odd_array(array, rng))
    shape: Any = tuple(pick(_SIZES, rng) for _ in range(int(rng.integers(0, 4)))) if rng.random() < 0.7 else array.shape
    kind: Any = pick(_DTYPES, rng) if rng.random() < 0.6 else array.dtype.str
    header = {"descr": kind, "fortran_order": bool(rng.integers(0, 2)), "shape": shape}
    text = pick((repr(header), repr(header), repr(header), "(" * 300, "{'descr': " + "9" * 5000 + "}"), rng)
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + array.tobytes()


@cache
def bomb() -> bytes:
    """A deflated .npy of 1.5 GB of zeros."""
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 3), }" % (_BOMB_BYTES // 24)
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + head.ljust(117) + b"\n"
    block, packer = bytes(1 << 24), zlib.compressobj(1, zlib.DEFLATED, -15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = zlib.crc32(head)
    for _ in range(_BOMB_BYTES >> 24):
        checksum = zlib.crc32(block, checksum)
    packed = first + zeros * (_BOMB_BYTES >> 24) + packer.flush()
    sizes = struct.pack("<III", checksum, len(packed), len(head) + _BOMB_BYTES)
    local = struct.pack("<4sHHHHH", b"PK\x03\x04", 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", 5, 0) + b"x.npy"
    entry = (
        struct.pack("<4sHHHHHH", b"PK\x01\x02", 20, 20, 0, 8, 0, 33)
        + sizes
        + struct.pack("<HHHHHII", 5, 0, 0, 0, 0, 0, 0)
        + b"x.npy"
    )
    body = local + packed
    return body + entry + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(body), 0)


def damaged_zip(good: bytes, rng: np.random.Generator) -> bytes:
    """A whole zip with damaged, doubled, renamed or missing members, or one that says or unpacks to something huge."""
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    if rng.random() < 0.01:
        return bomb()
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(members)))
        name, data = members[at]
        match int(rng.integers(0, 7)):
            case 0 | 1 | 2:
                members[at] = name, damaged_npy(data, rng) if data[:6] == b"\x93NUMPY" else damaged(data, rng)
            case 3:
                members[at] = name, damaged(data, rng)
            case 4:
                members[at] = pick((name + "x", "", "../" + name, "a/" * 50 + name, name[:-4]), rng), data
            case 5:
                del members[at]
                members = members or [(name, b"")]
            case _:
                members.insert(at, (pick(members, rng)[0], data))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", pick((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), rng)) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name or "x"), data)
    built = bytearray(out.getvalue())
    if rng.random() < 0.1:  # sizes of a member in the directory
        where = built.rfind(b"PK\x01\x02")
        built[where + 20 : where + 28] = struct.pack("<II", *(pick((0, 1, 2**31, 2**32 - 2), rng) for _ in range(2)))
    return bytes(built)


def damaged_safetensors(good: bytes, rng: np.random.Generator) -> bytes:
    """Other names, types, shapes and offsets with the right length before them, or other values."""
    length = struct.unpack_from("<Q", good)[0]
    header, data = good[8 : 8 + length], good[8 + length :]
    if rng.random() < 0.3:
        data = damaged(data, rng)
    else:
        header = json_text(damaged_tree(json.loads(header), rng))
    claimed = len(header) if rng.random() < 0.9 else pick((0, 2**31, 2**62, 2**64 - 1), rng)
    return struct.pack("<Q", claimed) + header + data


def damaged_glb(good: bytes, rng: np.random.Generator) -> bytes:
    """Another scene in whole chunks, or the wrong lengths."""
    length = struct.unpack_from("<I", good, 12)[0]
    document, rest = good[20 : 20 + length], good[20 + length :]
    text = json_text(damaged_tree(json.loads(document), rng)) if rng.random() < 0.85 else damaged(document, rng)
    text += b" " * (-len(text) % 4)
    claimed = len(text) if rng.random() < 0.95 else pick((0, 2**31, 2**32 - 1), rng)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), claimed, 0x4E4F534A) + text + rest


_OPCODES = (
    b"cos\nsystem\n", b"(S'id'\ntR.", b"r\xff\xff\xff\xff", b"r\x00\x00\x00\x10", b"j\xff\xff\xff\xff", b"B\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 7 + b"\x7f",
    b"\x8b\xff\xff\xff\x7f", b"\x95" + b"\xff" * 7 + b"\x0f", b"\x82\x01", b"Pid\n", b"Q", b"\x93", b"b", b"R", b"\x81", b"0", b"2", b".", b"(", b"t", b"u", b"a", b"e",
    b"}", b"]", b")", b"N", b"I99999999999999999999\n", b"F1e999\n", b"c__builtin__\neval\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"ccollections\nOrderedDict\n",
    b"V\\ud800\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cchumpy.ch\nCh\n", b"cscipy.sparse.csc\ncsc_matrix\n", b"K\x05", b"M\xff\xff", b"J\x00\x00\x00\x80",
)  # fmt: skip
"""Instructions of the pickle machine: code that would run, memo places and lengths without bound, and the plain ones."""


def damaged_pickle(good: bytes, rng: np.random.Generator) -> bytes:
    """Other arrays, or the program of the pickle with instructions changed, doubled or taken out."""
    if rng.random() < 0.3:
        members = pickle.loads(good)
        name = pick(list(members), rng)
        members[name] = odd_array(np.asarray(members[name]), rng) if rng.random() < 0.8 else pick(NUMBERS, rng)
        return pickle.dumps(members, protocol=pick((0, 2, 4), rng))
    at = [position for _, _, position in pickletools.genops(good) if position is not None]
    steps = [good[start:end] for start, end in zip(at, [*at[1:], len(good)], strict=True)]
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(0, len(steps)))
        match int(rng.integers(0, 5)):
            case 0 | 1:
                steps.insert(place, pick(_OPCODES, rng))
            case 2:
                steps[place] = pick(steps, rng)
            case 3:
                del steps[place]
            case _:
                if steps[place][:1] in (b"J", b"K", b"M"):
                    steps[place] = b"J" + struct.pack("<i", pick((0, -1, 2**31 - 1, -(2**31), 2**20, 6), rng))
                else:
                    steps[place] = damaged(steps[place], rng)
    return b"".join(steps)


def damaged_wav(good: bytes, rng: np.random.Generator) -> bytes:
    """Other words about the sound in whole chunks."""
    body = bytearray(good)
    fields = ((20, "<H"), (22, "<H"), (24, "<I"), (28, "<I"), (32, "<H"), (34, "<H"), (16, "<I"), (4, "<I"), (40, "<I"))
    for _ in range(int(rng.integers(1, 3))):
        where, kind = pick(fields, rng)
        limit = 2 ** (8 * struct.calcsize(kind))
        value = pick((0, 1, 2, 3, 6, 7, 17, 24, 32, 64, 255, 999, 8000, 768_000, limit // 2, limit - 1), rng) % limit
        struct.pack_into(kind, body, where, value)
    return bytes(body) if rng.random() < 0.7 else bytes(body[:44]) + damaged(bytes(body[44:]), rng)


def damaged_ogg(good: bytes, rng: np.random.Generator) -> bytes:
    """Damage inside of pages, with their checksums made right again."""
    pages = [b"OggS" + part for part in good.split(b"OggS")[1:]]
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(pages)))
        page = pages[at]
        if rng.random() < 0.15:
            pages.insert(at, page) if rng.random() < 0.5 else pages.pop(at) if len(pages) > 1 else None
            continue
        pages[at] = page[:6] + damaged(page[6:], rng)
    return b"".join(_with_checksum(page) for page in pages)


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for index in range(256):
        value = index << 24
        for _ in range(8):
            value = ((value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        table.append(value)
    return tuple(table)


def _with_checksum(page: bytes) -> bytes:
    if len(page) < 27:
        return page
    blank = page[:22] + bytes(4) + page[26:]
    value, table = 0, _crc_table()
    for byte in blank:
        value = ((value << 8) & 0xFFFFFFFF) ^ table[(value >> 24) ^ byte]
    return blank[:22] + struct.pack("<I", value) + blank[26:]


def damaged_mp4(good: bytes, rng: np.random.Generator) -> bytes:
    """Numbers in the table of contents (moov) replaced by extreme ones."""
    data = bytearray(good)
    start = good.find(b"moov")
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(start, len(data) - 4))
        struct.pack_into(">I", data, at, pick((0, 1, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1), rng))
    return bytes(data)


def damaged_hdf5(good: bytes, rng: np.random.Generator) -> bytes:
    """Another file of the same names: sizes that are only promised, other types, groups and links instead of arrays."""
    import h5py

    with h5py.File(io.BytesIO(good), "r") as file:
        arrays = {name: np.asarray(file[name]) for name in file}
    out, chosen = io.BytesIO(), pick(list(arrays), rng)
    with h5py.File(out, "w") as file:
        for name, array in arrays.items():
            if name != chosen:
                file[name] = array
                continue
            match int(rng.integers(0, 5)):
                case 0:
                    file.create_group(name)
                case 1:
                    shape = tuple(max(1, pick(_SIZES, rng)) for _ in range(3))
                    if np.prod([float(size) for size in shape]) < 2**60:
                        file.create_dataset(name, shape, "<f4", chunks=(1, 1, 1))
                case 2:
                    file[name] = h5py.SoftLink(pick(("/nowhere", f"/{name}", "/"), rng))
                case 3:
                    file[name] = h5py.ExternalLink("/dev/zero", "/x")
                case _:
                    changed = odd_array(array, rng)
                    file[name] = changed.astype("S8") if changed.dtype.kind == "U" else changed
    return out.getvalue()
