"""Figures of body motion: speed, beats with the speech, feet, limits, seams, onsets. Definitions of EMAGE's tools where they exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from emote3d.body.kinematics import JOINT, Skeleton
from emote3d.body.limits import excess_deg
from emote3d.body.torso import Torso, hands_inside_m
from emote3d.metrics.body import UPPER_BODY, alignment, motion_beats_s
from emote3d.posing import joint_rotations
from emote3d.records import BodyMotion, Motion
from emote3d.rotations import axis_angle_to_matrix, matrix_to_axis_angle

HANDS = tuple(range(25, 55))
_SIGMA_S, _ORDER, _LEAST, _EDGE_S = 0.3, 7, 0.10, 2.0
_FEET = tuple(JOINT[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot"))
_WRISTS = (JOINT["left_wrist"], JOINT["right_wrist"])
_SHOULDERS = (JOINT["left_shoulder"], JOINT["right_shoulder"])
_STROKE_M_S = 0.5
"""Speed from which on a movement of a wrist counts as one of a gesture."""


def rotations_of(body: BodyMotion) -> Float[Tensor, "frames 55 3 3"]:
    """Local rotations in double precision."""
    return axis_angle_to_matrix(body.joints_axis_angle.double())


def places_of(body: BodyMotion, skeleton: Skeleton) -> Float[Tensor, "frames 55 3"]:
    """Joint positions in metres."""
    return skeleton.posed(rotations_of(body))[1] + body.translation_m.double()[:, None]


def joint_speed_deg(body: BodyMotion, fps: float) -> Float[Tensor, "55"]:
    """Mean angular speed of each joint relative to its parent, degrees a second."""
    rotations = rotations_of(body)
    steps = matrix_to_axis_angle(rotations[:-1].mT @ rotations[1:]).norm(dim=-1)
    return torch.rad2deg(steps.mean(dim=0)) * fps


def whole_body(motion: Motion) -> BodyMotion:
    """The body of a motion with the head turns of its face (half in the neck, half in the head)."""
    assert motion.body is not None
    zeros = torch.zeros(55, 3)
    turned = joint_rotations(motion, zeros, zeros)
    return BodyMotion(joints_axis_angle=matrix_to_axis_angle(turned), translation_m=motion.body.translation_m)


def audio_onsets(waveform: Float[np.ndarray, "samples"], rate: int) -> Float[np.ndarray, "onsets"]:
    """Onsets of sound in seconds (librosa, hop 512)."""
    import librosa

    return librosa.onset.onset_detect(y=waveform, sr=rate, hop_length=512, units="time")


def beat_consistency(
    onsets_s: Float[np.ndarray, "onsets"], beats_s: list[Float[np.ndarray, "_"]], duration_s: float
) -> float:
    """`body.alignment` of the beats and the onsets, 0 to 1, with sigma 0.3 s; NaN without onsets.

    Onsets in the first and last 2 s do not count, as in EMAGE's training code.
    """
    onsets_s = onsets_s[(onsets_s > _EDGE_S) & (onsets_s < duration_s - _EDGE_S)]
    if not len(onsets_s):
        return float("nan")
    return alignment(onsets_s, beats_s, _SIGMA_S)


def beat_gap(
    onsets_s: Float[np.ndarray, "onsets"], joints_m: Float[Tensor, "frames 55 3"], fps: float
) -> tuple[float, float]:
    """Beat consistency with the own onsets, and its mean over the onsets shifted around the clip by 0.2 to 0.8 of it.

    Beats of the upper joints as in EMAGE's `load_pose` (order 7, threshold 0.10), but for the mean speed, which is the data set's there.
    """
    duration_s = len(joints_m) / fps
    beats = motion_beats_s(joints_m[:, list(UPPER_BODY)].numpy(), fps, _LEAST, _ORDER)
    shifted = [np.sort((onsets_s + share * duration_s) % duration_s) for share in (0.2, 0.35, 0.5, 0.65, 0.8)]
    return beat_consistency(onsets_s, beats, duration_s), float(
        np.mean([beat_consistency(one, beats, duration_s) for one in shifted])
    )


def foot_slide_cm_s(joints_m: Float[Tensor, "frames 55 3"], fps: float) -> float:
    """Mean horizontal speed of ankles and balls of the feet, centimetres a second.

    Lifted feet count too: it is for bodies that stand. `body.foot_slide` counts standing feet only.
    """
    return float(joints_m[:, _FEET].diff(dim=0)[..., [0, 2]].norm(dim=-1).mean()) * fps * 100


def faults(body: BodyMotion, skeleton: Skeleton, torso: Torso) -> tuple[float, float]:
    """Largest excess over the joints' limits in degrees, and the deepest hand in the trunk in millimetres."""
    rotations = rotations_of(body)
    turned, joints_m = skeleton.posed(rotations)
    inside = hands_inside_m(skeleton, torso, turned, joints_m)
    return float(excess_deg(rotations).max()), float(inside.max()) * 1000


def seam_ratio(body: BodyMotion, fps: float) -> float:
    """How a seam would show: of the largest turn of a joint between two frames, the clip's maximum over its 99.9th percentile."""
    rotations = rotations_of(body)
    steps = matrix_to_axis_angle(rotations[:-1].mT @ rotations[1:]).norm(dim=-1).amax(dim=1)
    return float(steps.max() / torch.quantile(steps, 0.999))


