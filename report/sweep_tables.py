"""A sweep in the terminal: what was done, the front, the best of each objective, failures by reason; and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from synaptile.energy.units import energy_text
from synaptile.report.style import Sheet, new_sheet
from synaptile.studies.sweeping.rows import BY_NAME, FigureColumn, PointRow, Scalar, Sweep

FORMAT_VERSION = 1
"""Version of the JSON layout."""

MOST_FRONT_ROWS = 20
MOST_REASONS = 12
MOST_MESSAGE = 160


def print_sweep(sweep: Sweep, console: Console) -> None:
    """Print all tables and notes of a sweep."""
    facts = sweep.facts
    failed = len(sweep.rows) - len(sweep.evaluated)
    console.print(
        f"{sweep.name}: {facts['network']} on {facts['chip']}, {len(sweep.rows):,} of {sweep.planned:,} points, {failed:,} failed"
        f"; the network was {'drawn' if sweep.synthetic else 'executed'} {_times(sweep.executions)}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if sweep.synthetic is not None:
        console.print(
            f"SYNTHETIC activity: {sweep.synthetic}", highlight=False, markup=False, soft_wrap=True, style="bold yellow"
        )
    if sweep.front:
        console.print(front_table(sweep))
        console.print(best_table(sweep))
    else:
        console.print("No point has all objectives, so there is no Pareto front.")
    if sweep.reasons:
        console.print(reasons_table(sweep))
    for note in sweep.notes:
        console.print(f"- {note}", highlight=False, markup=False)


def front_table(sweep: Sweep) -> Sheet:
    """Points that no other beats in all objectives at once, spread over the front where it is long."""
    front = sweep.front
    shown = front
    if len(front) > MOST_FRONT_ROWS:
        places = sorted({round(at * (len(front) - 1) / (MOST_FRONT_ROWS - 1)) for at in range(MOST_FRONT_ROWS)})
        shown = tuple(front[at] for at in places)
    more = "" if len(shown) == len(front) else f" {len(shown)} of them are shown; points.parquet has all (on_front)."
    titles = "; ".join(f"{name}: {BY_NAME[name].title}, {_end(BY_NAME[name])} is better" for name in sweep.objectives)
    return _points_sheet(f"Pareto front: {len(front):,} of {len(sweep.evaluated):,} points", sweep, shown, f"{titles}.{more}")


def best_table(sweep: Sweep) -> Sheet:
    """The best point of each objective."""
    sheet = new_sheet("Best of each objective", "objective", "value", "point", "where", prose=("where",))
    for name in sweep.objectives:
        best = min(sweep.front, key=lambda row: (_loss(BY_NAME[name], row), row.number))
        sheet.add_row(name, figure_text(BY_NAME[name], best.figures[name]), f"{best.number}", Text(where_text(best)))
    return sheet


def reasons_table(sweep: Sweep) -> Sheet:
    """Failures counted by reason."""
    rest = sweep.reasons[MOST_REASONS:]
    caption = "points.parquet has the message of each (status, reason, message)."
    if rest:
        caption = f"and {sum(one.count for one in rest):,} points for {len(rest):,} other reasons. {caption}"
    failed = len(sweep.rows) - len(sweep.evaluated)
    sheet = new_sheet(
        f"Failed: {failed:,} point{'' if failed == 1 else 's'}",
        "reason",
        "points",
        "first",
        "what it said",
        prose=("what it said",),
        caption=caption,
    )
    for one in sweep.reasons[:MOST_REASONS]:
        message = one.message if len(one.message) <= MOST_MESSAGE else f"{one.message[:MOST_MESSAGE]}..."
        sheet.add_row(Text(one.reason), f"{one.count:,}", f"{one.first}", Text(message))
    return sheet


def to_json(sweep: Sweep) -> str:
    """What was swept, the front with all figures, and failures by reason; every point is in the Parquet table."""
    document = {
        "format": "synaptile sweep",
        "version": FORMAT_VERSION,
        "name": sweep.name,
        "description": sweep.description,
        "synthetic": sweep.synthetic,
        "facts": dict(sweep.facts),
        "axes": list(sweep.axes),
        "objectives": [{"name": name, "unit": BY_NAME[name].unit, "better": BY_NAME[name].better} for name in sweep.objectives],
        "planned": sweep.planned,
        "points": len(sweep.rows),
        "failed": len(sweep.rows) - len(sweep.evaluated),
        "executions": sweep.executions,
        "front": [{"point": row.number, "labels": dict(row.labels), "figures": vars(row.figures)} for row in sweep.front],
        "reasons": [vars(one) for one in sweep.reasons],
        "notes": list(sweep.notes),
        "settings": dict(sweep.settings),
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def figure_text(figure: FigureColumn, value: Any) -> str:
    """A figure as text."""
    if value is None:
        return "-"
    if figure.name.startswith("energy_"):
        return energy_text(float(value))
    if figure.kind == "int":
        return f"{value:,}"
    return str(value) if figure.kind == "text" else f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def label_text(value: Scalar) -> str:
    """The value of an axis as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def where_text(row: PointRow) -> str:
    """Where a point lies: its axes by their shortest names, and values."""
    names = short_names(tuple(row.labels))
    return ", ".join(f"{names[name]} {label_text(value)}" for name, value in row.labels.items())


def short_names(axes: tuple[str, ...]) -> dict[str, str]:
    """Axes by the last of their dotted parts that tell them apart."""
    found = {}
    for axis in axes:
        parts = axis.split(".")
        tails = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
        found[axis] = next(tail for tail in tails if sum(f".{other}".endswith(f".{tail}") for other in axes) == 1)
    return found


def _points_sheet(title: str, sweep: Sweep, rows: Sequence[PointRow], caption: str) -> Sheet:
    sheet = new_sheet(title, "point", *sweep.objectives, "where", left=0, prose=("where",), caption=caption)
    for row in rows:
        figures = [figure_text(BY_NAME[name], row.figures[name]) for name in sweep.objectives]
        sheet.add_row(f"{row.number}", *figures, Text(where_text(row)))
    return sheet


def _loss(figure: FigureColumn, row: PointRow) -> float:
    value = float(row.figures[figure.name])
    return -value if figure.better == "high" else value


def _end(figure: FigureColumn) -> str:
    return "more" if figure.better == "high" else "less"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
