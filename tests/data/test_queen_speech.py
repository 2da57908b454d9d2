"""Lines of "Flight of the Amazon Queen", from a small file laid out as the game's is; where the game is installed, its own too."""

import struct
from pathlib import Path

import numpy as np
import pytest
from sounds import write_wav

from emote3d.data import queen_speech
from emote3d.data.espeak import Espeak, EspeakVoice
from emote3d.data.queen_speech import queen_clips, queen_lines
from emote3d.errors import Emote3DError

SOUND = b"sound of "
SAID = {
    "JOE00021": ("joe", "It won't move"),
    "JOE00411": ("joe", "Nice hat"),
    "08SSSSJ1": ("joe", "Hi, I'm Joe."),
    "0800FFJ1": ("joe", "See ya."),
    "080006P1": ("bud", "Well."),
    "080006P2": ("bud", "We dig."),
    "08XXXXP1": ("bud", "You again!"),
    "08XXXXJ1": ("joe", "Me again."),
    "C1A__011": ("joe", "Look there!"),
    "C1A__032": ("princess azura", "A boat."),
    "C1A__041": ("", "Help!"),
}
"""Speaker and text of each sound of the small file."""


def numbers(*values: int) -> bytes:
    """Numbers of 16 bits."""
    return struct.pack(f">{len(values)}h", *values)


def text(said: str, step: int, before: int) -> bytes:
    """A text with its length, after `before` bytes."""
    packed = bytes([len(said)]) + said.encode()
    return packed + b"\0" * (-(before + len(packed)) % step if said else 0)


def dialogue(*, work: str = "We dig.") -> bytes:
    """Joe greets and leaves, Bud answers in two sounds; there is no tree of choices."""
    parts = [numbers(0, 1, 8, 2, 1), bytes(12), bytes(10)]
    offsets = []
    for rows in (((0, "Hi, I'm Joe.*02"), (255, "See ya.")), ((6, f"Well.*XY00(237,112){work}*00"),)):
        offsets.append(len(b"".join(parts)))
        for number, said in rows:
            parts.append(numbers(0, number))
            parts.append(text(said, 4, len(b"".join(parts))))
    offsets.append(len(b"".join(parts)))
    for said in ("You again!", "Me again."):
        parts.append(text(said, 2, len(b"".join(parts))))
    data = bytearray(b"".join(parts))
    struct.pack_into(">3H", data, 22, offsets[1], 0, offsets[2])
    return bytes(20) + bytes(data)


def turn(number: int, frames: int = 0, moves: int = 0) -> bytes:
    """An actor's turn in a scene with one person shown."""
    return numbers(number, 0, 0, 0, frames, moves, *[0] * 11, 1, 7)


def scene() -> bytes:
    """Joe speaks, something moves, the princess speaks after a gesture, someone unseen cries."""
    turns = turn(0) + turn(0, 1, 1) + numbers(3, *[0] * 9) + numbers(-2) + turn(1) + turn(-2)
    data = numbers(0, -4, 0, 0, 12 + len(turns), 0) + turns
    for said in ("*FL", "Look there!", "*", "*WTA boat.*00", "Help!"):
        data += text(said, 2, len(data))
    return bytes(20) + data


def queen(sounds: dict[str, bytes], dialogues: dict[str, bytes] | None = None) -> bytes:
    """A file of the game with these sounds, and other dialogues."""
    remarks = ["It opens", "It won't move*06"] + [""] * 38
    texts = ["Nice hat*24", "Azura obj", "D1", *["verb"] * 12, *remarks]
    files = {
        "BUD1.DOG": dialogue(),
        "C1A.CUT": scene(),
        "QUEEN.JAS": bytes(20) + numbers(1, 1, 1, 1) + numbers(-1, 0, 0, 0, 0, 1, 0, -3),
        "QUEEN2.JAS": "".join(f"{row}\r\n" for row in texts).encode(),
        **(dialogues or {}),
        **{f"{name}.SB": data for name, data in sounds.items()},
    }
    packed = b"QTBLCEM10\0\0\0\1" + struct.pack(">H", len(files))
    at = len(packed) + 21 * len(files)
    for name, data in files.items():
        packed += struct.pack(">12sBII", name.encode(), 1, at, len(data))
        at += len(data)
    return packed + b"".join(files.values())


