"""Reads the tensors of a published checkpoint without running anything of it."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from emote3d.bounded import read_yaml
from emote3d.errors import Emote3DError

_PLACEHOLDERS = ("pytorch_lightning.", "lightning.", "lightning_fabric.", "omegaconf.", "numpy.", "argparse.", "inferno.",
                 "pathlib.", "collections.", "typing.", "skimage.", "munch.", "addict.")  # fmt: skip
"""Packages whose objects training programs leave in their checkpoints; each is read as an empty placeholder."""
_REFUSED = ("numpy.testing", "numpy.distutils", "numpy.f2py")


def _placeholder(name: str) -> type:
    """A class of the wanted name that takes any arguments and does nothing."""

    def swallow(self: object, *arguments: object, **options: object) -> None:
        """Keep nothing."""

    module, _, short = name.rpartition(".")
    return type(short, (), {"__module__": module, "__init__": swallow, "__setstate__": swallow, "__setitem__": swallow})


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # its end record is damaged
        return False


def read_content(path: Path) -> object:
    """What a file that torch.save wrote holds: containers, plain values and memory-mapped tensors.

    Objects of training programs become empty placeholders; a file that names anything else is refused before it is read.

    Raises:
        Emote3DError: no such file, damaged, or it names code that no checkpoint needs.
    """
    if not path.is_file():
        raise Emote3DError(f"there is no checkpoint file {path}")
    if not _is_zip(path):
        raise Emote3DError(f"{path} is not a PyTorch checkpoint (expected the zip format that torch.save writes)")
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
        foreign = sorted(name for name in named if not name.startswith(_PLACEHOLDERS) or name.startswith(_REFUSED))
        if foreign:
            raise Emote3DError(
                f"{path} names {', '.join(foreign[:4])}, which no checkpoint needs; it may be hostile and was not read"
            )
        with torch.serialization.safe_globals([(_placeholder(name), name) for name in named]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        RuntimeError,
        ValueError,
        EOFError,
        LookupError,
        OSError,
        AttributeError,
        TypeError,
        struct.error,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Emote3DError(f"{path} cannot be read as a checkpoint ({reason}); copy it again") from error


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a Lightning checkpoint, of a state_dict that torch.save wrote, or of a .safetensors.

    Raises:
        Emote3DError: as `read_content`, or it holds something else.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    content = read_content(path)
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise Emote3DError(f"{path} holds no state_dict of tensors; expected a checkpoint that Lightning saved")
    return {str(name): value for name, value in state.items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise Emote3DError(f"{path} cannot be read as safetensors ({error}); copy it again") from error


def read_settings(path: Path | None) -> dict[str, Any]:
    """The training's cfg.yaml; empty where there is none.

    Raises:
        Emote3DError: it is not a YAML mapping of plain values.
    """
    if path is None:
        return {}
    settings = read_yaml(path, "the settings of a training")
    if not isinstance(settings, dict):
        raise Emote3DError(f"{path}: expected a mapping, got {type(settings).__name__}")
    return settings


def setting(settings: Mapping[str, Any], dotted: str, default: Any) -> Any:
    """A value deep in the settings, e.g. `model.sequence_decoder.nhead`, or the default where it is not given."""
    value: Any = settings
    for key in dotted.split("."):
        if not isinstance(value, Mapping) or value.get(key) is None:
            return default
        value = value[key]
    return value


def whole(settings: Mapping[str, Any], dotted: str, default: int) -> int:
    """A setting that is a positive whole number; raises Emote3DError where it is something else."""
    value = setting(settings, dotted, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Emote3DError(f"cfg.yaml: expected a positive whole number as {dotted}, got {value!r}")
    return value


def find_checkpoint(path: Path) -> tuple[Path, Path | None]:
    """The checkpoint file and the cfg.yaml of a published model: its folder, its `checkpoints` folder, or the file itself.

    Of several checkpoints `last.ckpt` is taken, else the one with the lowest loss in its name.

    Raises:
        Emote3DError: there is none.
    """
    path = path.expanduser()
    if not path.exists():
        raise Emote3DError(f"there is no checkpoint {path}")
    if path.is_file():
        file = path
    else:
        files = sorted(path.rglob("*.ckpt"))
        if not files:
            raise Emote3DError(f"{path} holds no .ckpt file; expected cfg.yaml and checkpoints/*.ckpt in it")
        file = min(files, key=lambda found: (found.name != "last.ckpt", _loss(found), str(found)))
    folders = [folder for folder in file.absolute().parents[:4] if (folder / "cfg.yaml").is_file()]
    return file, folders[0] / "cfg.yaml" if folders else None


def _loss(file: Path) -> float:
    try:
        return float(file.stem.rpartition("=")[2])
    except ValueError:
        return float("inf")
