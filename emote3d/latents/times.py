"""Time phrases of an instruction: what a user writes for a moment or a range, as a key has it."""

from __future__ import annotations

import re

_N = r"(\d+(?:\.\d+)?)"
_SECONDS = r"\s*(?:s|secs?|seconds?)\b"
_TIMES: tuple[tuple[str, str], ...] = (
    (rf"\b(?:from|between) (?:second )?{_N}(?:{_SECONDS})? (?:to|and|until|till) (?:second )?{_N}(?:{_SECONDS})?", "{0}..{1}"),
    (rf"\b(?:for|in|during|over)? ?the first {_N}{_SECONDS}", "0..{0}"),
    (rf"\bfor (?:about )?{_N}{_SECONDS}", "+{0}"),
    (rf"\b(?:until|till|up to) (?:second )?{_N}{_SECONDS}", "..{0}"),
    (rf"\b(?:for|in|during|over)? ?the last {_N}{_SECONDS}", "end-{0}"),
    (r"\b(?:for|in|during)? ?the first half", "0..50%"),
    (r"\b(?:for|in|during)? ?the (?:second|last) half", "50%"),
    (rf"\b(?:at|after|from|by|on) {_N}%", "{0}%"),
    (r"\b(?:at|after|from) (\d+):(\d\d)\b", "clock"),
    (rf"\b(?:at|after|from|by|on)? ?(?:second )?{_N}{_SECONDS}(?: on| onwards| in)?", "{0}"),
    (rf"\b(?:at|after|from) second {_N}", "{0}"),
    (r"""\b(?:on|at|with|when|while)?\s*(?:the word|the speaker says|she says|he says|it says|they say|saying)\s+["'“]?([^\W\d_]+)["'”]?""", "@{0}"),
    (r"\b(?:at|in|from|near|toward|towards|by)? ?the very end\b", "88%"),
    (r"\b(?:at|in|from|near|toward|towards|by) the end\b", "75%"),
    (r"\bhalfway(?: through)?\b|\bin the middle\b|\bmidway\b", "50%"),
    (r"\b(?:at|in|from) the (?:very )?(?:beginning|start)\b|\bat first\b", "0"),
)  # fmt: skip
_VAGUE: tuple[tuple[str, str], ...] = (
    (r"(?:\b(?:ends|ending|finishes|finishing)|^\s*(?:end|finish)\b)(?: up)?(?: with| by| on| in)?\b|\bfinally\b|\bat last\b|\blastly\b|\beventually\b", "75%"),
    (r"\b(?:starts|begins|starting|beginning)(?: off| out)?(?: with| by| as)?\b|^\s*(?:start|begin)\b|\binitially\b|\bfirst\b|\bthroughout\b|\b(?:all|the whole) the time\b", "0"),
)  # fmt: skip
"""Times that give way to those that are told as such; a start that follows something is none."""


def tells_time(text: str) -> bool:
    """Whether a text holds the time of something."""
    return any(re.search(pattern, text) for pattern, _ in _TIMES)


def take_time(text: str, *, follows: bool) -> tuple[str | None, str, list[str]]:
    """The time of a clause, the rest of its text, and what is wrong with it: two times.

    `+2` stands for two seconds from where it begins, `..2` for all until second 2.

    Args:
        follows: whether it comes after another clause: that it "starts" is no time then.
    """
    told: dict[str, str] = {}
    for pattern, form in _TIMES:
        for match in re.finditer(pattern, text):
            clock = form == "clock"
            time = f"{60 * int(match[1]) + int(match[2])}" if clock else form.format(*match.groups())
            told.setdefault(time, match[0].strip())
        text = re.sub(pattern, " ", text)
    vague = []
    for pattern, time in _VAGUE:
        text, count = re.subn(pattern, " ", text)
        vague += [time] * (count > 0 and not (time == "0" and follows))
    long = next((time for time in told if time[0] == "+"), None)
    start = next((time for time in told if time.replace(".", "", 1).isdecimal()), None)
    if long and start and len(told) == 2:
        return f"{start}..{float(start) + float(long):g}", text, []
    twice = f"{' and '.join(map(repr, told.values()))} (two times; part them by 'then')"
    return next(iter([*told, *vague]), None), text, [twice] if len(told) > 1 else []
