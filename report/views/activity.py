"""An Activity: spikes and operations of a run, and how densely each kind of site fires."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from synaptile.conversion.graph import layer_of
from synaptile.energy import site_kind
from synaptile.report.numbers import percent
from synaptile.report.views.document import Bar, Cell, Document, Sheet
from synaptile.simulator.activity import OPS, Activity, SpikeRecord


def marked(activity: Activity) -> tuple[str, ...]:
    """What every view of a synthetic activity warns of first; nothing for one that was executed."""
    return () if activity.synthetic is None else (f"SYNTHETIC ACTIVITY: {activity.synthetic}",)


def activity_document(activity: Activity) -> Document:
    """Spikes and operations of the run, per image; density of each layer behind a click."""
    program, records = activity.program, list(activity.spikes.values())
    neurons, spikes = sum(record.neurons for record in records), _spikes(records)
    facts = (
        ("run", f"{activity.images:,} images, {activity.steps:,} steps, {activity.numeric}"),
        ("cores", f"{len(program.cores.kind):,} of {program.chip.name}"),
        ("spikes", f"{spikes:,}, {_density(records, activity)} per neuron and step, {neurons:,} neurons"),
        ("accumulates as eq30 counts", f"{int(activity.accounting.eq30.sum()):,}"),
    )
    rows = (
        (name, f"{sum(record.neurons for record in records):,}", _density(records, activity))
        for name, records in _grouped(activity, layer_of).items()
    )
    layers = Sheet("spikes per neuron and step, by layer", ("layer", "neurons", "density"), tuple(rows), folded=True)
    title = f"Activity of {program.graph.name} on {program.chip.name}"
    return Document(title, (_operations(activity), layers.first(200)), marked(activity), facts)


def density_table(activity: Activity) -> Sheet:
    """Spikes per kind of neuron site: spikes per neuron and step, how many of them positive, how many at the base threshold."""
    rows: list[tuple[Cell, ...]] = []
    for kind, records in _grouped(activity, site_kind).items():
        histogram = sum(record.histogram.sum(axis=0) for record in records)
        n = len(histogram) // 2
        neurons, spikes = sum(record.neurons for record in records), _spikes(records)
        density = spikes / (neurons * activity.images * activity.steps)
        rows.append(
            (
                kind,
                f"{len(records)}",
                f"{neurons:,}",
                f"{spikes / activity.images:,.0f}",
                percent(density),
                Bar(density, 6),
                percent(int(histogram[:n].sum()) / spikes) if spikes else "-",
                percent(int(histogram[0] + histogram[n]) / spikes) if spikes else "-",
            )
        )
    return Sheet(
        f"{'SYNTHETIC spike' if activity.synthetic else 'Spike'} density per kind of neuron site, {activity.images} images, "
        f"{activity.steps} steps",
        ("site", "sites", "neurons", "spikes/image", "density", "", "positive", "at base"),
        tuple(rows),
        caption="Density: spikes per neuron and step. At base: spikes of the smallest threshold, k = 0.",
    )


def _operations(activity: Activity) -> Sheet:
    table = activity.operations
    totals = np.zeros(len(OPS), np.int64)
    np.add.at(totals, table.op, table.count.sum(axis=1))
    counts = zip(OPS, totals.tolist(), strict=True)
    rows = tuple((op, f"{total:,}", f"{total / activity.images:,.1f}") for op, total in counts if total)
    return Sheet("", ("operation issued", "count", "per image"), rows)


def _grouped(activity: Activity, key: Callable[[str], str]) -> dict[str, list[SpikeRecord]]:
    groups: dict[str, list[SpikeRecord]] = {}
    for site, record in activity.spikes.items():
        groups.setdefault(key(site), []).append(record)
    return groups


def _spikes(records: list[SpikeRecord]) -> int:
    return sum(int(record.events.sum(dtype=np.int64)) for record in records)


def _density(records: list[SpikeRecord], activity: Activity) -> str:
    slots = sum(record.neurons for record in records) * activity.images * activity.steps
    return percent(_spikes(records) / slots) if slots else "-"
