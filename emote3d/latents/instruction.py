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
from emote3d.latents.emotions import MAX_INTENSITY, felt, parse_feeling, write_feeling
from emote3d.latents.keys import REGIONS, parse_settings
from emote3d.latents.phrases import Group, impossible, joined_gaze, suggest
from emote3d.latents.times import take_time, tells_time

_BREAK = re.compile(
    r"(?P<stop>[,;.!]\s*)|\b(?P<then>(?:and then|then|after that|afterwards|later on|later|otherwise|followed by|before))\b"
    r"|(?P<turn>\b(?:and |but )?(?=(?:(?:gradually|slowly|suddenly|finally|eventually|abruptly) )?(?:becomes?|becoming|turns? (?!(?:left|right|up|down|away))|"
    r"turning|grows|breaks into|bursts into|ends|ending|finishes)\b))|\b(?P<but>but|while)\b(?= (?:at|in|after|near|from|finally)\b)"
    r"|\b(?P<verb>and|but)\b(?= (?:end|finish|begin|start)\b)"
)
_REWRITTEN: tuple[tuple[str, str], ...] = (
    (r"\b(?:his|her|its|their|my|your)\b", "the"),
    (r"\b(?:goes |changes |turns )?from (?:being )?([a-z]+) to ([a-z]+)", r"starts \1, then gradually \2"),
    (r"\bmore and more\b", "gradually"),
    (r"\b(up|down)-(left|right)\b", r"\1 \2"),
    (r"\b(\w+er) and \1\b", r"gradually \1"),
    (r"\b(?:until|till|up to|to) the (?:very )?end\b", ""),
    (r"(?<=\d) ?percent\b", "%"),
    (r"(?:\b(?:at|with|to) )?(?:an? )?\b(\d+(?:\.\d+)?)% (?:intensity|strength)\b", r"\1%"),
    (r"(?:\b(?:at|with|to) )?(?:an? )?\b(?:intensity|strength)(?: of)? (\d+(?:\.\d+)?%)", r"\1"),
)
_INTENSITY = re.compile(r"(?:\b(?:at|with|to) )?(?:an? )?\b(?:intensity|strength)(?: of)? (\d+(?:\.\d+)?)(?![\d%])")
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
    exact: bool = False
    """Whether shares of feelings were said."""


def parse_instruction(text: str) -> Instruction:
    """Read an instruction such as `starts shy, then breaks into a broad smile at the end`.

    Raises:
        Emote3DError: words that are not understood, each with the nearest that are; or nothing to do.
    """
    clauses, unknown = [], []
    for clause in _clauses(text):
        clause.when, rest, twice = take_time(clause.text, follows=clause.follows)
        unknown += twice + _read(clause, rest)
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
    text = " ".join(text.lower().replace("’", "'").split())
    for name, digits in sorted(vocabulary.NUMBERS.items(), key=lambda item: -len(item[0])):
        text = re.sub(rf"\b{name}\b(?= ?(?:s|sec|second|seconds)?\b)", digits, text) if name != "one" else text
    for pattern, meant in _REWRITTEN:
        text = re.sub(pattern, meant, text)
    text = _INTENSITY.sub(lambda match: f"{100 * float(match[1]):g}%", text)
    text = re.sub(r"(?<=\d)\.(?=\d)", "\0", text)
    clauses: list[_Clause] = []
    start, follows = 0, False
    for match in _BREAK.finditer(text):
        clauses.append(_Clause(text=text[start : match.start()], follows=follows))
        start, follows = match.end(), match.lastgroup != "stop"
    clauses.append(_Clause(text=text[start:], follows=follows))
    kept: list[_Clause] = []
    carried, follows = "", False
    for clause in clauses:  # a lone "and" or "gradually" belongs to the clause that comes
        clause.text, clause.follows = f"{carried} {clause.text}".replace("\0", "."), clause.follows or follows
        carried, follows = (clause.text, clause.follows) if _PRELUDE.fullmatch(clause.text) else ("", False)
        if not carried:
            kept += _parted(clause)
    return kept


def _parted(clause: _Clause) -> list[_Clause]:
    """A clause with a time on either side of an "and" as two."""
    for match in re.finditer(r"\band\b", clause.text):
        sides = clause.text[: match.start()], clause.text[match.end() :]
        if all(map(tells_time, sides)):
            first, second = (_Clause(text=side, follows=clause.follows) for side in sides)
            return [first, *_parted(second)]
    return [clause]


