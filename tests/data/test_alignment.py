"""Forced alignment against exact phone times, and readers of hand labels."""

from pathlib import Path

import numpy as np
import pytest

from emote3d.data.alignment import Aligner, _lenited, spoken_words
from emote3d.data.espeak import Espeak, EspeakVoice
from emote3d.data.labels import emodb_speech, read_textgrid_tier, textgrid_speech
from emote3d.data.phones import SILENCE
from emote3d.data.timed import SPEECH_RATE
from emote3d.errors import Emote3DError

TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.0
<exists>
1
"IntervalTier"
"phones"
0
1.0
3
0
0.25
""
0.25
0.5
"AY1"
0.5
1.0
"M"
"""
LABLAUT = """signal x
nfields 1
#
    0.10   -1 _t
    0.20   -1 !t\t+asp
    0.25   -1 aI\t+lar\t3
    0.35   -1 \t-lar
    0.45   -1 .
"""


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    pytest.importorskip("pocketsphinx")
    try:
        return Espeak()
    except Emote3DError:
        pytest.skip("espeak-ng is not installed")


def test_words_of_a_text() -> None:
    assert spoken_words("Don’t panic, it's 42!") == ["don't", "panic", "it's"]


def test_alignment_finds_known_onsets(espeak: Espeak) -> None:
    truth = espeak.speak("My baby bought a pretty map", EspeakVoice(rate_wpm=130))
    found = Aligner(espeak).align(truth.waveform, spoken_words("My baby bought a pretty map"))
    assert found is not None and found.longest_phone_s < 0.6
    at = [float(start) for start, phone in zip(found.speech.start_s, found.speech.phone, strict=True) if phone in "pbm"]
    wanted = [float(start) for start, phone in zip(truth.start_s, truth.phone, strict=True) if phone in "pbm"]
    assert len(at) == len(wanted) == 7
    assert float(np.median(np.abs(np.array(at) - np.array(wanted)))) < 0.04


def test_foreign_words_keep_their_own_phones(espeak: Espeak) -> None:
    truth = espeak.speak("schöne Tüten", EspeakVoice(language="de"))
    found = Aligner(espeak, "de").align(truth.waveform, ["schöne", "tüten"])
    assert found is not None
    assert [phone for phone in found.speech.phone if phone != SILENCE] == [
        phone for phone in truth.phone if phone != SILENCE
    ]


def test_spanish_stops_between_words_are_as_espeak_speaks_them(espeak: Espeak) -> None:
    aligner = Aligner(espeak, "es")
    for text, wanted in (("mi vecino vive en un barrio bonito", "βββbβ"), ("la dama gana", "ðɣ")):
        truth = espeak.speak(text, EspeakVoice(language="es", rate_wpm=150))
        found = aligner.align(truth.waveform, spoken_words(text))
        assert found is not None
        for speech in (truth, found.speech):
            assert "".join(phone for phone in speech.phone if phone in "bβdðɡɣ") == wanted


def test_a_moment_of_silence_is_no_pause_to_a_stop() -> None:
    for pause_s, wanted in ((0.05, "β"), (0.3, "b")):
        spans = [(0.0, ("a",), 0), (0.2, (SILENCE,), 0), (0.2 + pause_s, ("b",), 0), (0.6, ("a",), 0)]
        assert [phones for _, phones, _ in _lenited(spans)] == [("a",), (SILENCE,), (wanted,), ("a",)]


def test_nothing_to_align(espeak: Espeak) -> None:
    assert Aligner(espeak).align(np.zeros(SPEECH_RATE, np.int16), []) is None


def test_textgrid(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(TEXTGRID)
    clip = textgrid_speech(np.zeros(SPEECH_RATE, np.int16), path)
    assert list(clip.phone) == [SILENCE, "a", "ɪ", "m"]
    assert np.allclose(clip.start_s, [0.0, 0.25, 0.375, 0.5]) and clip.stress.tolist() == [0, 2, 2, 0]
    with pytest.raises(Emote3DError, match="tier 'nothing'"):
        read_textgrid_tier(path, "nothing")


def test_lablaut(tmp_path: Path) -> None:
    path = tmp_path / "a.lablaut"
    path.write_text(LABLAUT, encoding="latin-1")
    clip = emodb_speech(np.zeros(SPEECH_RATE // 2, np.int16), path)
    assert list(clip.phone) == [SILENCE, "t", "a", "ɪ", SILENCE]
    assert np.allclose(clip.start_s, [0.0, 0.10, 0.25, 0.35, 0.45]) and clip.stress.tolist() == [0, 0, 2, 2, 0]
