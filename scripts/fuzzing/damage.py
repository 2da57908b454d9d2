"""Damage to bytes, text and trees of values, whatever the format."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

Damage = Callable[[bytes, np.random.Generator], bytes]
EXTREMES = (b"\xff" * 8, b"\x00" * 8, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\x00\x00\x00", b"NaN", b"1e999", b"-1", b"{", b"[" * 64)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 255, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 10**30, -(2**63), 0.5, 1e-320, 1e308, -1e308, math.nan, math.inf, -math.inf)  # fmt: skip
DEEP, LONG, HUGE = "@deep@", "@long@", "@huge@"
"""Stand for what `json.dumps` cannot write: 20,000 nested lists, an integer of 6,000 digits, 1e999."""
WORDS = ("", "NaN", "-", "\n", "a\nb", "\x00", "x" * 5000, "../../../etc/passwd", "/dev/zero", "𝔘" * 9, "jawOpen", "happy", DEEP, LONG, HUGE)  # fmt: skip


def pick(choices: Any, rng: np.random.Generator) -> Any:
    """One of a sequence, with its own type."""
    return choices[int(rng.integers(0, len(choices)))]


def damaged(good: bytes, rng: np.random.Generator) -> bytes:
    """Change a file in one to four ways, blindly."""
    data = bytearray(good)
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            return bytes(rng.integers(0, 256, 64, dtype=np.uint8))
        at, other = (int(x) for x in rng.integers(0, len(data), 2))
        length = int(rng.integers(1, 65))
        match int(rng.integers(0, 7)):
            case 0:
                data[at] ^= 1 << int(rng.integers(0, 8))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = data[other : other + length]
            case 3:
                del data[at : at + length]
            case 4:
                data[at : at + 8] = pick(EXTREMES, rng)
            case 5:
                data[at : at + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
            case _:
                data[at : at + length] = data[other : other + length]
    return bytes(data)


def odd(rng: np.random.Generator) -> Any:
    """A value that nobody expects."""
    match int(rng.integers(0, 4)):
        case 0:
            return pick(NUMBERS, rng)
        case 1:
            return pick(WORDS, rng)
        case 2:
            return pick((None, True, False, [], {}, [[]], [None], {"": 0}, [1e308] * 3), rng)
        case _:
            return [pick(NUMBERS, rng) for _ in range(int(rng.integers(1, 6)))]


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """(container, key) of everything inside a tree."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found.append((value, key))
        _places(value[key], found)
    return found


def damaged_tree(tree: Any, rng: np.random.Generator) -> Any:
    """Change one to three places of a tree of mappings and lists, in place."""
    for _ in range(int(rng.integers(1, 4))):
        places = _places(tree, [])
        if not places or rng.random() < 0.02:
            return odd(rng)
        holder, key = pick(places, rng)
        match int(rng.integers(0, 6)):
            case 0 | 1:
                holder[key] = odd(rng)
            case 2:
                del holder[key]
            case 3:
                holder[key] = [holder[key]] * int(rng.integers(0, 50))
            case 4:
                other, place = pick(places, rng)
                holder[key] = json.loads(json.dumps(other.get(place) if isinstance(other, dict) else other[-1]))
            case _:
                if isinstance(holder, dict):
                    holder[str(odd(rng))] = holder.pop(key)
                else:
                    holder[key:key] = [holder[key]] * int(rng.integers(1, 300))
    return tree


def json_text(tree: Any) -> bytes:
    """JSON of a tree, with what the stand-ins stand for."""
    text = json.dumps(tree)
    for stand_in, meant in ((DEEP, "[" * 20_000 + "]" * 20_000), (LONG, "7" * 6000), (HUGE, "1e999")):
        text = text.replace(f'"{stand_in}"', meant)
    return text.encode()


def damaged_json(good: bytes, rng: np.random.Generator) -> bytes:
    """Whole JSON with other values."""
    return json_text(damaged_tree(json.loads(good), rng))


def damaged_lines(good: bytes, rng: np.random.Generator) -> bytes:
    """Lines replaced, doubled, moved or taken out."""
    lines = good.decode().splitlines()
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(lines)))
        match int(rng.integers(0, 4)):
            case 0:
                lines[at] = str(odd(rng))
            case 1:
                lines[at:at] = [lines[at]] * int(rng.integers(1, 200))
            case 2:
                lines[at] = pick(lines, rng)
            case _:
                del lines[at]
                lines = lines or [""]
    return "\n".join(lines).encode()


def damaged_table(good: bytes, rng: np.random.Generator) -> bytes:
    """Cells of a csv replaced, rows made ragged, quotes left open."""
    rows = [line.split(",") for line in good.decode().splitlines()]
    for _ in range(int(rng.integers(1, 5))):
        row = pick(rows, rng)
        cell = int(rng.integers(0, max(1, len(row))))
        match int(rng.integers(0, 6)):
            case 0 | 1:
                row[cell : cell + 1] = [str(odd(rng)).replace("\n", " ")]
            case 2:
                row[cell : cell + 1] = []
            case 3:
                row[cell : cell + 1] = [
                    pick(('"', '"a""', "\x00", "99999999:59:59:59.999", "00:00:09:00.000", "1e999"), rng)
                ]
            case 4:
                rows[:] = rows[:1] if rng.random() < 0.2 else rows + [list(row)] * int(rng.integers(1, 100))
            case _:
                row.extend(row * int(rng.integers(1, 20)))
    return "\n".join(",".join(row) for row in rows).encode()


_YAML = (
    "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)),
    "emotion: &e\n  - *e\n", "x: !!python/object/apply:os.system [id]\n", "emotion: !!binary aGFwcHk=\n", "? [a, b]\n: c\n",
    "x: !!timestamp 9999-99-99\n", "<<: [1]\n", "shapes: {a: &s {of: {jawOpen: 1}}, b: *s}\n", "at: &k\n- *k\n",
    "\t- x\n", "%YAML 9.9\n---\n", "--- a\n--- b\n", "intensity: 1:30:30\n", "? " * 500 + "\n", "[" * 5000 + "\n", "x: " + "{a: " * 3000 + "\n",
)  # fmt: skip


def damaged_yaml(good: bytes, rng: np.random.Generator) -> bytes:
    """A document with other values, or with what YAML alone can do: references in circles and powers, tags, odd keys."""
    import yaml

    if rng.random() < 0.4:
        return pick((b"", good), rng) + pick(_YAML, rng).encode()
    text = yaml.dump(damaged_tree(yaml.safe_load(good), rng), allow_unicode=True)
    for stand_in, meant in ((DEEP, "[" * 400 + "]" * 400), (LONG, "7" * 6000), (HUGE, "1.0e+999")):
        text = text.replace(f"'{stand_in}'", meant)
    return text.encode()
