"""One run on the terminal: every table of the report in reading order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from synaptile.energy import EnergyReport
from synaptile.report.core_tables import fullest_cores_table, placement_table, utilisation_table
from synaptile.report.methods import settling_notes
from synaptile.report.tables import density_table, group_table, heaviest_table, ladder_table, split_table, table1, unpriced_table


def print_report(
    report: EnergyReport,
    console: Console,
    labels: Sequence[int] | NDArray[np.integer] | None = None,
    *,
    ann_accuracy: float | None = None,
) -> None:
    """Print a run: Table 1 first, then where the energy goes, then cores, spikes and placement, then what to know about figures.

    `labels` and `ann_accuracy` as in `synaptile.report.tables.table1`.
    """
    for note in report.activity.synthetic_notes:
        console.print(note, style="bold red")
    console.print(table1(report, labels, ann_accuracy=ann_accuracy))
    console.print(ladder_table(report))
    if report.unpriced:
        console.print(unpriced_table(report))
    if report.additions:
        console.print(split_table(report, "rung"))
    for key in ("kind", "layer"):
        console.print(group_table(report, key))
        if report.additions:
            console.print(group_table(report, key, accounting=report.top))
    console.print(heaviest_table(report))
    console.print(utilisation_table(report))
    console.print(fullest_cores_table(report))
    console.print(density_table(report.activity))
    console.print(placement_table(report.activity.program))
    for note in (*report.notes, *settling_notes(report.activity)):
        console.print(f"- {note}")
