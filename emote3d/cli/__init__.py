"""The command line: each verb is a frozen dataclass of options with a `run` method, in a module of its own.

A verb's module imports heavy modules inside `run`, so that `emote3d --help` stays quick.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, Protocol

import tyro

from emote3d.cli.batch import Batch
from emote3d.cli.bench import Bench
from emote3d.cli.evaluate import Evaluate
from emote3d.cli.export import ExportMotion
from emote3d.cli.import_checkpoint import ImportCheckpoint
from emote3d.cli.interrupting import interruptible
from emote3d.cli.perform import Animate, Render
from emote3d.cli.retarget import Retarget
from emote3d.cli.rework import Explain, Redirect
from emote3d.cli.serve import Serve, View
from emote3d.cli.train import Train
from emote3d.errors import INTERRUPTED_CODE, Emote3DError, ending_in_one_line
from emote3d.files import DISK_ERRORS, discard_unfinished


class Verb(Protocol):
    """A parsed command."""

    def run(self) -> None:
        """Do what was asked; raises Emote3DError where the user can mend it."""


VERBS: dict[str, tuple[type[Verb], str]] = {
    "render": (Render, "Speech to a video of the talking avatar."),
    "animate": (Animate, "Speech to motion, in the formats of other tools."),
    "export": (ExportMotion, "A motion file into the formats of other tools."),
    "import-checkpoint": (ImportCheckpoint, "A published checkpoint that you hold into a checkpoint folder."),
    "redirect": (Redirect, "A motion file performed again in another way, without its recording."),
    "explain": (Explain, "What the face of a motion file does: emotions and why, action units, blinks, looks, nods."),
    "train": (Train, "Train FLINT, EMOTE, a body, AMUSE's speech model, or the networks that judge faces."),
    "retarget": (Retarget, "A motion for another face, model or rig: FLAME, SMPL-X, ARKit, your GLB or VRM."),
    "batch": (Batch, "Many recordings at once: a manifest, by processes or Ray, resumable."),
    "serve": (Serve, "Live faces for other programs: WebSocket, Live Link Face, VMC."),
    "view": (View, "A local page to try everything: microphone, files, sliders, export."),
    "evaluate": (Evaluate, "A performance measured against another, or against the sound."),
    "bench": (Bench, "How fast this machine is, stage by stage."),
}
"""Name on the command line, options, one line of help."""


def _command() -> Any:
    """The union of all verbs, as tyro wants it."""
    union: Any = None
    for name, (verb, description) in VERBS.items():
        option = Annotated[verb, tyro.conf.subcommand(name, description=description)]
        union = option if union is None else union | option
    return union


def main() -> None:
    """Run the command line; bad input ends with one line on stderr and exit code 2."""
    with interruptible() as interruption:
        try:
            with ending_in_one_line("emote3d"), interruption.recognised():
                _run()
        except KeyboardInterrupt:
            discard_unfinished()  # an interruption inside of the tidying may have left something
            interruption.tell()
            sys.exit(INTERRUPTED_CODE)


def _run() -> None:
    """Parse and do; a full disk is an error that the user can mend."""
    try:
        verb = tyro.cli(_command(), prog="emote3d", description="Speech in, a talking, feeling 3D person out.")
        verb.run()
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()  # whoever read the output has seen enough
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        _silence_stdout()
        where = f" {error.filename}" if error.filename else ""
        raise Emote3DError(f"cannot write{where}: {error.strerror}; make room or choose another folder") from error


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
