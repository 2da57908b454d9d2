"""Real speech of some forty characters with its texts: "Flight of the Amazon Queen" (Debian's `flight-of-the-amazon-queen`, free).

Its one file begins with a table of the files packed in it. `*.DOG` are dialogues, `*.CUT` scenes, `QUEEN.JAS` objects with `QUEEN2.JAS`
their texts, `*.SB` sounds named by what is said; all numbers are big-endian. The layout is as ScummVM's sources describe it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from av.error import FFmpegError

from emote3d.data.corpus import SpeechClip
from emote3d.data.game_speech import clip_of_text
from emote3d.data.recordings import read_sound
from emote3d.errors import Emote3DError, existing

QUEEN: Final = Path("/usr/share/scummvm/flight-of-the-amazon-queen/queen.1c")
HERO: Final = "joe"
HELD_OUT: Final = frozenset({"anderson", "bud", "frank", "guardian", "princess azura", "zombie woman"})
"""Characters kept from training, to choose by; the cast is not told, an actor of theirs may speak others too."""
_ENTRY: Final = struct.Struct(">12sBII")
"""Name, number of the data file, place and length of a packed file."""
_HEADER: Final = 20
"""Bytes before the content of `*.DOG`, `*.CUT` and `QUEEN.JAS`."""
_COMMAND: Final = re.compile(r"\*(?:XY.{11}|..)")
"""What a character does while speaking; each begins a new sound."""
_NOISE: Final = frozenset("<(&")
"""In texts that are no words: `<gulp>`, `(sigh)`."""
_REMARKS: Final = 40
"""Of the hero on whatever does not work; his remarks on objects are numbered after them."""
_VERBS: Final = 12
_PERSON: Final = frozenset({-3, -4})
"""Images of objects that are people."""
_HEROES: Final = frozenset({0, -1})
_UNSEEN: Final = frozenset({-2, -3, -4})
"""Numbers in a scene of the hero, and of text without a body."""
_NAMES: Final = {
    "and": "anderson", "azura obj": "princess azura", "bob": "trader bob", "death": "ferryman", "dog": "guard dog", "jim": "jimmy",
    "joe king": HERO, "laris": "bellboy", "oracle": "guardian", "prin": "princess azura", "sec": "secretary",
    "showeram": "showering amazon", "tam": "mary-lou", "wedge": "wedgewood", "witch": "witch doctor",
} | dict.fromkeys(("buttons", "door", "lily pad", "note", "path", "rock", "smoke", "telephone", "torch"), "")  # fmt: skip
"""Other names of a character; none where a thing stands for someone unseen."""
_NUMBERED: Final = re.compile(r"(?<!APE)(?<!MAN)(?<!ZOMBIE)\d$")
"""Of a character's dialogues; apes, men and zombies are several."""
_FLOOR: Final = 0.01
"""Noise that the aligner hears with the sound, of its level: above 4.7 kHz the sound is empty, which its acoustic model never met. It
accepts 9 of 10 lines with it and 2 of 3 without; boundaries stay."""


class QueenLine(NamedTuple):
    """A sound of the game and what it says."""

    sound: str
    """Its name, as `280028J1`."""
    speaker: str
    """The character, empty where it is not told."""
    text: str
    """What is said, without commands."""
    data: bytes
    """The sound, compressed."""


_Sentence = tuple[str, str, str]
"""Beginning of the names of its sounds, speaker as the file names them, text with commands."""


@dataclass
class _Reader:
    """Numbers and texts of a packed file one after the other."""

    data: bytes
    """The file without its header."""
    at: int = 0
    """Where the next begins."""

    def number(self) -> int:
        """A signed number of 16 bits."""
        (value,) = struct.unpack_from(">h", self.data, self.at)
        self.at += 2
        return value

    def text(self, step: int = 2) -> str:
        """A text after its length, both up to a multiple of `step`; an empty one is one byte."""
        begin = self.at + 1
        self.at = begin + self.data[self.at]
        if self.at > len(self.data):
            raise IndexError("a text that ends after its file")
        text = self.data[begin : self.at].decode("latin-1")
        self.at += -self.at % step if text else 0
        return text


def _packed_files(packed: bytes) -> dict[str, bytes]:
    """The files by name."""
    if packed[:4] != b"QTBL" or packed[12] not in (1, 2, 3):
        raise Emote3DError(f"expected queen.1c with compressed sounds, got a file that begins with {packed[:13]!r}")
    files = {}
    for index in range(int.from_bytes(packed[13:15], "big")):
        name, _, begin, length = _ENTRY.unpack_from(packed, 15 + index * _ENTRY.size)
        if begin + length > len(packed):
            raise IndexError("a packed file that ends after the whole")
        files[name.rstrip(b"\0").decode("ascii")] = packed[begin : begin + length]
    return files


