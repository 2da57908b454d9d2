"""The teacher of the body: the rhythm, emotion and style of speech to the motion of all 55 joints.

Plans arms (`gesture_plan`), carriage (`gesture_torso`) and hands (`gesture_hands`), then poses the open avatar's skeleton.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float

from emote3d.body import open_avatar
from emote3d.body.clearance import clear_hands
from emote3d.body.kinematics import JOINT, ArmPose, Skeleton, mirrored, plant_feet, solve_arm
from emote3d.body.legs import Stance, lowered
from emote3d.body.torso import Torso
from emote3d.data.gesture_forms import DEVIATION, ELBOW, FLEXION, PLACE, SHAPE, SUPINATION
from emote3d.data.gesture_hands import fingers
from emote3d.data.gesture_mood import trait
from emote3d.data.gesture_plan import Beats, Planner
from emote3d.data.gesture_torso import Carriage, activity_clock, carry, smooth, wander
from emote3d.data.phones import PHONES, SILENCE
from emote3d.data.timed import TimedSpeech
from emote3d.records import BodyMotion
from emote3d.rotations import axis_angle_to_matrix, matrix_to_axis_angle

_PAUSE_S = 0.28
"""A shorter silence does not end a phrase."""
_SYLLABLE_S = 0.3
"""Prominent vowels are at least so far apart."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """The body that the teacher moves."""

    skeleton: Skeleton
    torso: Torso


@cache
def open_teacher() -> Teacher:
    """The open avatar's skeleton and trunk, in double precision."""
    model = open_avatar()
    torso = Torso.of(model)
    return Teacher(skeleton=Skeleton(joints_m=model.joints_m.double(), parents=model.parents), torso=torso)


def beats_of(clip: TimedSpeech, loudness: Float[np.ndarray, "frames"], fps: float) -> Beats:
    """Phrases of a clip with phone times, and its prominent vowels: the louder, longer, stressed ones among their neighbours."""
    vowels = np.array([index for index, phone in enumerate(clip.phone) if PHONES[phone].is_vowel], dtype=int)
    start_s, end_s = clip.start_s[vowels].astype(float), clip.end_s[vowels].astype(float)
    middle_s = 0.5 * (start_s + end_s)
    length = np.clip((end_s - start_s) / max(float(np.median(end_s - start_s)) if len(vowels) else 1.0, 0.03), 0, 2.5)
    loud = np.interp(middle_s, np.arange(len(loudness)) / fps, loudness)
    salience = 2.2 * loud + 0.45 * length + 0.25 * clip.stress[vowels]
    order = np.argsort(-salience)
    taken: list[int] = []
    for index in order:
        if loud[index] > 0.25 and all(abs(middle_s[index] - middle_s[other]) > _SYLLABLE_S for other in taken):
            taken.append(int(index))
    taken.sort()
    middle = float(np.median(salience)) if len(vowels) else 0.0
    spread = float(np.percentile(salience, 90)) - middle + 0.15 if len(vowels) else 1.0
    size = np.clip(0.55 + 0.45 * (salience[taken] - middle) / spread, 0.15, 1.2)
    return Beats(duration_s=len(loudness) / fps, phrases=_phrases(clip), accent_s=middle_s[taken], accent_size=size)


def _phrases(clip: TimedSpeech) -> tuple[tuple[float, float], ...]:
    phrases: list[tuple[float, float]] = []
    for start, end, phone in zip(clip.start_s, clip.end_s, clip.phone, strict=True):
        if phone == SILENCE:
            continue
        if phrases and float(start) - phrases[-1][1] < _PAUSE_S:
            phrases[-1] = (phrases[-1][0], float(end))
        else:
            phrases.append((float(start), float(end)))
    return tuple(phrases)


def gesture(
    beats: Beats,
    emotion: Float[np.ndarray, "frames 8"],
    style: Float[np.ndarray, "5"],
    fps: float,
    rng: np.random.Generator,
) -> BodyMotion:
    """Perform: every joint and the pelvis over time; the same generator state gives the same motion.

    Args:
        emotion: weights times intensity; neutral is what is left of 1.
        style: in the order of `BODY_STYLES`, each -1..1.
    """
    plan_rng, carry_rng, noise_rng, stance_rng = rng.spawn(4)
    frames = len(emotion)
    planner = Planner(beats, emotion, style, fps)
    states = np.stack([track.states(frames, fps) for track in planner.plan(plan_rng)], axis=1)
    tremble = np.clip(trait("tremble", emotion), 0, 1.2)
    clock = activity_clock(beats, frames, fps)
    _enliven(states, tremble, clock, fps, noise_rng)
    carriage = carry(beats, emotion, states[..., PLACE], fps, carry_rng)
    for at, size in planner.shrugs:
        bump = np.exp(-0.5 * ((np.arange(frames) / fps - at - 0.1) / 0.28) ** 2)
        carriage.shoulders[..., 0] += np.radians(9.0) * size * bump[:, None]
    rotations = _posed(states, carriage, clock, fps, noise_rng)
    teacher = open_teacher()
    stance = Stance.drawn(stance_rng, teacher.skeleton, float(trait("stance", emotion[:1])[0]))
    rotations = clear_hands(teacher.skeleton, teacher.torso, rotations)
    translation_m = lowered(teacher.skeleton, rotations, torch.from_numpy(carriage.sway_m), stance)
    rotations = plant_feet(teacher.skeleton, rotations, translation_m, stance.ankles_m, stance.feet)
    return BodyMotion(joints_axis_angle=matrix_to_axis_angle(rotations).float(), translation_m=translation_m.float())


