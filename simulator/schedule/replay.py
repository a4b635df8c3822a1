"""What a timeline does not keep: when each message held each link, and which jobs it woke.

The links of the schedule are reserved anew by the scheduler's own rule, in the order in which messages were sent, and the result
is checked against what the timeline holds: every delivery, and flits and busy cycles of every link.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.analyse import link_name
from synaptile.simulator.schedule.deliveries import number_jobs
from synaptile.simulator.schedule.fabric import Place, idle_flits
from synaptile.simulator.schedule.links import LinkState, deliver, idle_links, send
from synaptile.simulator.schedule.network import Messages, send_bounded
from synaptile.simulator.schedule.rates import cycles, exact_rate
from synaptile.simulator.schedule.tables import Tables, tables_of
from synaptile.simulator.schedule.timeline import LinkTable, Timeline
from synaptile.simulator.schedule.trees import Links
from synaptile.simulator.schedule.ways import Ways, ways_of


@dataclass(frozen=True)
class Passages:
    """Passages of messages over links, in the order in which links were reserved. Columns have shape (passages,).

    `message` and `link` are rows of the timeline's tables. The head stood before the link from `arrival_cycles`; the link
    carried the message from `start_cycles` to before `end_cycles`.
    """

    message: Int32
    link: Int32
    arrival_cycles: Int64
    start_cycles: Int64
    end_cycles: Int64


@dataclass(frozen=True)
class Handovers:
    """From a sending to a receiving job. Columns have shape (handovers,): rows of the message table and of the job table."""

    message: Int32
    source: Int32
    target: Int32


class _Messages(NamedTuple):
    """Columns of messages in the order in which they were sent; `core` sends them."""

    tree: Int64
    core: Int32
    injected: Int64
    flits: Int32
    busy: Int64


class _Columns(NamedTuple):
    """Output: columns of `Passages`, messages and links as they are numbered here; `delivered` has shape (messages,)."""

    message: Int32
    link: Int32
    arrival: Int64
    start: Int64
    end: Int64
    delivered: Int64


def passages(timeline: Timeline, *, at_once: int = 200_000) -> Iterator[Passages]:
    """Replay all messages, `at_once` at a time.

    Raises ConservationError at the first chunk whose deliveries differ from the timeline's, and at the end where a link's
    flits or busy cycles do.
    """
    program, table, tables = timeline.program, timeline.messages, tables_of(timeline.program)
    links, trees = tables.links, tables.trees
    row_of_link = _rows_of_links(timeline.links, links)
    noc = program.chip.noc
    busy = cycles(table.flits, exact_rate(program.chip, "noc.link_flits_per_cycle", noc.link_flits_per_cycle))
    tree = trees_taken(timeline).astype(np.int64)
    length = 1 + np.diff(trees.offset) + np.diff(trees.leaf_offset)
    side_by_side = timeline.opened_cycles is not None  # its links hold nothing up: what is sent is shown from when it begins
    if program.chip.noc.flow_control != "unbounded" and not side_by_side:
        yield _bounded(timeline, tables, tree, row_of_link)
        return
    order, state = np.argsort(table.send_order), idle_links(links, trees)
    ways = ways_of(links, trees, program.routes.source_core, every=True)
    flits_carried, busy_cycles = np.zeros((2, links.kind.size), np.int64)
    for begin in range(0, order.size, at_once):
        rows = order[begin : begin + at_once]
        room = int(length[tree[rows]].sum())
        (of, over), (arrival, start, end) = np.empty((2, room), np.int32), np.empty((3, room), np.int64)
        out = _Columns(of, over, arrival, start, end, np.zeros(rows.size, np.int64))
        core = timeline.jobs.core[table.job[rows]]
        _replay(_Messages(tree[rows], core, table.injected_cycles[rows], table.flits[rows], busy[rows]), ways, state, out)
        if not side_by_side:
            _check_deliveries(timeline, rows, out.delivered)
        np.add.at(flits_carried, out.link, table.flits[rows][out.message])
        np.add.at(busy_cycles, out.link, end - start)
        message, link = rows[out.message].astype(np.int32), row_of_link[out.link]
        if (lacking := np.flatnonzero(link < 0)).size:
            raise ConservationError(f"message {message[lacking[0]]} crosses a link that the timeline's link table lacks")
        yield Passages(message, link, out.arrival, out.start, out.end)
    _check_links(timeline, row_of_link, flits_carried, busy_cycles)


def _bounded(timeline: Timeline, tables: Tables, tree: Int64, row_of_link: Int32) -> Passages:
    """All passages through bounded queues, a message's in as many stretches as others came between, in order of time.

    Phases begin with empty queues and the turn of each link at its first input, so each is sent by itself.
    """
    table = timeline.messages
    order = np.argsort(table.send_order)
    ends = np.flatnonzero(np.diff(_phase_run(timeline, table.job[order]))) + 1
    whole, stretches = idle_flits(tables.fabric, 0), []
    for rows in np.split(order, ends):
        job = table.job[rows]
        sent = Messages(tree[rows], timeline.jobs.core[job], table.flits[rows], 0 * rows, timeline.jobs.end_cycles[job])
        state, delivered = send_bounded(tables.fabric, sent, noted=True)
        _check_deliveries(timeline, rows, delivered)
        whole.flits[:] += state.flits
        whole.busy[:] += state.busy
        message, *others = state.stretch[:, : state.totals[Place.STRETCHES]]
        stretches.append((rows[message], *others))
    _check_links(timeline, row_of_link, whole.flits, whole.busy)
    message, link, *times = (np.concatenate(columns) for columns in zip(*stretches, strict=True))
    return Passages(message.astype(np.int32), row_of_link[link], *times)


def _phase_run(timeline: Timeline, job: Int32) -> Int64:
    """Which of the phases that ran, one after another, each job is of, shape (jobs,)."""
    phases, cores = timeline.phases, timeline.program.cores
    if phases is None:
        return np.zeros(job.size, np.int64)
    firsts = phases.first_image[phases.phase == 0]
    load = np.searchsorted(firsts, timeline.jobs.image[job], "right") - 1
    return np.asarray(load * timeline.program.phases + cores.phase[timeline.jobs.core[job]])


def selected_passages(timeline: Timeline, messages: Int64, links: Int32) -> Passages:
    """Passages of some messages over some links, in the order of the replay; nothing is replayed where there are none."""
    kept_message = np.zeros(len(timeline.messages.job), np.bool_)
    kept_link = np.zeros(len(timeline.links.kind), np.bool_)
    kept_message[messages], kept_link[links] = True, True
    chunks = [(np.zeros(0, np.int32), np.zeros(0, np.int32), *np.zeros((3, 0), np.int64))]
    if messages.size and links.size:
        for chunk in passages(timeline):
            kept = kept_message[chunk.message] & kept_link[chunk.link]
            chunks.append(tuple(column[kept] for column in vars(chunk).values()))
    return Passages(*(np.concatenate(columns) for columns in zip(*chunks, strict=True)))


def handovers(timeline: Timeline, messages: Int64) -> Handovers:
    """The jobs that receive some messages, one for each part that a message reaches; of one message in order of flows.

    Raises ConservationError where a message is not of the receiving job's tokens.
    """
    program, jobs, table, tables = timeline.program, timeline.jobs, timeline.messages, tables_of(timeline.program)
    trees, rules = tables.trees, tables.flows
    first_flow = trees.leaf_flow_offset[trees.leaf_offset]
    tree = trees_taken(timeline)[messages]
    repeats = first_flow[tree + 1] - first_flow[tree]
    nth = np.repeat(np.arange(tree.size), repeats)
    flow = trees.flow[first_flow[tree[nth]] + np.arange(nth.size) - np.repeat(np.cumsum(repeats) - repeats, repeats)]
    order = np.lexsort((flow, nth))
    message, flow = messages[nth[order]], flow[order]
    source = table.job[message]
    k = jobs.token[source] - rules.token_start[flow]
    if (lost := np.flatnonzero((k < 0) | (k >= rules.tokens[flow]))).size:
        node = program.node_names[int(program.parts.node[program.flows.target[flow[lost[0]]]])]
        raise ConservationError(
            f"message {message[lost[0]]} reaches {node!r}, which has no job for token {jobs.token[source[lost[0]]]} to receive it"
        )
    number = numbers_of_jobs(timeline, tables)
    main = np.arange(number.size) if timeline.main is None else np.flatnonzero(timeline.main)
    place = np.empty(main.size, np.int32)
    place[number[main]] = main
    of_step = number[source] - number[source] % tables.jobs.size
    target = place[of_step + tables.jobs.row_of[rules.receiver[flow] + k * rules.stride[flow]]]
    return Handovers(message.astype(np.int32), source, target)


def numbers_of_jobs(timeline: Timeline, tables: Tables) -> Int64:
    """The scheduler's number of each job: ``step of the stream * jobs per step + row``, shape (jobs,)."""
    jobs, of_step, number = timeline.jobs, tables.jobs, np.empty(timeline.jobs.part.size, np.int64)
    of_part = of_step.first, of_step.operands, timeline.program.parts.token_start
    shape = timeline.activity.steps, of_step.size
    number_jobs((jobs.part, jobs.token, jobs.image, jobs.step), of_part, of_step.row_of, shape, number)
    return number


