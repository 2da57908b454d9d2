"""What every body performer does, and which one a checkpoint folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.latents.direction import Direction
from emote3d.performers.face import Heard
from emote3d.records import BodyMotion, Speech

OPEN_PARTS = ("body_prior", "body_denoiser")
"""Folders of a checkpoint with our own body."""
AMUSE_PARTS = ("content", "emotion", "style", "prior", "denoiser")
"""Folders of an imported AMUSE checkpoint."""
_OF_AMUSE_ALONE = ("content", "emotion", "style", "denoiser")


@runtime_checkable
class BodyPerformer(Protocol):
    """Speech in, 55 joints out."""

    @property
    def fps(self) -> float:
        """Frame rate of what it performs."""
        ...

    def check(self, direction: Direction) -> None:
        """Refuse what this body cannot do, before anything is listened to; raises `Emote3DError`."""
        ...

    def listen(self, speech: Speech, heard: Heard | None = None) -> Any:
        """Hear a recording (no direction changes it); what comes of it is for `perform`.

        Args:
            heard: what the face heard in the same recording.
        """
        ...

    def perform(self, sound: Any, heard: Heard, direction: Direction, seed: int) -> BodyMotion:
        """Perform what was heard.

        Args:
            sound: what `listen` gave.
            heard: what the face heard in the same recording: the emotion of the voice, the words.
        """
        ...


def holds_body(folder: Path) -> bool:
    """Whether a checkpoint folder has a body of its own."""
    return any((folder / name).is_dir() for name in (*OPEN_PARTS, *_OF_AMUSE_ALONE))


def load_body(folder: Path) -> BodyPerformer:
    """The body of a checkpoint folder; one that holds only a face gets the shipped body.

    Raises:
        Emote3DError: a part is missing or damaged.
    """
    kinds = {"the body": OPEN_PARTS, "AMUSE": AMUSE_PARTS}
    wanted = OPEN_PARTS if any((folder / name).is_dir() for name in OPEN_PARTS) else AMUSE_PARTS
    if not holds_body(folder):
        folder, wanted = asset_path("checkpoints", "open-v1"), OPEN_PARTS
    missing = [name for name in wanted if not (folder / name).is_dir()]
    if missing:
        name = next(kind for kind, parts in kinds.items() if parts == wanted)
        raise Emote3DError(f"{folder} lacks {', '.join(missing)} of {name}; import or train these parts into it too")
    if wanted == AMUSE_PARTS:
        from emote3d.performers.amuse_gestures import AmuseGestures

        return AmuseGestures.from_pretrained(folder)
    from emote3d.performers.open_body import OpenBody

    return OpenBody.from_pretrained(folder)
