"""Rhubarb Lip Sync as a peer: its mouth shapes for a recording, and the curves that our measures take.

It runs under node from npm's `rhubarb-lip-sync-wasm` (MIT), which is fetched once into `build/peers`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emote3d.errors import Emote3DError

PACKAGE = "rhubarb-lip-sync-wasm@0.1.8"
FOLDER = Path("build/peers")
SHAPES = {
    "X": (0.0, 0.0),
    "A": (0.0, 0.0),
    "B": (0.3, 0.0),
    "C": (0.6, 0.0),
    "D": (1.0, 0.0),
    "E": (0.6, 0.5),
    "F": (0.3, 1.0),
    "G": (0.25, 0.0),
    "H": (0.6, 0.0),
}
"""Lip gap and rounding of each mouth shape, by the descriptions in Rhubarb's manual: X rest, A closed (p b m), B teeth
together, C open, D wide open, E rounded, F puckered, G teeth on lip (f v), H tongue up (l)."""


@dataclass(frozen=True, kw_only=True)
class PeerMouth:
    """What a peer's mouth does, a value a frame."""

    gap: np.ndarray
    """Lip gap, 1 = the widest."""
    rounding: np.ndarray
    """Lip rounding, 1 = the most."""
    teeth_on_lip: np.ndarray
    """Frames with the teeth on the lip."""


def install() -> Path:
    """Fetch the package where it is not yet; gives the folder that holds `node_modules`."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Emote3DError("expected node and npm for Rhubarb; got none; apt-get install nodejs npm")
    if not (FOLDER / "node_modules" / "rhubarb-lip-sync-wasm").is_dir():
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-save", "--prefix", str(FOLDER), PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Emote3DError(f"cannot install {PACKAGE}: {done.stderr.strip().splitlines()[-1:]}")
    return FOLDER


def mouth_cues(samples: np.ndarray, text: str = "") -> list[tuple[float, float, str]]:
    """Start and end in seconds and shape of each mouth cue, for 16 kHz int16 samples; kept in `build/peers`."""
    kept = FOLDER / f"cues-{hashlib.sha256(samples.tobytes() + text.encode()).hexdigest()[:16]}.json"
    if kept.exists():
        return [(start, end, shape) for start, end, shape in json.loads(kept.read_text(encoding="utf-8"))]
    command = ["node", str(Path(__file__).with_suffix(".mjs")), str(install().resolve()), text]
    done = subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True, check=False)
    lines = [line for line in done.stdout.decode().splitlines() if line.startswith("@[")]
    if not lines:
        raise Emote3DError(f"Rhubarb gave no cues: {done.stderr.decode().strip()[-200:]}")
    cues = [(float(cue["start"]), float(cue["end"]), str(cue["value"])) for cue in json.loads(lines[-1][1:])]
    kept.write_text(json.dumps(cues), encoding="utf-8")
    return cues


def rhubarb_mouth(samples: np.ndarray, frames: int, fps: float, text: str = "") -> PeerMouth:
    """What Rhubarb's mouth does at each frame."""
    cues = mouth_cues(samples, text)
    ends = np.array([end for _, end, _ in cues])
    at = np.minimum(np.searchsorted(ends, np.arange(frames) / fps, side="right"), len(cues) - 1)
    shapes = [cues[index][2] for index in at]
    gap, rounding = np.array([SHAPES[shape] for shape in shapes]).T
    return PeerMouth(gap=gap, rounding=rounding, teeth_on_lip=np.array([shape == "G" for shape in shapes]))