def trees_taken(timeline: Timeline) -> Int32:
    """The tree that each message took, shape (messages,): trees are in order of group and target core."""
    trees, table = tables_of(timeline.program).trees, timeline.messages
    targets = len(timeline.program.cores.kind) + 1
    known = trees.group.astype(np.int64) * targets + trees.target_core + 1
    tree_at = np.zeros(int(known.max(initial=0)) + 1, np.int32)
    tree_at[known] = np.arange(known.size)
    taken: Int32 = tree_at[table.group.astype(np.int64) * targets + table.target_core + 1]
    return taken


def _rows_of_links(table: LinkTable, links: Links) -> Int32:
    """The row of each link in the timeline's table, -1 where it is not there, shape (links,)."""
    here, every = (zip(of.kind.tolist(), of.source.tolist(), of.target.tolist(), strict=True) for of in (table, links))
    row = {ends: at for at, ends in enumerate(here)}
    return np.array([row.get(ends, -1) for ends in every], np.int32)


@uncounted
def _replay(messages: _Messages, ways: Ways, state: LinkState, out: _Columns) -> None:
    """Send messages, and read from the heads on the way when each passed each link."""
    heads, passed = state.heads, 0
    for row in range(messages.tree.shape[0]):
        tree, core, flits, busy = ways.trees[messages.tree[row]], messages.core[row], messages.flits[row], messages.busy[row]
        start = send(state, ways.hops, tree, core, (messages.injected[row], flits, busy))
        _note(out, passed, row, state.injection + core, (start, start, start + busy))
        first, passed = tree["hop"], passed + 1
        for at in range(first, tree["hop_stop"]):
            hop = ways.hops[at]
            start = heads[at - first + 1] - hop["latency"]
            _note(out, passed, row, hop["link"], (heads[hop["parent"] + 1], start, start + busy))
            passed += 1
        for at in range(tree["leaf"], tree["leaf_stop"]):
            leaf = ways.leaves[at]
            end = deliver(state, leaf, flits, busy)
            _note(out, passed, row, leaf["link"], (heads[leaf["parent"] + 1], end - busy, end))
            out.delivered[row] = max(out.delivered[row], end)
            passed += 1


