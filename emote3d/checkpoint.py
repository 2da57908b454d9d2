"""Saving and strict loading of components: a folder with config.json, model.safetensors and manifest.json."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from emote3d.errors import Emote3DError
from emote3d.files import atomic_folder

FORMAT_VERSION = 1
_CONFIG, _WEIGHTS, _MANIFEST = "config.json", "model.safetensors", "manifest.json"
_MEMBERS = frozenset({_CONFIG, _WEIGHTS, _MANIFEST})
_MAX_NAMED = 4
_NUMBERS = re.compile(r"\[\n([-+.\deE,\s]+)\]")


ModuleT = TypeVar("ModuleT", bound=nn.Module)
ConfigT = TypeVar("ConfigT")


def save_component(
    folder: str | Path,
    module: nn.Module,
    config: object,
    manifest: Mapping[str, Any],
    *,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a component folder whole, in place of an older one.

    Args:
        config: the frozen dataclass the module was built from; nested dataclasses, tuples and plain values only.
        manifest: what to record beside it: "training_command", "data", "metrics", "licence", ...
        dtype: of floating-point tensors on disk; float16 halves the file and is read back as float32.

    Raises:
        Emote3DError: the folder cannot be written, or a weight does not fit `dtype`.
    """
    state = {name: _stored(name, tensor, dtype) for name, tensor in module.state_dict().items()}
    with atomic_folder(folder, _MEMBERS) as temporary:
        save_file(state, temporary / _WEIGHTS)
        _write_json(temporary / _CONFIG, dataclasses.asdict(cast("Any", config)))
        fixed = {
            "format_version": FORMAT_VERSION,
            "class": type(module).__name__,
            "sha256": _sha256(temporary / _WEIGHTS),
        }
        _write_json(temporary / _MANIFEST, fixed | {key: value for key, value in manifest.items() if key not in fixed})


def load_component(folder: str | Path, cls: type[ModuleT], config_cls: type[ConfigT]) -> ModuleT:
    """Build `cls(config)` from a component folder, with its weights as float32, in eval mode.

    Raises:
        Emote3DError: anything is missing, unknown, of another version, shape or hash; all problems in one line.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise Emote3DError(f"there is no checkpoint folder {folder}; expected one with {', '.join(sorted(_MEMBERS))}")
    missing = sorted(name for name in _MEMBERS if not (folder / name).is_file())
    if missing:
        raise Emote3DError(f"checkpoint {folder} is incomplete: {', '.join(missing)} missing; copy it again")
    _refuse(folder, _manifest_problems(folder, cls))
    config = load_config(folder, config_cls)
    state = _read_weights(folder)
    try:
        with torch.device("meta"):  # sizes that the weights do not have take no memory
            outline = cls(config).state_dict()
    except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError, AssertionError) as error:
        raise Emote3DError(f"{folder / _CONFIG}: no {cls.__name__} has these sizes ({error})") from error
    _refuse(folder, _state_problems(outline, state))
    module = cls(config)
    module.load_state_dict(state, strict=True)
    return module.eval()


def load_config(folder: str | Path, config_cls: type[ConfigT]) -> ConfigT:
    """Read the config of a component folder.

    Raises:
        Emote3DError: an unknown, missing or mistyped key, or a value the config itself refuses.
    """
    folder = Path(folder)
    problems: list[str] = []
    config = _build(config_cls, _read_json(folder / _CONFIG), "", problems)
    _refuse(folder, problems)
    assert config is not None
    return config


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Read what a component folder says of itself: format version, hash, class, training command, data, metrics."""
    return _read_json(Path(folder) / _MANIFEST)


def _refuse(folder: Path, problems: list[str]) -> None:
    if problems:
        raise Emote3DError(f"checkpoint {folder} cannot be used: {'; '.join(problems)}")


