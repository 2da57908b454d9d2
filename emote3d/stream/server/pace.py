"""Sound that comes late: silence stands in for it, and when it comes after all, so much of it is dropped."""

from __future__ import annotations

from dataclasses import dataclass

SLACK_S = 0.15
"""Lateness that is borne before silence stands in."""


@dataclass
class Pace:
    """Keeps the samples of a stream with the clock."""

    sample_rate: int
    began_s: float
    samples: int = 0
    """Samples taken so far, silence that stood in included."""
    debt: int = 0
    """Samples of silence whose sound may still come."""

    def missing(self, now_s: float) -> int:
        """Samples of silence to put in now."""
        due = int((now_s - self.began_s) * self.sample_rate)
        if due - self.samples < SLACK_S * self.sample_rate:
            return 0
        return due - self.samples

    def fill(self, samples: int) -> None:
        """Note that silence was put in."""
        self.samples += samples
        self.debt += samples

    def late(self, samples: int) -> int:
        """How many of the samples that came now are too late to be heard, from their beginning."""
        dropped = min(self.debt, samples)
        self.debt -= dropped
        self.samples += samples - dropped
        return dropped
