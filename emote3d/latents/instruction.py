"""`--direct`: plain English to a direction, by rules, offline. What is not understood is refused with suggestions.

    instruction = clause { ("," | ";" | "." | "then" | "but" | "finally" | "becomes" ...) clause }
    clause      = [time] group { ("and" | "with" | "while") group } [time]
    group       = any order of: degree, feeling, region, setting, tempo; words without meaning for a face are passed over

A clause with a time begins there; one after "then" follows the one before (without times they share the recording evenly); others add
to the clause before them. `docs/direction.md` has the words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from emote3d.errors import Emote3DError
from emote3d.latents import vocabulary
from emote3d.latents.direction import Direction
from emote3d.latents.emotions import MAX_INTENSITY, felt, write_feeling
from emote3d.latents.keys import parse_settings
from emote3d.latents.phrases import Group, suggest

_PRONOUNS = re.compile(r"\b(?:his|her|its|their|my|your)\b")
_BREAK = re.compile(
    r"(?P<stop>[,;.!]\s*)|\b(?P<then>(?:and then|then|after that|afterwards|later on|later|otherwise|followed by|before))\b"
    r"|(?P<turn>\b(?:and |but )?(?=(?:(?:gradually|slowly|suddenly|finally|eventually|abruptly) )?(?:becomes?|becoming|turns? (?!(?:left|right|up|down|away))|"
    r"turning|grows|breaks into|bursts into|ends|ending|finishes)\b))|\b(?P<but>but|while)\b(?= (?:at|in|after|near|from|finally)\b)"
)
_N = r"(\d+(?:\.\d+)?)"
_SECONDS = r"\s*(?:s|secs?|seconds?)\b"
_TIMES: tuple[tuple[str, str], ...] = (
    (rf"\b(?:from|between) (?:second )?{_N}(?:{_SECONDS})? (?:to|and|until|till) (?:second )?{_N}(?:{_SECONDS})?", "{0}..{1}"),
    (rf"\b(?:for|in|during|over)? ?the first {_N}{_SECONDS}", "0..{0}"),
    (rf"\b(?:for|in|during|over)? ?the last {_N}{_SECONDS}", "end-{0}"),
    (r"\b(?:for|in|during)? ?the first half", "0..50%"),
    (r"\b(?:for|in|during)? ?the (?:second|last) half", "50%"),
    (rf"\b(?:at|after|from|by|on)? ?{_N}\s*(?:%|percent\b)", "{0}%"),
    (r"\b(?:at|after|from) (\d+):(\d\d)\b", "clock"),
    (rf"\b(?:at|after|from|by|on)? ?(?:second )?{_N}{_SECONDS}(?: on| onwards| in)?", "{0}"),
    (rf"\b(?:at|after|from) second {_N}", "{0}"),
    (r"""\b(?:on|at|with|when|while)?\s*(?:the word|the speaker says|she says|he says|it says|they say|saying)\s+["'“]?([^\W\d_]+)["'”]?""", "@{0}"),
    (r"\b(?:at|in|from|near|toward|towards|by)? ?the very end\b", "88%"),
    (r"\b(?:at|in|from|near|toward|towards|by) the end\b|\bfinally\b|\bat last\b|\blastly\b|\beventually\b", "75%"),
    (r"\b(?:ends|ending|finishes|finishing)(?: up)?(?: with| by| on| in)?\b", "75%"),
    (r"\bhalfway(?: through)?\b|\bin the middle\b|\bmidway\b", "50%"),
    (r"\b(?:at|in|from) the (?:very )?(?:beginning|start)\b|\bat first\b|\binitially\b|\bfirst\b|\bthroughout\b|\b(?:all|the whole) the time\b", "0"),
    (r"\b(?:starts|begins|starting|beginning)(?: off| out)?(?: with| by| as)?\b", "0"),
)  # fmt: skip
_PRELUDE = re.compile(r"\s*(?:and|but)?\s*(?:gradually|slowly|suddenly|abruptly)?\s*")
_DEFAULTS = {"gaze": "free", "head_motion": "1", "blink_rate": "1", "attack_s": "0.5", "decay_s": "0.8"}
"""What a moment with a new emotion returns to where the feeling before it had moved it."""


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """A plain-text instruction, understood."""

    direction: Direction
    understood: tuple[str, ...]
    """One line a moment: when, what, and the words it was read from."""


@dataclass(kw_only=True)
class _Clause:
    text: str
    follows: bool
    """Whether it comes after the clause before it, in time."""
    when: str | None = None
    settings: dict[str, str] = field(default_factory=dict)
    implied: set[str] = field(default_factory=set)
    """Settings that came with a feeling."""


def parse_instruction(text: str) -> Instruction:
    """Read an instruction such as `starts shy, then breaks into a broad smile at the end`.

    Raises:
        Emote3DError: words that are not understood, each with the nearest that are; or nothing to do.
    """
    clauses, unknown = [], []
    for clause in _clauses(text):
        clause.when, rest = _take_time(clause.text)
        unknown += _read(clause, rest)
        clauses.append(clause)
    if unknown:
        raise Emote3DError(f"--direct: not understood: {', '.join(map(suggest, dict.fromkeys(unknown)))}")
    moments = _moments(clauses)
    if not any(moment.settings for moment in moments):
        raise Emote3DError(
            f"--direct: nothing in '{text}' is about a face; try e.g. 'starts shy, then breaks into a broad smile at the end'"
        )
    return _build(moments)


