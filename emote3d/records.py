"""What flows from stage to stage: frozen records of tensors.

Metres, seconds, radians; +y up, the face looks along +z, the avatar's left is +x; rotations are axis-angle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from emote3d.names import ARKIT_52, OCULUS_VISEMES

Basis = Literal["arkit52", "flame2020", "flame2023", "smplx2020"]
"""The meaning of expression coefficients; bases are never mixed without a retarget map."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A mono recording."""

    waveform: Float[Tensor, "samples"]
    """Amplitude in [-1, 1]."""
    sample_rate: int
    """Samples per second."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.waveform.shape[0] / self.sample_rate


@dataclass(frozen=True, kw_only=True)
class SpeechFeatures:
    """What the audio encoder hears, one row per motion frame."""

    features: Float[Tensor, "frames d"]
    """Encoder output at the motion frame rate."""
    frame_rate: float
    """Frames per second."""


@dataclass(frozen=True, kw_only=True)
class SpeechLatents:
    """What the speech says, what it feels and whose it is."""

    content: Float[Tensor, "frames content_d"]
    """What is said, per motion frame."""
    emotion: Float[Tensor, "emotion_frames emotion_d"]
    """Weight of each emotion times intensity; one row, or one per motion frame."""
    style: Float[Tensor, "*style_frames style_d"]
    """How the speaker moves (EMOTE's identity condition); one row, or one per motion frame."""


@dataclass(frozen=True, kw_only=True)
class MotionLatents:
    """Latents of a temporal VAE, several motion frames each."""

    z: Float[Tensor, "latent_frames latent_d"]
    """One latent per group of motion frames."""
    frame_rate: float
    """Motion (not latent) frames per second."""


@dataclass(frozen=True, kw_only=True)
class FaceMotion:
    """A face over time."""

    expression: Float[Tensor, "frames coefficients"]
    """Expression coefficients in `basis`; ARKit ones lie in [0, 1]."""
    basis: Basis
    """The meaning of the coefficients."""
    jaw_axis_angle: Float[Tensor, "frames 3"]
    """Jaw rotation in radians; an ARKit-basis motion opens the mouth by `jawOpen` and repeats it here for other rigs."""
    neck_axis_angle: Float[Tensor, "frames 3"]
    """Head rotation relative to the torso, radians."""
    eyes_axis_angle: Float[Tensor, "frames 2 3"]
    """Rotation of the left and the right eyeball, radians."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each expression coefficient."""
        if self.basis == "arkit52":
            return ARKIT_52
        return tuple(f"{self.basis}_{index:03d}" for index in range(self.expression.shape[1]))


@dataclass(frozen=True, kw_only=True)
class BodyMotion:
    """A body over time."""

    joints_axis_angle: Float[Tensor, "frames 55 3"]
    """Local joint rotations in SMPL-X order, radians."""
    translation_m: Float[Tensor, "frames 3"]
    """Displacement of the pelvis from its rest place, metres."""


@runtime_checkable
class Skeleton(Protocol):
    """What can say where its joints come to lie; a `BodyModel` can."""

    def joint_positions(self, motion: Motion) -> Float[Tensor, "frames joints 3"]:
        """Joint positions in metres."""
        ...


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a motion was made from: enough to perform it again in another way, without the audio."""

    content: Float[Tensor, "latent_rows content_d"]
    """Content latents, rounded to float16."""
    voice: Float[Tensor, "latent_rows 8"]
    """Probability of each emotion in the voice."""
    loudness: Float[Tensor, "latent_rows"]
    """0 (silence) to 1 (the level of the speech)."""
    accents: Float[Tensor, "latent_rows"]
    """Prominence of an accented syllable in the frame where it is loudest, 0 elsewhere."""
    contacts: Float[Tensor, "latent_rows 3"]
    """1 where the voice asks for shut lips, for a tucked lower lip, for parted lips; 0 elsewhere."""
    style: Float[Tensor, "style_d"]
    """The average style."""
    frame_rate: float
    """Rows per second of content, voice, loudness, accents and contacts."""
    duration_s: float
    """Length of the recording."""
    seed: int
    """Seed of blinks, nods, raised brows, gaze and head drift."""
    model: str
    """Fingerprint of the network whose content latents these are."""
    words: tuple[str, ...] = ()
    """The transcript's words, where there was one."""
    word_times_s: Float[Tensor, "words 2"]
    """Start and end of each word."""
    direction: str
    """How it was performed: the settings as JSON."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Face and body over time; either may be missing. The methods are for engines: they give numpy arrays."""

    face: FaceMotion | None = None
    body: BodyMotion | None = None
    fps: float
    """Frames per second; frame k is at k / fps seconds."""
    origin: Origin | None = None
    """What it was made from; a motion from elsewhere has none."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        if self.face is not None:
            return self.face.expression.shape[0]
        assert self.body is not None, "a motion has a face or a body"
        return self.body.joints_axis_angle.shape[0]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.fps

    def arkit(self) -> tuple[tuple[str, ...], Float[np.ndarray, "frames 52"]]:
        """Names and coefficients of ARKit's 52 shapes.

        Raises:
            Emote3DError: no face, or one in another basis (`emote3d retarget` makes an ARKit one of it).
        """
        from emote3d.engine import arkit

        return ARKIT_52, arkit(self)

    def visemes(self) -> tuple[tuple[str, ...], Float[np.ndarray, "frames 15"]]:
        """Names and weights of the 15 Oculus visemes; each frame adds up to 1. Raises as `arkit`."""
        from emote3d.engine import visemes

        return OCULUS_VISEMES, visemes(self)

    def joint_quaternions(self, order: Literal["xyzw", "wxyz"] = "xyzw") -> Float[np.ndarray, "frames 55 4"]:
        """Local rotation of the 55 SMPL-X joints relative to the T-pose, face and body put together."""
        from emote3d.engine import joint_quaternions

        return joint_quaternions(self, order)

    def joint_positions(self, skeleton: Skeleton) -> Float[np.ndarray, "frames joints 3"]:
        """Where the joints of an avatar, e.g. `open_avatar()`, come to lie, metres."""
        return skeleton.joint_positions(self).numpy()

    def resample(self, fps: float) -> Motion:
        """Motion at another frame rate: slerp for rotations, cubic for the rest."""
        from emote3d.motion import resample_motion

        return resample_motion(self, fps)

    def slice(self, t0: float, t1: float | None = None) -> Motion:
        """Cut out the frames from t0 up to t1 seconds; raises `Emote3DError` where there is none."""
        from emote3d.timeline import slice_motion

        return slice_motion(self, t0, t1)

    def blend(self, other: Motion, weight: float | Float[Tensor, "frames"]) -> Motion:
        """Mix with another motion, 0 = this one, 1 = the other; see `timeline.blend_motions`."""
        from emote3d.timeline import blend_motions

        return blend_motions(self, other, weight)

    @staticmethod
    def concatenate(motions: Sequence[Motion], overlap_s: float = 0.0) -> Motion:
        """Join motions, faded over `overlap_s` seconds; see `timeline.concatenate_motions`."""
        from emote3d.timeline import concatenate_motions

        return concatenate_motions(motions, overlap_s)


@dataclass(frozen=True, kw_only=True)
class Material:
    """How a part of a mesh meets the light."""

    name: str
    color_srgb: tuple[float, float, float]
    """Base colour in [0, 1], multiplied by the vertex colours."""
    roughness: float
    """0 mirror-like .. 1 matt."""
    specular: float
    """Strength of the highlight, 0..1."""
    subsurface: float
    """0 hard terminator .. 1 light wraps around and reddens, as in skin."""
    coat: bool = False
    """A clear coat (cornea): drawn last, adds only its highlight."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What of a mesh does not move: topology, parts and looks."""

    faces: Int[Tensor, "faces 3"]
    """Vertex indices, counter-clockwise seen from outside."""
    face_materials: Int[Tensor, "faces"]
    """Index into `materials`."""
    materials: tuple[Material, ...]
    vertex_colors_srgb: Float[Tensor, "verts 3"]
    """Tint in [0, 1]."""
    vertex_occlusion: Float[Tensor, "verts"]
    """Share of ambient and diffuse light that arrives, 0 (deep in the mouth) .. 1."""


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """A posed mesh over time."""

    vertices_m: Float[Tensor, "frames verts 3"]
    """Positions in metres."""
    joints_m: Float[Tensor, "frames joints 3"]
    """Joint positions in metres."""
    surface: Surface


@dataclass(frozen=True, kw_only=True)
class Take:
    """A motion with what a writer may need beside it."""

    motion: Motion
    mesh: Mesh | None = None
    speech: Speech | None = None
