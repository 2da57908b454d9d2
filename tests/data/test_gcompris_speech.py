"""Texts of GCompris' sounds, from a folder laid out as its packages are, and clips of a synthetic voice put there."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from sounds import write_wav

from emote3d.data import gcompris_speech
from emote3d.data.espeak import Espeak, EspeakVoice
from emote3d.data.gcompris_speech import gcompris_clips, gcompris_texts
from emote3d.errors import Emote3DError


def catalog(path: Path, texts: dict[str, str]) -> None:
    """A compiled translation, as GNU gettext's manual describes the format."""
    rows = [
        (key.encode(), said.encode())
        for key, said in sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **texts}.items())
    ]
    strings, tables, at = b"", ([], []), 28 + 16 * len(rows)
    for table, index in zip(tables, (0, 1), strict=True):
        for row in rows:
            table.append(struct.pack("<II", len(row[index]), at + len(strings)))
            strings += row[index] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(head + b"".join(tables[0] + tables[1]) + strings)


def test_a_sound_says_what_its_name_is_translated_to(tmp_path: Path):
    voice = tmp_path / "gcompris" / "boards" / "voices" / "es"
    names = [
        write_wav(voice / name, np.zeros(9))
        for name in ("colors/brown.ogg", "geography/new_zealand.ogg", "geography/atlantis.ogg")
    ]
    catalog(
        tmp_path / "locale" / "es" / "LC_MESSAGES" / "gcompris.mo", {"New Zealand": "Nueva Zelanda", "brown": "marrón"}
    )
    (voice / "words").mkdir()
    (voice / "words" / "content.json").write_text(json.dumps([{"acorn.ogg": "bellota"}]), encoding="utf-8")
    expected = {names[0]: "marrón", names[1]: "Nueva Zelanda", voice / "words" / "acorn.ogg": "bellota"}
    assert gcompris_texts(tmp_path, "es") == expected


def test_english_names_are_aligned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pocketsphinx")
    try:
        spoken = Espeak().speak("papua new guinea", EspeakVoice())
    except Emote3DError:
        pytest.skip("espeak-ng is not installed")
    monkeypatch.setattr(gcompris_speech, "SHARE", tmp_path)
    write_wav(tmp_path / "gcompris" / "boards" / "voices" / "en" / "geography/papua_new_guinea.ogg", spoken.waveform)
    (clip,) = gcompris_clips("en")
    assert (clip.entry.id, clip.entry.speaker) == ("gcompris-en_geography_papua_new_guinea", "gcompris-en-us")
    closed, truth = (
        [float(s) for s, p in zip(c.start_s, c.phone, strict=True) if p == "p"] for c in (clip.speech, spoken)
    )
    assert len(closed) == len(truth) == 2 and np.abs(np.array(closed) - np.array(truth)).max() < 0.08


def test_missing_sounds_are_named(tmp_path: Path):
    with pytest.raises(Emote3DError, match="expected GCompris' sounds"):
        gcompris_texts(tmp_path, "es")
