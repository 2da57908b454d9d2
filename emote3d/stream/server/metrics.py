"""Counts of what the server does, in Prometheus' text format 0.0.4."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_HELP = {
    "connections_total": ("counter", "WebSocket connections accepted."),
    "sessions_total": ("counter", "Sessions started."),
    "closed_total": ("counter", "Connections closed, by close code."),
    "samples_total": ("counter", "Audio samples received."),
    "filled_samples_total": ("counter", "Samples of silence put in for late sound."),
    "frames_total": ("counter", "Motion frames sent."),
    "compute_seconds_total": ("counter", "Time spent computing frames."),
    "connections": ("gauge", "WebSocket connections open."),
    "sessions": ("gauge", "Sessions open."),
    "uptime_seconds": ("gauge", "Time since the start."),
}


@dataclass
class Metrics:
    """Counts since the start; a plain name, or one with its labels written out."""

    values: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, amount: float = 1, **labels: object) -> None:
        """Count."""
        marks = ",".join(f'{key}="{value}"' for key, value in labels.items())
        self.values[name + (f"{{{marks}}}" if marks else "")] += amount  # pyright: ignore[reportArgumentType]

    def text(self, gauges: dict[str, float]) -> str:
        """All of it for a scraper."""
        lines = []
        values = {name: 0.0 for name in _HELP if name != "closed_total"} | dict(self.values) | gauges
        for name, (kind, explanation) in _HELP.items():
            lines += [f"# HELP emote3d_{name} {explanation}", f"# TYPE emote3d_{name} {kind}"]
            lines += [
                f"emote3d_{key} {value:.10g}" for key, value in sorted(values.items()) if key.split("{")[0] == name
            ]
        return "\n".join(lines) + "\n"