def _read(clause: _Clause, text: str) -> list[str]:
    """Fill in what a clause without its time sets; returns the words that are not understood."""
    settings = clause.settings
    feelings: dict[str, list[tuple[float, ...]]] = {}
    unknown = list(impossible(text))
    if unknown:
        return unknown
    gazes: list[str] = []
    for group in re.split(r"\b(?:and|with|while|but)\b", text):
        read = Group()
        unknown += read.read(group)
        for name, weights in read.feelings().items():
            feelings.setdefault(name, []).append(weights)
        settings |= read.numbers()
        gazes += read.gazes
        clause.exact |= read.exact
        clause.implied |= read.implied | (read.set.keys() & {"attack_s", "decay_s"})
    for region, several in feelings.items():
        settings[region] = _mixed(several, exact=clause.exact)
    if gazes:
        clause.implied.discard("gaze")
        if (gaze := joined_gaze(gazes)) is None:
            unknown.append(f"{' and '.join(dict.fromkeys(gazes))} (two gazes at once; part them by 'then')")
        else:
            settings["gaze"] = gaze
    return unknown


def _mixed(several: list[tuple[float, ...]], *, exact: bool = False) -> str:
    """Several feelings at once: each a little weaker unless its share was said, limited to what is possible."""
    share = 1.0 if exact or len(several) == 1 else 0.65
    total = [share * sum(weights) for weights in zip(*several, strict=True)]
    limit = max(1.0, felt(total) / MAX_INTENSITY)
    return write_feeling([weight / limit for weight in total])


def _moments(clauses: list[_Clause]) -> list[_Clause]:
    """Join clauses that happen together, and give times to those that follow without one."""
    moments: list[_Clause] = []
    for clause in clauses:
        goes_on = not clause.follows or (moments and moments[-1].when is not None and not moments[-1].settings)
        if moments and goes_on and clause.when is None:
            moments[-1].settings |= _added(moments[-1], clause)
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
    for moment in moments:
        if not moment.settings and moment.when not in (None, "0"):
            raise Emote3DError(f"--direct: '{moment.text.strip()}' says when, but not what")
    return _timed([moment for moment in moments if moment.settings])


def _added(moment: _Clause, clause: _Clause) -> dict[str, str]:
    """What a clause adds to the moment it belongs to: feelings are mixed, looks up and aside are one.

    Raises:
        Emote3DError: both sides of the face, or two gazes, are asked for at once.
    """
    added = dict(clause.settings)
    for name in added.keys() & (moment.settings.keys() - moment.implied):
        before, now = moment.settings[name], added[name]
        if name in REGIONS:
            feelings = [one for one in map(parse_feeling, (before, now)) if felt(one)]
            added[name] = now if before == now or len(feelings) < 2 else _mixed(feelings, exact=clause.exact)
        elif name == "gaze" and before != now:
            added[name] = joined_gaze([before, now]) or _two(name, before, now)
        elif name == "asymmetry" and float(before) * float(now) < 0:
            _two(name, before, now)
    return added


def _two(name: str, before: str, now: str) -> str:
    raise Emote3DError(f"--direct: {name} is to be {before} and {now} at once; part them by 'then', or say one")


def _timed(moments: list[_Clause]) -> list[_Clause]:
    """Spread the moments without a time evenly between their neighbours in percent (or after seconds: a third of the rest)."""
    for index, moment in enumerate(moments):
        if moment.when is not None:
            moment.when = _from_before(moment, moments[index - 1].when if index else "..0")
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


def _from_before(moment: _Clause, before: str | None) -> str:
    """A time with its start: `+2` and `..2` begin where the range before ends, at first at 0."""
    when = str(moment.when)
    if when[0] not in "+.":
        return when
    start = str(before).partition("..")[2]
    if not start.replace(".", "", 1).isdecimal():
        raise Emote3DError(
            f"--direct: '{moment.text.strip()}' does not say when it begins; write e.g. 'from 2 to 4 seconds'"
        )
    return f"{start}..{float(when[1:]) + float(start):g}" if when[0] == "+" else f"{start}{when}"


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