def _enliven(states: np.ndarray, tremble: np.ndarray, clock: np.ndarray, fps: float, rng: np.random.Generator) -> None:
    """Nothing of a living arm is ever quite still; hands lag behind the movement of the arm. In place."""
    for side in range(2):
        arm = states[:, side]
        slow, quick = wander(rng, clock, 7, 0.5 * fps), wander(rng, clock, 7, 0.13 * fps)
        shake = wander(rng, np.arange(len(states), dtype=np.float64), 7, 0.03 * fps) * tremble[:, None]
        speed = np.gradient(smooth(arm[:, PLACE], 1.2), 1 / fps, axis=0)
        palm_down = np.sin(np.radians(np.clip(arm[:, SUPINATION], -90, 90)))
        arm[:, FLEXION] += np.clip(-12 * palm_down * speed[:, 1], -22, 22)
        arm[:, DEVIATION] += np.clip(-9 * (1 - np.abs(palm_down)) * speed[:, 1], -15, 15)
        arm[:, PLACE] += 0.010 * slow[:, :3] + 0.005 * quick[:, :3] + 0.002 * shake[:, :3]
        arm[:, SUPINATION] += 4.0 * slow[:, 3] + 2.2 * quick[:, 3] + 1.0 * shake[:, 3]
        arm[:, FLEXION] += 4.0 * slow[:, 4] + 2.4 * quick[:, 4] + 1.2 * shake[:, 4]
        arm[:, DEVIATION] += 2.0 * slow[:, 5] + 0.8 * quick[:, 5]
        arm[:, ELBOW] += 0.025 * slow[:, 6] + 0.006 * quick[:, 6]
        arm[:, SUPINATION] = np.clip(arm[:, SUPINATION], -78, 88)
        arm[:, FLEXION] = np.clip(arm[:, FLEXION], -62, 55)
        arm[:, DEVIATION] = np.clip(arm[:, DEVIATION], -26, 20)
        arm[:, ELBOW] = np.clip(arm[:, ELBOW], -0.05, 0.75)


def _posed(
    states: np.ndarray, carriage: Carriage, clock: np.ndarray, fps: float, rng: np.random.Generator
) -> Float[torch.Tensor, "frames 55 3 3"]:
    """Rotations of all joints but the legs."""
    frames = len(states)
    axis_angle = np.zeros((frames, len(JOINT), 3))
    axis_angle[:, JOINT["pelvis"]] = carriage.pelvis
    for name, share in (("spine1", 0.3), ("spine2", 0.36), ("spine3", 0.34)):
        axis_angle[:, JOINT[name]] = share * carriage.spine
    axis_angle[:, JOINT["neck"]], axis_angle[:, JOINT["head"]] = 0.5 * carriage.head, 0.5 * carriage.head
    local: list[torch.Tensor] = []
    for side in range(2):
        raised, forward = carriage.shoulders[:, side].T
        collar = np.stack([np.zeros(frames), -forward, raised], axis=1)
        arm = states[:, side]
        angles = torch.from_numpy(np.radians(arm[:, [SUPINATION, FLEXION, DEVIATION]]))
        solved = solve_arm(
            open_teacher().skeleton,
            ArmPose(
                wrist_m=torch.from_numpy(arm[:, PLACE].copy()),
                elbow_out=torch.from_numpy(arm[:, ELBOW].copy()),
                supination=angles[:, 0],
                flexion=angles[:, 1],
                deviation=angles[:, 2],
                collar=torch.from_numpy(collar),
            ),
        )
        local.append(solved)
        hand = fingers(arm[:, SHAPE], _flutter(arm, clock, fps, rng))
        first = JOINT["left_index1"] if side == 0 else JOINT["right_index1"]
        axis_angle[:, first : first + 15] = hand if side == 0 else hand * [1, -1, -1]
    rotations = axis_angle_to_matrix(torch.from_numpy(axis_angle))
    for index, name in enumerate(("collar", "shoulder", "elbow", "wrist")):
        rotations[:, JOINT[f"left_{name}"]] = local[0][:, index]
        rotations[:, JOINT[f"right_{name}"]] = mirrored(local[1][:, index])
    return rotations


def _flutter(arm: np.ndarray, clock: np.ndarray, fps: float, rng: np.random.Generator) -> Float[np.ndarray, "frames 5"]:
    """Bend of each finger beyond the shape, radians: slow changes, more while the arm moves, one finger after the other."""
    speed = smooth(np.linalg.norm(np.gradient(arm[:, PLACE], 1 / fps, axis=0), axis=1), 0.08 * fps)
    common, own = wander(rng, clock, 1, 0.3 * fps), wander(rng, clock, 5, 0.22 * fps)
    return np.radians(7.0) * common + np.radians(7.0) * own + np.radians(20.0) * np.clip(speed, 0, 1.5)[:, None] * own
