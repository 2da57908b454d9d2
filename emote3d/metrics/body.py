"""Measures of body motion. Positions in metres, +y up; frame k is at k / fps."""

from __future__ import annotations

from collections.abc import Sequence

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

    BEAT (Liu et al. 2022). Variants: BEAT's code sums |dx| + |dy| + |dz| (here), EMAGE's takes the norm; thresholds 0.1 and 0.3 are
    in use; both divide by the constant 0.165, the data set's mean score, where this divides by the clip's own mean.
    """
    weights = np.ones(len(ref)) if semantic is None else semantic
    right = np.abs(pred - ref).sum(axis=2) < threshold
    return float((right * weights[:, None]).mean() / max(weights.mean(), 1e-9))


def lvd(pred: Float[np.ndarray, "frames points 3"], ref: Float[np.ndarray, "frames points 3"], fps: float) -> float:
    """Landmark velocity difference: mean of |v(pred) - v(ref)|, m/s (Yi et al. 2023, TalkSHOW).

    Variants: EMAGE's code takes the mean of |dx|, |dy| and |dz| of vertices over frames and coordinates, without the rate.
    """
    return float(np.linalg.norm(np.diff(pred - ref, axis=0), axis=-1).mean() * fps) if len(ref) > 1 else 0.0


def jitter(positions_m: Float[np.ndarray, "frames points 3"], fps: float) -> float:
    """Mean norm of the third time derivative of positions, m/s^3 (the "jerk" of motion-capture papers, some give 10^2 m/s^3)."""
    if len(positions_m) < 4:
        return 0.0
    return float(np.linalg.norm(np.diff(positions_m, n=3, axis=0), axis=-1).mean() * fps**3)


def motion_beats_s(
    positions_m: Float[np.ndarray, "frames joints 3"],
    fps: float,
    threshold: float,
    order: int,
    usual_m_per_s: Float[np.ndarray, "joints"] | None = None,
) -> list[Float[np.ndarray, "beats"]]:
    """Times of the beats of each joint: local minima of its speed over `order` frames that are no standstill.

    Args:
        threshold: share of the usual speed that a minimum must lie above.
        usual_m_per_s: the usual speed of each joint (default: its mean over the clip).
    """
    speed = np.linalg.norm(np.gradient(positions_m, 1 / fps, axis=0), axis=-1)
    usual = speed.mean(axis=0) if usual_m_per_s is None else usual_m_per_s
    relative = (speed / np.maximum(usual, 1e-9)).T
    found = [(curve, argrelextrema(curve, np.less, order=order)[0]) for curve in relative]
    return [frames[curve[frames] > threshold] / fps for curve, frames in found]


def beat_consistency(
    positions_m: Float[np.ndarray, "frames joints 3"],
    onsets_s: Float[np.ndarray, "onsets"],
    fps: float,
    *,
    sigma_s: float = 0.3,
    threshold: float = 0.3,
    order: int = 7,
    usual_m_per_s: Float[np.ndarray, "joints"] | None = None,
) -> float:
    """How near motion beats lie to sound onsets: mean over joints of mean over onsets of exp(-d^2 / 2 sigma^2), 0 to 1.

    d is the distance to the joint's nearest beat; a joint without beats counts 0. Pass the upper-body joints.
    BEAT2's alignment score (Liu et al. 2024), class BC of its `emage_evaltools`. Variants: threshold 0.3 in EMAGE's training code
    and 0.10 in `emage_evaltools` give different figures for the same motion; both are shares of the joint's mean speed over the
    data set (`mean_vel_smplxflame_30.npy`, to be passed as `usual_m_per_s`), where this takes the clip's own; the training
    code leaves out the first and last 2 s (`gestures.beat_consistency`). Sigma 0.1, and the mean over beats instead of onsets, is
    AI Choreographer's. Higher is not always better: a body that trembles has a beat near every onset, so hold it against the
    score of real motion.
    """
    if len(onsets_s) == 0:
        return 0.0
    beats = motion_beats_s(positions_m, fps, threshold, order, usual_m_per_s)
    return alignment(onsets_s, beats, sigma_s)


def alignment(
    onsets_s: Float[np.ndarray, "onsets"], beats_s: Sequence[Float[np.ndarray, "_"]], sigma_s: float = 0.3
) -> float:
    """Mean over joints of mean over onsets of exp(-d^2 / 2 sigma^2), d from an onset to the joint's nearest beat; 0 without beats."""
    scores = [0.0] * len(beats_s)
    for joint, beats in enumerate(beats_s):
        if len(beats):
            distance = np.abs(onsets_s[:, None] - beats).min(axis=1)
            scores[joint] = float(np.exp(-(distance**2) / (2 * sigma_s**2)).mean())
    return float(np.mean(scores))


def foot_slide(positions_m: Float[np.ndarray, "frames 55 3"], fps: float) -> float:
    """Mean horizontal speed of feet that stand, m/s.

    A foot stands in a step where it begins and ends within 5 cm of the clip's lowest foot. Variants: a share of sliding frames
    (GMD: feet under 5 cm, quicker than 0.5 m/s, which is 2.5 cm in a frame at 20 fps), or the speed of low feet weighted by
    2 - 2^(height / H) (Zhang et al. 2018).
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
