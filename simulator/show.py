"""An Activity as a notebook shows it, and as tables of operations and spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from synaptile.conversion.graph import layer_of
from synaptile.foundation.html import card, facts, folded, grid, warning
from synaptile.foundation.tables import arrow, choose, words
from synaptile.simulator.activity import OPS, Activity, SpikeRecord

if TYPE_CHECKING:
    import pyarrow as pa


def activity_html(activity: Activity) -> str:
    """Spikes and operations of the run, an image; density a layer behind a click."""
    program, table = activity.program, activity.operations
    spikes = {site: int(record.events.sum(dtype=np.int64)) for site, record in activity.spikes.items()}
    neurons = sum(record.neurons for record in activity.spikes.values())
    slots = neurons * activity.images * activity.steps
    lines = [
        ("run", f"{activity.images:,} images, {activity.steps:,} steps, {activity.numeric}"),
        ("cores", f"{len(program.cores.kind):,} of {program.chip.name}"),
        ("spikes", f"{sum(spikes.values()):,}, {_density(sum(spikes.values()), slots)} a neuron and step, {neurons:,} neurons"),
        ("accumulates as eq30 counts", f"{int(activity.accounting.eq30.sum()):,}"),
    ]
    totals = np.zeros(len(OPS), np.int64)
    np.add.at(totals, table.op, table.count.sum(axis=1))
    rows = [
        (op, f"{total:,}", f"{total / activity.images:,.1f}") for op, total in zip(OPS, totals.tolist(), strict=True) if total
    ]
    layers: dict[str, list[SpikeRecord]] = {}
    for site, record in activity.spikes.items():
        layers.setdefault(layer_of(site), []).append(record)
    dense = [(name, f"{sum(r.neurons for r in records):,}", _of_layer(records, activity)) for name, records in layers.items()]
    return card(
        f"Activity of {program.graph.name} on {program.chip.name}",
        warning(marked(activity)),
        facts(lines),
        grid(("operation issued", "count", "an image"), rows),
        folded("spikes a neuron and step, by layer", grid(("layer", "neurons", "density"), dense, most=200)),
    )


def activity_arrow(activity: Activity, table: str | None = None) -> pa.Table:
    """Tables `operations` and `spikes` in long form; steps count from 1, counts are sums over all images."""
    chosen = choose(table, ("operations", "spikes"), "an activity")
    program = activity.program
    columns = _operations(activity) if chosen == "operations" else _spikes(activity)
    about: dict[str, object] = {"graph": program.graph.name, "graph_digest": program.graph.digest, "images": activity.images}
    about |= {"chip": program.chip.name, "chip_digest": program.chip.digest, "numeric": activity.numeric}
    return arrow(columns, {**about, "synthetic": activity.synthetic})


def marked(activity: Activity) -> str | None:
    """What every view of a synthetic activity says, None for one that was executed."""
    return None if activity.synthetic is None else f"SYNTHETIC ACTIVITY: {activity.synthetic}"


def _operations(activity: Activity) -> dict[str, Any]:
    table = activity.operations
    row, step = np.nonzero(table.count)
    return {
        "core": table.core[row],
        "node": words(activity.program.node_names, table.node[row]),
        "role": words(table.roles, table.role[row]),
        "op": words(OPS, table.op[row]),
        "step": (step + 1).astype(np.int32),
        "count": table.count[row, step],
    }


def _spikes(activity: Activity) -> dict[str, Any]:
    """Spikes per site, step and threshold: `value` is what one of them is worth."""
    graph = activity.program.graph
    chunks: dict[str, list[Any]] = {"site": [], "step": [], "value": [], "count": []}
    for at, (site, record) in enumerate(activity.spikes.items()):
        node = next(one for one in graph.sites if one.name == site)
        n = record.histogram.shape[1] // 2
        powers = 2.0 ** np.arange(n)
        values = np.concatenate([node.theta1 * powers, -node.theta2 * powers])
        step, threshold = np.nonzero(record.histogram)
        chunks["site"].append(np.full(step.size, at))
        chunks["step"].append(step + 1)
        chunks["value"].append(values[threshold])
        chunks["count"].append(record.histogram[step, threshold])
    kinds = {"site": np.int32, "step": np.int32, "value": np.float64, "count": np.int64}
    joined = {name: np.concatenate([np.zeros(0, kinds[name]), *parts]).astype(kinds[name]) for name, parts in chunks.items()}
    return {**joined, "site": words(tuple(activity.spikes), joined["site"])}


def _of_layer(records: list[SpikeRecord], activity: Activity) -> str:
    spikes = sum(int(record.events.sum(dtype=np.int64)) for record in records)
    return _density(spikes, sum(record.neurons for record in records) * activity.images * activity.steps)


def _density(spikes: int, slots: int) -> str:
    return f"{100 * spikes / slots:.1f} %" if slots else "-"