def _clauses(text: str) -> list[_Clause]:
    text = _PRONOUNS.sub("the", " ".join(text.lower().replace("’", "'").split()))
    for name, digits in sorted(vocabulary.NUMBERS.items(), key=lambda item: -len(item[0])):
        text = re.sub(rf"\b{name}\b(?= ?(?:s|sec|second|seconds)?\b)", digits, text) if name != "one" else text
    text = re.sub(
        r"\b(?:goes |changes |turns )?from (?:being )?([a-z]+) to ([a-z]+)", r"starts \1, then gradually \2", text
    )
    text = re.sub(r"(?<=\d)\.(?=\d)", "\0", text)
    clauses: list[_Clause] = []
    start, follows = 0, False
    for match in _BREAK.finditer(text):
        clauses.append(_Clause(text=text[start : match.start()], follows=follows))
        start, follows = match.end(), match.lastgroup in ("then", "turn", "but")
    clauses.append(_Clause(text=text[start:], follows=follows))
    kept: list[_Clause] = []
    carried, follows = "", False
    for clause in clauses:  # a lone "and" or "gradually" belongs to the clause that comes
        clause.text, clause.follows = f"{carried} {clause.text}".replace("\0", "."), clause.follows or follows
        carried, follows = (clause.text, clause.follows) if _PRELUDE.fullmatch(clause.text) else ("", False)
        if not carried:
            kept.append(clause)
    return kept


def _take_time(text: str) -> tuple[str | None, str]:
    """The first time phrase of a clause, as a key's time, and the rest of the text."""
    found = None
    for pattern, form in _TIMES:
        match = re.search(pattern, text)
        if match:
            minutes_seconds = form == "clock"
            time = f"{60 * int(match[1]) + int(match[2])}" if minutes_seconds else form.format(*match.groups())
            found = found or time
            text = f"{text[: match.start()]} {text[match.end() :]}"
    return found, text


def _read(clause: _Clause, text: str) -> list[str]:
    """Fill in what a clause without its time sets; returns the words that are not understood."""
    settings = clause.settings
    feelings: dict[str, list[tuple[float, ...]]] = {}
    unknown: list[str] = []
    for group in re.split(r"\b(?:and|with|while|but)\b", text):
        read = Group()
        unknown += read.read(group)
        for name, weights in read.feelings().items():
            feelings.setdefault(name, []).append(weights)
        settings |= read.numbers()
        clause.implied |= read.implied | (read.set.keys() & {"attack_s", "decay_s"})
    for region, several in feelings.items():
        settings[region] = _mixed(several)
    return unknown


def _mixed(several: list[tuple[float, ...]]) -> str:
    """Several feelings at once: each a little weaker, limited to what is possible."""
    share = 1.0 if len(several) == 1 else 0.65
    total = [share * sum(weights) for weights in zip(*several, strict=True)]
    limit = max(1.0, felt(total) / MAX_INTENSITY)
    return write_feeling([weight / limit for weight in total])


def _moments(clauses: list[_Clause]) -> list[_Clause]:
    """Join clauses that happen together, and give times to those that follow without one."""
    moments: list[_Clause] = []
    for clause in clauses:
        if moments and not clause.follows and clause.when is None:
            moments[-1].settings |= clause.settings
            moments[-1].implied |= clause.implied
            moments[-1].text += f", {clause.text.strip()}"
        elif moments and not clause.follows and not moments[-1].settings and moments[-1].when is None:
            moments[-1] = clause
        else:
            moments.append(clause)
    for before, moment in zip(moments, moments[1:], strict=False):
        if "emotion" in moment.settings:
            moment.settings |= {name: _DEFAULTS[name] for name in sorted(before.implied - moment.settings.keys())}
    if moments and moments[0].when is None:
        moments[0].when = "0"
    return _timed([moment for moment in moments if moment.settings])


def _timed(moments: list[_Clause]) -> list[_Clause]:
    """Spread the moments without a time evenly between their neighbours in percent (or after seconds: a third of the rest)."""
    for index, moment in enumerate(moments):
        if moment.when is not None:
            continue
        if index and ".." in (moments[index - 1].when or ""):
            moment.when = str(moments[index - 1].when).partition("..")[2]  # where the range before it ends
            continue
        waiting = 1
        while index + waiting < len(moments) and moments[index + waiting].when is None:
            waiting += 1
        after = moments[index + waiting].when if index + waiting < len(moments) else "100%"
        low, high = _percent(moments[index - 1].when if index else "0"), _percent(after)
        moment.when = f"{low + (high - low) / (waiting + 1):.0f}%"
    return moments


def _percent(when: str | None) -> float:
    """A time in percent where it is one; seconds and words count as early."""
    text = (when or "0").split("..")[0]
    return float(text.removesuffix("%")) if text.endswith("%") else 0.0 if text == "0" else 10.0


def _build(moments: list[_Clause]) -> Instruction:
    base: dict[str, str | float] = {}
    keys, understood = [], []
    for moment in moments:
        listed = ",".join(f"{name}={value}" for name, value in moment.settings.items())
        if moment.when == "0" and "attack_s" in moment.settings:
            moment.when = "0.1"  # it rises from neutral
        if moment.when == "0" and not keys:
            base |= parse_settings(listed, moment.text)
        else:
            keys.append(f"{moment.when}:{listed}")
        understood.append(f'{_spoken(moment.when)}: {listed.replace(",", ", ")}   ("{" ".join(moment.text.split())}")')
    return Instruction(direction=Direction(**base, at=tuple(keys)), understood=tuple(understood))  # pyright: ignore[reportArgumentType]


def _spoken(when: str | None) -> str:
    if when in (None, "0"):
        return "from the start"
    start, dots, end = str(when).partition("..")
    unit = "" if start[-1] == "%" or start[0] in "@e" else " s"
    return f"from {start} to {end} s" if dots else f"from {start}{unit} on"
