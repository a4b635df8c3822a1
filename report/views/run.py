"""A priced run: accuracy and Table 1, and what the terminal, energy.md and a notebook say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from synaptile.energy import EnergyReport
from synaptile.report.equal import Equal, Labels, accuracy_per_step, agreement_per_step, equal_answers
from synaptile.report.methods import settling_notes
from synaptile.report.numbers import five, shown_steps
from synaptile.report.views.activity import density_table, marked
from synaptile.report.views.document import Document, Sheet
from synaptile.report.views.energy import (
    fullest_cores_table,
    group_table,
    heaviest_table,
    hottest_cores_table,
    ladder_table,
    prices_table,
    ratios_table,
    split_table,
    unpriced_table,
    utilisation_table,
)
from synaptile.report.views.memory import best_table, levels_table
from synaptile.report.views.power import power_tables
from synaptile.report.views.program import placement_table


def table1(
    report: EnergyReport,
    labels: Labels | None = None,
    *,
    ann_accuracy: float | None = None,
    ann_logits: NDArray[Any] | None = None,
) -> Sheet:
    """The paper's Table 1 for one run: accuracy (with `labels`, one per image) and energy ratio of each accounting per step.

    `ann_accuracy` is the original network's, 0..1, on the same images, `ann_logits` its answers, shape (images, classes): how
    many the SNN gives too needs no labels. A dash stands where nothing is known.
    """
    steps, activity = shown_steps(report.steps), report.activity
    rows: list[tuple[str, ...]] = []
    if labels is not None:
        accuracy = accuracy_per_step(activity, labels)
        original = "-" if ann_accuracy is None else five(100 * ann_accuracy, 2)
        rows.append(("Acc. (%)", original, *(five(100 * accuracy[step - 1], 2) for step in steps)))
    agreement = agreement_per_step(activity, ann_logits)
    if agreement is not None:
        rows.append(("as the ANN (%)", "100", *(five(100 * agreement[step - 1], 2) for step in steps)))
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


def equal_table(report: EnergyReport, equals: Sequence[Equal]) -> Sheet:
    """SNN over ANN on every rung at the first step from which the SNN answers as well: the comparison that counts."""
    images = report.activity.images
    rows = []
    for one in equals:
        wanted = f"{one.measure} {five(100 * one.wanted, 2)} %"
        if one.step is None:
            best = f"not by T={report.steps} (best {five(100 * one.best, 2)} %, T={one.best_step})"
            rows.append((wanted, best, *("-" for _ in report.comparisons)))
        else:
            ratios = ("unpr." if ratio is None else five(ratio, 3) for ratio in one.ratios.values())
            rows.append((wanted, f"T={one.step}", *ratios))
    return Sheet(
        "SNN / ANN at equal answers: within 1 point of the ANN",
        ("wanted", "from", *report.comparisons),
        tuple(rows),
        prose=("from",),
        caption=f"The first step from which it stays so, to T={report.steps}. One of {images:,} images is "
        f"{five(100 / images, 3)} points.",
    )


def run_document(
    report: EnergyReport,
    labels: Labels | None = None,
    *,
    ann_accuracy: float | None = None,
    ann_logits: NDArray[Any] | None = None,
) -> Document:
    """A run on the terminal: Table 1 first, then where the energy goes, then cores, spikes and placement, then notes.

    `labels`, `ann_accuracy` and `ann_logits` as in `table1`.
    """
    equals = equal_answers(report, labels, ann_accuracy=ann_accuracy, ann_logits=ann_logits)
    sheets = (
        table1(report, labels, ann_accuracy=ann_accuracy, ann_logits=ann_logits),
        *((equal_table(report, equals),) if equals else ()),
        ladder_table(report),
        *power_tables(report),
        *memory_tables(report),
        *((unpriced_table(report),) if report.unpriced else ()),
        *_where_it_goes(report),
        heaviest_table(report),
        utilisation_table(report),
        hottest_cores_table(report),
        fullest_cores_table(report),
        density_table(report.activity),
        placement_table(report.activity.program),
    )
    return Document("", sheets, report.activity.synthetic_notes, notes=(*report.notes, *settling_notes(report.activity)))


def energy_document(report: EnergyReport, equals: Sequence[Equal] = ()) -> Document:
    """energy.md: ladder, ratio of each step, kinds, layers, heaviest lines with exact counts, hottest cores, prices, notes.

    `equals` are at which step the SNN answers as well as the ANN.
    """
    activity = report.activity
    run = f"{activity.images} images, {report.steps} steps, run in {activity.numeric}, billed at {report.number_format}"
    sheets = (
        ladder_table(report),
        *((equal_table(report, equals),) if equals else ()),
        *power_tables(report),
        *memory_tables(report),
        ratios_table(report),
        *_where_it_goes(report),
        heaviest_table(report, exact=True),
        *((unpriced_table(report, exact=True),) if report.unpriced else ()),
        hottest_cores_table(report),
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
            *power_tables(report),
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
