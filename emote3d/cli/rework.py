"""`emote3d redirect` and `emote3d explain`: what is done with a motion after it was made."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from emote3d.cli.directing import Directing
from emote3d.cli.export import Outputs, report_outputs
from emote3d.cli.reporting import Flat, Reporting
from emote3d.errors import Emote3DError
from emote3d.export.formats import ExportOptions, check_outputs


@dataclass(frozen=True, kw_only=True)
class Redirect(Directing):
    """A motion performed again in another way, without its recording; a body in it stays as it is."""

    motion: tyro.conf.Positional[Path]
    """Motion file (npz) that emote3d animate or redirect wrote."""
    outputs: Outputs = ()
    """File to write; may be given several times."""
    sound: Path | None = None
    """Recording to put along where the format has a place for it."""
    options: Flat[ExportOptions] = field(default_factory=ExportOptions)
    seed: int | None = None
    """Seed of blinks, gaze and head drift (default: as before)."""
    checkpoint: Path | None = None
    """Checkpoint folder that made the motion (default: the shipped open-v1)."""

    def run(self) -> None:
        """Load, perform and write."""
        from emote3d.export.registry import Export, export
        from emote3d.motion import load_motion
        from emote3d.pipeline import Emote3D

        started_s = time.monotonic()
        check_outputs(self.outputs)
        motion = load_motion(self.motion)
        new = Emote3D.from_pretrained(self.checkpoint).redirect(motion, self.directed(), seed=self.seed)
        for note in export(Export(new, self.sound, options=self.options), self.outputs):
            self.say(note)
        report_outputs(self, self.outputs, [new] * len(self.outputs), started_s)


@dataclass(frozen=True, kw_only=True)
class Explain(Reporting):
    """What the face of a motion does: emotion per segment and why, action units, blinks, looks, nods."""

    motion: tyro.conf.Positional[Path]
    """Motion with an ARKit face: npz, Live Link Face csv or Audio2Face json."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Write the explanation there: .json or .txt (default: print it; --json prints JSON)."""
    sound: Path | None = None
    """The speech: says as well how nods, brows and blinks go with its accents and pauses."""

    def run(self) -> None:
        """Load, explain, print or write; raises `Emote3DError` for an output that is neither .json nor .txt."""
        from emote3d.cli.reading import read_any_motion
        from emote3d.files import atomic_path
        from emote3d.metrics.explain import explain

        if self.output is not None and self.output.suffix.lower() not in (".json", ".txt"):
            raise Emote3DError(f"an explanation is written as .json or .txt, got '{self.output}'")
        explanation = explain(read_any_motion(self.motion))
        facts: dict[str, object] = explanation.to_dict()
        text = explanation.text()
        if self.sound is not None:
            from emote3d.audio.load import load_speech
            from emote3d.audio.rhythm import hear_rhythm
            from emote3d.metrics.beats import speech_beats

            beats = speech_beats(explanation, hear_rhythm(load_speech(self.sound), explanation.fps))
            facts["with_the_speech"] = beats.to_dict()
            text = f"{text}\n{beats.text()}"
        if self.output is None:
            self.report(facts, text)
            return
        as_json = self.output.suffix.lower() == ".json"
        with atomic_path(self.output) as path:
            path.write_text((json.dumps(facts, indent=1) if as_json else text) + "\n", encoding="utf-8")
        self.report({"output": str(self.output)}, f"{self.output}: {len(explanation.segments)} segments")
