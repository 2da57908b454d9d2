"""Rig maps: small YAML files that say which shapes and bones of a rig follow which of ours, with scales and curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from emote3d.bounded import read_yaml
from emote3d.engine import arkit_face
from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52, OCULUS_VISEMES, SMPLX_JOINTS
from emote3d.naming import plain_name, without_number
from emote3d.records import Motion
from emote3d.visemes import viseme_weights

_FOLDER = Path(__file__).with_name("rigs")
_KEYS = {"about", "prefix", "sides", "shapes", "also", "bones", "fingers"}
SOURCES = (*ARKIT_52, *(f"viseme_{name}" for name in OCULUS_VISEMES))
"""What a shape of a rig may follow."""


@dataclass(frozen=True)
class Recipe:
    """How a shape of a rig follows ours: a weighted sum, bent by a curve, limited to 0..1."""

    parts: Mapping[str, float]
    """Scale of each source."""
    curve: tuple[tuple[float, float], ...] = ()
    """Points (sum, weight) that are joined by straight lines; empty: the sum itself."""

    def weights(self, values: Mapping[str, Float[ndarray, "frames"]]) -> Float[ndarray, "frames"]:
        """Weight per frame."""
        total = sum((scale * values[name] for name, scale in self.parts.items()), np.zeros(1))
        if self.curve:
            total = np.interp(total, *np.array(self.curve).T)
        return np.clip(total, 0, 1)


@dataclass(frozen=True)
class RigMap:
    """What a rig calls its shapes and bones."""

    name: str
    about: str
    shapes: Mapping[str, Recipe] = field(default_factory=dict)
    bones: Mapping[str, str] = field(default_factory=dict)
    """SMPL-X joint of each bone."""
    prefix: str = ""
    """What names may begin with; it does not count."""

    def key(self, name: str) -> str:
        """A name without its spelling and prefix, and without a number that follows the prefix (`mixamorig1:`)."""
        plain, prefix = plain_name(name), plain_name(self.prefix)
        return re.sub(rf"^{re.escape(prefix)}\d*", "", plain) if prefix else plain

    def shape(self, name: str) -> Recipe | None:
        """The recipe of a shape, whatever its spelling and the number behind it."""
        return self._shape_keys.get(self.key(name)) or self._shape_keys.get(self.key(without_number(name)))

    def joint(self, name: str) -> str | None:
        """The SMPL-X joint that a bone follows, whatever its spelling and the number behind it."""
        return self._bone_keys.get(self.key(name)) or self._bone_keys.get(self.key(without_number(name)))

    @cached_property
    def _shape_keys(self) -> dict[str, Recipe]:
        return {self.key(own): recipe for own, recipe in self.shapes.items()}

    @cached_property
    def _bone_keys(self) -> dict[str, str]:
        return {self.key(own): joint for own, joint in self.bones.items()}


def preset_names() -> tuple[str, ...]:
    """The maps that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_rig(name: str | Path) -> RigMap:
    """Read a preset by its name, or a YAML file.

    Raises:
        Emote3DError: no such preset or file, or it is no rig map; all problems in one line.
    """
    path = Path(name)
    if str(name) in preset_names():
        return _preset(str(name))
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        raise Emote3DError(f"expected a rig map out of {', '.join(preset_names())}, or a .yaml file; got '{name}'")
    return _read(path)


@cache
def _preset(name: str) -> RigMap:
    return _read(_FOLDER / f"{name}.yaml")


def _read(path: Path) -> RigMap:
    content = read_yaml(path, "a rig map")
    if not isinstance(content, dict) or set(content) - _KEYS:
        extra = sorted(map(str, set(content) - _KEYS)) if isinstance(content, dict) else type(content).__name__
        raise Emote3DError(f"{path}: expected a mapping with {', '.join(sorted(_KEYS))}; got {extra}")
    return _parsed(path, content)


def best_rig(names: Iterable[str], part: str) -> RigMap | None:
    """The preset that knows most of a file's `shapes` or `bones`; None where none knows any."""
    names = list(names)
    presets = [load_rig(name) for name in preset_names()]

    def known(rig: RigMap) -> int:
        return sum((rig.shape(name) if part == "shapes" else rig.joint(name)) is not None for name in names)

    best = max(presets, key=known)
    return best if known(best) else None


