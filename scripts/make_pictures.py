"""Make the pictures and clips of the documentation from real recordings:

    PYTHONPATH=. python scripts/make_pictures.py [--only gaze ...]

`emotions` is the README's sheet; `intensities`, `regions`, `articulation`, `gaze` and the clips belong to docs/direction.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import tyro
from torch import Tensor

from emote3d import Direction, Emote3D
from emote3d.audio.load import load_speech
from emote3d.body import BodyModel
from emote3d.errors import ending_in_one_line
from emote3d.export.film import film, posed, set_up
from emote3d.files import asset_path, atomic_path
from emote3d.latents.instruction import parse_instruction
from emote3d.names import EMOTIONS
from emote3d.records import Motion, Speech
from emote3d.render import open_renderer
from emote3d.render.renderer import Renderer


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to draw."""

    folder: Path = Path("docs")
    only: tuple[str, ...] = ()
    """Names of sheets and clips (default: all)."""
    side: int = 112
    """Pixels of one picture of a sheet."""
    recording: Path | None = None
    """Another recording than the demo's."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One picture of a sheet."""

    direction: Direction
    at_s: float


def emotions_sheet() -> list[list[Cell]]:
    """Rows of moments, columns of emotions."""
    names = ("neutral", "happy", "sad", "anger", "surprise")
    return [[Cell(direction=Direction(emotion=name), at_s=at) for name in names] for at in (2.6, 4.43, 6.1)]


def intensities_sheet() -> list[list[Cell]]:
    """Rows 0.4, 0.8, 1.2, 1.5; columns are the seven emotions."""
    return [
        [Cell(direction=Direction(emotion=name, intensity=strength), at_s=2.6) for name in EMOTIONS[1:]]
        for strength in (0.4, 0.8, 1.2, 1.5)
    ]


def regions_sheet() -> list[list[Cell]]:
    """Rows: upper face happy, sad, anger, surprise; columns: mouth the same, then a lopsided one."""
    names = ("happy", "sad", "anger", "surprise")
    return [
        [Cell(direction=Direction(upper=upper, mouth=mouth), at_s=4.43) for mouth in names]
        + [Cell(direction=Direction(emotion=upper, asymmetry=side), at_s=4.43) for side in (0.8, -0.8)]
        for upper in names
    ]


def articulation_sheet() -> list[list[Cell]]:
    """Rows: three moments; columns: whisper, jaw only, plain, lips only, shout."""
    styles = (
        Direction(articulation=0.4), Direction(jaw=1.6, lips=0.4), Direction(), Direction(jaw=0.4, lips=1.6),
        Direction(articulation=1.8, emotion="anger:0.6"),
    )  # fmt: skip
    return [[Cell(direction=style, at_s=at) for style in styles] for at in (2.6, 4.43, 6.1)]


def gaze_sheet() -> list[list[Cell]]:
    """Gaze targets of the avatar: left, camera, right; up, down, away."""
    rows = (("left", "camera", "right"), ("up", "down", "away"))
    return [[Cell(direction=Direction(gaze=name), at_s=4.43) for name in row] for row in rows]


SHEETS = {
    "emotions": emotions_sheet,
    "intensities": intensities_sheet,
    "regions": regions_sheet,
    "articulation": articulation_sheet,
    "gaze": gaze_sheet,
}
CLIPS: dict[str, str] = {
    "shy_to_smile": "starts shy, then breaks into a broad smile at the end",
    "calm_to_furious": "starts calm, at 2.5 seconds suddenly furious, shouts and looks at the camera",
}
"""Clips by name with their instruction."""
CLIP_S, CLIP_SIDE = 5.5, 208
FACE_SHARE, FACE_TOP = 0.6, 0.2
"""Of the side of a picture in the view `face`."""


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write an RGB picture [height, width, 3]."""
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1, options={"pred": "mixed", "compression_level": "9"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def moments(motion: Motion, frames: list[int]) -> Motion:
    """Some frames of a face."""
    assert motion.face is not None
    tensors = {name: value[frames] for name, value in vars(motion.face).items() if isinstance(value, Tensor)}
    return Motion(face=replace(motion.face, **tensors), fps=motion.fps)


def cropped(picture: np.ndarray) -> np.ndarray:
    """The face alone."""
    size = len(picture)
    side = round(size * FACE_SHARE)
    top, left = round(FACE_TOP * size), (size - side) // 2
    return picture[top : top + side, left : left + side]


def draw_sheet(
    engine: Emote3D, plain: Motion, cells: list[list[Cell]], renderer: Renderer, part: BodyModel
) -> np.ndarray:
    """The picture of a sheet; every cell is the same recording directed in another way."""
    rows = []
    for row in cells:
        pictures = []
        for cell in row:
            motion = engine.redirect(plain, cell.direction)
            frame = min(motion.frames - 1, round(cell.at_s * motion.fps))
            pictures += [cropped(renderer.draw(vertices)) for vertices in posed(part, moments(motion, [frame]))]
        rows.append(np.concatenate(pictures, axis=1))
    return np.concatenate(rows)


def main(options: Options) -> None:
    """Draw what is asked for."""
    engine = Emote3D.from_pretrained()
    speech = load_speech(options.recording or asset_path("assets", "audio", "demo-congrats.flac"))
    speech = Speech(waveform=speech.waveform[: round(8 * speech.sample_rate)], sample_rate=speech.sample_rate)
    plain = engine.animate(speech)
    part, cameras = set_up(engine.avatar, ("face",))
    wanted = options.only or (*SHEETS, *CLIPS)
    side = round(options.side / FACE_SHARE / 2) * 2
    with open_renderer(part.surface, cameras, (side, side)) as renderer:
        for name in wanted:
            if name in SHEETS:
                write_png(options.folder / f"{name}.png", draw_sheet(engine, plain, SHEETS[name](), renderer, part))
    start = Speech(waveform=speech.waveform[: round(CLIP_S * speech.sample_rate)], sample_rate=speech.sample_rate)
    for name in wanted:
        if name in CLIPS:
            motion = engine.animate(start, parse_instruction(CLIPS[name]).direction)
            film(engine.avatar, motion, options.folder / f"{name}.mp4", size=(CLIP_SIDE, CLIP_SIDE), sound=start)


if __name__ == "__main__":
    with ending_in_one_line("make_pictures"):
        main(tyro.cli(Options))
