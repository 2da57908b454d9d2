"""The mean of networks that were refined from one another: often better on what none of them was taught (Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from emote3d.checkpoint import load_component, load_config, read_manifest, save_component
from emote3d.errors import Emote3DError

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def average_component(folders: Sequence[Path], cls: type[ModuleT], config_cls: type[Any]) -> ModuleT:
    """The module whose weights are the mean of those in component folders of the same sizes.

    Raises:
        Emote3DError: no folder is given, one cannot be loaded, or their configs differ.
    """
    configs = [load_config(folder, config_cls) for folder in folders]
    if not configs or any(config != configs[0] for config in configs):
        raise Emote3DError(f"expected components of the same sizes, got {', '.join(map(str, folders)) or 'none'}")
    modules = [load_component(folder, cls, config_cls) for folder in folders]
    states = [module.state_dict() for module in modules]
    for name, values in states[0].items():
        if values.is_floating_point():
            values.copy_(torch.stack([state[name] for state in states]).mean(dim=0))
    return modules[0]


def save_average(
    folders: Sequence[Path], out: Path, cls: type[nn.Module], config_cls: type[Any], note: dict[str, Any]
) -> None:
    """Write the mean of component folders in float16; its manifest is the note and how each of them was trained: of one that is a mean
    itself, its parts too, each told once.

    Raises:
        Emote3DError: as `average_component`.
    """
    mean = average_component(folders, cls, config_cls)
    told: set[str] = set()
    parts = [_told_once(read_manifest(folder), told) for folder in folders]
    save_component(out, mean, load_config(folders[0], config_cls), note | {"parts": parts}, dtype=torch.float16)


def _told_once(manifest: dict[str, Any], told: set[str]) -> dict[str, Any]:
    """How a part was trained; of one that stands in `told` already its hash alone."""
    if manifest["sha256"] in told:
        return {"sha256": manifest["sha256"]}
    told.add(manifest["sha256"])
    part = {key: manifest[key] for key in ("sha256", "command", "curve") if key in manifest}
    return part | ({"parts": [_told_once(inner, told) for inner in manifest["parts"]]} if "parts" in manifest else {})
