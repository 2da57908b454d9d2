"""Which formats there are: suffix, what is in the file, and the function that writes it.

Imports no torch, so that the command line stays quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emote3d.errors import Emote3DError
from emote3d.files import require_writable


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Choices that some formats offer."""

    morphs: Literal[8, 32, 52] = 52
    """How many face shapes a .glb, .usd or .blend may have; fewer are chosen to fit the motion best."""
    visemes: bool = False
    """Add the 15 Oculus visemes where the format has a place for them."""
    shape: str = ""
    """Identity of the avatar: gender=1,age=0.6 by name, or numbers in the model's order."""
    view: str = "face"
    """What a video shows: face, left, right, upper or full; several side by side with commas."""
    size: str = "512x512"
    """Width x height of a video in pixels, even numbers."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A kind of file."""

    function: str
    """`module:function` of an `emote3d.export.registry.Write`; imported when it is used."""
    description: str
    """What the file holds, for the list of formats."""
    rates: tuple[int, ...] = ()
    """Frame rates that the readers of this format know; empty: any."""


_AMASS_RATES = (30, 60, 120)

WRITERS: dict[str, Writer] = {
    ".npz": Writer(
        function="emote3d.export.amass:write_npz",
        description="SMPL-X/AMASS layout (poses, trans, betas, expressions) with the coefficients beside it",
        rates=_AMASS_RATES,
    ),
    ".csv": Writer(
        function="emote3d.export.live_link:write_csv",
        description="Live Link Face capture (61 values a frame, timecode), face alone",
        rates=(30, 60),
    ),
    ".json": Writer(
        function="emote3d.export.audio2face:write_json",
        description="Audio2Face weights; with --visemes also Oculus visemes and Rhubarb-like mouth cues",
    ),
    ".glb": Writer(
        function="emote3d.export.glb:write_glb",
        description="glTF 2.0 in one file: mesh, materials, skin, named face shapes, animation",
    ),
    ".gltf": Writer(function="emote3d.export.glb:write_gltf", description="the same as JSON with a .bin beside it"),
    **dict.fromkeys(
        (".usd", ".usda", ".usdc"),
        Writer(
            function="emote3d.export.usd:write_usd",
            description="UsdSkel: skeleton, blend shapes, animation, materials, sound",
        ),
    ),
    **dict.fromkeys(
        (".blend", ".fbx", ".abc"),
        Writer(
            function="emote3d.export.blender:write_with_blender",
            description="made by Blender (3.4 or newer, or the package bpy): scene, FBX, Alembic",
        ),
    ),
    ".vrm": Writer(function="emote3d.export.vrm:write_vrm", description="VRM 1.0: the avatar with its expressions"),
    ".vrma": Writer(
        function="emote3d.export.vrm:write_vrma",
        description="VRM animation for any VRM avatar: bones, expressions, gaze",
    ),
    ".bvh": Writer(
        function="emote3d.export.bvh:write_bvh",
        description="skeleton and its motion in centimetres, fingers included; no face shapes",
    ),
    ".obj": Writer(
        function="emote3d.export.sequence:write_obj", description="a folder of meshes, one a frame, with vertex colours"
    ),
    ".ply": Writer(function="emote3d.export.sequence:write_ply", description="the same, binary"),
    ".pc2": Writer(
        function="emote3d.export.sequence:write_pc2", description="point cache, with the mesh it moves beside it"
    ),
    **dict.fromkeys(
        (".mp4", ".mov", ".mkv"),
        Writer(
            function="emote3d.export.film:write_film", description="video of the avatar with the sound (H.264, AAC)"
        ),
    ),
    ".usdz": Writer(function="emote3d.export.usd:write_usdz", description="the same in one package, the sound too"),
}
"""Suffix to writer. A new format is one entry here and one module."""


def known_suffixes() -> str:
    """All suffixes, for messages."""
    return ", ".join(sorted(WRITERS))


def writer_for(path: Path) -> Writer:
    """Find the writer that a file name asks for.

    Raises:
        Emote3DError: no format has this suffix; the message lists those that are known.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise Emote3DError(f"expected an output ending in one of {known_suffixes()}; got '{path}'")
    return writer


def check_outputs(paths: Sequence[Path]) -> None:
    """Refuse outputs that cannot be written before the work begins.

    Raises:
        Emote3DError: none, two alike, an unknown suffix, or a place that cannot be written.
    """
    if not paths:
        raise Emote3DError(f"expected at least one output (-o FILE ending in one of {known_suffixes()}); got none")
    places = []
    for path in paths:
        writer_for(path)
        places.append(require_writable(path))
    doubled = sorted({str(place) for place in places if places.count(place) > 1})
    if doubled:
        raise Emote3DError(f"expected every output once; got {', '.join(doubled)} twice")


def fitting_rate(writer: Writer, fps: float) -> float:
    """The rate that a format's readers know and that is nearest above (or, failing that, below) a motion's."""
    if not writer.rates or fps in writer.rates:
        return fps
    return float(min((rate for rate in writer.rates if rate >= fps), default=max(writer.rates)))
