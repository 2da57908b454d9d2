"""What every writer is given, and the call that writes several files."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from emote3d.body import BodyModel, load_body_model, open_avatar, shaped
from emote3d.export.formats import ExportOptions, Writer, check_outputs, writer_for
from emote3d.records import Motion, Speech
from emote3d.retarget import suited


@dataclass(frozen=True)
class Export:
    """What a writer is given."""

    motion: Motion
    sound: Path | Speech | None = None
    """The recording; it goes along where the format has a place for it."""
    avatar_path: Path | None = None
    """FLAME or SMPL-X file of the user; None: the open avatar."""
    options: ExportOptions = field(default_factory=ExportOptions)

    @cached_property
    def avatar(self) -> BodyModel:
        """The body model with the identity of the options, loaded when a writer asks for it."""
        model = open_avatar() if self.avatar_path is None else load_body_model(self.avatar_path)
        return shaped(model, self.options.shape)

    @cached_property
    def played(self) -> Motion:
        """The motion in the avatar's own basis: through a retarget map where the two differ."""
        return suited(self.motion, self.avatar)


Write = Callable[[Export, Path], Sequence[str]]
"""Writes a file whole or not at all (`emote3d.files.atomic_path`); returns lines to tell the user, mostly none."""


def load_writer(writer: Writer) -> Write:
    """Import a format's function."""
    module, _, name = writer.function.partition(":")
    return getattr(importlib.import_module(module), name)


def export(job: Export, paths: Sequence[Path], advance: Callable[[], None] = lambda: None) -> list[str]:
    """Write a motion into each of the files, one after the other; returns lines to tell the user.

    Raises:
        Emote3DError: as `check_outputs`, or a writer cannot use the motion. Files that were done before stay.
    """
    check_outputs(paths)
    notes: list[str] = []
    for path in paths:
        notes += [note for note in load_writer(writer_for(path))(job, path) if note not in notes]
        advance()
    return notes
