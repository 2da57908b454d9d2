"""What a motion was made from, as members of its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from emote3d.errors import Emote3DError
from emote3d.names import EMOTIONS, LIPS
from emote3d.records import Origin

_PREFIX = "origin_"


def origin_members(origin: Origin) -> dict[str, np.ndarray]:
    """Arrays to store beside a motion; the content as float16, which it was rounded to."""
    members = {
        "content": origin.content.numpy().astype(np.float16),
        "voice": origin.voice.numpy(),
        "loudness": origin.loudness.numpy(),
        "accents": origin.accents.numpy(),
        "contacts": origin.contacts.numpy(),
        "style": origin.style.numpy(),
        "frame_rate": np.array(origin.frame_rate),
        "duration_s": np.array(origin.duration_s),
        "seed": np.array(origin.seed, dtype=np.int64),
        "model": np.array(origin.model),
        "words": np.array(origin.words, dtype=np.str_),
        "word_times_s": origin.word_times_s.numpy(),
        "direction": np.array(origin.direction),
    }
    return {_PREFIX + name: value for name, value in members.items()}


def origin_from_members(arrays: Mapping[str, np.ndarray], path: str | Path) -> Origin | None:
    """Read what `origin_members` stored; None where a file has none. Older files have neither accents nor contacts.

    Raises:
        Emote3DError: some of it is missing, misshapen or not finite.
    """
    if _PREFIX + "content" not in arrays:
        return None
    try:
        content, voice, loudness = (_floats(arrays, name) for name in ("content", "voice", "loudness"))
        words = tuple(str(word) for word in arrays[_PREFIX + "words"])
        times = _floats(arrays, "word_times_s").reshape(len(words), 2)
        accents, contacts = (
            _floats(arrays, name) if _PREFIX + name in arrays else none
            for name, none in (
                ("accents", torch.zeros_like(loudness)),
                ("contacts", torch.zeros(len(loudness), len(LIPS))),
            )
        )
        fits = content.ndim == 2 and voice.shape == (len(content), len(EMOTIONS))
        fits = (
            fits and loudness.shape == accents.shape == (len(content),) and contacts.shape == (len(content), len(LIPS))
        )
        if not fits or not len(content):
            raise ValueError(
                f"content {tuple(content.shape)}, voice {tuple(voice.shape)}, loudness {tuple(loudness.shape)}, accents {tuple(accents.shape)}"
            )
        return Origin(
            content=content,
            voice=voice,
            loudness=loudness,
            accents=accents,
            contacts=contacts,
            style=_floats(arrays, "style").reshape(-1),
            frame_rate=_number(arrays, "frame_rate", 1, 1000),
            duration_s=_number(arrays, "duration_s", 0, 1e6),
            seed=int(_number(arrays, "seed", 0, 2**63)),
            model=str(arrays[_PREFIX + "model"]),
            words=words,
            word_times_s=times,
            direction=str(arrays[_PREFIX + "direction"]),
        )
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise Emote3DError(f"{path}: what it was made from is damaged ({error}); animate it again") from error


def _floats(arrays: Mapping[str, np.ndarray], name: str) -> torch.Tensor:
    array = arrays[_PREFIX + name]
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite floats, got {array.dtype} {array.shape}")
    return torch.from_numpy(array.astype(np.float32))


def _number(arrays: Mapping[str, np.ndarray], name: str, low: float, high: float) -> float:
    value = float(arrays[_PREFIX + name])
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}")
    return value
