"""Voices of recorded people with phone times: flite, festival and RHVoice, as installed by Debian packages.

`RECORDED_VOICES` names them; `speak_flite` and `speak_rhvoice` take one text, `speak_festival` a batch (loading a voice is slow).
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final, Literal

import numpy as np

from emote3d.data.alignment import spoken_words
from emote3d.data.phone_maps import PhoneSet, to_common
from emote3d.data.recordings import align_or_leave
from emote3d.data.timed import TimedSpeech, build_timed, to_speech_rate, with_audible_pauses
from emote3d.errors import Emote3DError

_TIMEOUT_S: Final = 600
_RHVOICE: Final = Path("/usr/share/RHVoice/voices")
"""RHVoice speaks with another voice where the one it is asked for is missing."""


@dataclass(frozen=True, kw_only=True)
class RecordedVoice:
    """A voice built from a person's recordings."""

    name: str
    """As the synthesiser calls it."""
    engine: Literal["flite", "festival", "rhvoice"]
    """Which program speaks it."""
    language: str
    """Language code of the texts it reads; of RHVoice's voices espeak-ng's."""
    phone_set: PhoneSet = "arpabet"
    """The set of its labels."""
    encoding: str = "ascii"
    """Of the texts it reads."""
    offset_s: float = 0.0
    """Measured lead of its labels over the sound (scripts/build_training_set.py reports it), added to them."""
    stretchable: bool = True
    """Whether its speaking rate can be set."""


RECORDED_VOICES: Final[tuple[RecordedVoice, ...]] = (
    RecordedVoice(name="kal16", engine="flite", language="en", offset_s=0.005),
    RecordedVoice(name="awb", engine="flite", language="en", offset_s=0.002),
    RecordedVoice(name="rms", engine="flite", language="en", offset_s=0.006),
    RecordedVoice(name="slt", engine="flite", language="en", offset_s=0.010),
    RecordedVoice(name="kal_diphone", engine="festival", language="en", offset_s=0.009),
    RecordedVoice(name="ked_diphone", engine="festival", language="en", offset_s=0.009),
    RecordedVoice(name="cmu_us_slt_arctic_hts", engine="festival", language="en", stretchable=False, offset_s=0.014),
    RecordedVoice(name="czech_dita", engine="festival", language="cs", phone_set="czech", encoding="iso-8859-2"),
    RecordedVoice(
        name="czech_machac", engine="festival", language="cs", phone_set="czech", encoding="iso-8859-2", offset_s=0.005
    ),
    RecordedVoice(
        name="czech_krb", engine="festival", language="cs", phone_set="czech", encoding="iso-8859-2", offset_s=0.002
    ),
    RecordedVoice(
        name="czech_ph", engine="festival", language="cs", phone_set="czech", encoding="iso-8859-2", offset_s=0.008
    ),
    RecordedVoice(
        name="suo_fi_lj_diphone",
        engine="festival",
        language="fi",
        phone_set="finnish",
        encoding="iso-8859-1",
        offset_s=0.011,
    ),
    RecordedVoice(
        name="hy_fi_mv_diphone",
        engine="festival",
        language="fi",
        phone_set="finnish",
        encoding="iso-8859-1",
        offset_s=0.008,
    ),
    RecordedVoice(
        name="upc_ca_ona_hts",
        engine="festival",
        language="ca",
        phone_set="catalan",
        encoding="iso-8859-15",
        stretchable=False,
        offset_s=0.012,
    ),
    RecordedVoice(
        name="hindi_NSK_diphone", engine="festival", language="hi", phone_set="nsk", encoding="utf-8", offset_s=0.003
    ),
    RecordedVoice(
        name="marathi_NSK_diphone", engine="festival", language="mr", phone_set="nsk", encoding="utf-8", offset_s=0.003
    ),
    RecordedVoice(
        name="telugu_NSK_diphone", engine="festival", language="te", phone_set="nsk", encoding="utf-8", offset_s=0.003
    ),
    RecordedVoice(name="lp_diphone", engine="festival", language="it", phone_set="italian", encoding="iso-8859-1"),
    RecordedVoice(name="pc_diphone", engine="festival", language="it", phone_set="italian", encoding="iso-8859-1"),
    RecordedVoice(
        name="msu_ru_nsh_clunits",
        engine="festival",
        language="ru",
        phone_set="russian",
        encoding="utf-8",
        stretchable=False,
    ),
    RecordedVoice(name="bdl", engine="rhvoice", language="en-us", offset_s=0.012),
    RecordedVoice(name="clb", engine="rhvoice", language="en-us", offset_s=0.016),
    RecordedVoice(name="alan", engine="rhvoice", language="en-gb", offset_s=0.002),
    RecordedVoice(name="aleksandr", engine="rhvoice", language="ru", offset_s=0.008),
    RecordedVoice(name="anna", engine="rhvoice", language="ru", offset_s=0.014),
    RecordedVoice(name="elena", engine="rhvoice", language="ru", offset_s=0.012),
    RecordedVoice(name="irina", engine="rhvoice", language="ru", offset_s=0.010),
    RecordedVoice(name="anatol", engine="rhvoice", language="uk", offset_s=0.006),
    RecordedVoice(name="natalia", engine="rhvoice", language="uk", offset_s=0.014),
    RecordedVoice(name="spomenka", engine="rhvoice", language="eo", offset_s=0.010),
    RecordedVoice(name="Leticia-F123", engine="rhvoice", language="pt-br", offset_s=0.006),
)
"""The voices of Debian's flite and festvox packages, and those of RHVoice that are free (LGPL-2.1+, the last CC BY-SA 4.0)."""

