"""Energy tables for the terminal: Table 1, the ladder, groups of nodes, heaviest lines, spike density."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import EnergyReport, Line, site_kind
from synaptile.energy.units import energy_text, ratio_text, share_text
from synaptile.foundation.errors import InputError
from synaptile.report.style import Sheet, bar, five, new_sheet, percent, shown_steps
from synaptile.simulator.activity import Activity, SpikeRecord


def accuracy_per_step(activity: Activity, labels: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
    """Top-1 accuracy at each step, shape (steps,), 0..1. Raises InputError unless there is one label an image of the run."""
    wanted = np.asarray(labels)
    if wanted.shape != (activity.images,):
        raise InputError(f"{activity.images} images were run and labels have shape {wanted.shape}: give one label an image")
    if activity.synthetic is not None:
        raise InputError(f"the activity is synthetic ({activity.synthetic}): it has no logits, hence no accuracy")
    hits: NDArray[np.float64] = (activity.logits.argmax(axis=2) == wanted).mean(axis=1)
    return hits


def table1(
    report: EnergyReport,
    labels: Sequence[int] | NDArray[np.integer] | None = None,
    *,
    ann_accuracy: float | None = None,
) -> Sheet:
    """The paper's Table 1 for one run: accuracy (with `labels`, one an image) and energy ratio of each accounting per step.

    `ann_accuracy` is the original network's, 0..1, on the same images; a dash stands where nothing is known.
    """
    steps, graph = shown_steps(report.steps), report.activity.program.graph
    table = new_sheet(
        f"{_what(report.activity)} of {graph.name}, {report.activity.images} images, {report.number_format}",
        "",
        "ANN",
        *(f"T={step}" for step in steps),
        caption="Energy ratio: steps so far over one pass of the ANN.",
        gap=0,
    )
    if labels is not None:
        accuracy = accuracy_per_step(report.activity, labels)
        original = "-" if ann_accuracy is None else five(100 * ann_accuracy, 2)
        table.add_row("Acc. (%)", original, *(five(100 * accuracy[step - 1], 2) for step in steps))
    for name, comparison in report.comparisons.items():
        if comparison.unpriced:
            table.add_row(f"ratio {name}", "1", *("unpr." for _ in steps))
        else:
            ratios = comparison.ratios()
            table.add_row(f"ratio {name}", "1", *(five(ratios[step - 1], 3) for step in steps))
    return table


def _what(activity: Activity) -> str:
    return "Accuracy and energy ratio" if activity.synthetic is None else "SYNTHETIC ACTIVITY, energy ratio"


def ladder_table(report: EnergyReport, *, step: int | None = None) -> Sheet:
    """The energy ladder through `step` (default: all), SNN and ANN side by side on every rung."""
    at = report.steps if step is None else step
    table = new_sheet(
        f"Energy ladder after {at} steps, {report.number_format}, an image",
        "rung",
        "what counts",
        "SNN",
        "ANN",
        "SNN / ANN",
        "SNN cheaper",
        left=2,
    )
    for rung in report.ladder(step=at):
        priced = rung.ratio is not None
        cheaper = "unpriced" if not priced else f"to T={rung.cheaper_through}" if rung.cheaper_through else "never"
        ratio = ratio_text(rung.ratio) if priced else "unpriced"
        table.add_row(rung.name, rung.title, energy_text(rung.snn_pj), energy_text(rung.ann_pj), ratio, cheaper)
    for name, why in report.missing.items():
        table.add_row(name, why, "-", "-", "-", "-")
    return table


def split_table(report: EnergyReport, key: str, *, accounting: str | None = None, count: int = 10) -> Sheet:
    """The SNN's energy by "rung" or "step", or the `count` largest pieces of it by "node", "core" or "link"."""
    pieces = report.split(key, accounting=accounting)
    total = len(pieces)
    if key in ("node", "core", "link"):
        pieces = tuple(sorted(pieces, key=lambda piece: -piece.snn_pj))[:count]
    top = max((piece.share for piece in pieces), default=0.0)
    shown = f"the {len(pieces)} largest of {total}" if len(pieces) < total else f"all {total}"
    table = new_sheet(
        f"Energy of the SNN by {key}, {shown}, up to rung {'noc' if key == 'link' else accounting or report.top}",
        key,
        "SNN",
        "of SNN",
        "",
        "ANN",
        bars=(3,),
    )
    for piece in pieces:
        ann = "-" if piece.ann_pj is None else energy_text(piece.ann_pj)
        table.add_row(piece.name, energy_text(piece.snn_pj), share_text(piece.share), bar(piece.share / top if top else 0.0), ann)
    return table


