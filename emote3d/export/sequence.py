"""Writes meshes frame by frame: folders of .obj or .ply, and the point cache .pc2. Metres, +y up."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from numpy import ndarray

from emote3d.errors import Emote3DError
from emote3d.export.registry import Export
from emote3d.files import atomic_folder, atomic_path
from emote3d.records import Surface

Frame = Callable[[Float32[ndarray, "verts 3"]], bytes]


def write_obj(job: Export, path: Path) -> list[str]:
    """Write a folder named as the file without its suffix; `v` lines carry colours. One frame alone is one file.

    Raises:
        Emote3DError: the folder holds other files, or the motion does not fit the avatar.
    """
    return _write_frames(job, path, _obj_frame(job.avatar.surface))


def write_ply(job: Export, path: Path) -> list[str]:
    """Write binary .ply files, as `write_obj`."""
    return _write_frames(job, path, _ply_frame(job.avatar.surface))


def write_pc2(job: Export, path: Path) -> list[str]:
    """Write the places of all vertices over time, and the mesh that they belong to as NAME_rest.obj beside it."""
    rest_m = np.ascontiguousarray(job.avatar.template_m.T.numpy(), np.float32)
    mesh = path.with_name(f"{path.stem}_rest.obj")
    frames = job.motion.frames
    with atomic_path(path) as temporary, atomic_path(mesh) as beside:
        beside.write_bytes(_obj_frame(job.avatar.surface)(rest_m))
        with temporary.open("wb") as file:
            file.write(struct.pack("<12siiffi", b"POINTCACHE2\0", 1, len(rest_m), 0.0, 1.0, frames))
            for vertices_m in _posed(job):
                file.write(np.ascontiguousarray(vertices_m, "<f4").tobytes())
    return [f"{path.name} moves the vertices of {mesh.name}, in their order"]


def _posed(job: Export) -> Iterator[Float32[ndarray, "verts 3"]]:
    with torch.inference_mode():
        for mesh in job.avatar.pose_chunks(job.motion):
            yield from mesh.vertices_m.numpy()


def _write_frames(job: Export, path: Path, frame: Frame) -> list[str]:
    count = job.motion.frames
    if count == 1:
        with atomic_path(path) as temporary:
            temporary.write_bytes(frame(next(_posed(job))))
        return []
    folder = path.with_suffix("")
    digits = max(4, len(str(count - 1)))
    with atomic_folder(folder, _replaceable(folder, path)) as temporary:
        size = 0
        for index, vertices_m in enumerate(_posed(job)):
            size += (temporary / f"{path.stem}_{index:0{digits}d}{path.suffix}").write_bytes(frame(vertices_m))
    return [f"{count} meshes, {size / 1e6:.0f} MB, are in the folder {folder}"]


def _replaceable(folder: Path, path: Path) -> frozenset[str]:
    """Files of an earlier sequence of this name."""
    if not folder.exists():
        return frozenset()
    if not folder.is_dir():
        raise Emote3DError(f"cannot write {path}: its folder's name, {folder}, is taken by a file; choose another name")
    pattern = re.compile(re.escape(path.stem) + r"_\d{4,}" + re.escape(path.suffix))
    return frozenset(entry.name for entry in folder.iterdir() if pattern.fullmatch(entry.name))


def _colors(surface: Surface) -> UInt8[ndarray, "verts 3"]:
    """The sRGB colour of each vertex, darkened where little light arrives."""
    colors = surface.vertex_colors_srgb.numpy().copy()
    tints = np.array([material.color_srgb for material in surface.materials], np.float32)
    faces = surface.faces.numpy()
    tint = np.ones_like(colors)
    tint[faces] = tints[surface.face_materials.numpy()][:, None]
    light = np.sqrt(surface.vertex_occlusion.numpy())[:, None]  # about the share of light, in sRGB's scale
    return np.round(255 * (colors * tint * light).clip(0, 1)).astype(np.uint8)


def _obj_frame(surface: Surface) -> Frame:
    colors = _colors(surface).astype(np.float64) / 255
    tail = ("f %d %d %d\n" * len(surface.faces)) % tuple((surface.faces.numpy() + 1).reshape(-1).tolist())
    line = "v %.6f %.6f %.6f %.3f %.3f %.3f\n"

    def frame(vertices_m: Float32[ndarray, "verts 3"]) -> bytes:
        table = np.column_stack([vertices_m, colors])
        return ("# emote3d, metres, +y up\n" + (line * len(table)) % tuple(table.reshape(-1).tolist()) + tail).encode()

    return frame


def _ply_frame(surface: Surface) -> Frame:
    verts, faces = len(surface.vertex_colors_srgb), surface.faces.numpy().astype("<i4")
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment emote3d, metres, +y up\nelement vertex {verts}\n"
        "property float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    ).encode()
    rows = np.empty(verts, np.dtype([("place", "<f4", 3), ("color", "u1", 3)]))
    rows["color"] = _colors(surface)
    corners = np.empty(len(faces), np.dtype([("count", "u1"), ("verts", "<i4", 3)]))
    corners["count"], corners["verts"] = 3, faces
    tail = corners.tobytes()

    def frame(vertices_m: Float32[ndarray, "verts 3"]) -> bytes:
        rows["place"] = vertices_m
        return header + rows.tobytes() + tail

    return frame
