"""Figure of a sweep: every pair of objectives, all points, the front of the pair. PNG and SVG."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from synaptile.report.canvas import panels, save
from synaptile.studies.sweeping.rows import BY_NAME, Sweep, pareto

MOST_PANELS = 6
_SCALES = {"energy": (1e9, "mJ per image")}


def sweep_figure(sweep: Sweep, stem: Path) -> tuple[Path, Path]:
    """Draw the points to ``<stem>.png`` and ``.svg``: objectives against each other, the first `MOST_PANELS` pairs."""
    names = sweep.objectives if len(sweep.objectives) > 1 else (*sweep.objectives, _other(sweep))
    pairs = list(combinations(names, 2))[:MOST_PANELS]
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure, grid = panels(4.6 * columns + (0.6 if columns == 1 else 0), 3.9 * rows + 0.5, len(pairs), columns)
    for axes, pair in zip(grid, pairs, strict=True):
        _panel(axes, sweep, *pair, labelled=axes is grid[0])
    marked = " (SYNTHETIC activity)" if sweep.synthetic else ""
    points = f"{len(sweep.evaluated):,} points, {sweep.failed:,} failed{marked}"
    figure.suptitle(
        f"{sweep.name}: {sweep.facts['network']}, {points}".replace("$", r"\$"),
        x=0.01,
        ha="left",
        fontsize=11,
    )
    return save(figure, stem)


def _panel(axes: Axes, sweep: Sweep, x: str, y: str, *, labelled: bool) -> None:
    known = [row for row in sweep.evaluated if row.has((x, y))]
    values = np.array([[float(row.figures[name]) / _scale(name)[0] for name in (x, y)] for row in known]).reshape(-1, 2)
    losses = values * [-1.0 if BY_NAME[name].better == "high" else 1.0 for name in (x, y)]
    every = np.array([row.number in sweep.on_front for row in known], np.bool_)
    axes.scatter(values[~every, 0], values[~every, 1], s=13, color="#a9b2bc", label="point", zorder=2, linewidths=0)
    best = values[every]
    axes.scatter(best[:, 0], best[:, 1], s=20, color="#0072B2", label="on the front of all objectives", zorder=3, linewidths=0)
    front = values[pareto(losses)]
    front = front[np.lexsort(front.T[::-1])]
    # Between two points of the front nothing is known to be better than the one whose x is worse.
    where: Literal["post", "pre"] = "pre" if BY_NAME[x].better == "high" else "post"
    axes.step(front[:, 0], front[:, 1], where=where, color="#D55E00", linewidth=1.4, label="front of these two", zorder=4)
    for name, label in ((x, axes.set_xlabel), (y, axes.set_ylabel)):
        unit = _scale(name)[1] or BY_NAME[name].unit
        label(BY_NAME[name].title + (f" ({unit})" if unit else ""))
    for values_of, scale in ((values[:, 0], axes.set_xscale), (values[:, 1], axes.set_yscale)):
        if values_of.size and values_of.min() > 0 and values_of.max() > 20 * values_of.min():
            scale("log")
    axes.grid(color="#e4e7eb", linewidth=0.7)
    axes.set_axisbelow(True)
    if labelled:
        axes.legend(frameon=False, fontsize=8, loc="best")


def _scale(name: str) -> tuple[float, str]:
    return _SCALES.get(name.partition("_")[0], (1.0, ""))


def _other(sweep: Sweep) -> str:
    return "latency_ms" if sweep.objectives != ("latency_ms",) else "energy_static_pj"