def sources_of(motion: Motion) -> dict[str, Float[ndarray, "frames"]]:
    """Values over time of everything that a recipe may name.

    Raises:
        Emote3DError: the motion has no ARKit face.
    """
    expression = arkit_face(motion).expression
    visemes = viseme_weights(expression).numpy()
    values = dict(zip(ARKIT_52, expression.double().numpy().T, strict=True))
    return values | {f"viseme_{name}": column for name, column in zip(OCULUS_VISEMES, visemes.T, strict=True)}


def _parsed(path: Path, content: dict[str, Any]) -> RigMap:
    problems: list[str] = []
    shapes = _shapes(content, problems)
    for alias, own in _mapping(content, "also", problems).items():
        if isinstance(own, str) and own in shapes:
            shapes[str(alias)] = shapes[own]
        else:
            problems.append(f"also: {alias} stands for '{own}', which is no shape of this map")
    bones = _bones(content, problems)
    if not shapes and not bones and not problems:
        problems.append("neither shapes nor bones")
    if problems:
        raise Emote3DError(f"{path}: {'; '.join(problems)}")
    return RigMap(path.stem, str(content.get("about", "")), shapes, bones, str(content.get("prefix", "")))


def _mapping(content: dict[str, Any], key: str, problems: list[str]) -> dict[Any, Any]:
    value = content.get(key) or {}
    if isinstance(value, dict):
        return value
    problems.append(f"{key}: expected a mapping, got '{value}'")
    return {}


def _shapes(content: dict[str, Any], problems: list[str]) -> dict[str, Recipe]:
    if content.get("shapes") == "arkit":
        return {name: Recipe({name: 1.0}) for name in ARKIT_52}
    sides = _mapping(content, "sides", problems)
    shapes: dict[str, Recipe] = {}
    for name, entry in _mapping(content, "shapes", problems).items():
        pairs = list(sides.items()) if "{side}" in str(name) else [("", "")]
        for side, long in pairs:
            own = str(name).replace("{side}", str(side))
            shapes[own] = _recipe(own, _sided(entry, str(long)), problems)
    return shapes


def _sided(entry: Any, side: str) -> Any:
    """An entry with `{Side}` filled in."""
    if isinstance(entry, str):
        return entry.replace("{Side}", side)
    if isinstance(entry, dict):
        return {_sided(key, side): _sided(value, side) for key, value in entry.items()}
    return entry


def _recipe(name: str, entry: Any, problems: list[str]) -> Recipe:
    curve: Any = []
    if isinstance(entry, dict) and "of" in entry:
        curve, entry = entry.get("curve", []), entry["of"]
    parts = {entry: 1.0} if isinstance(entry, str) else entry
    if not isinstance(parts, dict) or not parts or not all(_number(scale) for scale in parts.values()):
        problems.append(f"{name}: expected a source or a mapping of sources to scales, got '{entry}'")
        return Recipe({})
    unknown = [str(part) for part in parts if part not in SOURCES]
    if unknown:
        problems.append(f"{name}: {', '.join(unknown)} is neither an ARKit shape nor viseme_*")
    points: list[Any] = curve if isinstance(curve, list) else [None]
    good = all(isinstance(p, list) and len(p) == 2 and all(map(_number, p)) for p in points)
    if not good or (points and any(a[0] >= b[0] for a, b in zip(points, points[1:], strict=False))):
        problems.append(f"{name}: expected a curve of points [from, to] with rising from, got '{curve}'")
        points = []
    return Recipe({str(part): float(scale) for part, scale in parts.items()}, tuple((p[0], p[1]) for p in points))


def _bones(content: dict[str, Any], problems: list[str]) -> dict[str, str]:
    if content.get("bones") == "smplx":
        return {name: name for name in SMPLX_JOINTS}
    bones = {str(bone): str(joint) for bone, joint in _mapping(content, "bones", problems).items()}
    for side, fingers in _mapping(content, "fingers", problems).items():
        for finger, chain in fingers.items() if isinstance(fingers, dict) else ():
            if not isinstance(chain, list):
                problems.append(f"fingers: expected a list of bones for {side} {finger}, got {chain!r}")
                continue
            bones |= {str(bone): f"{side}_{finger}{index}" for index, bone in enumerate(chain, 1)}
    unknown = [f"{bone}: {joint}" for bone, joint in bones.items() if joint not in SMPLX_JOINTS]
    if unknown:
        problems.append(f"no joints of SMPL-X: {', '.join(unknown)}")
    return bones


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
