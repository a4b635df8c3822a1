"""The same run seen otherwise: on another mapping of its graph, or after fewer of its steps. Nothing is executed again."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from synaptile.conversion.graph import Convolution2d
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.lengths import program_at
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.events import SpikeCounts, inputs_met, issued_by_events
from synaptile.simulator.actions.fetches import node_fetches, shared_nodes
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.actions.vocabulary import Role, Trigger
from synaptile.simulator.activity import Activity, OperationTable, RowFetches, SpikeRecord
from synaptile.simulator.event.build import make_layout
from synaptile.simulator.event.record import Recorder
from synaptile.simulator.lengths import by_length
from synaptile.simulator.number_format import check_numeric
from synaptile.simulator.operations import Ledger
from synaptile.simulator.schedule.remap import images_kept, remapped, same_counts, same_words
from synaptile.simulator.settling import settled_steps


def rebased(activity: Activity, program: CoreProgram) -> Activity:
    """The run as another program of the same graph would have recorded it, operations counted anew from its spikes.

    Row fetches are counted anew where spikes of all images were kept. Spikes and logits stay those that were recorded: what a
    float32 run of `program` itself would differ in is the order of sums over cut fan-ins.

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
    convolutions = {node.name: _convolution(program, node, counts) for node in program.graph.of_type(Convolution2d)}
    table = _recount(activity, program)
    moved = replace(
        activity,
        program=program,
        spikes=spikes,
        operations=table,
        convolutions=convolutions,
        provenance=provenance,
        fetches=_refetched(activity, program),
    )
    _check(activity, moved)
    return moved


def counted_on(activity: Activity, chip: Chip) -> Activity:
    """The run as it is billed on a chip: counted anew, on a mapping of its own, where words or units differ from those mapped to.

    Raises DoesNotFit, and InputError as `rebased`.
    """
    own = activity.program
    if same_words(chip, own.chip) or not len(own.parts.node):
        return activity
    return rebased(activity, remapped(activity, chip))


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
        departures={name: counts[:steps] for name, counts in activity.departures.items()},
        fetches={name: replace(fetched, rows=fetched.rows[:steps]) for name, fetched in activity.fetches.items()},
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


def _convolution(program: CoreProgram, node: Convolution2d, counts: SpikeCounts) -> Int64:
    """What each part of a convolution meets, as `Activity.convolutions` holds it."""
    parts = [parts_of(program)[part] for part in program.parts_of(node.name)]
    events = [[counts.events(program, part, trigger) for trigger in (Trigger.REACHED, Trigger.FIRST_INPUT)] for part in parts]
    return np.concatenate([np.stack(both, axis=-1) for both in events], axis=2).swapaxes(0, 1)


def _refetched(activity: Activity, program: CoreProgram) -> dict[str, RowFetches]:
    """Row fetches as execution tallies them; none where spikes of fewer images were kept."""
    if images_kept(activity) < activity.images:
        return {}
    found: dict[str, RowFetches] = {}
    for name, sharing in shared_nodes(program, program.chip).items():
        shape = (activity.steps, activity.images, program.parts_of(name).size)
        found[name] = RowFetches(*sharing, np.zeros(shape, np.int32))
        for run in by_length(activity):
            sentences = slice(None) if run.lengths is None else np.flatnonzero(activity.lengths == run.lengths[0])
            shorter = program if run.lengths is None else program_at(program, int(run.lengths[0]))
            node = shorter.graph.nodes[name]
            for number in inputs_met(node, 0):
                masks = run.spikes[node.inputs[number].node].masks
                assert masks is not None
                found[name].rows[:, sentences] += node_fetches(shorter, name, number, masks, sharing).astype(np.int32)
    return found


def _recount(activity: Activity, program: CoreProgram) -> OperationTable:
    """Operations that `program` issues for the recorded spikes, images summed."""
    ledger = Ledger(program, activity.steps, activity.images, activity.lengths)
    for run in by_length(activity):
        counts = SpikeCounts(run, run.images)
        shorter = program if run.lengths is None else program_at(program, int(run.lengths[0]))
        for part in parts_of(shorter):
            for action, count in issued_by_events(shorter, part, counts):
                ledger.add(part.index, action.role, action.op, count.sum(axis=0))
    return ledger.table()


def _check(before: Activity, after: Activity) -> None:
    """Roles that no cut changes add up to what was recorded, per node and step; so does what sites sent."""
    for site, record in after.spikes.items():
        if (record.events.sum(axis=(2, 3)) != before.spikes[site].events.sum(axis=(2, 3))).any():
            raise ConservationError(f"site {site!r}: the spikes that were kept are not those that were counted")
    for role in dict.fromkeys((*before.operations.roles, *after.operations.roles)):
        totals = [_totals(activity, role) for activity in (before, after)]
        if not Role(role).cut and (totals[0] != totals[1]).any():
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
