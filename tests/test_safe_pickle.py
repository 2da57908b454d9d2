import collections
import io
import os
import pickle
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from emote3d.errors import Emote3DError
from emote3d.safe_pickle import load_npz, load_pickle, to_array


def read(data: bytes) -> object:
    return load_pickle(io.BytesIO(data), "model.pkl")


@pytest.fixture
def chumpy_classes() -> Iterator[tuple[type, type, type]]:
    """Classes that pickle under chumpy's names; they vanish before anything is read."""
    modules = {name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering", "chumpy.ch_ops")}
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    select = type("Select", (), {"__module__": "chumpy.reordering"})
    add = type("add", (), {"__module__": "chumpy.ch_ops"})
    modules["chumpy.ch"].Ch, modules["chumpy.reordering"].Select, modules["chumpy.ch_ops"].add = ch, select, add
    sys.modules.update(modules)
    yield ch, select, add
    for name in modules:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(12, dtype=np.uint32).reshape(3, 4)),
        np.arange(6, dtype=">i8"),
        np.array(3.5, np.float16),
        np.zeros((0, 3), np.float32),
        np.array(["left", "right"]),
        np.array([True, False]),
    ],
)
def test_arrays_come_back(array: np.ndarray, protocol: int) -> None:
    got = to_array(read(pickle.dumps(array, protocol)), "x")
    np.testing.assert_array_equal(got, array)
    assert got.dtype == array.dtype


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_sparse_matrices_and_containers(protocol: int) -> None:
    dense = np.where(np.random.default_rng(0).random((5, 9)) < 0.3, 1.5, 0.0)
    kinds = [sparse.csc_matrix, sparse.csr_matrix, sparse.csc_array, sparse.csr_array]
    data = collections.OrderedDict(parts=[kind(dense) for kind in kinds], names={"a"}, scalar=np.float32(2), none=None)
    got = read(pickle.dumps(data, protocol))
    assert isinstance(got, dict)
    for part in got["parts"]:
        np.testing.assert_array_equal(to_array(part, "J"), dense)
    assert to_array(got["scalar"], "s") == 2 and got["names"] == {"a"}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_chumpy_objects_give_their_arrays(chumpy_classes: tuple[type, type, type], protocol: int) -> None:
    ch, select, add = (kind() for kind in chumpy_classes)
    ch.x, ch.dirty = np.arange(6.0).reshape(2, 3), set()
    select.a, select.idxs, select.preferred_shape = ch, np.array([5, 0]), (2, 1)
    add.a = ch
    data = pickle.dumps({"v": ch, "s": select, "op": add, "J": np.array(ch, dtype=object)}, protocol)
    for name in ("chumpy", "chumpy.ch", "chumpy.reordering"):
        del sys.modules[name]
    got = read(data)
    assert isinstance(got, dict)
    np.testing.assert_array_equal(to_array(got["v"], "v"), ch.x)
    np.testing.assert_array_equal(to_array(got["J"], "J"), ch.x)
    np.testing.assert_array_equal(to_array(got["s"], "s"), [[5.0], [0.0]])
    with pytest.raises(Emote3DError, match=r"op: cannot take an array out of a chumpy\.ch_ops\.add"):
        to_array(got["op"], "op")


class Hostile:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_hostile_pickles_run_nothing(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    for function, arguments in (
        (os.system, (f"touch {mark}",)),
        (subprocess.check_call, (["touch", str(mark)],)),
        (eval, (f"open({str(mark)!r}, 'w')",)),
        (open, (str(mark), "w")),
        (getattr, (os, "system")) if protocol > 9 else (exec, (f"open({str(mark)!r}, 'w')",)),
        (np.load, (str(mark),)),
        (__import__, ("antigravity",)),
    ):
        with pytest.raises(Emote3DError, match=r"model\.pkl is refused: it holds an object of the class .*not loaded"):
            read(pickle.dumps({"v_template": Hostile(function, *arguments)}, protocol))
    assert not mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        b"\x80\x02}q",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"cnumpy\ndtype\n(VO8\ntR(I3\nV|\nNNNI-1\nI-1\nI0\ntb."[:-3],
        b"cnumpy\ndtype\n(V(1000000000000)f8\ntR.",
        b"c_codecs\nencode\n(Vx\nVzip\ntR.",
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.",
        b"cbuiltins\nset\n(lb" + b".",
    ],
)
def test_damaged_pickles_are_one_line(data: bytes) -> None:
    with pytest.raises(Emote3DError, match=r"^model\.pkl .*[^\n]*$"):
        to_array(read(data), "model.pkl")


def test_forged_arrays_are_refused() -> None:
    """Object arrays come only from lists, never from bytes taken as addresses."""
    forged = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR(I1\n(I1\ntcnumpy\ndtype\n(VO8\nI0\nI1\ntR"
        b"(I3\nV|\nNNNI-1\nI-1\nI0\ntbI00\nVAAAAAAAA\ntb."
    )
    with pytest.raises(Emote3DError):
        to_array(read(forged), "x")


def test_truncation_and_random_damage() -> None:
    rng = np.random.default_rng(0)
    whole = pickle.dumps({"a": np.arange(50.0), "b": [sparse.csc_matrix(np.eye(4))]}, 2)
    for _ in range(300):
        damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for at in rng.integers(len(damaged), size=3):
            damaged[at] = rng.integers(256)
        try:
            read(bytes(damaged))
        except Emote3DError as error:
            assert "\n" not in str(error).replace("\\n", "")


def test_npz_members_that_are_objects(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    matrix = sparse.csc_matrix(np.eye(3))
    np.savez(path, a=np.arange(3), J=np.array(matrix), bad=np.array(Hostile(os.system, "true")), table={"x": 1})
    members = load_npz(path)
    np.testing.assert_array_equal(to_array(members["a"](), "a"), [0, 1, 2])
    np.testing.assert_array_equal(to_array(members["J"](), "J"), np.eye(3))
    assert members["table"]() == {"x": 1}
    with pytest.raises(Emote3DError, match=r"m\.npz: bad is refused"):
        members["bad"]()
    good = path.read_bytes()
    at = good.index(b"J.npy") + 200  # an array of objects whose check sum is wrong
    path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    with pytest.raises(Emote3DError, match=r"m\.npz is damaged at J .*CRC"):
        load_npz(path)["J"]()
    path.write_bytes(good[:300])
    with pytest.raises(Emote3DError, match=r"m\.npz is not a readable npz"):
        load_npz(path)
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(path)
    with pytest.raises(Emote3DError, match="holds one array"):
        load_npz(path)
