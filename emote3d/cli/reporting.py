"""What verbs say while they work and when they are done."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import tyro

Flag = tyro.conf.FlagCreatePairsOff
Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """Options of every verb about what it prints."""

    quiet: Annotated[Flag[bool], tyro.conf.arg(aliases=["-q"])] = False
    """Print nothing but errors."""
    json: Flag[bool] = False
    """Print one JSON object about the result."""

    def report(self, facts: dict[str, object], line: str) -> None:
        """Print the facts as JSON, or the line, or nothing."""
        if self.json:
            print(json.dumps(facts))
        elif not self.quiet:
            print(line)

    def say(self, note: str | None) -> None:
        """A line beside the result, on stderr."""
        if note and not self.quiet:
            print(f"emote3d: {note}", file=sys.stderr)

    @contextmanager
    def progress(self, doing: str, total: int) -> Iterator[Callable[[], None]]:
        """Yield a function that moves a progress bar one step; there is no bar in a pipe."""
        if self.quiet or self.json or not sys.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(doing, total=total)
            yield lambda: progress.advance(task)
