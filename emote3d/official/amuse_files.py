"""The files of an AMUSE release (kiranchhatre/amuse; specs/amuse.md section 2): which there are, and the tensors in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from emote3d.errors import Emote3DError
from emote3d.official.lightning_file import read_content

_PLACES = ("model_state_dict", "state_dict")


@dataclass(frozen=True, kw_only=True)
class AmuseFiles:
    """The three files of a release; a part that is not to be imported is None."""

    speech: Path | None = None
    """The speech model: model_<epoch>_tL.._tEA.._...pkl, a bare state_dict."""
    prior: Path | None = None
    """The motion prior: prior_model_NoOpt_.._e<epoch>.pt."""
    denoiser: Path | None = None
    """The latent diffusion: latdiff_model_wOpt_.._e<epoch>.pt."""


def find_amuse(path: Path) -> AmuseFiles:
    """Look a release's folder through (its `saved-models`), or take one of its files.

    Of several speech models the one with the highest training accuracy of emotions in its name is taken, as the
    published code does; of the others the last epoch.

    Raises:
        Emote3DError: there is none of the three.
    """
    path = path.expanduser()
    if not path.exists():
        raise Emote3DError(f"there is no file or folder {path}")
    found = [path] if path.is_file() else sorted(path.rglob("*.p[kt]*"))
    files = AmuseFiles(
        speech=_best(found, lambda name: name.endswith(".pkl"), r"_tEA([0-9.]+)"),
        prior=_best(found, lambda name: name.startswith("prior_model") and name.endswith(".pt"), r"_e(\d+)"),
        denoiser=_best(found, lambda name: name.startswith("latdiff_model") and name.endswith(".pt"), r"_e(\d+)"),
    )
    if files == AmuseFiles():
        raise Emote3DError(
            f"{path} holds no AMUSE checkpoint; expected model_*.pkl, prior_model_*.pt or latdiff_model_*.pt in it"
        )
    return files


def _best(files: list[Path], is_one: Callable[[str], bool], pattern: str) -> Path | None:
    """The file with the highest number after a mark in its name."""

    def rank(file: Path) -> tuple[float, str]:
        match = re.search(pattern, file.name)
        return (float(match[1].rstrip(".")) if match else -1.0, str(file))

    return max((file for file in files if file.is_file() and is_one(file.name)), key=rank, default=None)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The state_dict of a bare .pkl, or of a .pt that holds one beside its optimiser.

    Raises:
        Emote3DError: no such file, damaged, hostile, or without a state_dict.
    """
    content = read_content(path.expanduser())
    if isinstance(content, Mapping):
        content = next((content[place] for place in _PLACES if place in content), content)
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise Emote3DError(f"{path} holds no state_dict of tensors; expected a file that AMUSE's training saved")
    return {str(name).removeprefix("module."): value for name, value in content.items()}
