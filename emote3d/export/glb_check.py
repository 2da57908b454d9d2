"""Whether the parts of a glTF document that are read here have the form that glTF 2.0, VRM 0 and VRM 1.0 give them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_LARGEST = 1e9
_MOST_PROBLEMS = 4


@dataclass(frozen=True)
class Each:
    """A list, or with `named` an object, whose items all have one form."""

    form: Any
    named: bool = False
    count: int | None = None


@dataclass(frozen=True)
class Needed:
    """A value that must be there."""

    form: Any


@dataclass(frozen=True)
class Index:
    """The place of an item in a list of the document."""

    kind: str


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < _LARGEST  # fmt: skip


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST


def _natural(value: object) -> bool:
    return _whole(value) and value >= 0  # pyright: ignore[reportOperatorIssue]


def _text(value: object) -> bool:
    return isinstance(value, str)


def _any(value: object) -> bool:
    return True


_NAMES: Mapping[Callable[[object], bool], str] = {_number: "a number", _whole: "a whole number", _natural: "an index", _text: "text"}  # fmt: skip
_BIND_1 = {"node": Needed(Index("nodes")), "index": Needed(_natural), "weight": _number}
_BIND_0 = {"mesh": Needed(_whole), "index": Needed(_natural), "weight": _number}
_FORM = {
    "nodes": Each({
        "children": Each(Index("nodes")), "mesh": Index("meshes"), "weights": Each(_number), "matrix": Each(_number, count=16),
        "rotation": Each(_number, count=4), "scale": Each(_number, count=3), "translation": Each(_number, count=3),
    }),
    "meshes": Each({"primitives": Each({"targets": Each(_any)}), "weights": Each(_number)}),
    "animations": Each({}), "bufferViews": Each({}), "accessors": Each({}), "buffers": Each({}),
    "extensions": {
        "VRMC_vrm": {
            "humanoid": {"humanBones": Each({"node": Needed(Index("nodes"))}, named=True)},
            "expressions": {"preset": Each({"morphTargetBinds": Each(_BIND_1)}, named=True)},
        },
        "VRM": {
            "humanoid": {"humanBones": Each({"bone": Needed(_text), "node": Needed(Index("nodes"))})},
            "blendShapeMaster": {"blendShapeGroups": Each({"binds": Each(_BIND_0)})},
        },
    },
}  # fmt: skip


def problems_of(document: dict[str, Any]) -> list[str]:
    """What is wrong, a few of all; nulls are taken out of the document, they say nothing."""
    found: list[str] = []
    _check(document, _FORM, "the file", document, found)
    if not found:
        found += _tree_problems(document) + _turn_problems(document)
    return found[:_MOST_PROBLEMS]


def _check(value: Any, form: Any, where: str, document: dict[str, Any], found: list[str]) -> None:
    if len(found) >= _MOST_PROBLEMS:
        return
    if isinstance(form, Needed):
        form = form.form
    if isinstance(form, Each):
        _check_each(value, form, where, document, found)
    elif isinstance(form, dict):
        _check_object(value, form, where, document, found)
    elif isinstance(form, Index):
        items = document.get(form.kind)
        if not (_natural(value) and isinstance(items, list) and value < len(items)):
            found.append(f"{where} is no place in {form.kind}")
    elif not form(value):
        found.append(f"{where} is not {_NAMES[form]}")


def _check_each(value: Any, form: Each, where: str, document: dict[str, Any], found: list[str]) -> None:
    if not isinstance(value, dict if form.named else list):
        found.append(f"{where} is no {'object' if form.named else 'list'}")
    elif form.count not in (None, len(value)):
        found.append(f"{where} has {len(value)} numbers instead of {form.count}")
    else:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _check(item, form.form, f"{where} {str(key)[:30]}", document, found)


def _check_object(value: Any, form: Mapping[str, Any], where: str, document: dict[str, Any], found: list[str]) -> None:
    if not isinstance(value, dict):
        found.append(f"{where} is no object")
        return
    for key, part in form.items():
        if key in value and value[key] is None:
            del value[key]
        if key in value:
            _check(value[key], part, f"{where}, {key}", document, found)
        elif isinstance(part, Needed):
            found.append(f"{where} has no {key}")


def _tree_problems(document: dict[str, Any]) -> list[str]:
    """Nodes with two parents, or below themselves."""
    nodes = document.get("nodes", [])
    above = [-1] * len(nodes)
    for index, node in enumerate(nodes):
        for child in node.get("children", []):
            if above[child] >= 0:
                return [f"node {child} has two parents"]
            above[child] = index
    known = [False] * len(nodes)
    for start in range(len(nodes)):
        path, node = set[int](), start
        while node >= 0 and not known[node]:
            if node in path:
                return [f"node {node} is below itself"]
            path.add(node)
            node = above[node]
        for passed in path:
            known[passed] = True
    return []


def _turn_problems(document: dict[str, Any]) -> list[str]:
    """Rotations and matrices that are none."""
    found = []
    for index, node in enumerate(document.get("nodes", [])):
        if "rotation" in node and sum(x * x for x in node["rotation"]) < 1e-12:
            found.append(f"the rotation of node {index} is zero")
        matrix = node.get("matrix")
        if matrix is not None and _flat([matrix[k : k + 3] for k in (0, 4, 8)]):
            found.append(f"the matrix of node {index} has no size")
    return found


def _flat(axes: list[list[float]]) -> bool:
    """Whether three axes have no length, or lie in one plane."""
    lengths = [math.hypot(*axis) for axis in axes]
    if min(lengths) < 1e-9:
        return True
    (a, b, c), (d, e, f), (g, h, i) = ([x / length for x in axis] for axis, length in zip(axes, lengths, strict=True))
    return abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) < 1e-6
