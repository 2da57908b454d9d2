"""Style taken from a motion: how large its movements are, whatever is said and felt."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, percentile_filter

from emote3d.decoders.operators import lip_gap_mm
from emote3d.engine import arkit
from emote3d.errors import Emote3DError
from emote3d.names import ARKIT_52
from emote3d.records import Motion

_LEAST_S = 2.0
_BROWS = tuple(ARKIT_52.index(name) for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"))
_LID = ARKIT_52.index("eyeBlinkLeft")


def measure_style(motion: Motion) -> dict[str, float]:
    """Sizes of articulation (mm), head (degrees a second), brows (coefficient), and blinks a minute.

    Raises:
        Emote3DError: no ARKit face, or less than 2 s of it.
    """
    coefficients = arkit(motion).astype(np.float64)
    assert motion.face is not None
    duration_s, fps = motion.frames / motion.fps, motion.fps
    if duration_s < _LEAST_S:
        raise Emote3DError(f"a style needs at least {_LEAST_S:g} s of motion, got {duration_s:.2f} s")
    gap = lip_gap_mm(torch.from_numpy(coefficients).float()).numpy()
    neck = np.degrees(motion.face.neck_axis_angle.double().numpy())
    velocity = np.diff(gaussian_filter1d(neck, 0.04 * fps, axis=0), axis=0) * fps
    brows = coefficients[:, _BROWS].mean(axis=1)
    brows = brows - percentile_filter(brows, 30, size=max(1, round(1.5 * fps)), mode="nearest")
    shut = coefficients[:, _LID] > 0.55
    return {
        "articulation": float(np.percentile(gap, 90) - np.percentile(gap, 10)),
        "head_motion": float(np.sqrt((velocity**2).sum(axis=1).mean())),
        "brow_motion": float(np.sqrt((brows**2).mean())),
        "blink_rate": float((np.diff(shut.astype(int)) == 1).sum() / duration_s * 60),
    }
