"""What every face performer does, whatever networks it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from emote3d.audio.rhythm import Rhythm
from emote3d.latents.direction import Direction
from emote3d.latents.keys import SpokenWord
from emote3d.records import FaceMotion, Speech, SpeechLatents


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A recording as a performer heard it; serves any number of directions."""

    latents: SpeechLatents
    """Content, the emotion heard in the voice, and the average style."""
    loudness: Float[Tensor, "frames"]
    """0 (silence) to 1 (the level of the speech), per motion frame."""
    accents: Float[Tensor, "frames"]
    """Prominence of an accented syllable in the frame where it is loudest, 0 elsewhere (`audio.rhythm.Rhythm`)."""
    contacts: Float[Tensor, "frames lips"]
    """1 where the voice asks for one of `names.LIPS`, 0 elsewhere; all 0 where a performer does not listen for them."""
    words: tuple[SpokenWord, ...] | None = None
    """The words of the transcript, where there is one."""
    rhythm: Rhythm | None = None
    """The rhythm that the accents are of, where the performer measured it at its frame rate: a body need not measure it again."""


@runtime_checkable
class FacePerformer(Protocol):
    """Speech in, face out."""

    @property
    def fps(self) -> float:
        """Frame rate of what it performs."""
        ...

    def check(self, direction: Direction) -> None:
        """Refuse what this performer cannot do, before anything is listened to.

        Raises:
            Emote3DError: the direction asks for something that this performer cannot do.
        """
        ...

    def listen(self, speech: Speech) -> Heard:
        """Hear a recording (the slow half; no direction changes it)."""
        ...

    def act(self, heard: Heard, direction: Direction, seed: int) -> FaceMotion:
        """Perform what was heard; the same seed gives the same motion.

        Raises:
            Emote3DError: the direction asks for something that this performer cannot do.
        """
        ...


@runtime_checkable
class Redirectable(Protocol):
    """A performer whose motion can be performed again from what it heard."""

    @property
    def fingerprint(self) -> str:
        """Tells its content latents from those of another checkpoint."""
        ...
