"""A direction as a YAML or JSON file, read and written."""

from __future__ import annotations

import difflib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from emote3d.bounded import read_yaml
from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction

_PATHS = ("emotion_from", "style_from")
_LISTS = ("at", "word")


def load_direction(path: str | Path) -> Direction:
    """Read a mapping of the fields of `Direction`; `at` and `word` are lists of keys, as text or as mappings.

    Relative paths in it are relative to the file.

    Raises:
        Emote3DError: the file cannot be read, or all that is wrong in it.
    """
    path = Path(path)
    values = read_yaml(path, "a direction")
    try:
        return direction_from({} if values is None else values, path.parent)
    except Emote3DError as error:
        raise Emote3DError(f"direction {path}: {error}") from error


def direction_from(values: object, folder: Path = Path()) -> Direction:
    """Build a direction from what YAML or JSON gives; raises `Emote3DError`."""
    if not isinstance(values, dict):
        raise Emote3DError(f"expected a mapping of settings such as 'emotion: happy', got {type(values).__name__}")
    known = {field.name: str(field.type) for field in fields(Direction)}
    problems, converted = [], {}
    for name, value in cast("dict[Any, Any]", values).items():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            problems.append(f"unknown setting '{name}'" + (f"; did you mean {near[0]}?" if near else ""))
            continue
        try:
            converted[name] = _converted(name, known[name], value, folder)
        except Emote3DError as error:
            problems.append(str(error))
    if problems:
        raise Emote3DError("; ".join(problems))
    return Direction(**converted)


def _converted(name: str, kind: str, value: object, folder: Path) -> object:
    if name in _LISTS:
        if not isinstance(value, list):
            raise Emote3DError(f"{name}: expected a list of keys, got {type(value).__name__}")
        return tuple(_key(name, item) for item in value)
    if name in _PATHS and isinstance(value, str):
        return folder / value
    if value is None and "None" in kind:
        return None
    if kind == "bool":
        if isinstance(value, bool):
            return value
        raise Emote3DError(f"{name}: expected true or false, got {value!r}")
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if "float" not in kind and isinstance(value, str):
        return value
    raise Emote3DError(f"{name}: expected {'a number' if kind == 'float' else 'text'}, got {value!r}")


def _key(name: str, item: object) -> str:
    """A key as text: given so, or as a mapping with `time` (and `until`) or `word` beside its settings."""
    if isinstance(item, str):
        return item
    when = "time" if name == "at" else "word"
    if not isinstance(item, dict) or when not in item:
        raise Emote3DError(f"{name}: a key is text such as '2.5:sad' or a mapping with '{when}', got {item!r}")
    settings = {str(key): value for key, value in cast("dict[Any, Any]", item).items()}
    start, end = settings.pop(when), settings.pop("until", None)
    bad = [key for key, value in settings.items() if isinstance(value, list | dict | bool | None)]
    if bad:
        raise Emote3DError(f"{name}: expected a number or text for {', '.join(bad)} in {item!r}")
    listed = ",".join(f"{key}={value}" for key, value in settings.items())
    return f"{start}{'' if end is None else f'..{end}'}:{listed}"


def direction_to_dict(direction: Direction) -> dict[str, object]:
    """The settings that are not the default's, as `direction_from` reads them."""
    default = Direction()
    changed = {
        field.name: getattr(direction, field.name)
        for field in fields(Direction)
        if getattr(direction, field.name) != getattr(default, field.name)
    }
    return {
        name: list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
        for name, value in changed.items()
    }


def direction_json(direction: Direction) -> str:
    """A direction on one line of JSON."""
    return json.dumps(direction_to_dict(direction), ensure_ascii=False)
