"""Figure of function tables: agreement and energy over segments. PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from synaptile.report.canvas import panels, rule, save
from synaptile.studies.functions import FunctionPoint, FunctionTradeOff

Series: TypeAlias = tuple[tuple[str, str, Callable[[FunctionPoint], float]], ...]
"""Name, marker and value of each curve."""

_SOFTWARE, _TABLES = "#E69F00", "#0072B2"


def functions_figure(found: FunctionTradeOff, stem: Path) -> tuple[Path, Path]:
    """Draw correlation and agreement, spikes, and energy of SNN and ANN over segments, to ``<stem>.png`` and ``.svg``."""
    figure, axes = panels(11.0, 4.0, 3, columns=3)
    software, *tables = found.points
    x = [point.segments or 0 for point in tables]
    agreement: Series = (("as ANN", "o", lambda p: p.agreement), ("correlation", "s", lambda p: p.correlation))
    spikes: Series = (("spikes", "o", lambda p: p.spikes / 1e6),)
    energy: Series = (("SNN", "o", lambda p: p.snn_pj / 1e9), ("ANN", "s", lambda p: p.ann_pj / 1e9))
    labels = "share answered as the ANN; correlation", "spikes per image (M)", "mJ per image, rung 'executed'"
    for place, label, series in zip(axes, labels, (agreement, spikes, energy), strict=True):
        for name, marker, value in series:
            place.plot(x, [value(point) for point in tables], color=_TABLES, marker=marker, label=f"{name}, tables")
            style = "--" if marker == "o" else ":"
            place.axhline(value(software), color=_SOFTWARE, linestyle=style, linewidth=1.2)
            place.plot([], [], color=_SOFTWARE, linestyle=style, label=f"{name}, software")
        place.set_xscale("log", base=2)
        place.set_xticks(x, [str(count) for count in x])
        place.set_xlabel("segments per table")
        place.set_ylabel(label, fontsize=9)
        place.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))  # over no line
        rule(place)
    figure.suptitle(f"{found.model} on {found.chip}, {found.images} images, T = {found.steps}", fontsize=11, x=0.01, ha="left")
    return save(figure, stem)
