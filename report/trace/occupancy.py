"""When each message held each link: the timeline's messages replayed over its links.

A timeline keeps when a message was injected and delivered, and the totals of every link, not the passage of each message
over each link. The replay applies the scheduler's rule again (a link is reserved in the order of injection events: its
head starts when it has arrived and the link is free, the link is then busy for as long as its flits take, the head reaches the
next router a hop later) and is checked against what the timeline holds: every delivery, and flits and busy cycles of every link.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from synaptile.foundation.errors import ConservationError
from synaptile.mapper.board import board_shape
from synaptile.mapper.program import CoreProgram, Int32, Int64
from synaptile.report.trace.names import link_names, tile_of_cores
from synaptile.simulator.schedule.timeline import Cause, LinkKind, Timeline

CORE_LINK_CYCLES = 1
"""Cycles that the head of a message takes from a core to its router, or from a router to its core."""

_OK, _NO_LINK = 0, 1


@dataclass(frozen=True)
class Occupancy:
    """Passages of messages over links, in the order of the replay. Columns have shape (passages,).

    `message` and `link` are rows of the timeline's tables. The head stood before the link from `arrival_cycles`; the link
    carried the message from `start_cycles` to before `end_cycles`.
    """

    message: Int32
    link: Int32
    arrival_cycles: Int64
    start_cycles: Int64
    end_cycles: Int64


class _Network(NamedTuple):
    """What does not change during a replay. `beside` has shape (tiles, 4): links to the right, left, down and up, -1 for none."""

    width: int
    chip_width: int
    chip_height: int
    hop_cycles: int
    crossing_cycles: int
    beside: Int32
    injection: Int32
    ejection: Int32
    core_tile: Int32
    tree_offset: Int64
    tree_from: Int32
    tree_to: Int32
    member_offset: Int64
    member: Int32


class _Messages(NamedTuple):
    """Columns of the messages of one chunk, in replay order."""

    group: Int32
    target_core: Int32
    injected: Int64
    busy: Int64
    source_core: Int32


class _State(NamedTuple):
    """`free` has shape (links,), the cycle from which each is free; `arrived` (tiles,), scratch."""

    free: Int64
    arrived: Int64


class _Passages(NamedTuple):
    """Output: columns of `Occupancy`, message as its place in the chunk; `delivered` has shape (messages,)."""

    row: Int32
    link: Int32
    arrival: Int64
    start: Int64
    end: Int64
    delivered: Int64


def passages(timeline: Timeline, *, at_once: int = 200_000) -> Iterator[Occupancy]:
    """Replay all messages, `at_once` at a time.

    Raises ConservationError at the first chunk whose deliveries differ from the timeline's, and at the end where a link's
    flits or busy cycles do.
    """
    program, table = timeline.program, timeline.messages
    network = _network(timeline)
    busy = _busy_cycles(program, table.flits)
    order = replay_order(timeline)
    longest = _longest(program, network)
    state = _State(np.zeros(len(timeline.links.kind), np.int64), np.zeros(network.beside.shape[0], np.int64))
    flits, cycles = np.zeros((2, len(timeline.links.kind)), np.int64)
    for begin in range(0, order.size, at_once):
        rows = order[begin : begin + at_once]
        group, target = table.group[rows], table.target_core[rows]
        chunk = _Messages(group, target, table.injected_cycles[rows], busy[rows], program.routes.source_core[group])
        room = int(longest[group].sum())
        row, link = np.empty((2, room), np.int32)
        arrival, start, end = np.empty((3, room), np.int64)
        out = _Passages(row, link, arrival, start, end, np.zeros(rows.size, np.int64))
        status, used = _replay(network, chunk, state, out)
        if status == _NO_LINK:
            raise ConservationError(f"message {rows[used]} crosses a link that the timeline's link table lacks")
        _check_deliveries(timeline, rows, out.delivered)
        message = rows[out.row[:used]].astype(np.int32)
        # Sums of float64 are exact: no link carries 2**53 flits in a chunk.
        flits += np.bincount(out.link[:used], table.flits[message], flits.size).astype(np.int64)
        cycles += np.bincount(out.link[:used], busy[message], cycles.size).astype(np.int64)
        yield Occupancy(message, out.link[:used], out.arrival[:used], out.start[:used], out.end[:used])
    _check_links(timeline, flits, cycles)


def selected_passages(timeline: Timeline, messages: NDArray[np.int64], links: Int32) -> Occupancy:
    """Passages of some messages over some links, in the order of the replay; nothing is replayed where there are none."""
    kept_message = np.zeros(len(timeline.messages.job), np.bool_)
    kept_link = np.zeros(len(timeline.links.kind), np.bool_)
    kept_message[messages], kept_link[links] = True, True
    found = []
    if messages.size and links.size:
        for chunk in passages(timeline):
            kept = kept_message[chunk.message] & kept_link[chunk.link]
            found.append(tuple(column[kept] for column in vars(chunk).values()))
    if not found:
        return Occupancy(*np.zeros((2, 0), np.int32), *np.zeros((3, 0), np.int64))
    return Occupancy(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def replay_order(timeline: Timeline) -> NDArray[np.int64]:
    """Messages in the order in which they reserved links: as their jobs ended, and those of one job by tree and target."""
    jobs, table = timeline.jobs, timeline.messages
    job, program = table.job, timeline.program
    step = jobs.image[job].astype(np.int64) * timeline.activity.steps + jobs.step[job]
    number = (jobs.part[job], jobs.token[job], program.parts.node[jobs.part[job]], step)
    return np.lexsort((table.target_core, table.group, *number, end_rounds(timeline)[job], jobs.end_cycles[job]))


def end_rounds(timeline: Timeline) -> Int64:
    """In which round of its last cycle each job ended, shape (jobs,).

    The scheduler goes through one cycle in rounds: jobs that end, in order, then jobs that start. A job that issues nothing
    ends in the round after that of its start, and what it lets start goes on from there.
    """
    jobs = timeline.jobs
    columns = _Starts(jobs.core, jobs.start_cycles, jobs.end_cycles, jobs.cause, jobs.waited_for)
    return _rounds(columns, int(Cause.OUTPUT), int(Cause.NETWORK))


class _Starts(NamedTuple):
    """Columns of the job table."""

    core: Int32
    start: Int64
    end: Int64
    cause: NDArray[np.int8]
    waited_for: Int32


@njit(cache=True)
def _rounds(jobs: _Starts, output: int, network: int) -> Int64:
    """`end_rounds`: sweep until nothing changes. Rows follow a core's order, so that chains on one core take one sweep."""
    size = jobs.start.size
    started, ended = np.zeros(size, np.int64), np.zeros(size, np.int64)
    changed = True
    while changed:
        changed = False
        for job in range(size):
            now, other, first = jobs.start[job], jobs.waited_for[job], np.int64(0)
            if job > 0 and jobs.core[job - 1] == jobs.core[job] and jobs.end[job - 1] == now:
                first = ended[job - 1]
            if other >= 0 and jobs.cause[job] == output:
                if jobs.start[other] == now:
                    first = max(first, started[other] + 1)
            elif other >= 0 and jobs.cause[job] != network and jobs.end[other] == now:
                first = max(first, ended[other])
            if first != started[job] or (ended[job] == 0 and jobs.end[job] == now):
                started[job] = first
                ended[job] = first + 1 if jobs.end[job] == now else 0
                changed = True
    return ended