_SCHEME: Final = """
(voice_{voice})
(Parameter.set 'Duration_Stretch {stretch})
(define (emote3d_row file seg)
  (format file "%s\\t%f\\t%s\\n" (item.name seg) (item.feat seg "end") (item.feat seg "R:SylStructure.parent.stress")))
(define (emote3d_speak sentence stem)
  (let ((u (utt.synth (eval (list 'Utterance 'Text sentence)))) (file (fopen (string-append stem ".lab") "w")))
    (mapcar (lambda (seg) (emote3d_row file seg)) (utt.relation.items u 'Segment))
    (fclose file)
    (utt.save.wave u (string-append stem ".wav") 'riff)))
"""


def _read_wave(path: Path) -> tuple[np.ndarray, int]:
    """Samples and rate of a 16-bit mono RIFF file."""
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16), file.getframerate()


def _clip(path: Path, ends: Sequence[tuple[str, float, int]], voice: RecordedVoice) -> TimedSpeech:
    """A clip from its sound file and (label, end in seconds, stress) rows."""
    samples, rate = _read_wave(path)
    starts = [0.0] + [end for _, end, _ in ends]
    spans = [
        (start, to_common(label, voice.phone_set), stress)
        for start, (label, _, stress) in zip(starts, ends, strict=False)
    ]
    return with_audible_pauses(build_timed(to_speech_rate(samples, rate), spans).shifted(voice.offset_s))


def _need(program: str, package: str) -> None:
    """Raise Emote3DError unless a program is installed."""
    if which(program) is None:
        raise Emote3DError(f"expected the program '{program}', not found: apt-get install {package}")


def speak_flite(text: str, voice: RecordedVoice, stretch: float = 1.0) -> TimedSpeech:
    """Synthesise one text with flite; `stretch` above 1 is slower. Raises `Emote3DError` where flite fails."""
    _need("flite", "flite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        manner = ["-voice", voice.name, "-psdur", "--setf", f"duration_stretch={stretch:.3f}"]
        said = _run_synthesiser(["flite", *manner, "-t", text, "-o", str(path)], "", voice, path)
        rows = [item.rsplit(":", 1) for item in said.split()]
        return _clip(path, [(label, float(end), 0) for label, end in rows], voice)


def speak_rhvoice(text: str, voice: RecordedVoice, stretch: float = 1.0) -> TimedSpeech | None:
    """Synthesise one text with RHVoice, which tells no times: they are found by alignment, and None where they are not.

    `stretch` above 1 is slower. Raises `Emote3DError` where RHVoice fails.
    """
    _need("RHVoice-test", "rhvoice")
    info = _RHVOICE / voice.name / "voice.info"
    if not info.is_file():
        raise Emote3DError(
            f"expected RHVoice's voice '{voice.name}', no {info}: apt-get install one of rhvoice-LANGUAGE"
        )
    name = info.read_text(encoding="utf-8").partition("name=")[2].splitlines()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        manner = ["-p", name, "-R", "24000", "-r", str(round(100 / stretch))]
        _run_synthesiser(["RHVoice-test", *manner, "-o", str(path)], text, voice, path)
        waveform = to_speech_rate(*_read_wave(path))
    speech, timed = align_or_leave(waveform, spoken_words(text), voice.language)
    return with_audible_pauses(speech.shifted(voice.offset_s)) if timed else None


def _run_synthesiser(command: Sequence[str], text: str, voice: RecordedVoice, path: Path) -> str:
    """Give a program its text and return what it prints; raises Emote3DError where it wrote no sound."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0 or not path.is_file():
        raise Emote3DError(
            f"expected {command[0]} to speak with voice '{voice.name}', got: {done.stderr.strip()[:200] or 'no sound'}"
        )
    return done.stdout


def speak_festival(texts: Sequence[str], voice: RecordedVoice, stretch: float = 1.0) -> list[TimedSpeech | None]:
    """Synthesise a batch with festival; None for a text it could not speak, `Emote3DError` where that is all of them."""
    _need("festival", "festival")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "batch.scm"
        lines = [_SCHEME.format(voice=voice.name, stretch=f"{stretch:.3f}")]
        for index, text in enumerate(texts):
            quoted = text.replace("\\", " ").replace('"', " ")
            lines.append(f'(unwind-protect (emote3d_speak "{quoted}" "{folder}/{index}") (print "failed"))')
        script.write_bytes("\n".join(lines).encode(voice.encoding, "ignore"))
        done = subprocess.run(["festival", "-b", str(script)], capture_output=True, timeout=_TIMEOUT_S, check=False)
        clips = [_festival_clip(Path(folder) / str(index), voice) for index in range(len(texts))]
    if texts and not any(clips):
        said = done.stderr.decode("utf-8", "replace").strip()[:200]
        raise Emote3DError(f"expected festival to speak with voice '{voice.name}', got: {said}")
    return clips


def _festival_clip(stem: Path, voice: RecordedVoice) -> TimedSpeech | None:
    """A clip from festival's files; None when either is missing."""
    sound, labels = stem.with_suffix(".wav"), stem.with_suffix(".lab")
    if not sound.is_file() or not labels.is_file() or sound.stat().st_size < 1000:
        return None
    rows: list[tuple[str, float, int]] = []
    for line in labels.read_text(encoding="latin-1").splitlines():
        label, end, stress = line.split("\t")
        rows.append((label, float(end), 2 if stress == "1" else 0))
    return _clip(sound, rows, voice)
