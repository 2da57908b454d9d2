"""What flows from stage to stage: frozen records of tensors.

Metres, seconds, radians; +y up, the face looks along +z, the avatar's left is +x; rotations are axis-angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from emote3d.names import ARKIT_52

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
    style: Float[Tensor, "style_d"]
    """How the speaker moves (EMOTE's identity condition)."""


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


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Face and body over time; either may be missing."""

    face: FaceMotion | None = None
    body: BodyMotion | None = None
    fps: float
    """Frames per second; frame k is at k / fps seconds."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        if self.face is not None:
            return self.face.expression.shape[0]
        assert self.body is not None, "a motion has a face or a body"
        return self.body.joints_axis_angle.shape[0]


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
