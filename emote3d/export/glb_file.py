"""Reads a .glb (or .vrm) of anyone, adds numbers to it, and writes it; whatever is not understood stays as it is."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.transform import Rotation

from emote3d.errors import Emote3DError
from emote3d.export.glb_check import problems_of
from emote3d.files import atomic_path

_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}


@dataclass
class GlbFile:
    """The JSON and the numbers of a binary glTF 2.0 file."""

    document: dict[str, Any]
    numbers: bytearray

    @classmethod
    def read(cls, path: Path) -> GlbFile:
        """Read a file.

        Raises:
            Emote3DError: not there, not a whole glTF 2.0 binary, or its JSON is damaged.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Emote3DError(f"cannot read the avatar {path}: {error.strerror}") from error
        header = struct.unpack_from("<III", content) if len(content) >= 12 else (0, 0, 0)
        if header[0] != _MAGIC or header[1] != 2:
            raise Emote3DError(f"{path} is no binary glTF 2.0 file (.glb, .vrm); convert .gltf or .fbx to .glb first")
        if header[2] > len(content):
            raise Emote3DError(f"{path} is cut off: it says {header[2]} bytes and has {len(content)}")
        chunks: dict[int, bytes] = {}
        at = 12
        while at + 8 <= header[2]:
            length, kind = struct.unpack_from("<II", content, at)
            chunks.setdefault(kind, content[at + 8 : at + 8 + length])
            at += 8 + length
        try:
            document = json.loads(chunks.get(_JSON, b""))
        except (ValueError, RecursionError) as error:
            raise Emote3DError(f"{path}: its JSON is damaged: {error}") from error
        if not isinstance(document, dict):
            raise Emote3DError(f"{path}: its JSON is no glTF")
        if problems := problems_of(document):
            raise Emote3DError(f"{path}: its scene is damaged: {'; '.join(problems)}")
        if any("uri" in buffer for buffer in (document.get("buffers") or [])[:1]):
            raise Emote3DError(f"{path} keeps its numbers in another file; convert it to one .glb first")
        return cls(document, bytearray(chunks.get(_BIN, b"")))

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        numbers = bytes(self.numbers) + b"\0" * (-len(self.numbers) % 4)
        buffers = self.document.setdefault("buffers", [])
        if not buffers:
            buffers.append({})
        buffers[0]["byteLength"] = len(self.numbers)
        text = json.dumps(self.document, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 4)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(struct.pack("<III", _MAGIC, 2, 20 + len(text) + 8 + len(numbers)))
            file.write(struct.pack("<II", len(text), _JSON) + text)
            file.write(struct.pack("<II", len(numbers), _BIN) + numbers)

    def items(self, key: str) -> list[dict[str, Any]]:
        """A list of the document, e.g. `nodes`; empty where there is none."""
        return self.document.get(key) or []

    def add(self, array: Float[ndarray, "count *width"]) -> int:
        """Add numbers as floats; returns the accessor."""
        data = np.ascontiguousarray(array, np.float32)
        self.numbers.extend(b"\0" * (-len(self.numbers) % 4))
        view = {"buffer": 0, "byteOffset": len(self.numbers), "byteLength": data.nbytes}
        self.numbers.extend(data.tobytes())
        views = self.document.setdefault("bufferViews", [])
        views.append(view)
        accessor: dict[str, Any] = {
            "bufferView": len(views) - 1,
            "componentType": 5126,
            "count": len(data),
            "type": _TYPES[data.shape[1] if data.ndim > 1 else 1],
        }
        if data.ndim == 1:
            accessor |= {"min": [float(data.min())], "max": [float(data.max())]}
        accessors = self.document.setdefault("accessors", [])
        accessors.append(accessor)
        return len(accessors) - 1

    def target_names(self, mesh: dict[str, Any]) -> list[str]:
        """Names of a mesh's morph targets; empty where they have none."""
        for holder in (mesh, *mesh.get("primitives", [])):
            extras = holder.get("extras")
            names = extras.get("targetNames") if isinstance(extras, dict) else None
            if isinstance(names, list):
                return [str(name) for name in names]
        return []

    def local(self, node: int) -> Float[ndarray, "4 4"]:
        """Matrix of a node relative to its parent."""
        entry = self.items("nodes")[node]
        if "matrix" in entry:
            return np.array(entry["matrix"], np.float64).reshape(4, 4).T
        matrix = np.eye(4)
        turn = Rotation.from_quat(entry.get("rotation", [0, 0, 0, 1])).as_matrix()
        matrix[:3, :3] = turn * np.array(entry.get("scale", [1, 1, 1]), np.float64)
        matrix[:3, 3] = entry.get("translation", [0, 0, 0])
        return matrix

    def mirror(self, node: int) -> Float[ndarray, "3"]:
        """-1 for each axis that a node's own scale turns round, else 1."""
        entry = self.items("nodes")[node]
        if "matrix" in entry:
            return np.array([np.sign(np.linalg.det(self.local(node)[:3, :3])), 1.0, 1.0])
        return np.where(np.array(entry.get("scale", [1, 1, 1])) < 0, -1.0, 1.0)

    def turn(self, node: int) -> Float[ndarray, "3 3"]:
        """Directions of a node's axes relative to its parent: its rotation and what its scale turns round."""
        entry, mirror = self.items("nodes")[node], self.mirror(node)
        if "matrix" in entry:
            matrix = self.local(node)[:3, :3]
            rotation = Rotation.from_matrix(mirror * matrix / np.linalg.norm(matrix, axis=0))
        else:
            rotation = Rotation.from_quat(entry.get("rotation", [0, 0, 0, 1]))
        return rotation.as_matrix() * mirror

    def parents(self) -> list[int]:
        """Parent of each node; -1 at the top."""
        above = [-1] * len(self.items("nodes"))
        for index, node in enumerate(self.items("nodes")):
            for child in node.get("children", []):
                above[child] = index
        return above

    def take_apart(self, node: int) -> None:
        """Replace a node's matrix by translation, rotation and scale, as animated nodes must have them."""
        entry = self.items("nodes")[node]
        if "matrix" not in entry:
            return
        matrix, mirror = self.local(node), self.mirror(node)
        scale = mirror * np.linalg.norm(matrix[:3, :3], axis=0)
        rotation = Rotation.from_matrix(self.turn(node) * mirror)
        del entry["matrix"]
        entry["translation"] = matrix[:3, 3].tolist()
        entry["rotation"] = rotation.as_quat().tolist()
        entry["scale"] = scale.tolist()
