"""A sweep: what was done, the front, the best of each objective, failures by reason."""

from __future__ import annotations

from typing import Any

from synaptile.report.numbers import energy_text
from synaptile.report.views.document import Document, Sheet
from synaptile.studies.sweeping.rows import BY_NAME, FigureColumn, PointRow, Sweep
from synaptile.studies.sweeping.schema import Scalar

MOST_FRONT_ROWS = 20
MOST_REASONS = 12
MOST_MESSAGE = 160


def sweep_document(sweep: Sweep) -> Document:
    """The whole sweep."""
    executions = "once" if sweep.executions == 1 else f"{sweep.executions:,} times"
    points = f"{len(sweep.rows):,} of {sweep.planned:,}, {sweep.failed:,} failed"
    facts = {**sweep.facts, "points": points, "drawn" if sweep.synthetic else "executed": executions}
    front = (_front(sweep), _best(sweep)) if sweep.front else ()
    reasons = (_reasons(sweep),) if sweep.reasons else ()
    warnings = () if sweep.synthetic is None else (f"SYNTHETIC activity: {sweep.synthetic}",)
    frontless = () if sweep.front else ("No point has all objectives, so there is no Pareto front.",)
    return Document(sweep.name, (*front, *reasons), warnings, tuple(facts.items()), (*frontless, *sweep.notes))


def _front(sweep: Sweep) -> Sheet:
    """Points that no other beats in all objectives at once, spread over the front where it is long."""
    shown = front = sweep.front
    if len(front) > MOST_FRONT_ROWS:
        places = sorted({round(at * (len(front) - 1) / (MOST_FRONT_ROWS - 1)) for at in range(MOST_FRONT_ROWS)})
        shown = tuple(front[at] for at in places)
    more = "" if len(shown) == len(front) else f" {len(shown)} of them are shown; points.parquet has all (on_front)."
    ends = {"high": "more", "low": "less"}
    columns = [BY_NAME[name] for name in sweep.objectives]
    phased = any((row.figures.phases or 1) > 1 for row in sweep.evaluated)
    beside = [BY_NAME[name] for name in ("phases", "dram_bytes") if phased and name not in sweep.objectives]
    titles = "; ".join(f"{figure.name}: {figure.title}, {ends[str(figure.better)]} is better" for figure in columns)
    return Sheet(
        f"Pareto front: {len(front):,} of {len(sweep.evaluated):,} points",
        ("point", *(one.name for one in (*columns, *beside)), "where"),
        tuple(
            (f"{row.number}", *(figure_text(one, row.figures[one.name]) for one in (*columns, *beside)), where_text(row))
            for row in shown
        ),
        left=0,
        caption=f"{titles}.{more}",
        prose=("where",),
    )


def _best(sweep: Sweep) -> Sheet:
    rows = []
    for place, name in enumerate(sweep.objectives):
        losses = sweep.losses(sweep.front)[:, place].tolist()
        _, _, best = min((loss, row.number, row) for loss, row in zip(losses, sweep.front, strict=True))
        rows.append((name, figure_text(BY_NAME[name], best.figures[name]), f"{best.number}", where_text(best)))
    return Sheet("Best of each objective", ("objective", "value", "point", "where"), tuple(rows), prose=("where",))


def _reasons(sweep: Sweep) -> Sheet:
    rest = sweep.reasons[MOST_REASONS:]
    caption = "points.parquet has the message of each (status, reason, message)."
    if rest:
        caption = f"and {sum(one.count for one in rest):,} points for {len(rest):,} other reasons. {caption}"
    rows = []
    for one in sweep.reasons[:MOST_REASONS]:
        message = one.message if len(one.message) <= MOST_MESSAGE else f"{one.message[:MOST_MESSAGE]}..."
        rows.append((one.reason, f"{one.count:,}", f"{one.first}", message))
    header = ("reason", "points", "first", "what it said")
    title = f"Failed: {sweep.failed:,} point{'' if sweep.failed == 1 else 's'}"
    return Sheet(title, header, tuple(rows), caption=caption, prose=("what it said",))


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
    names = {}
    for axis in axes:
        parts = axis.split(".")
        tails = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
        names[axis] = next(tail for tail in tails if sum(f".{other}".endswith(f".{tail}") for other in axes) == 1)
    return names