def group_table(report: EnergyReport, key: str, *, accounting: str = "executed", step: int | None = None) -> Sheet:
    """Energy per "kind", "layer" or "node" through `step` on one rung, with each group's part in the whole ratio."""
    at = report.steps if step is None else step
    groups = report.by(key, accounting=accounting, step=at)
    top = max((group.share for group in groups), default=0.0)
    table = new_sheet(
        f"Energy per {key} after {at} steps, accounting {accounting}, {report.number_format}",
        key,
        "SNN",
        "ANN",
        "SNN / ANN",
        "of ANN total",
        "",
        bars=(5,),
        caption="The last figure is the SNN's energy there over the whole ANN's; it sums to the energy ratio.",
    )
    for group in groups:
        table.add_row(
            group.name,
            energy_text(group.snn_pj),
            energy_text(group.ann_pj),
            ratio_text(group.ratio),
            share_text(group.share),
            bar(group.share / top if top else 0.0),
        )
    return table


def heaviest_table(report: EnergyReport, count: int = 10, *, step: int | None = None) -> Sheet:
    """The heaviest executed lines opened: op x count x pJ, and below them where each price comes from."""
    lines = report.heaviest(count, step=step)
    return _line_table(f"The {len(lines)} heaviest lines of the SNN", lines, report)


def unpriced_table(report: EnergyReport) -> Sheet:
    """Operations that were issued and have no price: they stand in no total."""
    return _line_table("UNPRICED operations, in no total", report.unpriced, report)


def _line_table(title: str, lines: Sequence[Line], report: EnergyReport) -> Sheet:
    whole = report.comparison("executed").snn_pj[-1]
    sources = {line.op: line.price.source for line in lines}
    table = new_sheet(
        title,
        "node",
        "role",
        "op",
        "count / image",
        "x pJ",
        "= energy",
        "of SNN",
        left=3,
        caption="\n".join(f"{op}: {source}" for op, source in sources.items()),
    )
    for line in lines:
        per_image = line.count / line.images
        priced = line.energy_pj is not None
        table.add_row(
            line.node,
            line.role,
            line.op,
            f"{per_image:,.0f}" if per_image >= 100 or per_image.is_integer() else f"{per_image:,.2f}",
            f"{line.price.pj:g}" if priced else "unpriced",
            energy_text(line.energy_pj) if line.energy_pj is not None else "unpriced",
            share_text(line.energy_pj / whole) if line.energy_pj is not None and whole else "-",
        )
    return table


def density_table(activity: Activity) -> Sheet:
    """Spikes per kind of neuron site: spikes a neuron and step, how many of them are positive, how many at the base threshold."""
    kinds: dict[str, list[SpikeRecord]] = {}
    for site, record in activity.spikes.items():
        kinds.setdefault(site_kind(site), []).append(record)
    table = new_sheet(
        f"{'SYNTHETIC spike' if activity.synthetic else 'Spike'} density per kind of neuron site, {activity.images} images, "
        f"{activity.steps} steps",
        "site",
        "sites",
        "neurons",
        "spikes/image",
        "density",
        "",
        "positive",
        "at base",
        bars=(5,),
        caption="Density: spikes a neuron and step. At base: spikes of the smallest threshold, k = 0.",
    )
    for kind, records in kinds.items():
        histogram = sum(record.histogram.sum(axis=0) for record in records)
        n = len(histogram) // 2
        neurons = sum(record.neurons for record in records)
        spikes = int(sum(int(record.events.sum(dtype=np.int64)) for record in records))
        density = spikes / (neurons * activity.images * activity.steps)
        table.add_row(
            kind,
            f"{len(records)}",
            f"{neurons:,}",
            f"{spikes / activity.images:,.0f}",
            percent(density),
            bar(density, 6),
            percent(int(histogram[:n].sum()) / spikes) if spikes else "-",
            percent(int(histogram[0] + histogram[n]) / spikes) if spikes else "-",
        )
    return table
