"""Break-even drawn: at which spike rate, and with how much weight reuse, the SNN costs less than the ANN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from synaptile.energy import PUBLISHED_BREAK_EVEN, BreakEven, EnergyReport, break_even
from synaptile.energy.break_even import RUNGS
from synaptile.report.canvas import panels, rule, save

_LOWEST_RATIO = 0.05
"""Where the axis of ratios begins: below it an SNN that wins by twenty times has made its point."""

_TITLES = {"eq30": "eq30: compute as published", "executed": "executed: all compute", "memory": "+ memory", "noc": "+ NoC"}


def break_even_figure(
    report: EnergyReport, stem: str | Path, *, reuses: Sequence[int] = (1, 4, 16, 64), step: int | None = None
) -> tuple[Path, Path]:
    """Draw SNN / ANN against spike rate, a panel per rung and a curve per weight reuse, to ``<stem>.png`` and ``.svg``."""
    rungs = [rung for rung in RUNGS if rung in report.comparisons]
    views = [break_even(report, rung, reuses=reuses if rung in ("memory", "noc") else (1,), step=step) for rung in rungs]
    figure, places = panels(3.1 * len(rungs) + 0.8, 4.2, len(rungs), len(rungs), sharey=True)
    for axes, view in zip(places, views, strict=True):
        _draw(axes, view)
    highest = max(max(float(view.ratio.max()), view.measured_ratio) for view in views)
    places[0].set_ylim(_LOWEST_RATIO, max(1.5 * highest, 2.0))
    places[0].set_ylabel(f"energy of {views[0].step} steps / one ANN pass")
    figure.supxlabel("spikes per neuron and step", fontsize=10)
    figure.suptitle(
        f"Break-even of {report.activity.program.graph.name} on {report.chip.name}, {report.number_format}",
        fontsize=11,
        x=0.01,
        ha="left",
    )
    return save(figure, Path(stem), report.activity)


def _draw(axes: Axes, view: BreakEven) -> None:
    colours = colormaps["viridis"](np.linspace(0.0, 0.8, len(view.reuses)))
    for reuse, ratios, colour, dash in zip(view.reuses, view.ratio, colours, ("-", "--", "-.", ":") * 4, strict=False):
        label = "1 token per weight row" if reuse == 1 else f"{reuse} tokens"
        axes.plot(view.rates, ratios, color=colour, linestyle=dash, label=label if len(view.reuses) > 1 else None)
    axes.axhline(1.0, color="#333333", linewidth=1, zorder=1)
    axes.axvline(PUBLISHED_BREAK_EVEN[0], color="#D55E00", linewidth=1, linestyle=":")
    axes.plot(view.measured_rate, view.measured_ratio, "o", color="#D55E00", markersize=7, zorder=3, clip_on=False)
    axes.set(xscale="log", yscale="log", xlim=(view.rates[0], view.rates[-1]))
    axes.set_xticks([0.01, 0.1, 1.0], ["1 %", "10 %", "100 %   "])
    axes.xaxis.set_minor_formatter(NullFormatter())
    for axis_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "125" else ""))
    axes.set_title(_TITLES[view.rung], fontsize=10, loc="left")
    rule(axes, "both")
    bottom = axes.get_xaxis_transform()
    axes.text(
        PUBLISHED_BREAK_EVEN[0],
        0.02,
        f" published {100 * PUBLISHED_BREAK_EVEN[0]:g} %",
        color="#D55E00",
        fontsize=8,
        transform=bottom,
    )
    axes.annotate(
        "this run",
        (view.measured_rate, view.measured_ratio),
        (-8, 4),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )
    if len(view.reuses) > 1:
        axes.legend(
            facecolor="white", framealpha=1.0, edgecolor="none", fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 0.08)
        )
