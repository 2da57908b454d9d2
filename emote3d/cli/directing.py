"""What every verb that directs a performance takes: flags, a file, plain words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from emote3d.cli.reporting import Reporting
from emote3d.latents.direction import Direction


@dataclass(frozen=True, kw_only=True)
class Directing(Reporting):
    """A direction: the file, then the plain words, then the flags; each overrules those before it."""

    direction: Annotated[Direction, tyro.conf.OmitArgPrefixes, tyro.conf.UseAppendAction] = field(
        default_factory=Direction
    )
    direction_file: Annotated[Path | None, tyro.conf.arg(name="direction")] = None
    """YAML or JSON file of the settings below; flags overrule it."""

    direct: str | None = None
    """Plain English: "starts shy, then breaks into a broad smile at the end"; prints what it understood."""

    def directed(self) -> Direction:
        """The direction from all its sources; raises `Emote3DError`."""
        from emote3d.latents.direction_file import load_direction

        direction = load_direction(self.direction_file) if self.direction_file is not None else Direction()
        if self.direct is not None:
            from emote3d.latents.instruction import parse_instruction

            instruction = parse_instruction(self.direct)
            for line in instruction.understood:
                self.say(f"understood {line}")
            direction = direction.merged(instruction.direction)
        return direction.merged(self.direction)
