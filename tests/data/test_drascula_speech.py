"""Drascula's texts and sounds, from files laid out as the game's are, and clips of a synthetic voice put there."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from emote3d.data import drascula_speech
from emote3d.data.drascula_speech import drascula_clips, drascula_lines, drascula_texts
from emote3d.data.espeak import Espeak, EspeakVoice
from emote3d.data.timed import SPEECH_RATE
from emote3d.errors import Emote3DError

TABLES = ("", "D", "B", "BJ", "E", "I", "L", "P", "T", "VB")


def number(value: int) -> bytes:
    """Two bytes, the higher first."""
    return value.to_bytes(2, "big")


def block(rows: list[str]) -> bytes:
    """A table in one language, each text filled up with zeros."""
    packed = b"\0\0"
    for row in rows:
        text = row.encode("cp437") + b"\0"
        text += bytes(4 - (len(text) + 2) % 4)
        packed += number(len(text) + 2) + text
    return number(len(packed)) + packed


def texts_file(said: dict[str, tuple[list[str], list[str]]]) -> bytes:
    """A `drascula.dat` with the English and Spanish texts of tables, the first of each empty, after fixed tables of two rows."""
    fixed = b"".join(number(2) + bytes(2 * width) for width in (4, 4, 4, 2, 4, 2, 4, 2, 2, 20, 20, 10, 8))
    packed = b"DRASCULA\x06" + fixed + number(2)
    for letters in TABLES:
        both = [["", *rows] for rows in said.get(letters, ([], []))]
        packed += number(len(both[0])) + block(both[0]) + block(both[1])
    return packed


def sound(path: Path, samples: np.ndarray) -> None:
    """A sound file: 8 bits at 11025 Hz between remains of a header and of a last chunk."""
    slow = np.clip(resample_poly(samples / 256.0, 11025 // 25, SPEECH_RATE // 25) + 128.0, 0.0, 255.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"data\xff\0\0\0".rjust(48, b"\x80") + slow.astype(np.uint8).tobytes() + b"fact".rjust(48, b"\x80")
    )


def game(share: Path, said: dict[str, tuple[list[str], list[str]]]) -> None:
    """The folder of the game with its texts."""
    (share / "en").mkdir()
    (share / "en" / "drascula.dat").write_bytes(texts_file(said))


def test_texts_carry_the_names_of_their_sounds():
    data = texts_file({"": (["HELLO", "", "BYE"], ["¡HOLA!", "MAÑANA", "YAºVOY"]), "VB": (["WHO?"], ["¿QUIEN?"])})
    assert drascula_texts(data, "en") == {"1": "HELLO", "3": "BYE", "VB1": "WHO?"}
    assert drascula_texts(data, "es") == {"1": "¡HOLA!", "2": "MAÑANA", "3": "YA VOY", "VB1": "¿QUIEN?"}


def test_lines_are_those_with_a_sound(tmp_path: Path):
    game(tmp_path, {"I": (["YES, MASTER", "NO"], ["SI", "NO"])})
    tone = np.round(8000.0 * np.sin(np.arange(16000) / 5.0)).astype(np.int16)
    sound(tmp_path / "en" / "I1.ALS", tone)
    (line,) = drascula_lines(tmp_path, "en")
    assert (line.sound, line.text, line.samples.dtype) == ("I1", "YES, MASTER", np.int16)
    assert abs(len(line.samples) - len(tone)) < 10
    assert np.abs(line.samples[2000:14000].astype(int) - tone[2000:14000]).max() < 500


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "begins"),
        (b"DRASCULA\x07" + bytes(90), "version 6"),
        (texts_file({"": (["HELLO"], ["HOLA"])})[:-9], "more bytes"),
        (b"DRASCULA\x06" + bytes(60), "languages"),
    ],
)
def test_broken_texts_end_in_one_line(data: bytes, word: str):
    with pytest.raises(Emote3DError, match=word):
        drascula_texts(data, "es")


def test_no_game_is_said_so(tmp_path: Path):
    with pytest.raises(Emote3DError, match="drascula"):
        list(drascula_lines(tmp_path, "en"))


def test_lines_are_aligned_under_the_name_of_who_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pocketsphinx")
    text = "papua new guinea is far away"
    try:
        spoken = Espeak().speak(text, EspeakVoice())
    except Emote3DError:
        pytest.skip("espeak-ng is not installed")
    monkeypatch.setattr(drascula_speech, "SHARE", tmp_path)
    lines = ["(WHISTLE)", *[""] * 54, text.upper()]
    game(tmp_path, {"D": (lines, lines), "I": ([text.upper(), text.upper(), "ROOM 501"], [""] * 3)})
    for name in ("D1", "D56", "I1", "I3"):
        sound(tmp_path / "en" / f"{name}.ALS", spoken.waveform)
    sound(tmp_path / "en" / "I2.ALS", spoken.waveform[:2000])
    clips = list(drascula_clips("en"))
    assert [(clip.entry.id, clip.entry.speaker) for clip in clips] == [
        ("drascula-en-d56", "drascula-en-hacker"),
        ("drascula-en-i1", "drascula-en-igor"),
    ]
    closed, truth = (
        [float(s) for s, p in zip(c.start_s, c.phone, strict=True) if p == "p"] for c in (clips[0].speech, spoken)
    )
    assert len(closed) == len(truth) == 2 and np.abs(np.array(closed) - np.array(truth)).max() < 0.08


@pytest.mark.parametrize(
    ("language", "text"), [("en", "HEY IGOR, HOW IS EVERYTHING GOING?"), ("es", "¿COMO VA TODO, IGOR?")]
)
def test_the_real_game_has_its_lines(language: str, text: str):
    if not (drascula_speech.SHARE / language / "D1.ALS").exists():
        pytest.skip("Debian's drascula is not installed")
    lines = {line.sound: line for line in drascula_lines(drascula_speech.SHARE, language)}
    assert len(lines) > 700 and lines["D1"].text == text
    assert 0.5 * SPEECH_RATE < len(lines["D1"].samples) < 10 * SPEECH_RATE
