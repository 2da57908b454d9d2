"""A puppet as the nodes, meshes, materials, skin and animation of a glTF file."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32, UInt16
from numpy import ndarray

from emote3d.export.gltf_buffers import TRIANGLES, VERTICES, Buffer
from emote3d.export.parts import COAT_ALPHA, Part, cut, is_sheet, linear_colors
from emote3d.export.puppet import Puppet

_STEADY = 1e-6
"""A track whose values all lie this near together is written as its ends alone."""
_FULL = 65535


def fill_scene(puppet: Puppet, buffer: Buffer, *, animated: bool = True) -> dict[str, Any]:
    """Describe a puppet; its numbers go into the buffer."""
    joints = len(puppet.parents)
    face_parts, body_parts = cut(puppet)
    nodes: list[dict[str, Any]] = bone_nodes(puppet.joint_names, puppet.parents, puppet.bones_m)
    meshes: list[dict[str, Any]] = []
    materials: list[dict[str, Any]] = []
    for name, parts, with_shapes in (("Face", face_parts, True), ("Body", body_parts, False)):
        if parts:
            nodes.append({"name": name, "mesh": len(meshes), "skin": 0})
            meshes.append(_mesh(puppet, name, parts, with_shapes, buffer, materials))
    roots = [joint for joint, parent in enumerate(puppet.parents) if parent < 0]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "emote3d", "copyright": puppet.licence},
        "scene": 0,
        "scenes": [{"name": "Scene", "nodes": [*roots, *range(joints, len(nodes))]}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": materials,
        "skins": [
            {
                "name": "Armature",
                "joints": list(range(joints)),
                "skeleton": roots[0],
                "inverseBindMatrices": buffer.add(_inverse_binds(puppet)),
            }
        ],
    }
    if not animated:
        return document
    face_node = joints if face_parts and puppet.shapes else None
    animation = _animation(puppet, buffer, roots[0], face_node)
    return document | ({"animations": [animation]} if animation["channels"] else {})


def bone_nodes(
    names: tuple[str, ...], parents: tuple[int, ...], bones_m: Float32[ndarray, "joints 3"]
) -> list[dict[str, Any]]:
    """A node for each joint, in their order, at its place relative to its parent."""
    nodes: list[dict[str, Any]] = []
    for joint, (name, offset_m) in enumerate(zip(names, bones_m, strict=True)):
        children = [child for child, parent in enumerate(parents) if parent == joint]
        nodes.append({"name": name, "translation": offset_m.tolist()} | ({"children": children} if children else {}))
    return nodes


def _inverse_binds(puppet: Puppet) -> Float32[ndarray, "joints 4 4"]:
    """The moves that bring each joint of the rest pose to the origin, column by column."""
    matrices = np.tile(np.eye(4, dtype=np.float32), (len(puppet.parents), 1, 1))
    matrices[:, 3, :3] = -puppet.joints_m
    return matrices


def _mesh(
    puppet: Puppet, name: str, parts: list[Part], with_shapes: bool, buffer: Buffer, materials: list[dict[str, Any]]
) -> dict[str, Any]:
    primitives = []
    for part in parts:
        base, factors = linear_colors(puppet, part)
        primitive = _primitive(puppet, part, factors, buffer)
        primitive["material"] = len(materials)
        materials.append(_material(puppet, part, base))
        if with_shapes and puppet.shapes:
            primitive["targets"] = _targets(puppet, part, buffer)
        primitives.append(primitive)
    mesh: dict[str, Any] = {"name": name, "primitives": primitives}
    if with_shapes and puppet.shapes:
        mesh["weights"] = [0.0] * len(puppet.shapes)
        mesh["extras"] = {"targetNames": [shape.name for shape in puppet.shapes]}
    return mesh


def _primitive(puppet: Puppet, part: Part, factors: ndarray, buffer: Buffer) -> dict[str, Any]:
    colors = np.column_stack([factors, np.ones(len(factors))])
    attributes = {
        "POSITION": buffer.add(puppet.vertices_m[part.verts], target=VERTICES, bounds=True),
        "NORMAL": buffer.add(puppet.normals[part.verts], target=VERTICES),
        "COLOR_0": buffer.add_fractions(np.round(colors * _FULL).astype(np.uint16), target=VERTICES),
    }
    joints, weights = puppet.skin_joints[part.verts], _whole_shares(puppet.skin_weights[part.verts])
    joints = np.where(weights > 0, joints, 0).astype(np.uint8)
    for group in range(1 if not weights[:, 4:].any() else 2):
        columns = slice(4 * group, 4 * group + 4)
        attributes[f"JOINTS_{group}"] = buffer.add(joints[:, columns], target=VERTICES)
        attributes[f"WEIGHTS_{group}"] = buffer.add_fractions(weights[:, columns], target=VERTICES)
    kind = np.uint16 if len(part.verts) < _FULL else np.uint32
    return {"attributes": attributes, "indices": buffer.add(part.faces.astype(kind).reshape(-1), target=TRIANGLES)}


def _whole_shares(shares: Float32[ndarray, "verts influences"]) -> UInt16[ndarray, "verts influences"]:
    """Shares as whole numbers that add up to 65535: what rounding loses goes to the heaviest."""
    whole = np.round(shares.astype(np.float64) * _FULL).astype(np.int64)
    whole[:, 0] += _FULL - whole.sum(1)
    return whole.astype(np.uint16)


def _material(puppet: Puppet, part: Part, base: ndarray) -> dict[str, Any]:
    material = puppet.surface.materials[part.material]
    alpha = COAT_ALPHA if material.coat else 1.0
    described: dict[str, Any] = {
        "name": material.name,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*(float(round(channel, 6)) for channel in base), alpha],
            "metallicFactor": 0.0,
            "roughnessFactor": round(material.roughness, 4),
        },
    }
    if material.coat:
        described["alphaMode"] = "BLEND"
    if is_sheet(material):
        described["doubleSided"] = True
    return described


def _targets(puppet: Puppet, part: Part, buffer: Buffer) -> list[dict[str, int]]:
    targets = []
    for shape in puppet.shapes:
        here, rows = part.shape_rows(shape)
        arrays = [shape.offsets_m[rows], shape.normal_offsets[rows]]
        position, normal = buffer.add_sparse(len(part.verts), here, arrays)
        targets.append({"POSITION": position, "NORMAL": normal})
    return targets


def _animation(puppet: Puppet, buffer: Buffer, root: int, face_node: int | None) -> dict[str, Any]:
    tracks = Tracks(puppet.times_s, buffer)
    xyzw = np.roll(puppet.rotations_wxyz, -1, -1)
    for joint in range(len(puppet.parents)):
        tracks.add(joint, "rotation", xyzw[:, joint], np.array([0, 0, 0, 1], np.float32))
    rest_m = puppet.bones_m[root]
    tracks.add(root, "translation", rest_m + puppet.translation_m, rest_m)
    if face_node is not None:
        tracks.add(face_node, "weights", puppet.shape_weights, None)
    return {"name": "Take", "channels": tracks.channels, "samplers": tracks.samplers}


class Tracks:
    """Channels and samplers of an animation; all tracks share the list of times, or that of its ends."""

    def __init__(self, times: Float32[ndarray, " frames"], buffer: Buffer) -> None:
        self._buffer = buffer
        self._times_s = {False: times, True: times[[0, -1]]}
        self._inputs: dict[bool, int] = {}
        self.channels: list[dict[str, Any]] = []
        self.samplers: list[dict[str, Any]] = []

    def add(self, node: int, path: str, values: Float32[ndarray, "frames size"], rest: ndarray | None) -> None:
        """Add a track, unless the node rests all the time."""
        if rest is not None and np.abs(values - rest).max() < _STEADY:
            return
        steady = bool(rest is not None and len(values) > 2 and np.ptp(values, axis=0).max() < _STEADY)
        values = np.ascontiguousarray(values[[0, -1]] if steady else values, dtype=np.float32)
        output = self._buffer.add(values.reshape(-1) if path == "weights" else values)
        self.channels.append({"sampler": len(self.samplers), "target": {"node": node, "path": path}})
        if steady not in self._inputs:
            self._inputs[steady] = self._buffer.add(self._times_s[steady], bounds=True)
        self.samplers.append({"input": self._inputs[steady], "output": output, "interpolation": "LINEAR"})
