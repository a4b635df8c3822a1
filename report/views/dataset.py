"""Accuracy and energy over a data set, one row per time step as in the paper's Table 1, measured beside published."""

from __future__ import annotations

from synaptile.report.numbers import five
from synaptile.report.views.document import Document, Sheet
from synaptile.studies.dataset.published import PAPER_TABLE_1
from synaptile.studies.dataset.table import DatasetTable, Estimate, published_at

SKIPPED_SHOWN = 10


def dataset_document(table: DatasetTable) -> Document:
    """The whole table."""
    skipped = (_skipped(table),) if table.skipped else ()
    return Document(
        f"Accuracy and energy ratio of {table.model}",
        (_published_and_measured(table), _accountings(table), *skipped),
        notes=table.notes,
    )


def _published_and_measured(table: DatasetTable) -> Sheet:
    name, own = table.paper
    paper = PAPER_TABLE_1[name]
    rows = [("ANN", _percent(table.ann_accuracy), five(paper.ann_accuracy, 2), "1", "1")]
    for row in table.rows:
        at = published_at(table, row.step)
        accuracy, ratio = ("-", "-") if at is None else (five(at[0], 2), five(at[1], 2))
        rows.append((str(row.step), _percent(row.accuracy), accuracy, _ratio(row.ratios["released"]), ratio))
    caption = f"Published: {name}" + ("." if own else f", the nearest by MACs, for context: {table.model} is not in the table.")
    return Sheet(
        f"Published and measured: {table.model}, {table.images} images, {table.number_format} on {table.chip}",
        ("T", "Acc. (%)", "published", "ratio", "published ratio"),
        tuple(rows),
        caption=f"{caption} Ratio: accounting released. ± one standard error.",
        gap=2,
    )


def _accountings(table: DatasetTable) -> Sheet:
    return Sheet(
        "Energy ratio by accounting, and agreement with the ANN",
        ("T", *table.rows[0].ratios, "top-1 as ANN (%)", "correlation"),
        tuple(
            (f"{row.step}", *map(_ratio, row.ratios.values()), _percent(row.agreement), _ratio(row.correlation))
            for row in table.rows
        ),
        caption="Top-1 as ANN: images given the class that the original network gives. Correlation: of logits, per image.",
        gap=2,
    )


def _skipped(table: DatasetTable) -> Sheet:
    more = len(table.skipped) - SKIPPED_SHOWN
    caption = f"and {more} more, listed in table1.json" if more > 0 else ""
    rows = table.skipped[:SKIPPED_SHOWN]
    return Sheet(f"Skipped: {len(table.skipped)} images could not be read", ("image", "why"), rows, left=2, caption=caption)


def _percent(estimate: Estimate | None) -> str:
    return "-" if estimate is None else _text(100 * estimate.value, None if estimate.error is None else 100 * estimate.error, 2)


def _ratio(estimate: Estimate | None) -> str:
    return "unpriced" if estimate is None else _text(estimate.value, estimate.error, 4)


def _text(value: float, error: float | None, decimals: int) -> str:
    return f"{value:.{decimals}f}" + ("" if error is None else f" ± {error:.{decimals}f}")
