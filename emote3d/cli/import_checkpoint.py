"""`emote3d import-checkpoint`: a published checkpoint that you hold into a folder that `--checkpoint` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from emote3d.cli.reporting import Flag, Reporting


@dataclass(frozen=True, kw_only=True)
class ImportCheckpoint(Reporting):
    """A published EMOTE, FLINT or AMUSE checkpoint into a component folder; nothing in the file is executed."""

    kind: tyro.conf.Positional[Literal["emote", "flint", "amuse"]]
    """What it is."""
    path: tyro.conf.Positional[Path]
    """The model's folder (cfg.yaml and checkpoints/*.ckpt) or its .ckpt file; AMUSE's saved-models or one of its files."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to write the components into."""
    wav2vec2: Path | None = None
    """Folder of the wav2vec2 that EMOTE was trained from (only its config.json is read); needed for unpublished sizes."""

    reconstruction: Flag[bool] = False
    """Keep AMUSE's decoder of spectrograms too, which only training needs (635 MB)."""

    def run(self) -> None:
        """Read, check, write, report."""
        from emote3d.official.amuse import import_amuse
        from emote3d.official.amuse_files import find_amuse
        from emote3d.official.emote import import_emote, import_flint

        if self.kind == "amuse":
            done = import_amuse(find_amuse(self.path), self.output, self.reconstruction)
        elif self.kind == "emote":
            done = import_emote(self.path, self.output, self.wav2vec2)
        else:
            done = import_flint(self.path, self.output)
        for word, number in done.ignored.items():
            self.say(f"left out {number} tensors {word}.*, which inference does not need")
        for note in done.notes:
            self.say(note)
        facts = ", ".join(f"{name} {value}" for name, value in done.sizes.items())
        self.report({"output": str(self.output), "file": str(done.file), **done.sizes}, f"{self.output}: {facts}")
