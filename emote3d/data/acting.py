"""The teacher of the face: articulation, accents and emotion to ARKit coefficients, neck and eyes.

Emotions are the prototypes of FACS (Ekman, Friesen, Hager 2002) written with ARKit's shapes; they swell with the voice, and the
parts of them that would part the lips give way to the closures of the speech.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from emote3d.data.coarticulation import ARTICULATION
from emote3d.decoders.face import CHANNELS, EYES, JAW, JAW_OPEN_RAD, NECK
from emote3d.names import ARKIT_52, EMOTIONS

_PROTOTYPES: dict[str, dict[str, float]] = {
    "happy": {
        "mouthSmile*": 0.72, "cheekSquint*": 0.5, "eyeSquint*": 0.22, "mouthDimple*": 0.15, "browOuterUp*": 0.12,
        "browInnerUp": 0.06, "mouthUpperUp*": 0.12,
    },
    "sad": {
        "browInnerUp": 0.8, "browDown*": 0.12, "mouthFrown*": 0.62, "mouthShrugLower": 0.35, "eyeSquint*": 0.1,
        "eyeBlink*": 0.17, "eyeLookDown*": 0.18, "mouthRollLower": 0.08,
    },
    "surprise": {"browInnerUp": 0.75, "browOuterUp*": 0.85, "eyeWide*": 0.8, "jawOpen": 0.16, "mouthFunnel": 0.06},
    "fear": {
        "browInnerUp": 0.85, "browOuterUp*": 0.35, "browDown*": 0.3, "eyeWide*": 0.65, "mouthStretch*": 0.6, "jawOpen": 0.05,
        "mouthLowerDown*": 0.12,
    },
    "disgust": {
        "noseSneer*": 0.85, "mouthUpperUp*": 0.42, "browDown*": 0.5, "cheekSquint*": 0.4, "eyeSquint*": 0.35,
        "mouthFrown*": 0.3, "mouthShrugLower": 0.25,
    },
    "anger": {
        "browDown*": 0.95, "noseSneer*": 0.35, "eyeSquint*": 0.3, "eyeWide*": 0.22, "mouthPress*": 0.22, "mouthFrown*": 0.32,
        "jawForward": 0.2, "mouthLowerDown*": 0.14, "mouthUpperUp*": 0.1,
    },
    "contempt": {
        "mouthSmileLeft": 0.42, "mouthDimpleLeft": 0.65, "mouthUpperUpLeft": 0.14, "mouthLeft": 0.12, "browOuterUpRight": 0.4,
        "browDownLeft": 0.2, "eyeSquint*": 0.22, "cheekSquintLeft": 0.2,
    },
}  # fmt: skip
"""`*` stands for Left and Right."""
_POSTURE_DEG = {  # pitch (down), yaw (left), roll (towards the left shoulder)
    "happy": (-2.0, 0.0, 2.0), "sad": (7.0, 0.0, -2.0), "surprise": (-3.5, 0.0, 0.0), "fear": (-2.0, 2.0, 0.0),
    "disgust": (-2.5, -3.0, 0.0), "anger": (4.0, 0.0, 0.0), "contempt": (-5.0, 3.0, 3.0),
}  # fmt: skip
_GAZE_DOWN_DEG = {"sad": 5.0, "disgust": 2.0}
_VIGOUR = {"happy": 1.1, "sad": 0.8, "surprise": 1.1, "fear": 1.0, "disgust": 0.95, "anger": 1.2, "contempt": 0.9}
"""Size of articulation and accents in each emotion."""
_TEETH_ON_LIP_JAW = 0.09
"""Opening at which the upper teeth rest visibly on the lower lip in f and v."""
_LIPS = ("mouthUpperUp", "mouthLowerDown", "mouthFunnel", "jawOpen")
_INDEX = {name: index for index, name in enumerate(ARKIT_52)}


def _shape_indices(name: str) -> list[int]:
    return [_INDEX[name[:-1] + side] for side in ("Left", "Right")] if name.endswith("*") else [_INDEX[name]]


def _table(rows: dict[str, dict[str, float]]) -> np.ndarray:
    matrix = np.zeros((len(EMOTIONS), len(ARKIT_52)))
    for emotion, shapes in rows.items():
        for name, value in shapes.items():
            matrix[EMOTIONS.index(emotion), _shape_indices(name)] = value
    return matrix


_EXPRESSIONS = _table(_PROTOTYPES)
_POSTURES = np.radians([_POSTURE_DEG.get(name, (0.0, 0.0, 0.0)) for name in EMOTIONS])
_GAZES = np.radians([_GAZE_DOWN_DEG.get(name, 0.0) for name in EMOTIONS])
_VIGOURS = np.array([_VIGOUR.get(name, 1.0) for name in EMOTIONS])
_LIP_PARTING = np.array([name.startswith(_LIPS) for name in ARKIT_52])
_SPEECH_HIDES = np.array([name.startswith(("mouthPress", "mouthShrug", "mouthRoll")) for name in ARKIT_52])


def mouth(articulation: Float[np.ndarray, "frames articulation"], size: np.ndarray) -> Float[np.ndarray, "frames 52"]:
    """ARKit coefficients of the speech movements; `size` [frames] scales all but the contacts of the lips."""
    move = dict(zip(ARTICULATION, articulation.T, strict=True))
    closure, labiodental = move["closure"], move["labiodental"]
    out = np.zeros((len(articulation), len(ARKIT_52)))
    free = (1 - closure) * (1 - 0.8 * labiodental)

    def put(name: str, value: np.ndarray) -> None:
        out[:, _shape_indices(name)] += value[:, None]

    jaw = 0.62 * move["jaw"] * size * (1 - 0.65 * closure)
    jaw = (1 - labiodental) * jaw + labiodental * _TEETH_ON_LIP_JAW
    put("jawOpen", jaw)
    put("mouthClose", closure * jaw)
    put("mouthPress*", 0.2 * closure)
    put("mouthRollLower", 0.14 * closure + 0.7 * labiodental)
    put("mouthRollUpper", 0.14 * closure)
    put("mouthUpperUp*", 0.34 * move["upper_up"] * size * (1 - closure) + 0.12 * labiodental)
    put("mouthLowerDown*", 0.42 * move["lower_down"] * size * free)
    put("mouthPucker", 0.72 * move["pucker"] * np.sqrt(size) * (1 - 0.35 * closure) * (1 - 0.7 * labiodental))
    put("mouthFunnel", 0.55 * move["funnel"] * np.sqrt(size) * (1 - closure) * (1 - 0.9 * labiodental))
    put("mouthStretch*", 0.24 * move["wide"] * size)
    put("mouthSmile*", 0.13 * move["wide"] * size)
    put("mouthDimple*", 0.08 * move["wide"] * size)
    put("tongueOut", 0.3 * move["tongue"] * free)
    return out


def act(
    articulation: Float[np.ndarray, "frames articulation"],
    accent: Float[np.ndarray, "frames"],
    loudness: Float[np.ndarray, "frames"],
    emotion: Float[np.ndarray, "frames 8"],
    style: Float[np.ndarray, "3"],
) -> Float[np.ndarray, "frames channels"]:
    """Perform: the motion channels that a voice determines.

    Args:
        loudness: smoothed over a word or so, 0..1.
        emotion: weights times intensity; neutral is what is left of 1.
        style: logarithms of the factors on articulation, head and brow motion.
    """
    articulation_size, head_size, brow_size = np.exp(style)
    weight_sum = np.maximum(emotion.sum(axis=1), 1.0)
    vigour = (emotion @ _VIGOURS + np.maximum(0, 1 - emotion.sum(axis=1))) / weight_sum
    speech = mouth(articulation, articulation_size * vigour)
    swell = 0.82 + 0.3 * loudness
    felt = (emotion @ _EXPRESSIONS) * swell[:, None]
    closure = np.maximum(articulation[:, 1], 0.8 * articulation[:, 2])[:, None]
    felt = np.where(_LIP_PARTING, felt * (1 - closure), felt)
    felt = np.where(_SPEECH_HIDES, felt * (1 - 0.7 * np.clip(2 * loudness, 0, 1))[:, None], felt)
    coefficients = speech + felt
    rounded = np.clip(articulation[:, 3] + articulation[:, 4], 0, 1)
    for name in ("mouthSmile*", "mouthStretch*"):
        coefficients[:, _shape_indices(name)] *= (1 - 0.35 * rounded)[:, None]
    brows = accent * brow_size * vigour
    coefficients[:, _shape_indices("browOuterUp*")] += 0.22 * brows[:, None]
    coefficients[:, _shape_indices("browInnerUp")] += 0.26 * brows[:, None]
    coefficients[:, _INDEX["mouthClose"]] = np.minimum(
        coefficients[:, _INDEX["mouthClose"]] + closure[:, 0] * felt[:, _INDEX["jawOpen"]],
        coefficients[:, _INDEX["jawOpen"]],
    )
    channels = np.zeros((len(articulation), CHANNELS))
    channels[:, : len(ARKIT_52)] = np.clip(coefficients, 0, 1)
    channels[:, JAW.start] = JAW_OPEN_RAD * channels[:, _INDEX["jawOpen"]]
    channels[:, NECK] = emotion @ _POSTURES
    channels[:, NECK.start] += np.radians(3.2) * accent * head_size * vigour - np.radians(1.2) * loudness * head_size
    channels[:, [EYES.start, EYES.start + 3]] = (emotion @ _GAZES)[:, None]
    return channels
