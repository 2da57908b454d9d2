"""Make the README's contact sheet: one moment of the demo's recording in several emotions, at three times.

python scripts/make_pictures.py
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import tyro
from torch import Tensor

from emote3d import Direction, Emote3D
from emote3d.export.film import posed, set_up
from emote3d.files import asset_path, atomic_path
from emote3d.records import Motion
from emote3d.render import open_renderer


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to draw."""

    output: Path = Path("docs/emotions.png")
    emotions: tuple[str, ...] = ("neutral", "happy", "sad", "anger", "surprise")
    times_s: tuple[float, ...] = (2.6, 4.43, 6.1)
    side: int = 288
    """Pixels of one picture."""


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write an RGB picture [height, width, 3]."""
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def moments(motion: Motion, frames: list[int]) -> Motion:
    """Some frames of a face."""
    assert motion.face is not None
    tensors = {name: value[frames] for name, value in vars(motion.face).items() if isinstance(value, Tensor)}
    return Motion(face=replace(motion.face, **tensors), fps=motion.fps)


def main(options: Options) -> None:
    """Draw one row a time, one column an emotion."""
    engine = Emote3D.from_pretrained()
    part, cameras = set_up(engine.avatar, ("face",))
    columns = []
    with open_renderer(part.surface, cameras, (options.side, options.side)) as renderer:
        for emotion in options.emotions:
            motion = engine.animate(asset_path("assets", "audio", "demo-congrats.flac"), Direction(emotion=emotion))
            wanted = [round(at * motion.fps) for at in options.times_s]
            columns.append(
                np.concatenate([renderer.draw(vertices) for vertices in posed(part, moments(motion, wanted))])
            )
    write_png(options.output, np.concatenate(columns, axis=1))


if __name__ == "__main__":
    main(tyro.cli(Options))
