"""Make the contact sheet of docs/body.md: the default body with the demo's recording, an emotion a row, a moment a column.

python scripts/picture_body.py
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import tyro

sys.path.insert(0, str(Path(__file__).parent))
from make_pictures import write_png

from emote3d import Direction, Emote3D
from emote3d.errors import ending_in_one_line
from emote3d.export.film import posed, set_up
from emote3d.files import asset_path
from emote3d.render import open_renderer
from emote3d.timeline import map_frames


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to draw."""

    output: Path = Path("docs/body.png")
    checkpoint: Path | None = None
    """Checkpoint folder (default: the shipped open-v1)."""
    emotions: tuple[str, ...] = ("neutral", "happy", "sad", "anger")
    first_s: float = 3.0
    step_s: float = 0.4
    columns: int = 8
    size: tuple[int, int] = (112, 176)
    """Pixels of one picture."""
    view: str = "full"
    seed: int = 0


def main(options: Options) -> None:
    """Draw."""
    engine = Emote3D.from_pretrained(options.checkpoint)
    part, cameras = set_up(engine.avatar, (options.view,))
    rows = []
    with open_renderer(part.surface, cameras, options.size) as renderer:
        for emotion in options.emotions:
            recording = asset_path("assets", "audio", "demo-congrats.flac")
            motion = engine.animate(recording, Direction(emotion=emotion), seed=options.seed)
            times_s = options.first_s + options.step_s * np.arange(options.columns)
            moments = map_frames(motion, itemgetter(np.round(times_s * motion.fps).astype(int)))
            pictures = [renderer.draw(vertices).copy() for vertices in posed(part, replace(moments, origin=None))]
            rows.append(np.concatenate(pictures, axis=1))
    write_png(options.output, np.concatenate(rows))


if __name__ == "__main__":
    with ending_in_one_line("picture_body"):
        main(tyro.cli(Options))
