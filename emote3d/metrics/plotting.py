"""Pictures of an evaluation: its curves over time, one panel a unit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emote3d.errors import Emote3DError
from emote3d.files import atomic_path
from emote3d.metrics.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".png", ".svg", ".pdf")


def _phone_bars(axis: Axes, by_phone: dict[str, np.ndarray]) -> None:
    """Mean error of each phone, worst first, with its standard deviation and number of frames."""
    names = sorted(by_phone, key=lambda phone: -by_phone[phone].mean())
    means, spreads = ([float(measure(by_phone[phone])) for phone in names] for measure in (np.mean, np.std))
    axis.bar(range(len(names)), means, yerr=spreads, capsize=2, color="0.75", ecolor="0.3")
    axis.set_xticks(range(len(names)), [f"{phone}\n{len(by_phone[phone])}" for phone in names], fontsize=7)
    axis.set(ylabel="lip error, mm", xlabel="phone, frames; bars: mean and standard deviation")


def plot_curves(result: Evaluation, path: Path, title: str) -> None:
    """Draw the curves of an evaluation over time.

    Raises:
        Emote3DError: matplotlib is missing, another suffix, or the path cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise Emote3DError(f"expected a picture ending in {', '.join(SUFFIXES)}; got '{path}'")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Emote3DError(f"expected matplotlib; got: {error}; pip install emote3d[plot]") from error
    errors = {name: curve for name, curve in result.curves.items() if not name.endswith("gap_mm")}
    gaps = {name: curve for name, curve in result.curves.items() if name.endswith("gap_mm")}
    panels = [(label, group) for label, group in (("error, mm", errors), ("lips apart, mm", gaps)) if group]
    rows = max(1, len(panels)) + bool(result.by_phone)
    figure = Figure(figsize=(10, 3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    for axis, (label, group) in zip(axes, panels, strict=False):
        for name, curve in group.items():
            axis.plot(np.arange(len(curve)) / result.fps, curve, label=name.removesuffix("_mm"), linewidth=1)
        axis.set(ylabel=label, xlabel="s")
        axis.legend(loc="upper right")
    if result.by_phone:
        _phone_bars(axes[-1], result.by_phone)
    axes[0].set_title(title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
