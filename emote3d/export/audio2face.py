"""Writes and reads Audio2Face's weight file (json): ARKit coefficients by name, no head rotation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emote3d.decoders.face import face_from_arkit
from emote3d.engine import arkit_face
from emote3d.errors import Emote3DError
from emote3d.export.cues import mouth_cues
from emote3d.export.registry import Export
from emote3d.files import atomic_path
from emote3d.names import ARKIT_52, OCULUS_VISEMES
from emote3d.naming import ARKIT_INDEX, plain_name
from emote3d.records import Motion
from emote3d.visemes import viseme_weights

_FEWEST_SHAPES = 10
_SIDED = {
    "browLower": "browDown", "outerBrowRaiser": "browOuterUp", "eyesClose": "eyeBlink", "eyesUpperLidRaiser": "eyeWide",
    "squint": "eyeSquint", "cheekRaiser": "cheekSquint", "noseWrinkler": "noseSneer", "dimpler": "mouthDimple",
    "lipCornerPuller": "mouthSmile", "lipCornerDepressor": "mouthFrown", "lipStretcher": "mouthStretch",
    "upperLipRaiser": "mouthUpperUp", "lowerLipDepressor": "mouthLowerDown",
}  # fmt: skip
_SINGLE: dict[str, dict[str, float]] = {
    "innerBrowRaiserL": {"browInnerUp": 0.5}, "innerBrowRaiserR": {"browInnerUp": 0.5},
    "cheekPuffL": {"cheekPuff": 0.5}, "cheekPuffR": {"cheekPuff": 0.5},
    "eyesLookLeft": {"eyeLookOutLeft": 1, "eyeLookInRight": 1}, "eyesLookRight": {"eyeLookInLeft": 1, "eyeLookOutRight": 1},
    "eyesLookUp": {"eyeLookUpLeft": 1, "eyeLookUpRight": 1}, "eyesLookDown": {"eyeLookDownLeft": 1, "eyeLookDownRight": 1},
    "jawDrop": {"jawOpen": 1}, "jawDropLipTowards": {"jawOpen": 0.6, "mouthClose": 0.6}, "jawThrust": {"jawForward": 1},
    "jawSlideLeft": {"jawLeft": 1}, "jawSlideRight": {"jawRight": 1}, "mouthSlideLeft": {"mouthLeft": 1},
    "mouthSlideRight": {"mouthRight": 1}, "chinRaiser": {"mouthShrugLower": 1},
    "lipPressor": {"mouthPressLeft": 1, "mouthPressRight": 1}, "pucker": {"mouthPucker": 1}, "funneler": {"mouthFunnel": 1},
    "lipSuck": {"mouthRollLower": 1, "mouthRollUpper": 1},
}  # fmt: skip
_FACS = {
    plain_name(name): parts
    for name, parts in {
        **_SINGLE,
        **{f"{facs}{side[0]}": {f"{own}{side}": 1.0} for facs, own in _SIDED.items() for side in ("Left", "Right")},
    }.items()
}
"""The 46 poses of older Audio2Face versions, in ARKit's terms."""


def write_json(job: Export, path: Path) -> list[str]:
    """Write the weights; with the option `visemes` also Oculus visemes and mouth cues as Rhubarb Lip Sync has them."""
    motion = job.motion
    face = arkit_face(motion)
    track = job.sound.name if isinstance(job.sound, Path) else ""
    content: dict[str, object] = {
        "exportFps": motion.fps,
        "trackPath": track,
        "numPoses": len(ARKIT_52),
        "numFrames": motion.frames,
        "facsNames": list(ARKIT_52),
        "weightMat": _rounded(face.expression.numpy()),
    }
    if job.options.visemes:
        weights = viseme_weights(face.expression).numpy()
        content |= {
            "visemeNames": list(OCULUS_VISEMES),
            "visemeMat": _rounded(weights),
            "metadata": {"soundFile": track, "duration": round(motion.duration_s, 3)},
            "mouthCues": mouth_cues(weights, motion.fps),
        }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")
    return ["Audio2Face's file has no place for head, eyes and body; they are left out"]


def read_json(path: Path) -> Motion:
    """Read a weight file by the names of its poses: ARKit's, or the 46 of older versions; others are left out.

    Raises:
        Emote3DError: not readable, not such a file, or sizes that do not fit.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise Emote3DError(f"{path} cannot be read as an Audio2Face weight file: {error}") from error
    needed = ("exportFps", "facsNames", "weightMat")
    if not isinstance(content, dict) or any(key not in content for key in needed):
        raise Emote3DError(f"{path} is no Audio2Face weight file: expected {', '.join(needed)}")
    try:
        weights = np.array(content["weightMat"], dtype=np.float32)
        fps, names = float(content["exportFps"]), [str(name) for name in content["facsNames"]]
    except (TypeError, ValueError) as error:
        raise Emote3DError(f"{path}: expected numbers in exportFps and weightMat; {error}") from error
    if weights.ndim != 2 or 0 in weights.shape or weights.shape[1] != len(names) or not np.isfinite(weights).all():
        raise Emote3DError(f"{path}: expected weights (frames, {len(names)} poses), finite; got {weights.shape}")
    if not 1 <= fps <= 1000:
        raise Emote3DError(f"{path}: expected 1 to 1000 frames per second, got {fps:g}")
    return Motion(face=face_from_arkit(torch.from_numpy(_to_arkit(weights, names, path))), fps=fps)


def _to_arkit(weights: np.ndarray, names: list[str], path: Path) -> np.ndarray:
    expression = np.zeros((len(weights), len(ARKIT_52)), np.float32)
    known = 0
    for column, name in enumerate(map(plain_name, names)):
        parts = {ARKIT_52[ARKIT_INDEX[name]]: 1.0} if name in ARKIT_INDEX else _FACS.get(name, {})
        known += bool(parts)
        for shape, share in parts.items():
            expression[:, ARKIT_INDEX[shape.lower()]] += share * weights[:, column]
    if known < _FEWEST_SHAPES:
        raise Emote3DError(f"{path}: expected ARKit's names in facsNames, found {known} of them, e.g. '{names[0]}'")
    return expression.clip(0, 1)


def _rounded(values: np.ndarray) -> list[list[float]]:
    return [[round(float(value), 6) for value in row] for row in values]
