"""Writes glTF 2.0 (.glb, .gltf): mesh, materials, skin, face shapes with their names, one animation."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from emote3d.export.gltf_buffers import Buffer
from emote3d.export.gltf_scene import fill_scene
from emote3d.export.puppet import build_puppet
from emote3d.export.registry import Export
from emote3d.files import atomic_path

_MAGIC, _VERSION, _JSON, _BIN = 0x46546C67, 2, 0x4E4F534A, 0x004E4942


def write_glb(job: Export, path: Path) -> list[str]:
    """Write everything into one binary file."""
    buffer = Buffer()
    save_glb(fill_scene(build_puppet(job), buffer), buffer, path)
    return _notes(job)


def save_glb(document: dict[str, Any], numbers: Buffer, path: Path) -> None:
    """Write a described scene and its numbers as one file."""
    buffer = numbers.joined()
    document = _with_numbers(document, numbers) | {"buffers": [{"byteLength": len(buffer)}]}
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<III", _MAGIC, _VERSION, 12 + 8 + len(text) + 8 + len(buffer)))
        file.write(struct.pack("<II", len(text), _JSON) + text)
        file.write(struct.pack("<II", len(buffer), _BIN) + buffer)


def write_gltf(job: Export, path: Path) -> list[str]:
    """Write readable JSON, and its numbers in a .bin of the same name."""
    numbers, beside_path = Buffer(), path.with_suffix(".bin")
    document = _with_numbers(fill_scene(build_puppet(job), numbers), numbers)
    buffer = numbers.joined()
    document["buffers"] = [{"byteLength": len(buffer), "uri": beside_path.name}]
    with atomic_path(path) as temporary, atomic_path(beside_path) as beside:
        beside.write_bytes(buffer)
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return [f"{path.name} reads {beside_path.name}; keep them together", *_notes(job)]


def _with_numbers(document: dict[str, Any], numbers: Buffer) -> dict[str, Any]:
    return document | {"accessors": numbers.accessors, "bufferViews": numbers.views}


def _notes(job: Export) -> list[str]:
    return [] if job.sound is None else ["glTF has no place for sound; play the recording beside it"]
