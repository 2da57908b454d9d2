"""The face curves of FACEGOOD's takes: the only real speech with face motion at hand; held against ours by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from emote3d.errors import Emote3DError

FPS: Final = 30.0
TRAINED_SHARE: Final[Mapping[str, float]] = {"1114_2_01": 1.0, "1114_2_02": 1.0, "1114_2_03": 1.0, "1114_3_15": 0.6}
"""Takes, and the share of each from its beginning, that the shipped face was fitted to; the rest is for measuring."""
JAW: Final = ("mouth_stretch_c",)
ROUNDING: Final = (
    ("mouth_pucker_l", "mouth_pucker_r"),
    ("mouth_funnel_dl", "mouth_funnel_dr", "mouth_funnel_ul", "mouth_funnel_ur"),
    ("mouth_oo_c",),
    ("mouth_oh_c",),
)
"""Each group is averaged, the groups are added."""
ARKIT_LIKE: Final[Mapping[str, tuple[str, ...]]] = {
    "jawOpen": JAW,
    "mouthPucker": ("mouth_pucker_l", "mouth_pucker_r", "mouth_oo_c"),
    "mouthFunnel": ("mouth_funnel_dl", "mouth_funnel_dr", "mouth_funnel_ul", "mouth_funnel_ur", "mouth_oh_c"),
    "mouthPressLeft": ("mouth_press_l",),
    "mouthLowerDownLeft": ("mouth_lowerLipDepress_l",),
    "mouthUpperUpLeft": ("mouth_upperLipRaise_l",),
    "mouthRollLower": ("mouth_suck_dl", "mouth_suck_dr"),
    "mouthRollUpper": ("mouth_suck_ul", "mouth_suck_ur"),
    "mouthStretchLeft": ("mouth_lipStretch_l",),
    "mouthShrugLower": ("mouth_chinRaise_d",),
    "mouthSmileLeft": ("mouth_lipCornerPull_l",),
}
"""ARKit names and the columns that move like them, which are added."""


def load_take(folder: Path, name: str) -> dict[str, Float[np.ndarray, "frames"]]:
    """Read the 116 curves of a take by name, at 30 fps.

    Raises:
        Emote3DError: the take is missing or has another number of columns than `names.json`.
    """
    path = folder / "blendshapes" / f"{name}.npy"
    try:
        names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        curves = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Emote3DError(f"expected a FACEGOOD take; got {path}: {error}") from error
    if curves.ndim != 2 or curves.shape[1] != len(names):
        raise Emote3DError(f"expected [frames, {len(names)}] in {path}; got {list(curves.shape)}")
    return {str(column): curves[:, index].astype(np.float64) for index, column in enumerate(names)}


def unseen_part(folder: Path, name: str) -> slice:
    """Frames of a take that the shipped face was not fitted to."""
    frames = len(jaw_curve(load_take(folder, name)))
    return slice(int(TRAINED_SHARE.get(name, 0.0) * frames), frames)


def jaw_curve(take: Mapping[str, Float[np.ndarray, "frames"]]) -> Float[np.ndarray, "frames"]:
    """Opening of the jaw."""
    return take[JAW[0]]


def rounding_curve(take: Mapping[str, Float[np.ndarray, "frames"]]) -> Float[np.ndarray, "frames"]:
    """Rounding of the lips: pucker, funnel, oo and oh together."""
    return np.sum([np.mean([take[name] for name in group], axis=0) for group in ROUNDING], axis=0)
