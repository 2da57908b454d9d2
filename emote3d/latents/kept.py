"""Latents of recordings kept on disk by what was heard and what heard it, so that a second emotion costs no encoder pass."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import safetensors
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from emote3d.errors import Emote3DError
from emote3d.files import atomic_path
from emote3d.records import Speech


def latents_folder() -> Path:
    """`latents` in `$EMOTE3D_CACHE`, else in `emote3d` in `$XDG_CACHE_HOME` or `~/.cache`."""
    own = os.environ.get("EMOTE3D_CACHE")
    if own:
        return Path(own).expanduser() / "latents"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emote3d" / "latents"


def kept(
    speech: Speech, encoder: str, encode: Callable[[], Float[Tensor, "windows d"]], folder: Path | None = None
) -> Float[Tensor, "windows d"]:
    """Latents of a recording: from the disk where they were made before, else from `encode`, and kept.

    Args:
        encoder: what tells this encoder from others, e.g. the SHA-256 of its weights.
        folder: where to keep them; a disk that cannot be written is no error.
    """
    folder = folder or latents_folder()
    digest = hashlib.sha256(f"{encoder} {speech.sample_rate} ".encode())
    digest.update(speech.waveform.contiguous().numpy().tobytes())
    file = folder / f"{digest.hexdigest()[:40]}.safetensors"
    if file.is_file():
        try:
            return load_file(file)["latents"]
        except (safetensors.SafetensorError, OSError, KeyError):
            file.unlink(missing_ok=True)
    latents = encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as temporary:
            save_file({"latents": latents.contiguous()}, temporary)
    except (OSError, Emote3DError):
        pass
    return latents