def receivers(program: CoreProgram) -> tuple[Int64, Int32]:
    """Cores that each tree delivers to: offsets of shape (groups + 1,), and cores ascending within a group."""
    flows, cores = program.flows, len(program.cores.kind)
    leaving = np.flatnonzero(flows.group >= 0)
    once = np.unique(flows.group[leaving].astype(np.int64) * cores + program.parts.core[flows.target[leaving]])
    groups = len(program.routes.source_core)
    return np.searchsorted(once, np.arange(groups + 1) * cores), (once % cores).astype(np.int32)


def _busy_cycles(program: CoreProgram, flits: Int32) -> Int64:
    rate = Fraction(str(program.chip.noc.link_flits_per_cycle))
    return -(-flits.astype(np.int64) * rate.denominator // rate.numerator)


def _network(timeline: Timeline) -> _Network:
    program, links = timeline.program, timeline.links
    mesh, noc, routes = program.chip.mesh, program.chip.noc, program.routes
    width, height = board_shape(program.chip, program.board)
    beside = np.full((width * height, 4), -1, np.int32)
    injection, ejection = np.full((2, len(program.cores.kind)), -1, np.int32)
    for link, (kind, source, target) in enumerate(
        zip(links.kind.tolist(), links.source.tolist(), links.target.tolist(), strict=True)
    ):
        if kind == LinkKind.INJECTION:
            injection[source] = link
        elif kind == LinkKind.EJECTION:
            ejection[target] = link
        else:
            beside[source, 2 * (source % width == target % width) + (target < source)] = link
    crossing = noc.cycles_per_hop if noc.chip_crossing_cycles is None else noc.chip_crossing_cycles
    shape = (width, mesh.width, mesh.height, noc.cycles_per_hop, crossing)
    trees = (routes.offset, routes.link_from, routes.link_to)
    return _Network(*shape, beside, injection, ejection, tile_of_cores(program), *trees, *receivers(program))


def _longest(program: CoreProgram, network: _Network) -> Int64:
    """Most passages that one message of each group takes: its tree or its longest path, both ends of it, shape (groups,)."""
    width, height = board_shape(program.chip, program.board)
    members = np.diff(network.member_offset)
    return np.maximum(program.routes.hops, 0 if program.chip.noc.multicast else width + height) + members + 1


@njit(cache=True)
def _replay(network: _Network, messages: _Messages, state: _State, out: _Passages) -> tuple[int, int]:
    """Replay one chunk; returns a status and the number of passages (the message at fault, where the status is not 0)."""
    used = 0
    for row in range(messages.group.size):
        group, busy = messages.group[row], messages.busy[row]
        source = messages.source_core[row]
        home = network.core_tile[source]
        link = network.injection[source]
        if link < 0:
            return _NO_LINK, row
        start = messages.injected[row]
        used = _pass(out, state, used, row, link, start, busy)
        state.arrived[home] = start + CORE_LINK_CYCLES
        target = messages.target_core[row]
        if target >= 0:
            here, goal = home, network.core_tile[target]
            while here != goal:
                there = _towards(here, goal, network.width)
                link = _between(network, here, there)
                if link < 0:
                    return _NO_LINK, row
                used = _pass(out, state, used, row, link, state.arrived[here], busy)
                state.arrived[there] = out.start[used - 1] + _hop(network, here, there)
                here = there
            link = network.ejection[target]
            if link < 0:
                return _NO_LINK, row
            used = _pass(out, state, used, row, link, state.arrived[goal], busy)
            out.delivered[row] = out.end[used - 1]
            continue
        for branch in range(network.tree_offset[group], network.tree_offset[group + 1]):
            here, there = network.tree_from[branch], network.tree_to[branch]
            link = _between(network, here, there)
            if link < 0:
                return _NO_LINK, row
            used = _pass(out, state, used, row, link, state.arrived[here], busy)
            state.arrived[there] = out.start[used - 1] + _hop(network, here, there)
        for member in range(network.member_offset[group], network.member_offset[group + 1]):
            core = network.member[member]
            link = network.ejection[core]
            if link < 0:
                return _NO_LINK, row
            used = _pass(out, state, used, row, link, state.arrived[network.core_tile[core]], busy)
            out.delivered[row] = max(out.delivered[row], out.end[used - 1])
    return _OK, used


@njit(cache=True)
def _pass(out: _Passages, state: _State, used: int, row: int, link: int, arrival: int, busy: int) -> int:
    """Reserve a link for a head that arrives, note the passage, and return the number of passages."""
    start = max(arrival, state.free[link])
    state.free[link] = start + busy
    out.row[used] = row
    out.link[used] = link
    out.arrival[used] = arrival
    out.start[used] = start
    out.end[used] = start + busy
    return used + 1


@njit(cache=True)
def _towards(here: int, goal: int, width: int) -> int:
    """The next tile of an XY path: along the row first."""
    x, goal_x = here % width, goal % width
    if x != goal_x:
        return here + (1 if goal_x > x else -1)
    return here + (width if goal > here else -width)


@njit(cache=True)
def _between(network: _Network, here: int, there: int) -> int:
    side = 2 if here % network.width == there % network.width else 0
    link: int = network.beside[here, side if there > here else side + 1]
    return link


@njit(cache=True)
def _hop(network: _Network, here: int, there: int) -> int:
    """Cycles of a head between two routers; a hop from one chip to the next has its own."""
    across = here % network.width // network.chip_width != there % network.width // network.chip_width
    down = here // network.width // network.chip_height != there // network.width // network.chip_height
    return network.crossing_cycles if across or down else network.hop_cycles


def _check_deliveries(timeline: Timeline, rows: NDArray[np.int64], delivered: Int64) -> None:
    recorded = timeline.messages.delivered_cycles[rows]
    wrong = np.flatnonzero(recorded != delivered)
    if wrong.size:
        first = int(wrong[0])
        raise ConservationError(
            f"{wrong.size:,} of {rows.size:,} messages replayed over the links arrive at other cycles than the timeline says: "
            f"message {rows[first]} at {delivered[first]:,}, recorded {recorded[first]:,}"
        )


def _check_links(timeline: Timeline, flits: Int64, cycles: Int64) -> None:
    links = timeline.links
    for what, replayed, recorded in (("flits", flits, links.flits), ("busy cycles", cycles, links.busy_cycles)):
        wrong = np.flatnonzero(replayed != recorded)
        if wrong.size:
            link = int(wrong[0])
            raise ConservationError(
                f"link {link_names(timeline)[link]}: {replayed[link]:,} {what} replayed, the timeline says {recorded[link]:,}"
            )
