"""The same run seen otherwise: on another mapping of its graph, or after fewer of its steps. Nothing is executed again."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from synaptile.conversion.graph import Convolution2d, Neurons, Node, ProductUnit, Source, STBIFNeurons, Synapse
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.mapper.program import CoreProgram, Int64
from synaptile.simulator.activity import Activity, OperationTable, SpikeRecord
from synaptile.simulator.event.build import make_layout
from synaptile.simulator.event.convolution_unit import part_counts
from synaptile.simulator.event.record import Recorder
from synaptile.simulator.number_format import check_numeric
from synaptile.simulator.operations import Ledger
from synaptile.simulator.schedule.remap import images_kept, same_counts
from synaptile.simulator.schedule.spike_counts import SpikeCounts
from synaptile.simulator.settling import settled_steps


def rebased(activity: Activity, program: CoreProgram) -> Activity:
    """The run as another program of the same graph would have recorded it, operations counted anew from its spikes.

    Spikes and logits stay those that were recorded: what a float32 run of `program` itself would differ in is the order of sums
    over cut fan-ins.

    Raises:
        InputError: `program` maps another graph, or cuts channels where the run neither counted nor kept spikes of all images.
        ConservationError: the recount does not add up to what was recorded.
    """
    own = activity.program
    if program.graph.digest != own.graph.digest:
        raise InputError(
            f"the run is of graph {own.graph.name!r}, the program of {program.graph.name!r}: map the graph that was executed"
        )
    provenance = dict(activity.provenance) | {
        "chip": program.chip.name,
        "chip_digest": program.chip.digest,
        "mapping": dict(program.options),
        "executed_on": own.chip.name,
    }
    if same_counts(own, program):
        return replace(activity, program=program, provenance=provenance)
    counts = SpikeCounts(activity, activity.images)
    spikes = _regrouped(activity, program, counts)
    convolutions = {node.name: _convolution(activity, program, node) for node in program.graph.of_type(Convolution2d)}
    table = _recount(activity, program, counts, convolutions)
    moved = replace(activity, program=program, spikes=spikes, operations=table, convolutions=convolutions, provenance=provenance)
    _check(activity, moved)
    return moved


def first_steps(activity: Activity, steps: int) -> Activity:
    """The run as it stood after its first `steps` steps: no step depends on a later one. Raises InputError out of range."""
    if not 1 <= steps <= activity.steps:
        raise InputError(f"steps is {steps}, the run has 1 to {activity.steps}")
    if steps == activity.steps:
        return activity
    table, accounting = activity.operations, activity.accounting
    happened = table.count[:, :steps].any(axis=1)
    columns = {name: getattr(table, name)[happened] for name in ("core", "node", "role", "op")}
    roles, role = np.unique(columns["role"], return_inverse=True)
    columns["role"] = role.astype(np.int32)
    spikes = {
        site: replace(
            record,
            events=record.events[:steps],
            histogram=record.histogram[:steps],
            masks=None if record.masks is None else record.masks[:steps],
        )
        for site, record in activity.spikes.items()
    }
    return replace(
        activity,
        steps=steps,
        logits=activity.logits[:steps],
        operations=OperationTable(
            **columns, count=table.count[happened, :steps], roles=tuple(table.roles[index] for index in roles)
        ),
        accounting=replace(accounting, eq30=accounting.eq30[:, :steps], released=accounting.released[:, :steps]),
        spikes=spikes,
        settled=settled_steps(activity.program.graph, spikes),
        convolutions={name: counts[:steps] for name, counts in activity.convolutions.items()},
    )


def _regrouped(activity: Activity, program: CoreProgram, counts: SpikeCounts) -> dict[str, SpikeRecord]:
    """Records of the sites, their spikes counted in the channel groups of `program`."""
    layout = make_layout(program, check_numeric(activity.numeric))
    groups = Recorder(layout, activity.steps, activity.images, lengths=activity.lengths).spikes
    found: dict[str, SpikeRecord] = {}
    for site, record in activity.spikes.items():
        bounds = groups[site].bounds
        if not np.array_equal(bounds, record.bounds):
            columns = [counts.of(site, a, b) for a, b in pairwise(bounds.tolist())]
            events = np.stack(columns, axis=-1).swapaxes(0, 1).astype(np.int32)
            record = replace(record, events=np.ascontiguousarray(events), bounds=bounds)
        found[site] = record
    return found


def _convolution(activity: Activity, program: CoreProgram, node: Convolution2d) -> Int64:
    """What each part of a convolution issues, as `Activity.convolutions` holds it."""
    parts, own = program.parts, program.parts_of(node.name)
    ranges = [(int(parts.out_start[part]), int(parts.out_stop[part])) for part in own]
    before, mine = activity.program.parts, activity.program.parts_of(node.name)
    if ranges == [(int(before.out_start[part]), int(before.out_stop[part])) for part in mine]:
        return activity.convolutions[node.name]
    site = node.inputs[0].node
    masks = activity.spikes[site].masks
    if masks is None or images_kept(activity) < activity.images:
        raise InputError(
            f"site {site!r}: this mapping cuts a convolution elsewhere, and the run kept the spikes of {images_kept(activity)} "
            f"of {activity.images} images: run again with execute(..., keep_spikes={activity.images})"
        )
    width = activity.program.graph.nodes[site].size
    fired = np.unpackbits(masks, axis=-1, count=width).reshape(activity.steps, activity.images, width)
    return part_counts(node, ranges, fired.astype(np.bool_))


def _recount(activity: Activity, program: CoreProgram, counts: SpikeCounts, convolutions: dict[str, Int64]) -> OperationTable:
    """Operations that `program` issues for the recorded spikes, images summed."""
    ledger = Ledger(program, activity.steps, activity.images, activity.lengths)
    for name in program.node_names:
        node = program.graph.nodes[name]
        if isinstance(node, Source):
            continue
        for place, part in enumerate(program.parts_of(name).tolist()):
            for role, op, count in _of_events(program, counts, part, node, activity.lengths):
                ledger.add(part, role, op, count)
            if isinstance(node, Convolution2d):
                ledger.add(part, "synapse rows", "ac", convolutions[name][:, :, place, 0].sum(axis=1))
    return ledger.table()


def _of_events(
    program: CoreProgram, counts: SpikeCounts, part: int, node: Node, lengths: Int64 | None
) -> list[tuple[str, str, Int64]]:
    """What spikes make a part issue: role, operation, counts of shape (steps,). `lengths`: tokens of each sentence, of text."""
    parts = program.parts
    tokens = slice(int(parts.token_start[part]), int(parts.token_stop[part]))
    start, stop = int(parts.out_start[part]), int(parts.out_stop[part])

    def by_sample(site: str, first: int, last: int, chosen: slice) -> Int64:
        total: Int64 = counts.of(site, first, last)[:, :, chosen].sum(axis=2)
        return total

    def spikes(site: str, first: int, last: int, chosen: slice) -> Int64:
        total: Int64 = by_sample(site, first, last, chosen).sum(axis=0)
        return total

    match node:
        case Neurons():
            sent = spikes(node.name, start, stop, tokens)
            resets = [("soft reset", "add", sent)]
            return [*resets, ("tracer", "add", sent)] if isinstance(node, STBIFNeurons) else resets
        case Synapse(spiking=True):
            port = node.inputs[0]
            rows = spikes(port.node, port.start + int(parts.in_start[part]), port.start + int(parts.in_stop[part]), tokens)
            return [("synapse rows", "ac", rows * (stop - start))]
        case ProductUnit():
            a, b = node.inputs
            width = node.head_width
            ends = (
                np.array([node.tokens], np.int64) if lengths is None else lengths
            )  # sentences have keys and queries of their own
            rows_met = np.clip(ends - tokens.start, 0, tokens.stop - tokens.start)[:, None]
            columns = ends[:, None] if node.form == "qk" else np.int64(width)
            if node.form == "sv":
                start, stop = start // width, stop // width
            wide = width if node.form == "qk" else 1
            of_a = by_sample(a.node, a.start + start * wide, a.start + stop * wide, tokens)
            of_b = by_sample(b.node, b.start + start * width, b.start + stop * width, slice(None))
            second = (of_b * rows_met).sum(axis=0)
            second[0] = 0  # S_A(0) is zero: the pass does not run
            return [
                ("A(t) S_B(t)", "ac", (of_a * columns).sum(axis=0)),
                ("S_A(t-1) B(t)", "ac", second),
                ("operand sums", "add", (of_a + of_b * (rows_met > 0)).sum(axis=0)),
            ]
        case _:
            return []


def _check(before: Activity, after: Activity) -> None:
    """Roles that no cut changes add up to what was recorded, a node and step; so does what sites sent."""
    for site, record in after.spikes.items():
        if (record.events.sum(axis=(2, 3)) != before.spikes[site].events.sum(axis=(2, 3))).any():
            raise ConservationError(f"site {site!r}: the spikes that were kept are not those that were counted")
    for role in ("synapse rows", "soft reset", "A(t) S_B(t)", "S_A(t-1) B(t)", "integrate", "function", "residual add"):
        totals = [_totals(activity, role) for activity in (before, after)]
        if (totals[0] != totals[1]).any():
            node, step = (int(index[0]) for index in np.nonzero(totals[0] != totals[1]))
            raise ConservationError(
                f"{role!r} of node {after.program.node_names[node]!r}, step {step + 1}: recounted {totals[1][node, step]:,}, "
                f"executed {totals[0][node, step]:,}"
            )


def _totals(activity: Activity, role: str) -> Int64:
    table = activity.operations
    total = np.zeros((len(activity.program.node_names), activity.steps), np.int64)
    if role in table.roles:
        rows = table.role == table.roles.index(role)
        np.add.at(total, table.node[rows], table.count[rows])
    return total
