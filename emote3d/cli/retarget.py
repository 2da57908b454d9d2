"""`emote3d retarget`: a motion for another face, model or rig."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from emote3d.cli.reporting import Reporting
from emote3d.errors import Emote3DError

if TYPE_CHECKING:
    from emote3d.records import Motion
    from emote3d.retarget import Through

_FILES = (".glb", ".vrm")


@dataclass(frozen=True, kw_only=True)
class Retarget(Reporting):
    """A motion for another face: FLAME, SMPL-X, ARKit, or the shapes and bones of your own avatar file."""

    motion: tyro.conf.Positional[Path]
    """Motion: npz (ours, BEAT2, AMASS, FLAME), Live Link Face csv or Audio2Face json."""
    to: str
    """arkit, open, flame:PATH, flame2023:PATH, smplx:PATH, an avatar file (.glb, .vrm), or a rig map (name or .yaml)."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """File to write: like the avatar file for those, .json for the curves of a rig map, else any export format."""
    source: str | None = None
    """The FLAME or SMPL-X file that a motion in such a basis belongs to (flame:PATH, flame2023:PATH, smplx:PATH), or the folder
    of an imported EMOTE checkpoint."""
    rig: str | None = None
    """Rig map for an avatar file: a preset or a .yaml (default: the presets that know most of its names)."""

    def run(self) -> None:
        """Read, convert, write, report the errors of the map."""
        from emote3d.cli.reading import read_any_motion
        from emote3d.export.rig_maps import preset_names
        from emote3d.files import require_writable

        started_s = time.monotonic()
        require_writable(self.output)
        motion = read_any_motion(self.motion)
        target = Path(self.to)
        if target.suffix.lower() in _FILES:
            facts = self._into_file(self._arkit(motion), target)
        elif (self.to in preset_names() and self.to != "arkit") or target.suffix in (".yaml", ".yml"):
            facts = self._as_curves(self._arkit(motion))
        else:
            facts = self._onto_model(motion)
        seconds = round(time.monotonic() - started_s, 2)
        facts |= {"frames": motion.frames, "output": str(self.output), "seconds": seconds}
        self.report(facts, f"{self.output}: {motion.frames} frames in {seconds} s; {_told(facts)}")

    def _arkit(self, motion: Motion) -> Motion:
        """The motion in ARKit's basis."""
        from emote3d.body import open_avatar
        from emote3d.retarget import suited

        return suited(motion, open_avatar(), self._source())

    def _source(self) -> Through | None:
        from emote3d.retarget import choose_source

        return choose_source(self.source)

    def _into_file(self, motion: Motion, avatar: Path) -> dict[str, object]:
        from emote3d.export.rig_glb import animate_glb

        if self.output.suffix.lower() not in _FILES:
            raise Emote3DError(f"a motion for {avatar.name} is written as .glb or .vrm; got '{self.output}'")
        return animate_glb(avatar, motion, self.output, self.rig).facts()

    def _as_curves(self, motion: Motion) -> dict[str, object]:
        from emote3d.export.rig_glb import write_curves

        if self.output.suffix.lower() != ".json":
            raise Emote3DError(f"the curves of a rig map are written as .json; got '{self.output}'")
        rig = write_curves(motion, self.to, self.output)
        return {"shapes_rig": rig.name, "shapes": len(rig.shapes)}

    def _onto_model(self, motion: Motion) -> dict[str, object]:
        from emote3d.body import choose_avatar
        from emote3d.export.registry import Export, export
        from emote3d.retarget import RetargetMap, map_for, suited

        source = self._source()
        avatar = choose_avatar("open" if self.to in ("arkit", "open") else self.to)
        made = suited(motion, avatar, source)
        for note in export(Export(made), [self.output]):
            self.say(note)
        basis = None if made.face is None else made.face.basis
        before = None if motion.face is None else motion.face.basis
        through = avatar if avatar.basis != "arkit52" else source
        if basis == before or through is None:
            return {"basis": basis}
        return {"basis": basis, "map": (through if isinstance(through, RetargetMap) else map_for(through)).facts()}


def _told(facts: dict[str, object]) -> str:
    """The facts that a person wants to know."""
    found = facts.get("map")
    if isinstance(found, dict):
        weak = ", ".join(found["not_expressed"]) or "nothing"
        return (
            f"basis {facts['basis']}; the map misses its shapes by {found['mean_face_mm']} mm on the face, "
            f"{found['mean_lips_mm']} on the lips, {found['mean_lids_mm']} on the lids; not expressed: {weak}"
        )
    if "shapes" in facts:
        bones = f", {facts['bones']} bones ({facts['bones_rig']})" if "bones" in facts else ""
        return f"{facts['shapes']} shapes ({facts['shapes_rig']}){bones}"
    return f"basis {facts.get('basis')}"
