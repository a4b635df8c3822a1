"""The event loop: jobs start when their inputs have arrived and their receivers have room, and send messages when they end.

A job waits for a number of things (`State.need`). Each of them, once it is known when it will happen, is taken off that number;
with the last one the job's ready time is known. So there are two events a job, `ready` and `end`, and none a message.
"""

from __future__ import annotations

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.heaps import pop_event, pop_job, push_event, push_job
from synaptile.simulator.schedule.links import LinkState, TreeTable, deliver, send
from synaptile.simulator.schedule.state import (
    BARRIER,
    BARRIER_CYCLES,
    CORE,
    DELIVERIES,
    EVENTS,
    FINISHED,
    FIRST_INJECTION,
    INPUT,
    LEFT_IN_STEP,
    NETWORK,
    OUTPUT,
    READY,
    ROWS,
    WINDOW,
    Cores,
    Flows,
    Jobs,
    State,
)

RUNNING, DONE, STUCK = 0, 1, 2
"""Status of `run`: stopped at its limit, all jobs done, or none can go on."""


@uncounted
def prepare(jobs: Jobs, flows: Flows, state: State) -> None:
    """Count what every job waits for, and list those that wait for nothing."""
    steps, rows = jobs.duration.shape
    need = state.need
    for flow in range(flows.sender.size):
        tokens = flows.tokens[flow]
        for k in range(tokens):
            sender, receiver = jobs.row_of[flows.sender[flow] + k], jobs.row_of[flows.receiver[flow] + k * flows.stride[flow]]
            for step in range(steps):
                need[step * rows + receiver] += 1
                if flows.room[flow] == WINDOW:
                    need[step * rows + sender] += 1 if step * tokens + k >= flows.depth[flow] else 0
                elif step > 0:
                    need[step * rows + sender] += 1
    for row in range(rows):
        after_operands = jobs.rows[jobs.part[row]] > 0 and jobs.token[row] >= 0
        for step in range(steps):
            before = (1 if jobs.figures[BARRIER_CYCLES] < 0 else 2) if step > 0 else 0
            need[step * rows + row] += before + (1 if after_operands else 0)
    state.totals[LEFT_IN_STEP] = rows
    for job in range(steps * rows):
        if need[job] == 0:
            push_event(state.time, state.key, state.totals[EVENTS], 0, READY + job)
            state.totals[EVENTS] += 1


@uncounted
def run(jobs: Jobs, flows: Flows, trees: TreeTable, links: LinkState, cores: Cores, state: State, limit: int) -> int:
    """Go on until `limit` jobs have ended. Each cycle: all events, then every idle core picks a job; again while events are left.

    Returns RUNNING, DONE or STUCK.
    """
    steps, rows = jobs.duration.shape
    time, key, totals = state.time, state.key, state.totals
    while totals[EVENTS] > 0:
        if totals[FINISHED] >= limit:
            return RUNNING
        now = time[0]
        count = 0
        while totals[EVENTS] > 0 and time[0] == now:
            what = key[0]
            pop_event(time, key, totals[EVENTS])
            totals[EVENTS] -= 1
            job = what - READY if what >= READY else what
            core = jobs.core[job % rows]
            if what >= READY:
                push_job(cores.queue, cores.offset[core], cores.waiting[core], job)
                cores.waiting[core] += 1
            else:
                cores.busy[core] = 0
                _finish(jobs, flows, trees, links, state, job, now)
            if cores.mark[core] == 0:
                cores.mark[core] = 1
                cores.touched[count] = core
                count += 1
        picked = 0
        for i in range(count):
            core = cores.touched[i]
            cores.mark[core] = 0
            if cores.busy[core] == 0 and cores.waiting[core] > 0:
                cores.chosen[picked] = pop_job(cores.queue, cores.offset[core], cores.waiting[core])
                cores.waiting[core] -= 1
                picked += 1
        for i in range(picked):
            _start(jobs, flows, cores, state, cores.chosen[i], now)
    return DONE if totals[FINISHED] == steps * rows else STUCK


@uncounted
def _settle(state: State, job: int, when: int, cause: int, waited_for: int) -> None:
    """Take one thing that a job waits for, which happens at `when`, off its list."""
    if when >= state.ready[job]:
        state.ready[job] = when
        state.cause[job] = cause
        state.waited_for[job] = waited_for
    state.need[job] -= 1
    if state.need[job] == 0:
        push_event(state.time, state.key, state.totals[EVENTS], state.ready[job], READY + job)
        state.totals[EVENTS] += 1