def _stored(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.detach().cpu().clone().contiguous()
    stored = tensor.detach().to("cpu", dtype, copy=True).contiguous()
    if not torch.isfinite(stored).all():
        raise Emote3DError(f"cannot save {name}: it holds values that are not finite as {dtype}")
    return stored


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Indented, but a list of numbers, such as a training curve, on one line."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    text = _NUMBERS.sub(lambda numbers: f"[{' '.join(numbers[1].split())}]", text)
    path.write_text(text + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Emote3DError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Emote3DError(f"{path} is not valid JSON ({error}); copy the checkpoint again") from error
    if not isinstance(value, dict):
        raise Emote3DError(f"{path}: expected a JSON object, got {type(value).__name__}; copy the checkpoint again")
    return value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest_problems(folder: Path, cls: type[nn.Module]) -> list[str]:
    manifest = read_manifest(folder)
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        return [f"format version {version!r}, this program reads {FORMAT_VERSION}; use a matching release of emote3d"]
    problems = []
    if manifest.get("class") != cls.__name__:
        problems.append(f"it holds a {manifest.get('class')!r}, expected {cls.__name__!r}")
    if manifest.get("sha256") != _sha256(folder / _WEIGHTS):
        problems.append(f"{_WEIGHTS} does not match the SHA-256 in {_MANIFEST} (damaged or changed); copy it again")
    return problems


def _read_weights(folder: Path) -> dict[str, Tensor]:
    try:
        state = load_file(folder / _WEIGHTS)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise Emote3DError(
            f"checkpoint {folder} cannot be used: {_WEIGHTS} is damaged ({error}); copy it again"
        ) from error
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def _state_problems(expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> list[str]:
    common = sorted(expected.keys() & got.keys())
    shapes = [
        f"{name} is {tuple(got[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in common
        if got[name].shape != expected[name].shape
    ]
    kinds = [
        f"{name} is {got[name].dtype} instead of {expected[name].dtype}"
        for name in common
        if got[name].is_floating_point() != expected[name].is_floating_point()
    ]
    found = {
        "missing tensors": sorted(expected.keys() - got.keys()),
        "unexpected tensors": sorted(got.keys() - expected.keys()),
        "wrong shapes": shapes,
        "wrong types": kinds,
    }
    return [f"{what}: {_shortened(names)}" for what, names in found.items() if names]


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def _build(config_cls: type[ConfigT], values: Mapping[str, Any], prefix: str, problems: list[str]) -> ConfigT | None:
    """Build a (nested) config from JSON values; what is wrong goes to `problems`."""
    hints = typing.get_type_hints(config_cls)
    names = [field.name for field in dataclasses.fields(cast("Any", config_cls)) if field.init]
    before = len(problems)
    problems += [f"unknown config key {prefix}{key}" for key in values if key not in names]
    problems += [f"missing config key {prefix}{name}" for name in names if name not in values]
    built = {}
    for name in names:
        if name in values:
            built[name] = _converted(hints[name], values[name], f"{prefix}{name}", problems)
    if len(problems) > before:
        return None
    try:
        return config_cls(**built)
    except (Emote3DError, ValueError, TypeError, AssertionError) as error:
        problems.append(f"config {prefix.rstrip('.') or config_cls.__name__}: {error}")
        return None


def _converted(hint: object, value: object, name: str, problems: list[str]) -> object:
    """Bring a JSON value to the annotated type: dataclass, tuple, union or plain; what is wrong goes to `problems`."""
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _build(cast("type[Any]", hint), value, f"{name}.", problems)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        items = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(items) == len(value):
            return tuple(_converted(item, one, name, problems) for item, one in zip(items, value, strict=True))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        for option in arguments:
            trial: list[str] = []
            converted = _converted(option, value, name, trial)
            if not trial:
                return converted
    if _is_plain(hint, value):
        return float(value) if hint is float and isinstance(value, int) else value
    problems.append(f"config key {name}: expected {getattr(hint, '__name__', None) or hint}, got {value!r}")
    return None


def _is_plain(hint: object, value: object) -> bool:
    """Tell whether a JSON value is one of a Literal, or just of the annotated type (an int serves as a float)."""
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint)
    return type(value) is hint or (hint is float and type(value) is int)
