"""Run the event loop on the static tables: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from synaptile.mapper.program import CoreProgram, Int64
from synaptile.simulator.schedule.kernel import DONE, RUNNING, prepare, run
from synaptile.simulator.schedule.links import LinkState, TreeTable
from synaptile.simulator.schedule.loads import Loads
from synaptile.simulator.schedule.plan import FlowRules, StepJobs
from synaptile.simulator.schedule.state import DELIVERIES, FINISHED, Cores, Flows, Jobs, State
from synaptile.simulator.schedule.stuck import explain_stuck
from synaptile.simulator.schedule.trees import Links, Slots, Trees
from synaptile.simulator.schedule.work import Work

Progress = Callable[[int, int], None]
REPORTS = 50
"""How often progress is told."""


class Tables(NamedTuple):
    """The static tables of one program."""

    jobs: StepJobs
    flows: FlowRules
    links: Links
    trees: Trees
    slots: Slots


class Outcome(NamedTuple):
    """What the kernel found: `state` by job and message, `links` by link; `deliveries` counts tokens over flows between cores."""

    state: State
    links: LinkState
    deliveries: int


def simulate(
    program: CoreProgram, tables: Tables, work: Work, loads: Loads, barrier_cycles: int, progress: Progress | None
) -> Outcome:
    """Schedule every job. `barrier_cycles` is -1 without barriers. Raises ScheduleError where jobs wait for one another."""
    jobs, flows = _jobs(program, tables, work, loads, barrier_cycles), _flows(program, tables.flows)
    trees, links, cores = _trees(tables.trees), _links(program, tables.links), _cores(program, tables.jobs)
    steps, rows = work.duration.shape
    state = _state(steps, rows, tables.slots.tree.size, cores.last.size)
    prepare(jobs, flows, state)
    total, status = steps * rows, RUNNING
    while status == RUNNING:
        limit = int(state.totals[FINISHED]) + max(total // REPORTS, 1)
        status = run(jobs, flows, trees, links, cores, state, limit)
        if progress is not None:
            progress(int(state.totals[FINISHED]), total)
    if status != DONE:
        raise explain_stuck(program, tables.jobs, tables.flows, state.start)
    return Outcome(state, links, int(state.totals[DELIVERIES]))


def _jobs(program: CoreProgram, tables: Tables, work: Work, loads: Loads, barrier_cycles: int) -> Jobs:
    jobs, parts, slots = tables.jobs, program.parts, tables.slots
    rows = (parts.token_stop - parts.token_start) * jobs.operands
    figures = np.array([barrier_cycles, tables.links.mesh], np.int64)
    return Jobs(
        jobs.part,
        jobs.token,
        jobs.core,
        jobs.place,
        jobs.row_of,
        jobs.first,
        rows.astype(np.int32),
        slots.offset,
        slots.tree,
        work.duration,
        loads.flits,
        loads.busy,
        figures,
    )


def _flows(program: CoreProgram, rules: FlowRules) -> Flows:
    flows, parts = program.flows, program.parts.node.size
    inside = np.flatnonzero(flows.group < 0)
    inside = inside[np.argsort(flows.source[inside], kind="stable")]
    arriving = np.argsort(flows.target, kind="stable")
    return Flows(
        rules.sender,
        rules.receiver,
        rules.stride,
        rules.tokens,
        rules.token_start,
        rules.room,
        rules.depth,
        _offsets(flows.source[inside], parts),
        inside.astype(np.int32),
        _offsets(flows.target[arriving], parts),
        arriving.astype(np.int32),
    )


def _trees(trees: Trees) -> TreeTable:
    longest = int(trees.hops.max(initial=0))
    return TreeTable(
        trees.offset,
        trees.link,
        trees.parent,
        trees.leaf_offset,
        trees.leaf_link,
        trees.leaf_parent,
        trees.leaf_flow_offset,
        trees.flow,
        np.zeros(longest + 1, np.int64),
    )


def _links(program: CoreProgram, links: Links) -> LinkState:
    free, flits, busy, peak = (np.zeros(links.kind.size, np.int64) for _ in range(4))
    return LinkState(links.latency, free, flits, busy, peak, np.array([program.chip.noc.link_flits_per_cycle], np.float64))


def _cores(program: CoreProgram, jobs: StepJobs) -> Cores:
    cores = program.cores.kind.size
    offset = _offsets(np.sort(jobs.core), cores)
    return Cores(
        offset,
        np.zeros(jobs.size, np.int64),
        np.zeros(cores, np.int64),
        np.zeros(cores, np.int8),
        np.full(cores, -1, np.int32),
        np.zeros(cores, np.int32),
        np.zeros(cores, np.int8),
        np.zeros(cores, np.int64),
        np.zeros(jobs.operands.size, np.int32),
    )


def _state(steps: int, rows: int, messages: int, cores: int) -> State:
    jobs = steps * rows
    heap = rows + cores + 1  # a part has one ready token of a number at a time, a core one end
    return State(
        need=np.zeros(jobs, np.int32),
        ready=np.zeros(jobs, np.int64),
        start=np.full(jobs, -1, np.int64),
        arrived=np.zeros(jobs, np.int64),
        made=np.zeros(jobs, np.int64),
        cause=np.zeros(jobs, np.int8),
        waited_for=np.full(jobs, -1, np.int32),
        injected=np.zeros(steps * messages, np.int64),
        delivered=np.zeros(steps * messages, np.int64),
        released=np.zeros(steps, np.int64),
        time=np.zeros(heap, np.int64),
        key=np.zeros(heap, np.int64),
        totals=np.zeros(4, np.int64),
    )


def _offsets(ordered: np.ndarray, size: int) -> Int64:
    """Where each value below `size` begins in an ordered column, shape (size + 1,)."""
    return np.searchsorted(ordered, np.arange(size + 1)).astype(np.int64)
