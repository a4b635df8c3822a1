"""A sizing study drawn: what breaks first, and what more of each parameter brings."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from synaptile.report.canvas import panels, rule, save
from synaptile.studies.sizing.answer import Sizing, value_text

_MISS, _UNFIT, _LATENCY, _ENERGY = "#D55E00", "#7A1F1F", "#0072B2", "#009E73"


def sizing_figure(study: Sizing, stem: str | Path) -> tuple[Path, Path]:
    """Draw both to ``<stem>.png`` and ``<stem>.svg``; returns the paths.

    Left: one value below the answer, by how much the target is missed, or that the graph does not fit. Right: relative change of
    latency and energy for 1 % more of each parameter.
    """
    rows = max(len(study.breaks), len(study.marginals), 1)
    figure, (left, right) = panels(11.5, 0.42 * rows + 1.9, 2, 2)
    _draw_breaks(left, study)
    _draw_marginals(right, study)
    for axes, bars in ((left, len(study.breaks)), (right, len(study.marginals))):
        axes.set_ylim(bars - 0.4, -0.6)
        axes.axvline(0, color="#333333", linewidth=1)
        rule(axes, "x")
        axes.tick_params(labelsize=8)
    marked = "SYNTHETIC ACTIVITY: " if study.synthetic else ""
    figure.suptitle(f"{marked}smallest {study.chip} for {study.graph}: {study.target}", fontsize=11, x=0.01, ha="left")
    return save(figure, stem)


def _draw_breaks(axes: Axes, study: Sizing) -> None:
    axes.set_title("What breaks: one value lower, or another word", loc="left", fontsize=10)
    misses = [100 * max(one.excess.values(), default=0.0) for one in study.breaks]
    longest = max([*misses, 10.0])
    for at, (one, miss) in enumerate(zip(study.breaks, misses, strict=True)):
        if one.outcome is None:
            axes.text(0, at, " smallest of its range", va="center", fontsize=8, color="#666666")
        elif not one.outcome.fits:
            axes.barh(at, longest, color=_UNFIT, height=0.6)
            axes.text(0, at, f" does not fit: {one.outcome.binding}", va="center", fontsize=8, color="white", weight="bold")
        elif not one.excess:
            axes.text(0, at, f" met too, with {one.cost:,.5g} {study.cost_unit}", va="center", fontsize=8, color="#666666")
        else:
            axes.barh(at, miss, color=_MISS, height=0.6)
            axes.text(miss, at, f" {miss:.3g} %", va="center", fontsize=8)
    axes.set_yticks(range(len(study.breaks)), [f"{one.knob} = {value_text(one.at)}" for one in study.breaks])
    axes.set_xlim(0, 1.25 * longest)
    axes.set_xlabel("target missed by, %", fontsize=9)


def _draw_marginals(axes: Axes, study: Sizing) -> None:
    axes.set_title("What 1 % more of a parameter changes", loc="left", fontsize=10)
    for at, one in enumerate(study.marginals):
        if one.cycles_per_unit is None or one.pj_per_unit is None:
            axes.text(0, at, " cannot be made", va="center", fontsize=8, color="#666666")
            continue
        latency = one.cycles_per_unit * one.at / max(study.outcome.latency_cycles, 1)
        energy = one.pj_per_unit * one.at / max(1e9 * study.outcome.energy_mj, 1e-12)
        axes.barh(at - 0.2, latency, color=_LATENCY, height=0.38, label="latency" if at == 0 else None)
        axes.barh(
            at + 0.2, energy, color=_ENERGY, height=0.38, hatch="..", edgecolor="white", label="energy" if at == 0 else None
        )
    axes.set_yticks(range(len(study.marginals)), [one.parameter for one in study.marginals])
    axes.set_xlabel("change of latency and energy, % (below 0 is better)", fontsize=9)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, fontsize=8, frameon=False, ncols=2, loc="upper right", bbox_to_anchor=(1.0, -0.12))
