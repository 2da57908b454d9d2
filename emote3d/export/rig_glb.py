"""Puts a motion into anyone's GLB or VRM: its face shapes and bones are found by name, its meshes stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from emote3d.errors import Emote3DError
from emote3d.export.glb_file import GlbFile
from emote3d.export.rig_bones import Skeleton, animate_bones, hip_positions
from emote3d.export.rig_maps import RigMap, best_rig, load_rig, preset_names, sources_of
from emote3d.motion import resample_motion
from emote3d.naming import without_number
from emote3d.records import Motion

ANIMATION = "emote3d"


@dataclass(frozen=True)
class Rigged:
    """What of a file was animated."""

    shapes_rig: str | None
    """Name of the rig map of the shapes; None where no shape moves."""
    bones_rig: str | None
    shapes: tuple[str, ...]
    """Names of the morph targets and expressions that move."""
    bones: tuple[str, ...]
    unmoved: tuple[str, ...]
    """Morph targets that the map does not know."""

    def facts(self) -> dict[str, object]:
        """For a report."""
        return {
            "shapes_rig": self.shapes_rig,
            "bones_rig": self.bones_rig,
            "shapes": len(self.shapes),
            "bones": len(self.bones),
            "unmoved_shapes": list(self.unmoved),
        }


def animate_glb(avatar: Path, motion: Motion, output: Path, rig: str | None = None) -> Rigged:
    """Write a copy of an avatar file with the motion as its first animation.

    Args:
        rig: name or file of a rig map; None: the presets that know most of the file's shapes and of its bones.

    Raises:
        Emote3DError: the avatar cannot be read, nothing in it is known, or the motion has no ARKit face.
    """
    file = GlbFile.read(avatar)
    targets = _targets(file)
    names = [name for holder in targets for name in holder.names]
    bones, is_vrm = _bone_names(file)
    chosen = load_rig(rig) if rig is not None else None
    shapes_rig = (
        chosen if chosen is not None and chosen.shapes else best_rig(names, "shapes") if chosen is None else None
    )
    bones_rig = load_rig("vrm") if is_vrm else best_rig(bones.values(), "bones")
    if chosen is not None and chosen.bones:
        bones_rig = chosen
    channels: list[tuple[int, str, ndarray]] = []
    moved: list[str] = []
    if shapes_rig is not None and motion.face is not None:
        tracks, moved = _shape_tracks(targets, shapes_rig, motion)
        channels += [(node, "weights", weights) for node, weights in tracks.items()]
    joints = {} if bones_rig is None else _joints(bones, bones_rig)
    joints = _without_doubles(joints, moved)
    nodes = range(len(file.items("nodes")))
    local, turn, mirror = (np.array([part(node) for node in nodes]) for part in (file.local, file.turn, file.mirror))
    skeleton = Skeleton(file.parents(), local, turn, mirror, joints)
    turns = animate_bones(skeleton, motion) if joints else {}
    channels += [(node, "rotation", turn) for node, turn in turns.items()]
    hips = hip_positions(skeleton, motion) if joints else None
    if hips is not None:
        channels.append((hips[0], "translation", hips[1]))
    if not channels:
        raise Emote3DError(
            f"nothing in {avatar} is known by name (shapes: {_some(names)}; bones: {_some(list(bones.values()))}); "
            f"write a rig map and give it with --rig, or one of {', '.join(preset_names())}"
        )
    _add_animation(file, channels, motion.fps)
    file.write(output)
    unmoved = tuple(dict.fromkeys(name for name in names if name not in moved))
    return Rigged(
        shapes_rig.name if shapes_rig and moved else None,
        bones_rig.name if bones_rig and turns else None,
        tuple(moved),
        tuple(bones[node] for node in turns),
        unmoved,
    )


@dataclass(frozen=True)
class _Targets:
    """The morph targets of a node's mesh, or those that a VRM expression binds."""

    node: int
    count: int
    default: tuple[float, ...]
    names: tuple[str, ...]
    binds: tuple[tuple[int, float], ...]
    """For each name, the target it moves and how far."""


def _targets(file: GlbFile) -> list[_Targets]:
    meshes = file.items("meshes")
    expressions = _vrm_binds(file)
    found = []
    for index, node in enumerate(file.items("nodes")):
        if "mesh" not in node:
            continue
        mesh = meshes[node["mesh"]]
        count = max((len(part.get("targets", [])) for part in mesh.get("primitives", [])), default=0)
        if not count:
            continue
        default = [*(node.get("weights") or mesh.get("weights") or ()), *[0.0] * count][:count]
        named = [(name, target, 1.0) for target, name in enumerate(file.target_names(mesh)[:count])]
        named += [(name, target, share) for name, where, target, share in expressions if where == index]
        names, targets, shares = zip(*named, strict=True) if named else ((), (), ())
        found.append(_Targets(index, count, tuple(default), tuple(names), tuple(zip(targets, shares, strict=True))))
    return found


def _vrm_binds(file: GlbFile) -> list[tuple[str, int, int, float]]:
    """Expression, node, target and share of everything that VRM 1.0 and VRM 0 expressions bind."""
    extensions = file.document.get("extensions") or {}
    expressions = (extensions.get("VRMC_vrm") or {}).get("expressions") or {}
    presets = {**(expressions.get("custom") or {}), **(expressions.get("preset") or {})}
    found = [
        (str(name), bind["node"], bind["index"], float(bind.get("weight", 1.0)))
        for name, expression in presets.items()
        for bind in expression.get("morphTargetBinds") or []
    ]
    master = (extensions.get("VRM") or {}).get("blendShapeMaster") or {}
    for group in master.get("blendShapeGroups") or []:
        for bind in group.get("binds") or []:
            nodes = [i for i, node in enumerate(file.items("nodes")) if node.get("mesh") == bind["mesh"]]
            found += [(_vrm0_name(group), node, bind["index"], float(bind.get("weight", 100)) / 100) for node in nodes]
    return found