SMALL = queen({name: SOUND + name.encode() for name in SAID})


def test_each_sound_has_its_text_and_speaker():
    lines = queen_lines(SMALL)
    assert {line.sound: (line.speaker, line.text) for line in lines} == SAID
    assert all(line.data == SOUND + line.sound.encode() for line in lines)


def test_a_sound_that_two_texts_claim_is_left_out():
    packed = queen(dict.fromkeys(SAID, SOUND), {"BUD2.DOG": dialogue(work="We eat.")})
    assert {line.sound for line in queen_lines(packed)} == set(SAID) - {"080006P2"}


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"RIFF" + bytes(40),
        SMALL[:500],
        SMALL[:-1],
        SMALL.replace(b"QUEEN2", b"QUEEN3"),
        SMALL.replace(b"\r\n", b"  "),
    ],
)
def test_a_damaged_file_is_told_in_one_line(packed: bytes):
    with pytest.raises(Emote3DError, match=r"^expected .*queen\.1c.*got"):
        queen_lines(packed)


def test_a_missing_game_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queen_speech, "QUEEN", tmp_path / "queen.1c")
    with pytest.raises(Emote3DError, match="flight-of-the-amazon-queen"):
        next(queen_clips())


def test_lines_are_aligned_and_keep_their_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pocketsphinx")
    try:
        spoken, kept = (Espeak().speak(text, EspeakVoice()) for text in ("Me again.", "You again!"))
    except Emote3DError:
        pytest.skip("espeak-ng is not installed")
    sounds = {
        name: write_wav(tmp_path / name, speech.waveform).read_bytes()
        for name, speech in (("08XXXXJ1", spoken), ("08XXXXP1", kept))
    }
    monkeypatch.setattr(queen_speech, "QUEEN", tmp_path / "queen.1c")
    queen_speech.QUEEN.write_bytes(queen(sounds | {"C1A__041": b"no sound"}))
    clips = {clip.entry.speaker: clip for clip in queen_clips()}
    assert {name: clip.entry.split for name, clip in clips.items()} == {"queen-joe": "train", "queen-bud": "heldout"}
    assert [clip.entry.speaker for clip in queen_clips(only_held_out=True)] == ["queen-bud"]
    clip = clips["queen-joe"]
    assert (clip.entry.id, clip.entry.speaker, clip.entry.language) == ("queen-08xxxxj1", "queen-joe", "en-us")
    assert (clip.entry.split, clip.entry.timed) == ("train", True)
    assert np.abs(clip.speech.waveform.astype(int) - spoken.waveform).max() <= 1, "without the noise"
    closed, truth = (
        [float(s) for s, p in zip(c.start_s, c.phone, strict=True) if p == "m"] for c in (clip.speech, spoken)
    )
    assert len(closed) == len(truth) == 1 and abs(closed[0] - truth[0]) < 0.08


@pytest.mark.skipif(not queen_speech.QUEEN.is_file(), reason="flight-of-the-amazon-queen is not installed")
def test_the_games_lines_are_found_and_aligned(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pocketsphinx")
    lines = queen_lines(queen_speech.QUEEN.read_bytes())
    assert len(lines) == 6584
    few = [line for line in lines if line.sound.startswith("08") and "J" in line.sound][:10]
    monkeypatch.setattr(queen_speech, "queen_lines", lambda _packed: few)
    clips = list(queen_clips())
    assert len(clips) > 7 and all(clip.entry.speaker == "queen-joe" and clip.entry.timed for clip in clips)
