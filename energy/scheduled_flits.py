"""Flits on the mesh as a schedule sent them, and what must hold between a schedule, its run and its bill."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synaptile.energy.bill import NO_CORE, Bill
from synaptile.energy.flits import CROSSING, HOP, ROLES, add_flits, trees_of
from synaptile.energy.tally import Tally
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.hwmodels import Chip
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.timeline import LinkKind, Timeline

Int64 = NDArray[np.int64]


def check_timeline(timeline: Timeline, activity: Activity, chip: Chip) -> None:
    """Refuse a schedule of another run or chip (InputError), and one that lost or doubled work (ConservationError)."""
    scheduled, mapped_to = timeline.activity, timeline.program.chip
    if mapped_to.digest != chip.digest:
        raise InputError(f"the schedule is on {mapped_to.name}, prices are asked for {chip.name}: schedule on that chip")
    same = scheduled is activity or (
        scheduled.program.graph.digest == activity.program.graph.digest
        and (scheduled.steps, scheduled.images) == (activity.steps, activity.images)
        and np.array_equal(scheduled.operations.count, activity.operations.count)
    )
    if not same:
        raise InputError("the schedule replays another run than the one that is priced: schedule this activity")
    _check_operations(timeline, activity)
    _check_flits(timeline)


def scheduled_flits(timeline: Timeline) -> Tally:
    """Flits of all messages, summed over the images of the stream. A re-mapped program's cores are not the run's: NO_CORE."""
    program, jobs, messages = timeline.program, timeline.jobs, timeline.messages
    tally = Tally(program.node_names, timeline.activity.steps)
    if not len(messages.job):
        return tally
    flow = trees_of(program).flow[messages.group]
    nodes = len(program.node_names)
    part, step = jobs.part[messages.job], jobs.step[messages.job]
    core = np.full(len(part), NO_CORE) if timeline.remapped else program.parts.core[part]
    role = np.where(program.flows.input[flow] == PARTIAL_SUMS, 0, np.where(program.flows.spiking[flow] == 1, 1, 2))
    key = ((core.astype(np.int64) - NO_CORE) * nodes + program.parts.node[part]) * len(ROLES) + role
    unique, row = np.unique(key, return_inverse=True)
    counts = np.zeros((2, len(unique), tally.steps), np.int64)
    for i, links in enumerate((messages.hops, messages.crossings)):
        np.add.at(counts[i], (row, step), messages.flits.astype(np.int64) * links)
    for i, code in enumerate(unique.tolist()):
        core_and_node, role_index = divmod(code, len(ROLES))
        core_index, node = divmod(core_and_node, nodes)
        add_flits(tally, core_index + NO_CORE, node, ROLES[role_index], counts[0, i], counts[1, i])
    return tally


def check_billed_flits(bill: Bill, timeline: Timeline) -> None:
    """Raise ConservationError unless the bill holds every flit and link that the schedule's messages crossed."""
    messages = timeline.messages
    flits = messages.flits.astype(np.int64)
    counted = {HOP: int((flits * (messages.hops - messages.crossings)).sum()), CROSSING: int((flits * messages.crossings).sum())}
    billed = dict(zip(bill.ops, bill.op_counts().tolist(), strict=True))
    for op, count in counted.items():
        if billed.get(op, 0) != count:
            raise ConservationError(f"{op!r}: the bill holds {billed.get(op, 0):,}, the schedule's messages crossed {count:,}")


def link_energy(timeline: Timeline, pj: Mapping[str, float]) -> dict[str, float]:
    """Energy of every mesh link in pJ an image, name -> pJ, in the order of the schedule's links."""
    links, program = timeline.links, timeline.program
    mesh, width = program.chip.mesh, program.board[0] * program.chip.mesh.width
    found: dict[str, float] = {}
    for i in np.flatnonzero(links.kind == LinkKind.MESH):
        (x0, y0), (x1, y1) = (divmod(int(tile), width)[::-1] for tile in (links.source[i], links.target[i]))
        crosses = (x0 // mesh.width, y0 // mesh.height) != (x1 // mesh.width, y1 // mesh.height)
        price = pj[CROSSING if crosses else HOP]
        found[f"({x0},{y0})->({x1},{y1})"] = int(links.flits[i]) * price / timeline.images
    return found


def _check_operations(timeline: Timeline, activity: Activity) -> None:
    """What jobs issue = what execution counted, a core, node and step; at most that where not all images were streamed.

    A re-mapped program issues other operations on other cores; there the scheduler's own check of its recount stands.
    """
    if timeline.remapped:
        return
    issued, jobs, parts = activity.operations, timeline.jobs, timeline.program.parts
    shape = (len(timeline.program.cores.kind), len(timeline.program.node_names), activity.steps)
    executed, scheduled = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    np.add.at(executed, (issued.core, issued.node), issued.count)
    np.add.at(scheduled, (jobs.core, parts.node[jobs.part], jobs.step), jobs.operations)
    whole = timeline.images == activity.images
    wrong = scheduled != executed if whole else scheduled > executed
    if wrong.any():
        core, node, step = (int(i[0]) for i in np.nonzero(wrong))
        raise ConservationError(
            f"node {timeline.program.node_names[node]!r} on core {core}, step {step + 1}: the schedule's jobs issue "
            f"{scheduled[core, node, step]:,} operations, execution counted {executed[core, node, step]:,}"
        )


def _check_flits(timeline: Timeline) -> None:
    """Flits times hops of all messages = flits carried by all mesh links; every multicast crosses its whole tree."""
    messages, links, routes = timeline.messages, timeline.links, timeline.program.routes
    sent = int((messages.flits.astype(np.int64) * messages.hops).sum())
    carried = int(links.flits[links.kind == LinkKind.MESH].sum())
    if sent != carried:
        raise ConservationError(f"messages send {sent:,} flits x hops, the schedule's mesh links carried {carried:,} flits")
    multicast = messages.target_core == -1
    astray = np.flatnonzero(multicast & (messages.hops != routes.hops[messages.group]))
    if astray.size:
        i = int(astray[0])
        raise ConservationError(
            f"message {i} crosses {messages.hops[i]} links, its multicast tree {messages.group[i]} has "
            f"{routes.hops[messages.group[i]]}"
        )
