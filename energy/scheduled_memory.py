"""A bill holds the rows that a schedule's jobs fetch, and the events that they write into their buffers and read from them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import Convolution2d, SpikeAttention
from synaptile.energy.bill import Bill
from synaptile.energy.inside import Inside
from synaptile.energy.memory import access_key, add_accesses, event_bits, fetches_are_scaled, of_side
from synaptile.energy.tally import Tally
from synaptile.foundation.derived import shared
from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.dataflow import core_flow
from synaptile.simulator.actions.fetches import sharing_of
from synaptile.simulator.actions.part import Part, parts_of
from synaptile.simulator.actions.vocabulary import Access, Driver, Role, Side, Trigger, Word
from synaptile.simulator.schedule.arrivals import arrivals_by_part, check_arrivals, images_compared
from synaptile.simulator.schedule.timeline import Timeline


def check_scheduled_memory(bill: Bill, timeline: Timeline, chip: Chip, inside: Inside) -> None:
    """Raise ConservationError unless execution counted, and the bill holds, what the jobs of the schedule take in.

    The bill is that of all images: where fewer were scheduled it holds at least what these take in. Shared rows are compared over
    each batch of steps (see `check_arrivals`), and where the spikes of all scheduled images were kept. A schedule that
    re-mapped the network has other parts than are billed.
    """
    check_arrivals(timeline)
    if timeline.remapped:
        return
    program, whole = timeline.program, timeline.images == timeline.activity.images
    compared = _compared(timeline, chip)
    events, fetched = (counts.sum(axis=-2) for counts in arrivals_by_part(timeline))
    scheduled = _accesses(program, chip, inside, compared, Taken(events, fetched)).counts
    chosen = np.isin(bill.role, [at for at, role in enumerate(bill.roles) if Role(role) in compared])
    billed = {
        (int(bill.core[row]), int(bill.node[row]), bill.roles[bill.role[row]], bill.ops[bill.op[row]]): bill.count[row]
        for row in np.flatnonzero(chosen)
    }
    none = np.zeros(timeline.activity.steps, np.int64)
    for key in sorted(scheduled.keys() | billed.keys()):
        batch = 1 if Role(key[2]).word is Word.EVENT else core_flow(chip, CoreKind(program.cores.kind[key[0]])).flow.time_batch
        starts = np.arange(0, none.size, batch)
        taken, priced = (np.add.reduceat(counts.get(key, none), starts) for counts in (scheduled, billed))
        if (wrong := np.flatnonzero(taken != priced if whole else taken > priced)).size:
            at = int(wrong[0])
            raise ConservationError(
                f"{key[2]!r} of node {program.node_names[key[1]]!r} on core {key[0]}, step {at * batch + 1}: the bill holds "
                f"{priced[at]:,} x {key[3]}, the schedule's jobs make {taken[at]:,}"
            )


def _compared(timeline: Timeline, chip: Chip) -> frozenset[Role]:
    """Events, and rows where the schedule knows those of all its images, and the bill those of all that were executed."""
    rows_told = images_compared(timeline) == timeline.images and not fetches_are_scaled(timeline.activity, chip)
    return frozenset(role for role in Role if role.word is Word.EVENT or (rows_told and role.driven_by is Driver.FETCHES))


class Taken(NamedTuple):
    """What the jobs of each part take in: spikes, (parts, inputs, steps), and rows that they fetch, (parts, steps)."""

    events: Int64
    fetched: Int64


def _key(program: CoreProgram, chip: Chip, inside: Inside, compared: frozenset[Role], taken: Taken) -> Hashable:
    return access_key(program.chip), access_key(chip), inside, compared, *(counts.tobytes() for counts in taken)


@shared(_key)
def _accesses(program: CoreProgram, chip: Chip, inside: Inside, compared: frozenset[Role], taken: Taken) -> Tally:
    """What jobs take in, as accesses by the rules of parts, for some roles."""
    events, fetched = taken
    tally = Tally(program.node_names, fetched.shape[-1])
    last = program.graph.source.last_step
    for part in parts_of(program):
        for access in of_side(part, Side.SPIKING, core_flow(chip, part.kind)):
            roles = tuple(role for role in access.roles if role in compared)
            if not roles or access.trigger is Trigger.STEP or inside.holds(part, access, Side.SPIKING):
                continue
            rows = (
                access.rows
                * _times((*events[part.index], fetched[part.index]), part, access, chip)
                * access.rhythm.beats(tally.steps, last)
            )
            add_accesses(tally, chip, part, (roles, access.words), rows, event_bits(program, part, access))
    return tally


def _times(taken: tuple[Int64, Int64, Int64], part: Part, access: Access, chip: Chip) -> Int64:
    """How often an access happens at each step: for spikes of an input, or for the rows that those of the first fetch."""
    first, second, rows = taken
    if access.trigger is Trigger.SECOND_INPUT:
        return second
    shared = access.roles[0].driven_by is Driver.FETCHES and sharing_of(chip, part) is not None
    of_convolution = access.trigger is Trigger.FIRST_INPUT and isinstance(part.node, Convolution2d | SpikeAttention)
    return rows if shared or of_convolution else first