def _vrm0_name(group: dict[str, Any]) -> str:
    """The preset of a VRM 0 expression, or its own name where it is none (ARKit's shapes are, say)."""
    preset = str(group.get("presetName", "")).lower()
    return preset if preset not in ("", "unknown") else str(group.get("name", ""))


def _joints(bones: dict[int, str], rig: RigMap) -> dict[int, str]:
    """The joint of each bone; of several bones with one joint, the one whose name needs no number taken off, then the first."""
    known = [(name != without_number(name), node, joint) for node, name in bones.items() if (joint := rig.joint(name))]
    taken: dict[str, int] = {}
    for _, node, joint in sorted(known):
        taken.setdefault(joint, node)
    return {node: joint for joint, node in taken.items()}


def _bone_names(file: GlbFile) -> tuple[dict[int, str], bool]:
    """Name of each node that is a bone: VRM's humanoid names where there are some (True), else the nodes' own."""
    extensions = file.document.get("extensions") or {}
    humans = (extensions.get("VRMC_vrm") or {}).get("humanoid", {}).get("humanBones")
    if isinstance(humans, dict):
        return {int(bone["node"]): str(name) for name, bone in humans.items()}, True
    humans = (extensions.get("VRM") or {}).get("humanoid", {}).get("humanBones")
    if isinstance(humans, list):
        return {int(bone["node"]): str(bone["bone"]) for bone in humans}, True
    nodes = enumerate(file.items("nodes"))
    return {index: str(node["name"]) for index, node in nodes if "name" in node and "mesh" not in node}, False


def _shape_tracks(
    targets: list[_Targets], rig: RigMap, motion: Motion
) -> tuple[dict[int, Float[ndarray, "frames targets"]], list[str]]:
    """Weights of every target of each node that something moves, and the names of what moves."""
    values = sources_of(motion)
    tracks, moved = {}, []
    for holder in targets:
        weights = np.tile(np.array(holder.default, np.float32), (motion.frames, 1))
        driven = np.zeros(holder.count, dtype=bool)
        seen: set[tuple[int, str]] = set()
        for name, (target, share) in zip(holder.names, holder.binds, strict=True):
            recipe = rig.shape(name)
            if recipe is None or target >= holder.count or (target, rig.key(name)) in seen:
                continue
            seen.add((target, rig.key(name)))
            made = share * recipe.weights(values)
            weights[:, target] = np.minimum(1, weights[:, target] + made) if driven[target] else made
            driven[target] = True
            moved.append(name)
        if driven.any():
            tracks[holder.node] = weights
    return tracks, list(dict.fromkeys(moved))


def _without_doubles(joints: dict[int, str], moved: list[str]) -> dict[int, str]:
    """Leave eye bones out where shapes move the eyes, and the jaw bone where a shape opens the mouth."""
    lower = [name.lower().replace("_", "") for name in moved]
    looks = any("eyelook" in name or name.startswith("look") for name in lower)
    opens = any("jawopen" in name or "mouthopen" in name or name in ("aa", "a", "visemeaa") for name in lower)
    skipped = (("left_eye_smplhf", "right_eye_smplhf") if looks else ()) + (("jaw",) if opens else ())
    return {node: joint for node, joint in joints.items() if joint not in skipped}


def _add_animation(file: GlbFile, channels: list[tuple[int, str, ndarray]], fps: float) -> None:
    """Put the channels before all other animations of the file, one of the same name replaced."""
    times = file.add(np.arange(len(channels[0][2])) / fps)
    animation: dict[str, Any] = {"name": ANIMATION, "channels": [], "samplers": []}
    for node, path, values in channels:
        file.take_apart(node)
        output = file.add(values.reshape(-1) if path == "weights" else values)
        animation["samplers"].append({"input": times, "output": output, "interpolation": "LINEAR"})
        target = {"node": node, "path": path}
        animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})
    others = [one for one in file.items("animations") if one.get("name") != ANIMATION]
    file.document["animations"] = [animation, *others]


def write_curves(motion: Motion, rig_name: str, output: Path, fps: float | None = None) -> RigMap:
    """Write a rig's shape weights as JSON (`fps`, `names`, `weights` [frames][shapes]), for rigs that are in no file.

    Raises:
        Emote3DError: as `load_rig`, the rig has no shapes, or the motion has no ARKit face.
    """
    import json

    from emote3d.files import atomic_path

    rig = load_rig(rig_name)
    if not rig.shapes:
        raise Emote3DError(f"the rig map {rig.name} has bones only; give it with --rig and an avatar file with --to")
    motion = motion if fps is None else resample_motion(motion, fps)
    values = sources_of(motion)
    rows = np.stack([recipe.weights(values) for recipe in rig.shapes.values()], axis=1)
    names = [f"{rig.prefix}_{name}" if rig.prefix else name for name in rig.shapes]
    content = {"fps": motion.fps, "names": names, "weights": rows.round(6).tolist()}
    with atomic_path(output) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")
    return rig


def _some(names: list[str]) -> str:
    return (", ".join(names[:6]) + (" ..." if len(names) > 6 else "")) or "none"