@uncounted
def _note(out: _Columns, at: int, message: int, link: int, times: tuple[int, int, int]) -> None:
    out.message[at], out.link[at] = message, link
    out.arrival[at], out.start[at], out.end[at] = times


def _check_deliveries(timeline: Timeline, rows: Int64, delivered: Int64) -> None:
    recorded = timeline.messages.delivered_cycles[rows]
    wrong = np.flatnonzero(recorded != delivered)
    if wrong.size:
        first = int(wrong[0])
        raise ConservationError(
            f"{wrong.size:,} of {rows.size:,} messages replayed over the links arrive at other cycles than the timeline says: "
            f"message {rows[first]} at {delivered[first]:,}, recorded {recorded[first]:,}"
        )


def _check_links(timeline: Timeline, row_of_link: Int32, flits: Int64, busy: Int64) -> None:
    links, used = timeline.links, row_of_link >= 0
    for what, replayed, recorded in (("flits", flits, links.flits), ("busy cycles", busy, links.busy_cycles)):
        here = np.zeros_like(recorded)
        here[row_of_link[used]] = replayed[used]
        if (wrong := np.flatnonzero(here != recorded)).size:
            link = int(wrong[0])
            raise ConservationError(
                f"{link_name(timeline.program, links, link)}: {here[link]:,} {what} replayed, "
                f"the timeline says {recorded[link]:,}"
            )