@uncounted
def _arrive(state: State, job: int, when: int, cause: int, producer: int, made: int) -> None:
    """An input of a job arrives at `when`; its producer ended at `made`."""
    if when >= state.arrived[job]:
        state.arrived[job] = when
        state.made[job] = made
    _settle(state, job, when, cause, producer)


@uncounted
def _start(jobs: Jobs, flows: Flows, cores: Cores, state: State, job: int, now: int) -> None:
    """Start a job, and give room to those who send to it."""
    steps, rows = jobs.duration.shape
    step, row = job // rows, job % rows
    part, core = jobs.part[row], jobs.core[row]
    if now > state.ready[job]:
        state.cause[job] = CORE
        state.waited_for[job] = cores.last[core]
    state.start[job] = now
    cores.busy[core] = 1
    cores.last[core] = job
    push_event(state.time, state.key, state.totals[EVENTS], now + jobs.duration[step, row], job)
    state.totals[EVENTS] += 1
    all_rows = False
    if jobs.rows[part] > 0 and jobs.token[row] >= 0:
        cores.started[part] += 1
        if cores.started[part] == jobs.rows[part]:
            cores.started[part] = 0
            all_rows = True
    for at in range(flows.arriving_offset[part], flows.arriving_offset[part + 1]):
        flow = flows.arriving[at]
        tokens = flows.tokens[flow]
        if flows.room[flow] == ROWS:
            low, high = (0, tokens) if all_rows else (0, 0)
        elif flows.stride[flow] == 0:
            low, high = 0, tokens
        else:
            low = jobs.place[row] - flows.receiver[flow]
            high = low + 1
            if low < 0 or low >= tokens:
                continue
        for k in range(low, high):
            ahead = k + (flows.depth[flow] if flows.room[flow] == WINDOW else tokens)
            to_step = step + ahead // tokens
            if to_step < steps:
                sender = to_step * rows + jobs.row_of[flows.sender[flow] + ahead % tokens]
                _settle(state, sender, now, OUTPUT, job)


@uncounted
def _finish(jobs: Jobs, flows: Flows, trees: TreeTable, links: LinkState, state: State, job: int, now: int) -> None:
    """End a job: hand on what stays in its core, send the rest."""
    steps, rows = jobs.duration.shape
    step, row = job // rows, job % rows
    part, base = jobs.part[row], step * rows
    state.totals[FINISHED] += 1
    if step + 1 < steps:
        _arrive(state, job + rows, now, INPUT, job, now)
    if jobs.token[row] < 0:
        for at in range(jobs.first[part] + 1, jobs.first[part + 1]):
            _arrive(state, base + jobs.row_of[at], now, INPUT, job, now)
    for at in range(flows.inside_offset[part], flows.inside_offset[part + 1]):
        flow = flows.inside[at]
        k = jobs.token[row] - flows.token_start[flow]
        if 0 <= k < flows.tokens[flow]:
            _arrive(state, base + jobs.row_of[flows.receiver[flow] + k * flows.stride[flow]], now, INPUT, job, now)
    for slot in range(jobs.send[row], jobs.send[row + 1]):
        tree, flits, busy = jobs.tree[slot], jobs.flits[step, slot], jobs.busy[step, slot]
        message = step * jobs.tree.size + slot
        injection = jobs.figures[FIRST_INJECTION] + jobs.core[row]
        state.injected[message] = send(links, trees, tree, injection, (now, flits, busy))
        for leaf in range(trees.leaf_offset[tree], trees.leaf_offset[tree + 1]):
            when = deliver(links, trees, leaf, flits, busy)
            state.delivered[message] = max(state.delivered[message], when)
            for at in range(trees.leaf_flow_offset[leaf], trees.leaf_flow_offset[leaf + 1]):
                flow = trees.flow[at]
                k = jobs.token[row] - flows.token_start[flow]
                target = base + jobs.row_of[flows.receiver[flow] + k * flows.stride[flow]]
                _arrive(state, target, when, NETWORK, job, now)
                state.totals[DELIVERIES] += 1
    if jobs.figures[BARRIER_CYCLES] >= 0:
        _pass_barrier(jobs, state, job, now)


@uncounted
def _pass_barrier(jobs: Jobs, state: State, job: int, now: int) -> None:
    """With the last job of a step, release the jobs of the next."""
    steps, rows = jobs.duration.shape
    state.totals[LEFT_IN_STEP] -= 1
    following = job // rows + 1
    if state.totals[LEFT_IN_STEP] == 0 and following < steps:
        state.totals[LEFT_IN_STEP] = rows
        state.released[following] = now + jobs.figures[BARRIER_CYCLES]
        for waiting in range(following * rows, (following + 1) * rows):
            _settle(state, waiting, state.released[following], BARRIER, job)
