"""Measures of body motion. Positions in metres, +y up; frame k is at k / fps."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from scipy.signal import argrelextrema

from emote3d.body.limits import excess_deg
from emote3d.names import SMPLX_JOINTS
from emote3d.rotations import axis_angle_to_matrix

UPPER_BODY = (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
"""Joints that BEAT2's beat consistency looks at: spine, neck, head, collars, arms."""
FEET = ("left_foot", "right_foot")
FOOT_HEIGHT_M, SLIDE_M_PER_S = 0.05, 0.1
_ROUNDING_DEG = 1e-3
"""Of files in single precision."""


def l1_diversity(features: Float[np.ndarray, "frames features"]) -> float:
    """Mean over frames of sum over features of |x - mean over time|; unit of the features (BEAT2's code, per clip).

    Variants: BEAT2 feeds joint positions after fitting SMPL-X; others feed rotations, or take the mean over features too.
    """
    return float(np.abs(features - features.mean(axis=0)).sum(axis=1).mean())


def srgr(
    pred: Float[np.ndarray, "frames joints 3"],
    ref: Float[np.ndarray, "frames joints 3"],
    semantic: Float[np.ndarray, "frames"] | None = None,
    threshold: float = 0.1,
) -> float:
    """Semantic-relevance gesture recall: mean of semantic[t] * [L1 distance of joint < threshold] / mean semantic, 0 to 1.

    BEAT (Liu et al. 2022). Variants: the code sums |dx| + |dy| + |dz| (here) or takes the norm; thresholds 0.1 and 0.3 are in use;
    it divides by the constant 0.165, the data set's mean score, where this divides by the clip's own mean.
    """
    weights = np.ones(len(ref)) if semantic is None else semantic
    right = np.abs(pred - ref).sum(axis=2) < threshold
    return float((right * weights[:, None]).mean() / max(weights.mean(), 1e-9))


def lvd(pred: Float[np.ndarray, "frames points 3"], ref: Float[np.ndarray, "frames points 3"], fps: float) -> float:
    """Landmark velocity difference: mean of |v(pred) - v(ref)|, m/s (Yi et al. 2023, TalkSHOW).

    Variants: BEAT2 sums |dx| + |dy| + |dz| of vertices a frame, without the rate.
    """
    return float(np.linalg.norm(np.diff(pred - ref, axis=0), axis=-1).mean() * fps) if len(ref) > 1 else 0.0


def jitter(positions_m: Float[np.ndarray, "frames points 3"], fps: float) -> float:
    """Mean norm of the third time derivative of positions, m/s^3 (the "jerk" of motion-capture papers, some give 10^2 m/s^3)."""
    if len(positions_m) < 4:
        return 0.0
    return float(np.linalg.norm(np.diff(positions_m, n=3, axis=0), axis=-1).mean() * fps**3)


def motion_beats_s(
    positions_m: Float[np.ndarray, "frames joints 3"], fps: float, threshold_m_per_s: float, order: int
) -> list[Float[np.ndarray, "beats"]]:
    """Times at which each joint comes to a stop: local minima of its speed over `order` frames, under the threshold."""
    speed = np.linalg.norm(np.gradient(positions_m, 1 / fps, axis=0), axis=-1)
    return [
        np.array([frame / fps for frame in argrelextrema(curve, np.less, order=order)[0] if curve[frame] < threshold_m_per_s])
        for curve in speed.T
    ]  # fmt: skip


def beat_consistency(
    positions_m: Float[np.ndarray, "frames joints 3"],
    onsets_s: Float[np.ndarray, "onsets"],
    fps: float,
    *,
    sigma_s: float = 0.3,
    threshold_m_per_s: float = 0.3,
    order: int = 7,
) -> float:
    """How near motion beats lie to sound onsets: mean over joints of mean over onsets of exp(-d^2 / 2 sigma^2), 0 to 1.

    d is the distance to the joint's nearest beat; a joint without beats counts 0. Pass the upper-body joints.
    BEAT2's alignment score (Liu et al. 2024). Variants: threshold 0.3 in the paper's and 0.10 in later code give different figures for
    the same motion, and so do sigma 0.1 and mean over beats instead of onsets (AI Choreographer). Higher is not always
    better: a body that trembles has a beat near every onset, so hold it against the score of real motion.
    """
    if len(onsets_s) == 0:
        return 0.0
    scores = []
    for beats in motion_beats_s(positions_m, fps, threshold_m_per_s, order):
        if len(beats) == 0:
            scores.append(0.0)
            continue
        distance = np.abs(onsets_s[:, None] - beats).min(axis=1)
        scores.append(float(np.exp(-(distance**2) / (2 * sigma_s**2)).mean()))
    return float(np.mean(scores))


def foot_slide(positions_m: Float[np.ndarray, "frames 55 3"], fps: float) -> float:
    """Mean horizontal speed of feet that stand, m/s.

    A foot stands in a step where it begins and ends within 5 cm of the clip's lowest foot. Variants: a share of sliding frames
    (GMD: more than 2.5 cm/s), or metres a clip weighted by 2 - 2^(height / 5 cm) (Zhang et al. 2018).
    """
    feet = positions_m[:, [SMPLX_JOINTS.index(name) for name in FEET]]
    low = feet[..., 1] < feet[..., 1].min() + FOOT_HEIGHT_M
    stands = low[1:] & low[:-1]
    speed = np.linalg.norm(np.diff(feet[..., [0, 2]], axis=0), axis=-1) * fps
    return float(speed[stands].mean()) if stands.any() else 0.0


def joint_limit_violations(joints_axis_angle: Float[np.ndarray, "frames 55 3"]) -> float:
    """Share of frames in which some joint is turned further than a person's can be, by the limits of `emote3d.body.limits`.

    The pelvis is left out: which way a body faces is no joint.
    """
    turns = torch.from_numpy(np.asarray(joints_axis_angle, dtype=np.float64))
    beyond = excess_deg(axis_angle_to_matrix(turns))[:, 1:] > _ROUNDING_DEG
    return float(beyond.any(dim=1).double().mean())
