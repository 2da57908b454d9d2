"""The mean of networks that were refined from one another: often better on what none of them was taught (Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from emote3d.checkpoint import load_component, load_config, read_manifest
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


def trainings(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """How each of the components was trained, for the manifest of their mean; of one that is a mean itself, its parts too."""
    manifests = [read_manifest(folder) for folder in folders]
    kept = ("sha256", "command", "curve", "parts")
    return [{key: manifest[key] for key in kept if key in manifest} for manifest in manifests]
