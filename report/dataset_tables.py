"""Accuracy and energy over a data set, one row a time step as in the paper's Table 1, measured beside published."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict

from synaptile.report.style import Sheet, five, markdown_table, new_sheet
from synaptile.studies.dataset.published import PAPER_TABLE_1
from synaptile.studies.dataset.table import DatasetTable, Estimate, published_at

FORMAT_VERSION = 1
"""Version of the JSON layout."""

SKIPPED_SHOWN = 10
_COLUMNS = ("T", "Acc. (%)", "published", "ratio", "published ratio")
_DETAILS = ("T", "eq30", "released", "executed", "top-1 as ANN (%)", "correlation")


def published_versus_measured(table: DatasetTable) -> Sheet:
    """The paper's Table 1 beside the measured accuracy and ratio, with standard errors."""
    name, own = table.paper
    caption = f"Published: {name}" + ("." if own else f", the nearest by MACs, for context: {table.model} is not in the table.")
    sheet = new_sheet(
        f"Published and measured: {table.model}, {table.images} images, {table.number_format} on {table.chip}",
        *_COLUMNS,
        caption=f"{caption} Ratio: accounting released. ± one standard error.",
        gap=2,
    )
    for cells in _versus_cells(table):
        sheet.add_row(*cells)
    return sheet


def accounting_table(table: DatasetTable) -> Sheet:
    """The ratio in each accounting and the agreement with the original network."""
    sheet = new_sheet(
        f"Energy ratio by accounting, and agreement with the ANN: {table.model}",
        *_DETAILS,
        caption="Top-1 as ANN: images given the class that the original network gives. Correlation: of logits, an image.",
        gap=2,
    )
    for cells in _detail_cells(table):
        sheet.add_row(*cells)
    return sheet


def skipped_table(table: DatasetTable) -> Sheet:
    """Images that could not be read: the first of them, and how many there are."""
    more = len(table.skipped) - SKIPPED_SHOWN
    caption = f"and {more} more, listed in table1.json" if more > 0 else ""
    sheet = new_sheet(f"Skipped: {len(table.skipped)} images could not be read", "image", "why", left=2, caption=caption)
    for name, why in table.skipped[:SKIPPED_SHOWN]:
        sheet.add_row(name, why)
    return sheet


def to_markdown(table: DatasetTable) -> str:
    """All tables as Markdown text."""
    blocks = [
        f"# Accuracy and energy ratio of {table.model}",
        f"{table.images} images, {table.number_format}, on {table.chip}; {len(table.skipped)} images skipped.",
        "\n".join(f"- {note}" for note in table.notes),
        "## Published and measured",
        markdown_table(_COLUMNS, _versus_cells(table)),
        "## Accountings and agreement",
        markdown_table(_DETAILS, _detail_cells(table)),
    ]
    if table.skipped:
        blocks += ["## Skipped images", markdown_table(("image", "why"), [list(entry) for entry in table.skipped])]
    return "\n\n".join(blocks) + "\n"


def to_json(table: DatasetTable) -> str:
    """All figures as JSON text."""
    name, own = table.paper
    document = {
        "format": "synaptile dataset table",
        "version": FORMAT_VERSION,
        **{key: value for key, value in asdict(table).items() if key not in ("rows", "skipped", "settings")},
        "skipped_count": len(table.skipped),
        "skipped": [{"image": image, "why": why} for image, why in table.skipped],
        "published": {"architecture": name, "same_architecture": own, "ann_accuracy_percent": PAPER_TABLE_1[name].ann_accuracy},
        "rows": [
            {
                **asdict(row),
                "published": None
                if (at := published_at(table, row.step)) is None
                else {"accuracy_percent": at[0], "ratio": at[1]},
            }
            for row in table.rows
        ],
        "settings": dict(table.settings),
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def to_csv(table: DatasetTable) -> str:
    """One line a step as CSV text; shares 0..1, what is not known empty."""
    figures = ("accuracy", "agreement", "correlation", *(f"ratio_{name}" for name in table.rows[0].ratios))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    errors = [name for figure in figures for name in (figure, f"{figure}_error")]
    writer.writerow(["step", "images", *errors, "published", "published_accuracy", "published_ratio"])
    for row in table.rows:
        estimates = [row.accuracy, row.agreement, row.correlation, *row.ratios.values()]
        values = [value for e in estimates for value in ((None, None) if e is None else (e.value, e.error))]
        at = published_at(table, row.step)
        writer.writerow(
            [row.step, table.images, *values, table.paper[0], *((None, None) if at is None else (at[0] / 100, at[1]))]
        )
    return text.getvalue()


def _versus_cells(table: DatasetTable) -> list[list[str]]:
    paper = PAPER_TABLE_1[table.paper[0]]
    rows = [["ANN", _percent(table.ann_accuracy), five(paper.ann_accuracy, 2), "1", "1"]]
    for row in table.rows:
        at = published_at(table, row.step)
        published = ("-", "-") if at is None else (five(at[0], 2), five(at[1], 2))
        rows.append([str(row.step), _percent(row.accuracy), published[0], _ratio(row.ratios["released"]), published[1]])
    return rows


def _detail_cells(table: DatasetTable) -> list[list[str]]:
    return [
        [str(row.step), *(_ratio(ratio) for ratio in row.ratios.values()), _percent(row.agreement), _ratio(row.correlation)]
        for row in table.rows
    ]


def _percent(estimate: Estimate | None) -> str:
    return "-" if estimate is None else _text(100 * estimate.value, None if estimate.error is None else 100 * estimate.error, 2)


def _ratio(estimate: Estimate | None) -> str:
    return "unpriced" if estimate is None else _text(estimate.value, estimate.error, 4)


def _text(value: float, error: float | None, decimals: int) -> str:
    return f"{value:.{decimals}f}" + ("" if error is None else f" ± {error:.{decimals}f}")
