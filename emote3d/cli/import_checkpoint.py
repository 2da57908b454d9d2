"""`emote3d import-checkpoint`: a published checkpoint that you hold into a folder that `--checkpoint` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from emote3d.cli.reporting import Flag, Reporting


@dataclass(frozen=True, kw_only=True)
class ImportCheckpoint(Reporting):
    """A published EMOTE, FLINT or AMUSE checkpoint, or a network that EMOTE's training looks through, into a component folder.

    Nothing in the file is executed."""

    kind: tyro.conf.Positional[Literal["emote", "flint", "amuse", "lip-reader", "emotion-net"]]
    """What it is."""
    path: tyro.conf.Positional[Path]
    """The model's folder (cfg.yaml and checkpoints/*.ckpt) or its .ckpt, .pth or .safetensors file; AMUSE's saved-models."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder to write the components into."""
    wav2vec2: Path | None = None
    """Folder of the wav2vec2 that EMOTE was trained from (only its config.json is read); needed for unpublished sizes."""

    features: Path | None = None
    """Folder or file of the ResNet-50 through which the emotion network looks at a face, if it is not in the same file."""
    reconstruction: Flag[bool] = False
    """Keep AMUSE's decoder of spectrograms too, which only training needs (635 MB)."""

    def run(self) -> None:
        """Read, check, write, report."""
        from emote3d.official.amuse import import_amuse
        from emote3d.official.amuse_files import find_amuse
        from emote3d.official.emote import import_emote, import_flint
        from emote3d.official.perceivers import import_emotion_net, import_lip_reader

        if self.kind == "amuse":
            done = import_amuse(find_amuse(self.path), self.output, self.reconstruction)
        elif self.kind == "emote":
            done = import_emote(self.path, self.output, self.wav2vec2)
        elif self.kind == "flint":
            done = import_flint(self.path, self.output)
        elif self.kind == "lip-reader":
            done = import_lip_reader(self.path, self.output)
        else:
            done = import_emotion_net(self.path, self.output, self.features)
        for word, number in done.ignored.items():
            self.say(f"left out {number} tensors {word}.*, which inference does not need")
        for note in done.notes:
            self.say(note)
        facts = ", ".join(f"{name} {value}" for name, value in done.sizes.items())
        self.report({"output": str(self.output), "file": str(done.file), **done.sizes}, f"{self.output}: {facts}")
