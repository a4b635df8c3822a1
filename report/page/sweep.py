"""A sweep as one HTML file: the Pareto chart with axes to choose, every point's parameters and figures, failures by reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from synaptile.foundation.files import write_text
from synaptile.report.page.render import packed, render
from synaptile.report.views.sweep import short_names
from synaptile.studies.sweeping.rows import FIGURES, Sweep

SCRIPTS = ("theme.js", "base.js", "sweep.js", "sweep_chart.js", "sweep_page.js")
"""The page's scripts, in order: each may use those before it."""

STYLES = ("page.css", "sweep.css")


def sweep_page_text(sweep: Sweep) -> str:
    """The page as HTML text: what is small stands in it as JSON, the columns of the points compressed."""
    small = {
        "name": sweep.name,
        "description": sweep.description,
        "facts": dict(sweep.facts),
        "axes": list(sweep.axes),
        "short": short_names(sweep.axes),
        "objectives": list(sweep.objectives),
        "figures": [vars(figure) for figure in FIGURES if any(row.figures[figure.name] is not None for row in sweep.rows)],
        "planned": sweep.planned,
        "points": len(sweep.rows),
        "failed": sweep.failed,
        "front": len(sweep.front),
        "executions": sweep.executions,
        "reasons": [vars(one) for one in sweep.reasons],
        "notes": list(sweep.notes),
        "settings": [
            [name, json.dumps(value) if not isinstance(value, str) else value] for name, value in sweep.settings.items()
        ],
        "synthetic": sweep.synthetic,
    }
    return render("sweep.html.j2", SCRIPTS, styles=STYLES, small=small, large=packed(_columns(sweep)))


def write_sweep_page(sweep: Sweep, path: str | Path) -> Path:
    """Write `sweep_page_text` to `path`, atomically. Returns the path."""
    write_text(path, sweep_page_text(sweep))
    return Path(path)


def _columns(sweep: Sweep) -> dict[str, Any]:
    """Columns of shape (points,): `reason` indexes the reasons, -1 where a point was evaluated."""
    reasons = {one.reason: place for place, one in enumerate(sweep.reasons)}
    return {
        "point": [row.number for row in sweep.rows],
        "front": [int(row.number in sweep.on_front) for row in sweep.rows],
        "reason": [reasons[row.reason] if row.failed else -1 for row in sweep.rows],
        "labels": {axis: [row.labels[axis] for row in sweep.rows] for axis in sweep.axes},
        "figures": {figure.name: [row.figures[figure.name] for row in sweep.rows] for figure in FIGURES},
    }
