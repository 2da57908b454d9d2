"""Finds out what kind of face a checkpoint folder holds and loads it."""

from __future__ import annotations

from pathlib import Path

from emote3d.checkpoint import read_manifest
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.performers.bodies import holds_body
from emote3d.performers.face import FacePerformer
from emote3d.performers.open_face import OpenFace


def load_performer(folder: Path, demo_compat: bool = False) -> FacePerformer:
    """Load the face of a checkpoint folder; its audio encoder tells the kind. One that holds only a body gets the shipped face.

    Args:
        demo_compat: for EMOTE, hear the audio as its demo does.

    Raises:
        Emote3DError: no such folder, or a damaged or unknown component.
    """
    if not (folder / "audio").is_dir() and holds_body(folder):
        folder = asset_path("checkpoints", "open-v1")
    if not (folder / "audio").is_dir():
        raise Emote3DError(
            f"there is no checkpoint in {folder}: expected the folders audio, latents, decoder and prior of a face, "
            "or those of a body"
        )
    kind = read_manifest(folder / "audio").get("class")
    if kind == "CompactEncoder":
        return OpenFace.from_pretrained(folder)
    if kind == "ResampledWav2Vec":
        from emote3d.performers.emote import EmoteFace

        return EmoteFace.from_pretrained(folder, demo_compat)
    raise Emote3DError(f"{folder / 'audio'} holds a {kind!r}; expected a CompactEncoder or a ResampledWav2Vec")
