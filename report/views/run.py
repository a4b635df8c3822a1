"""A priced run: accuracy and Table 1, and what the terminal, energy.md and a notebook say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import EnergyReport
from synaptile.foundation.errors import InputError
from synaptile.report.methods import settling_notes
from synaptile.report.numbers import five, shown_steps
from synaptile.report.views.activity import density_table, marked
from synaptile.report.views.document import Document, Sheet
from synaptile.report.views.energy import (
    costliest_cores_table,
    fullest_cores_table,
    group_table,
    heaviest_table,
    ladder_table,
    prices_table,
    ratios_table,
    split_table,
    unpriced_table,
    utilisation_table,
)
from synaptile.report.views.memory import best_table, levels_table
from synaptile.report.views.program import placement_table
from synaptile.simulator.activity import Activity

Labels = Sequence[int] | NDArray[np.integer]


def accuracy_per_step(activity: Activity, labels: Labels) -> NDArray[np.float64]:
    """Top-1 accuracy at each step, shape (steps,), 0..1. Raises InputError unless there is one label per image of the run."""
    wanted = np.asarray(labels)
    if wanted.shape != (activity.images,):
        raise InputError(f"{activity.images} images were run and labels have shape {wanted.shape}: give one label per image")
    if activity.synthetic is not None:
        raise InputError(f"the activity is synthetic ({activity.synthetic}): it has no logits, hence no accuracy")
    hits: NDArray[np.float64] = (activity.logits.argmax(axis=2) == wanted).mean(axis=1)
    return hits


def table1(report: EnergyReport, labels: Labels | None = None, *, ann_accuracy: float | None = None) -> Sheet:
    """The paper's Table 1 for one run: accuracy (with `labels`, one per image) and energy ratio of each accounting per step.

    `ann_accuracy` is the original network's, 0..1, on the same images; a dash stands where nothing is known.
    """
    steps, activity = shown_steps(report.steps), report.activity
    rows: list[tuple[str, ...]] = []
    if labels is not None:
        accuracy = accuracy_per_step(activity, labels)
        original = "-" if ann_accuracy is None else five(100 * ann_accuracy, 2)
        rows.append(("Acc. (%)", original, *(five(100 * accuracy[step - 1], 2) for step in steps)))
    for name, comparison in report.comparisons.items():
        ratios = None if comparison.unpriced else comparison.ratios()
        cells = ("unpr." if ratios is None else five(ratios[step - 1], 3) for step in steps)
        rows.append((f"ratio {name}", "1", *cells))
    what = "Accuracy and energy ratio" if activity.synthetic is None else "SYNTHETIC ACTIVITY, energy ratio"
    return Sheet(
        f"{what} of {activity.program.graph.name}, {activity.images} images, {report.number_format}",
        ("", "ANN", *(f"T={step}" for step in steps)),
        tuple(rows),
        caption="Energy ratio: steps so far over one pass of the ANN.",
        gap=0,
    )


def run_document(report: EnergyReport, labels: Labels | None = None, *, ann_accuracy: float | None = None) -> Document:
    """A run on the terminal: Table 1 first, then where the energy goes, then cores, spikes and placement, then notes.

    `labels` and `ann_accuracy` as in `table1`.
    """
    sheets = (
        table1(report, labels, ann_accuracy=ann_accuracy),
        ladder_table(report),
        *memory_tables(report),
        *((unpriced_table(report),) if report.unpriced else ()),
        *_where_it_goes(report),
        heaviest_table(report),
        utilisation_table(report),
        fullest_cores_table(report),
        density_table(report.activity),
        placement_table(report.activity.program),
    )
    return Document("", sheets, report.activity.synthetic_notes, notes=(*report.notes, *settling_notes(report.activity)))


def energy_document(report: EnergyReport) -> Document:
    """energy.md: ladder, ratio of each step, kinds, layers, heaviest lines with exact counts, costliest cores, prices, notes."""
    activity = report.activity
    run = f"{activity.images} images, {report.steps} steps, run in {activity.numeric}, billed at {report.number_format}"
    sheets = (
        ladder_table(report),
        *memory_tables(report),
        ratios_table(report),
        *_where_it_goes(report),
        heaviest_table(report, exact=True),
        *((unpriced_table(report, exact=True),) if report.unpriced else ()),
        costliest_cores_table(report),
        prices_table(report),
    )
    facts = (("run", run), ("energies", "per image"))
    return Document(f"Energy of {activity.program.graph.name} on {report.chip.name}", sheets, facts=facts, notes=report.notes)


def report_document(report: EnergyReport) -> Document:
    """A notebook's card: the ladder, ratios of each step, the heaviest lines opened, what is unpriced, and what to know."""
    unpriced = ", ".join(dict.fromkeys(line.op for line in report.unpriced))
    return Document(
        f"Energy of {report.activity.program.graph.name} on {report.chip.name}",
        (
            ladder_table(report),
            *(replace(sheet, folded=True) for sheet in memory_tables(report)),
            replace(ratios_table(report), folded=True),
            replace(heaviest_table(report), folded=True),
        ),
        (*marked(report.activity), *((f"UNPRICED, in no total: {unpriced}",) if unpriced else ())),
        notes=report.notes,
        notes_title="what to know about these figures",
    )


def memory_tables(report: EnergyReport) -> tuple[Sheet, ...]:
    """Same dataflow and each side's best, and the traffic of memory levels; none without a rung `memory`."""
    return (best_table(report), levels_table(report)) if report.best is not None else ()


def _where_it_goes(report: EnergyReport) -> tuple[Sheet, ...]:
    """What each rung adds, and the energy of kinds and layers on the rung `executed` and on the highest."""
    if not report.additions:
        return tuple(group_table(report, key) for key in ("kind", "layer"))
    groups = (
        group_table(report, key, accounting=accounting) for key in ("kind", "layer") for accounting in ("executed", report.top)
    )
    return (split_table(report, "rung"), *groups)