def _objects_and_remarks(files: dict[str, bytes]) -> tuple[list[tuple[str, int]], list[_Sentence]]:
    """Name and picture of the objects of all rooms by number, and what the hero says of them."""
    reader = _Reader(files["QUEEN.JAS"][_HEADER:])
    texts = [line.decode("latin-1") for line in files["QUEEN2.JAS"].splitlines()]
    rooms, names, count, remarks = (reader.number() for _ in range(4))
    objects = [("", 0)]
    for _ in range(count):
        name, *_, image = (reader.number() for _ in range(8))
        objects.append((texts[remarks + abs(name) - 1].lower() if name else "", image))
    first = remarks + names + rooms + _VERBS
    if len(texts) < first + _REMARKS:
        raise IndexError("too few texts")
    said = texts[first : first + _REMARKS] + texts[:remarks]
    return objects, [(f"JOE{place:04d}", HERO, text) for place, text in enumerate(said, start=1)]


def _dialogue(name: str, data: bytes) -> Iterator[_Sentence]:
    """What the hero and the person of a dialogue say."""
    levels, _, key, own, others = struct.unpack_from(">5h", data)
    person, _, again = struct.unpack_from(">3H", data, 22)
    who = _NUMBERED.sub("", name).lower()
    for letter, speaker, begin, count in (("J", HERO, 32 + 96 * abs(levels), own), ("P", who, person, others)):
        reader = _Reader(data, begin)
        for _ in range(count):
            _, number = reader.number(), reader.number() & 0xFFFF
            yield f"{key:02d}{f'{number:04X}' if number else 'SSSS'}{letter}", speaker, reader.text(4)
    reader = _Reader(data, again)
    yield f"{key:02d}XXXXP", who, reader.text()
    yield f"{key:02d}XXXXJ", HERO, reader.text()


def _turn(reader: _Reader, objects: list[tuple[str, int]]) -> str:
    """Who acts next in a scene."""
    number, _, _, _, frames, moves, *_, copied, _, _, _, _ = (reader.number() for _ in range(17))
    shown = reader.number()
    reader.at += 2 * shown
    person = not frames and (number in _HEROES or (number > 0 and objects[number][1] in _PERSON))
    if moves and copied <= 0 and not person and number not in _UNSEEN:
        while reader.number() != -2:
            reader.at += 18
    return HERO if number in _HEROES else objects[number][0] if number > 0 else ""


def _scene(name: str, data: bytes, objects: list[tuple[str, int]]) -> Iterator[_Sentence]:
    """What is said in a scene: its first text is the hero's posture, then there is one a turn."""
    (turns,), (begin,) = struct.unpack_from(">h", data, 2), struct.unpack_from(">H", data, 8)
    actors, texts = _Reader(data, 12), _Reader(data, begin)
    texts.text()
    for place in range(1, abs(turns) + 1):
        yield f"{name:_<5}{place:02d}", _turn(actors, objects), texts.text()


def _sentences(files: dict[str, bytes]) -> Iterator[_Sentence]:
    """All that is said in the game."""
    objects, remarks = _objects_and_remarks(files)
    yield from remarks
    for name, data in files.items():
        stem, _, kind = name.partition(".")
        if kind == "DOG":
            yield from _dialogue(stem, data[_HEADER:])
        elif kind == "CUT":
            yield from _scene(stem, data[_HEADER:], objects)


def queen_lines(packed: bytes) -> list[QueenLine]:
    """The sounds of the game's file whose text is known, but for those that two texts claim.

    Raises:
        Emote3DError: the file is another or damaged.
    """
    found: dict[str, QueenLine] = {}
    claimed: set[str] = set()
    try:
        files = _packed_files(packed)
        for prefix, who, said in _sentences(files):
            for place, part in enumerate(_COMMAND.split(said), start=1):
                sound, text = f"{prefix}{place:X}", part.strip()
                if f"{sound}.SB" in files and text:
                    line = QueenLine(sound, _NAMES.get(who, who), text, files[f"{sound}.SB"])
                    if found.setdefault(sound, line).text != text:
                        claimed.add(sound)
    except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
        raise Emote3DError(f"expected the whole queen.1c of the game, got a damaged one: {error}") from error
    return [line for sound, line in found.items() if sound not in claimed]


def _with_floor(waveform: np.ndarray) -> np.ndarray:
    """The sound over noise."""
    noise = np.random.default_rng(0).normal(0.0, _FLOOR * waveform.std(), len(waveform))
    return np.clip(waveform + noise, -32767, 32767).astype(np.int16)


def queen_clips(*, only_held_out: bool = False) -> Iterator[SpeechClip]:
    """The lines of the game that can be aligned, or only those of the characters of `HELD_OUT`."""
    path = existing(QUEEN, "queen.1c of Debian's flight-of-the-amazon-queen")
    for line in queen_lines(path.read_bytes()):
        heldout = line.speaker in HELD_OUT
        if _NOISE.isdisjoint(line.text) and (heldout or not only_held_out):
            stem, speaker = f"queen-{line.sound.lower()}", "-".join(["queen", *line.speaker.split()])
            try:
                waveform = read_sound(BytesIO(line.data))
            except FFmpegError:
                continue
            for clip in clip_of_text(
                "queen", stem, _with_floor(waveform), line.text, speaker, "en-us", heldout=heldout
            ):
                yield replace(clip, speech=replace(clip.speech, waveform=waveform))
