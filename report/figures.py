"""Figures: energy ratio per step, and a map of the mesh coloured by memory use. PNG and SVG, no display needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from synaptile.energy import CoreUse, EnergyReport
from synaptile.foundation.errors import InputError
from synaptile.report.canvas import blank, rule, save
from synaptile.studies.dataset.published import PAPER_STEPS, PAPER_TABLE_1

# Okabe and Ito's colours: told apart with any kind of colour vision. Markers and dashes say the same again, and the curve of
# `eq30` is broad, because `released` runs close to it and often on top of it.
_LOOK: dict[str, dict[str, Any]] = {
    "eq30": {"color": "#0072B2", "marker": "o", "linestyle": "-", "linewidth": 3.5, "markersize": 8},
    "released": {"color": "#E69F00", "marker": "s", "linestyle": "--", "linewidth": 1.5, "markersize": 4},
    "executed": {"color": "#009E73", "marker": "^", "linestyle": "-", "linewidth": 1.5, "markersize": 6},
    "memory": {"color": "#D55E00", "marker": "D", "linestyle": "-.", "linewidth": 1.5, "markersize": 5},
    "noc": {"color": "#CC79A7", "marker": "v", "linestyle": "--", "linewidth": 1.5, "markersize": 6},
    "static": {"color": "#000000", "marker": "P", "linestyle": ":", "linewidth": 1.5, "markersize": 6},
}
MOST_SQUARES = 4096
"""Cores of a panel that are drawn one by one in an SVG."""
_COLOURS = "YlGnBu"
_EDGE_OF_CHIP: dict[str, Any] = {"color": "#444444", "linewidth": 1.4, "zorder": 2}
_EDGE_OF_TILE: dict[str, Any] = {"color": "#dddddd", "linewidth": 0.5, "zorder": 2}
_MEMORY = {"synapse": "weight memory of synapse cores", "ec": "state memory of EC cores"}


def ratio_figure(report: EnergyReport, stem: str | Path, *, paper: str | None = None) -> tuple[Path, Path]:
    """Draw the energy ratio of each accounting and rung against time steps to ``<stem>.png`` and ``<stem>.svg``.

    Returns both paths.
    `paper` names an architecture of the paper's Table 1 whose curve is drawn beside them. Raises InputError for one that
    the table does not have, and where an operation is unpriced.
    """
    if paper is not None and paper not in PAPER_TABLE_1:
        raise InputError(f"the paper's Table 1 has no {paper!r}: use one of {', '.join(PAPER_TABLE_1)}")
    figure, axes = blank(7.2, 4.4)
    steps = np.arange(1, report.steps + 1)
    for name, look in ((name, look) for name, look in _LOOK.items() if name in report.comparisons):
        axes.plot(steps, report.ratios(name), label=name, **look)
    if paper is not None:
        shown = [(t, r) for t, r in zip(PAPER_STEPS, PAPER_TABLE_1[paper].ratio, strict=True) if t <= report.steps]
        axes.plot(*zip(*shown, strict=True), color="#555555", marker="x", linestyle=":", label=f"paper, {paper}")
    axes.axhline(1.0, color="#333333", linewidth=1, zorder=1, label="one pass of the ANN")
    axes.set_xlabel("time steps T")
    axes.set_ylabel("energy of T steps / one ANN pass")
    axes.set_title(f"{report.activity.program.graph.name} on {report.chip.name}, {report.number_format}", loc="left", fontsize=11)
    axes.set_ylim(bottom=0)
    axes.set_xticks(steps[:: max(1, len(steps) // 16)])
    rule(axes)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return save(figure, Path(stem), report.activity)


def memory_map(report: EnergyReport, stem: str | Path) -> tuple[Path, Path]:
    """Draw the board's tiles with one square per core, coloured by the used part of its memory, to ``<stem>.png`` and ``.svg``.

    Synapse cores show their weight memory, EC cores their state memory. Heavy lines part the chips. Returns both paths.
    """
    program = report.activity.program
    mesh, (columns, rows) = program.chip.mesh, program.board
    width, height = columns * mesh.width, rows * mesh.height
    kinds = [kind for kind in _MEMORY if any(core.kind == kind for core in report.cores)]
    # Inches: panels grow with the board up to a page, plus room for the colour bar at the right and the titles above.
    side = min(5.5, 0.5 * max(width, 8))
    figure = Figure(figsize=(side * len(kinds) + 1.3, side * height / width + 0.9), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = np.atleast_1d(figure.subplots(1, len(kinds), sharey=True))
    for axes, kind in zip(panels, kinds, strict=True):
        slots = mesh.synapse_cores_per_tile if kind == "synapse" else mesh.ec_cores_per_tile
        _draw_cores(axes, [core for core in report.cores if core.kind == kind], slots)
        for draw, extent, chip, length in ((axes.vlines, width, mesh.width, height), (axes.hlines, height, mesh.height, width)):
            at = np.arange(extent + 1)
            draw(at[at % chip > 0], 0, length, **_EDGE_OF_TILE)
            draw(at[at % chip == 0], 0, length, **_EDGE_OF_CHIP)
        axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xlabel="tile x")
        axes.set_xticks(_centres(width), [str(int(x)) for x in _centres(width)])
        axes.set_yticks(_centres(height), [str(int(y)) for y in _centres(height)])
        axes.tick_params(length=0, labelsize=8)
        axes.set_title(_MEMORY[kind], fontsize=10, loc="left")
    panels[0].set_ylabel("tile y")
    figure.suptitle(f"{program.graph.name} on {columns} x {rows} {program.chip.name}", fontsize=11, x=0.01, ha="left")
    figure.colorbar(ScalarMappable(Normalize(0, 1), _COLOURS), ax=list(panels), label="used part of memory", pad=0.01)
    return save(figure, Path(stem), report.activity)


def _draw_cores(axes: Axes, cores: list[CoreUse], slots: int) -> None:
    """One square per core, the `slots` of a tile on a square grid inside it; of a large board the SVG holds their picture."""
    grid = int(np.ceil(np.sqrt(slots)))
    size = 0.9 / grid
    places = np.array([(core.x, core.y) for core in cores], float) + 0.05
    corners = places + size * np.stack(np.divmod([core.slot for core in cores], grid)[::-1], axis=1)
    squares = corners[:, None] + 0.94 * size * np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    look: dict[str, Any] = {"edgecolor": "#666666", "linewidth": 0.4, "zorder": 2, "rasterized": len(cores) > MOST_SQUARES}
    drawn = PolyCollection(list(squares), array=[core.memory_use for core in cores], cmap=_COLOURS, norm=Normalize(0, 1), **look)
    axes.add_collection(drawn)


def _centres(extent: int) -> list[float]:
    """Tick positions at the centres of at most 12 tiles."""
    return [tile + 0.5 for tile in range(0, extent, max(1, -(-extent // 12)))]
