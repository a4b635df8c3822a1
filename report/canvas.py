"""A sheet to draw on, and how it reaches the disk: PNG and SVG, no display needed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from synaptile.foundation.files import atomic_path
from synaptile.simulator.activity import Activity


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of `width` x `height` inches with one axes, open to the top and the right."""
    figure, (axes,) = panels(width, height, 1)
    return figure, axes


def panels(width: float, height: float, count: int, columns: int = 1, *, sharey: bool = False) -> tuple[Figure, tuple[Axes, ...]]:
    """A figure with `count` such axes, row by row in `columns`."""
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subplots(-(-count // columns), columns, squeeze=False, sharey=sharey).ravel()
    for place in places[count:]:
        place.set_axis_off()
    for axes in places[:count]:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, tuple(places[:count])


def rule(axes: Axes, axis: Literal["both", "x", "y"] = "y") -> None:
    """Pale lines at the ticks of an axis, behind what is drawn."""
    axes.grid(axis=axis, color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)


def save(figure: Figure, stem: str | Path, activity: Activity | None = None) -> tuple[Path, Path]:
    """Write ``<stem>.png`` and ``<stem>.svg`` atomically, without a date, so that the same run gives the same file.

    A figure of a synthetic `activity` says so above everything else.
    """
    bounds = None
    if activity is not None and activity.synthetic is not None:
        bounds = "tight"  # what stands above the figure needs room
        figure.text(0.99, 1.0, "SYNTHETIC ACTIVITY", ha="right", va="bottom", fontsize=9, color="#B00020", weight="bold")
    base = Path(stem)
    paths = (base.with_name(f"{base.name}.png"), base.with_name(f"{base.name}.svg"))
    for path, metadata in zip(paths, ({"Software": None}, {"Date": None}), strict=True):
        with atomic_path(path) as temporary, rc_context({"svg.hashsalt": "synaptile"}):
            figure.savefig(temporary, format=path.suffix[1:], dpi=160, metadata=metadata, bbox_inches=bounds)
    return paths
