"""The numbers of a glTF file: buffer views and accessors, sparse ones too."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32, Integer, Shaped
from numpy import ndarray

_COMPONENTS = {"uint8": 5121, "uint16": 5123, "uint32": 5125, "float32": 5126}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
VERTICES, TRIANGLES = 34962, 34963
"""What a buffer view is for (glTF's `target`)."""


class Buffer:
    """Collects arrays; every method that adds one returns its index in the file."""

    def __init__(self) -> None:
        self.accessors: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self._parts: list[bytes] = []
        self._length = 0
        self._zeros: dict[int, int] = {}

    def add(self, array: Shaped[ndarray, "count *size"], *, target: int | None = None, bounds: bool = False) -> int:
        """Add an accessor; integers of VEC4 weights and colours are marked as fractions with `fractions`."""
        accessor = self._accessor(array, bounds)
        accessor["bufferView"] = self._view(array, target)
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def add_fractions(self, array: Integer[ndarray, "count size"], *, target: int) -> int:
        """Add an accessor of integers that stand for 0..1."""
        index = self.add(array, target=target)
        self.accessors[index]["normalized"] = True
        return index

    def add_sparse(
        self, count: int, where: Integer[ndarray, " changed"], arrays: list[Float32[ndarray, "changed 3"]]
    ) -> list[int]:
        """Add arrays of `count` rows that are zero but for the rows `where`; without such rows, nothing is stored.

        Returns an accessor for each.
        """
        if not len(where):
            return [self._zero(count)] * len(arrays)
        kind = np.uint16 if count <= np.iinfo(np.uint16).max else np.uint32
        rows = self._view(where.astype(kind), None)
        indices = []
        for array in arrays:
            accessor = self._accessor(array, bounds=False) | {"count": count}
            accessor["min"] = np.minimum(array.min(0), 0 if len(where) < count else np.inf).tolist()
            accessor["max"] = np.maximum(array.max(0), 0 if len(where) < count else -np.inf).tolist()
            accessor["sparse"] = {
                "count": len(where),
                "indices": {"bufferView": rows, "componentType": _COMPONENTS[np.dtype(kind).name]},
                "values": {"bufferView": self._view(array, None)},
            }
            self.accessors.append(accessor)
            indices.append(len(self.accessors) - 1)
        return indices

    def joined(self) -> bytes:
        """Everything that was added."""
        return b"".join(self._parts)

    def _zero(self, count: int) -> int:
        if count not in self._zeros:
            zero = [0.0, 0.0, 0.0]
            self._zeros[count] = len(self.accessors)
            self.accessors.append({"componentType": 5126, "type": "VEC3", "count": count, "min": zero, "max": zero})
        return self._zeros[count]

    def _accessor(self, array: Shaped[ndarray, "count *size"], bounds: bool) -> dict[str, Any]:
        width = int(np.prod(array.shape[1:]))
        accessor: dict[str, Any] = {
            "componentType": _COMPONENTS[array.dtype.name],
            "type": _TYPES[width],
            "count": len(array),
        }
        if bounds:
            flat = array.reshape(len(array), width)
            accessor["min"], accessor["max"] = flat.min(0).tolist(), flat.max(0).tolist()
        return accessor

    def _view(self, array: Shaped[ndarray, "count *size"], target: int | None) -> int:
        data = np.ascontiguousarray(array).tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self.views.append(view)
        data += b"\0" * (-len(data) % 4)
        self._parts.append(data)
        self._length += len(data)
        return len(self.views) - 1