def gesture_onsets(joints_m: Float[Tensor, "frames 55 3"], fps: float) -> Float[np.ndarray, "onsets"]:
    """Times at which the wrists are quickest: peaks of the sum of their speeds, smoothed over 50 ms, above its mean, 0.25 s apart.

    They are the middles of strokes and preparations.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    speed = joints_m[:, _WRISTS].diff(dim=0).norm(dim=-1).sum(dim=1).numpy() * fps
    speed = gaussian_filter1d(speed, 0.05 * fps)
    return find_peaks(speed, height=speed.mean(), distance=max(1, round(0.25 * fps)))[0] / fps


def onset_f1(own_s: np.ndarray, other_s: np.ndarray, tolerance_s: float = 0.2) -> float:
    """F1 of two lists of times, 2 hits / (own + other); each takes the nearest free one within the tolerance, in order."""
    if not len(own_s) or not len(other_s):
        return float(len(own_s) == len(other_s))
    free, hits = list(other_s), 0
    for time_s in own_s:
        nearest = min(free, key=lambda one: abs(one - time_s)) if free else None
        if nearest is not None and abs(nearest - time_s) <= tolerance_s:
            free.remove(nearest)
            hits += 1
    return 2 * hits / (len(own_s) + len(other_s))


def describe(body: BodyMotion, skeleton: Skeleton, fps: float) -> Float[np.ndarray, "numbers"]:
    """Numbers by which a small classifier tells emotions.

    Mean axis-angle of the upper joints (radians), mean and standard deviation of the wrists' places from the chest (metres), speeds of
    the upper joints (degrees a second), mean bend of the finger joints (radians).
    """
    joints_m = places_of(body, skeleton)
    rotations = rotations_of(body)
    upper = matrix_to_axis_angle(rotations[:, list(UPPER_BODY)])
    wrists = joints_m[:, _WRISTS] - joints_m[:, None, JOINT["spine3"]]
    speeds = joint_speed_deg(body, fps)[list(UPPER_BODY)]
    hands = matrix_to_axis_angle(rotations[:, list(HANDS)]).norm(dim=-1).mean()
    parts = [
        upper.mean(dim=0).flatten(),
        wrists.mean(dim=0).flatten(),
        wrists.std(dim=0).flatten(),
        speeds,
        hands[None],
    ]
    return torch.cat(parts).numpy()


def wrist_acceleration(joints_m: Float[Tensor, "frames 55 3"], fps: float) -> Float[Tensor, "frames_less_two 2"]:
    """Acceleration of the left and the right wrist, metres a second squared."""
    return joints_m[:, _WRISTS].diff(n=2, dim=0).norm(dim=-1) * fps**2


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is seen of how a body moves and holds itself, mean over a clip and over both sides."""

    upper_deg_s: float
    """Speed of the upper joints."""
    wrists_cm_s: float
    """Speed of the wrists."""
    strokes_a_minute: float
    """Movements of a hand that are quicker than half a metre a second."""
    stroke_cm_s: float
    """Largest speed of such a movement, the median."""
    left_share: float
    """Share of the wrists' way that the left one makes."""
    hands_aside_cm: float
    """From the middle of the shoulders to the side, and how much higher."""
    hands_up_cm: float
    lean_deg: float
    """Of the trunk, forward."""
    turned_deg: float
    """Of the chest, whichever way."""
    head_down_deg: float
    """Of the look of the head, below level."""
    shoulders_up_cm: float
    """Above the neck joint's height."""
    feet_apart_cm: float


def seen_of(body: BodyMotion, skeleton: Skeleton, fps: float) -> Seen:
    """The figures of one clip."""
    from scipy.signal import find_peaks

    turned, joints_m = skeleton.posed(rotations_of(body))
    hands_m = joints_m[:, _WRISTS] - joints_m[:, _SHOULDERS].mean(dim=1, keepdim=True)
    speeds = (joints_m + body.translation_m.double()[:, None])[:, _WRISTS].diff(dim=0).norm(dim=-1).numpy() * fps
    peaks = [
        find_peaks(row, height=_STROKE_M_S, distance=max(1, round(0.25 * fps)))[1]["peak_heights"] for row in speeds.T
    ]
    strokes = np.concatenate(peaks)
    spine_m = joints_m[:, JOINT["neck"]] - joints_m[:, JOINT["pelvis"]]
    look, chest = turned[:, JOINT["head"], :, 2], turned[:, JOINT["spine3"], :, 2]
    ankles_m = joints_m[:, [JOINT["left_ankle"], JOINT["right_ankle"]], 0]

    def degrees(angle: Tensor) -> float:
        return float(torch.rad2deg(angle).mean())

    return Seen(
        upper_deg_s=float(joint_speed_deg(body, fps)[list(UPPER_BODY)].mean()),
        wrists_cm_s=100 * float(speeds.mean()),
        strokes_a_minute=len(strokes) / (len(joints_m) / fps / 60),
        stroke_cm_s=100 * float(np.median(strokes)) if len(strokes) else 0.0,
        left_share=float(speeds[:, 0].sum() / max(1e-9, speeds.sum())),
        hands_aside_cm=100 * float((hands_m[..., 0] * hands_m.new_tensor([1, -1])).mean()),
        hands_up_cm=100 * float(hands_m[..., 1].mean()),
        lean_deg=degrees(torch.atan2(spine_m[:, 2], spine_m[:, 1])),
        turned_deg=degrees(torch.atan2(chest[:, 0], chest[:, 2]).abs()),
        head_down_deg=degrees((-look[:, 1]).clamp(-1, 1).asin()),
        shoulders_up_cm=100 * float((joints_m[:, _SHOULDERS, 1].mean(dim=1) - joints_m[:, JOINT["neck"], 1]).mean()),
        feet_apart_cm=100 * float((ankles_m[:, 0] - ankles_m[:, 1]).mean()),
    )


def mean_seen(clips: Sequence[Seen]) -> Seen:
    """The mean of several clips."""
    return Seen(**{name: float(np.mean([getattr(clip, name) for clip in clips])) for name in asdict(clips[0])})
