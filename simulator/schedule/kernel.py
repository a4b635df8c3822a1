"""The event loop: jobs start when their inputs have arrived and their receivers have room, and send messages when they end.

A job waits for a number of things (`State.need`). Each of them, once it is known when it will happen, is taken off that number;
with the last one the job's ready time is known. So there are two events per job, `ready` and `end`, and none per message.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from synaptile.foundation.types import Int32
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.heaps import pop_event, pop_job, push_event, push_job
from synaptile.simulator.schedule.fabric import NEVER, UNBOUNDED, Place
from synaptile.simulator.schedule.flits import advance, enqueue, unloaded
from synaptile.simulator.schedule.links import deliver, send
from synaptile.simulator.schedule.plan import Room
from synaptile.simulator.schedule.state import OUTPUT_BUFFERS, READY, SENT, Costs, State, Total
from synaptile.simulator.schedule.tables import Tables
from synaptile.simulator.schedule.timeline import Cause


class Status(IntEnum):
    """How `run` ends: stopped at its limit, all jobs done, or none can go on."""

    RUNNING = 0
    DONE = 1
    STUCK = 2


@uncounted(error_model="numpy")
def prepare(tables: Tables, costs: Costs, state: State) -> None:
    """Place what every job waits for, and list those that wait for nothing."""
    (steps, rows), jobs, flows, need = costs.duration.shape, tables.jobs, tables.flows, state.need
    for flow in range(flows.sender.size):
        tokens = flows.tokens[flow]
        for k in range(tokens):
            sender, receiver = jobs.row_of[flows.sender[flow] + k], jobs.row_of[flows.receiver[flow] + k * flows.stride[flow]]
            for step in range(steps):
                need[step * rows + receiver] += 1 if step % costs.image_steps >= flows.delay[flow] else 0
                if flows.room[flow] == Room.WINDOW:
                    need[step * rows + sender] += 1 if step // costs.hold * tokens + k >= flows.depth[flow] else 0
                elif step >= costs.hold:
                    need[step * rows + sender] += 1
    for row in range(rows):
        after_operands = jobs.operands[jobs.part[row]] == 1 and jobs.token[row] >= 0
        for step in range(steps):
            before = (1 if costs.barrier_cycles < 0 else 2) if step > 0 else 0
            need[step * rows + row] += before + (1 if after_operands else 0)
    state.totals[Total.LEFT_IN_STEP] = rows
    for job in range(steps * rows):
        if need[job] == 0:
            push_event(state.time, state.key, state.totals[Total.EVENTS], 0, READY + job)
            state.totals[Total.EVENTS] += 1


@uncounted(error_model="numpy")
def run(tables: Tables, costs: Costs, state: State, limit: int) -> Status:
    """Go on until `limit` jobs have ended. Each cycle: all events, then every idle core picks a job; again while events last."""
    (steps, rows), core_of = costs.duration.shape, tables.jobs.core
    cores, time, key, totals = state.cores, state.time, state.key, state.totals
    network = state.bounded.totals
    while totals[Total.EVENTS] > 0 or network[Place.NEXT] < NEVER:
        if totals[Total.FINISHED] >= limit:
            return Status.RUNNING
        if totals[Total.EVENTS] == 0 or network[Place.NEXT] < time[0]:
            _move_flits(tables, costs, state, network[Place.NEXT])
            continue
        now = time[0]
        count = 0
        while totals[Total.EVENTS] > 0 and time[0] == now:
            what = key[0]
            pop_event(time, key, totals[Total.EVENTS])
            totals[Total.EVENTS] -= 1
            job = what - READY if what >= READY else what
            core = what - SENT if what >= SENT else core_of[job % rows]
            if what >= SENT:
                cores.leaving[core] -= 1
                cores.freed[core] = now
            elif what >= READY:
                push_job(cores.queue, cores.offset[core], cores.waiting[core], _exchange(costs.rank, job))
                cores.waiting[core] += 1
            else:
                cores.busy[core] = 0
                _finish(tables, costs, state, job, now)
            if cores.mark[core] == 0:
                cores.mark[core] = 1
                cores.touched[count] = core
                count += 1
        picked = 0
        for i in range(count):
            core = cores.touched[i]
            cores.mark[core] = 0
            if cores.busy[core] == 0 and cores.waiting[core] > 0 and cores.leaving[core] < OUTPUT_BUFFERS:
                cores.starting[picked] = _exchange(costs.job_at, pop_job(cores.queue, cores.offset[core], cores.waiting[core]))
                cores.waiting[core] -= 1
                picked += 1
        for i in range(picked):
            _start(tables, costs, state, cores.starting[i], now)
    return Status.DONE if totals[Total.FINISHED] == steps * rows else Status.STUCK


@uncounted(error_model="numpy")
def _exchange(table: Int32, job: int) -> int:
    """The rank of a job, or the job of a rank, within its span of the stream."""
    within = job % table.size
    rank: int = job - within + table[within]
    return rank


@uncounted(error_model="numpy")
def _settle(state: State, job: int, when: int, cause: Cause, waited_for: int) -> None:
    """Take one thing that a job waits for, which happens at `when`, off its list."""
    if when >= state.ready[job]:
        state.ready[job] = when
        state.cause[job] = cause
        state.waited_for[job] = waited_for
    state.need[job] -= 1
    if state.need[job] == 0:
        push_event(state.time, state.key, state.totals[Total.EVENTS], state.ready[job], READY + job)
        state.totals[Total.EVENTS] += 1


@uncounted(error_model="numpy")
def _arrive(state: State, job: int, when: int, cause: Cause, producer: int, made: int) -> None:
    """An input of a job arrives at `when`; its producer ended at `made`."""
    if when >= state.arrived[job]:
        state.arrived[job] = when
        state.made[job] = made
    _settle(state, job, when, cause, producer)


@uncounted(error_model="numpy")
def _start(tables: Tables, costs: Costs, state: State, job: int, now: int) -> None:
    """Start a job, and give room to those who send to it."""
    (steps, rows), jobs, flows, cores = costs.duration.shape, tables.jobs, tables.flows, state.cores
    step, row = job // rows, job % rows
    part, core = jobs.part[row], jobs.core[row]
    if now > state.ready[job]:
        state.cause[job] = Cause.CORE if cores.freed[core] < now else Cause.NETWORK
        state.waited_for[job] = cores.last[core]
    state.start[job] = now
    cores.busy[core] = 1
    cores.last[core] = job
    push_event(state.time, state.key, state.totals[Total.EVENTS], now + costs.duration[step, row], job)
    state.totals[Total.EVENTS] += 1
    all_rows = False
    if jobs.operands[part] == 1 and jobs.token[row] >= 0:
        held = step % costs.hold
        cores.started[part, held] += 1
        if cores.started[part, held] == jobs.first[part + 1] - jobs.first[part] - 1:
            cores.started[part, held] = 0
            all_rows = True
    for at in range(flows.arriving_offset[part], flows.arriving_offset[part + 1]):
        flow = flows.arriving[at]
        tokens = flows.tokens[flow]
        if flows.room[flow] == Room.ROWS:
            low, high = (0, tokens) if all_rows else (0, 0)
        elif flows.stride[flow] == 0:
            low, high = 0, tokens
        else:
            low = jobs.place[row] - flows.receiver[flow]
            high = low + 1
            if low < 0 or low >= tokens:
                continue
        for k in range(low, high):
            ahead = k + (flows.depth[flow] if flows.room[flow] == Room.WINDOW else tokens)
            to_step = step + ahead // tokens * costs.hold
            if to_step < steps:
                sender = to_step * rows + jobs.row_of[flows.sender[flow] + ahead % tokens]
                _settle(state, sender, now, Cause.OUTPUT, job)


@uncounted(error_model="numpy")
def _finish(tables: Tables, costs: Costs, state: State, job: int, now: int) -> None:
    """End a job: hand on what stays in its core, send the rest."""
    (steps, rows), jobs, flows, slots, trees = costs.duration.shape, tables.jobs, tables.flows, tables.slots, tables.trees
    step, row = job // rows, job % rows
    part, base = jobs.part[row], step * rows
    state.totals[Total.FINISHED] += 1
    if step + 1 < steps:
        _arrive(state, job + rows, now, Cause.INPUT, job, now)
    if jobs.token[row] < 0:
        for at in range(jobs.first[part] + 1, jobs.first[part + 1]):
            _arrive(state, base + jobs.row_of[at], now, Cause.INPUT, job, now)
    for at in range(flows.inside_offset[part], flows.inside_offset[part + 1]):
        flow = flows.inside[at]
        k = jobs.token[row] - flows.token_start[flow]
        if 0 <= k < flows.tokens[flow] and step % costs.image_steps + flows.delay[flow] < costs.image_steps:
            reader = jobs.row_of[flows.receiver[flow] + k * flows.stride[flow]]
            _arrive(state, base + flows.delay[flow] * rows + reader, now, Cause.INPUT, job, now)
    if tables.fabric.control != UNBOUNDED:
        _hand_to_network(tables, costs, state, job, now)
    else:
        for slot in range(slots.offset[row], slots.offset[row + 1]):
            tree, flits, busy = slots.tree[slot], costs.flits[step, slot], costs.busy[step, slot]
            message = step * slots.tree.size + slot
            state.send_order[message] = state.totals[Total.SENT]
            state.totals[Total.SENT] += 1
            state.injected[message] = send(state.links, trees, tree, jobs.core[row], (now, flits, busy))
            for leaf in range(trees.leaf_offset[tree], trees.leaf_offset[tree + 1]):
                when = deliver(state.links, trees, leaf, flits, busy)
                state.delivered[message] = max(state.delivered[message], when)
                _reach(tables, costs, state, job, leaf, (when, now))
    if costs.barrier_cycles >= 0:
        _pass_barrier(costs, state, job, now)


@uncounted(error_model="numpy")
def _reach(tables: Tables, costs: Costs, state: State, job: int, leaf: int, times: Any) -> None:
    """A job's message is at a leaf of its tree: tell all parts behind it. times: when it is there, when the job ended."""
    jobs, flows, trees, rows = tables.jobs, tables.flows, tables.trees, tables.jobs.part.size
    step, row = job // rows, job % rows
    for at in range(trees.leaf_flow_offset[leaf], trees.leaf_flow_offset[leaf + 1]):
        flow = trees.flow[at]
        if step % costs.image_steps + flows.delay[flow] < costs.image_steps:
            k = jobs.token[row] - flows.token_start[flow]
            target = (step + flows.delay[flow]) * rows + int(jobs.row_of[flows.receiver[flow] + k * flows.stride[flow]])
            _arrive(state, target, times[0], Cause.NETWORK, job, times[1])


@uncounted(error_model="numpy")
def _hand_to_network(tables: Tables, costs: Costs, state: State, job: int, now: int) -> None:
    """Queue the messages of a job that ended at its core's injection link."""
    rows, slots = costs.duration.shape[1], tables.slots
    step, row = job // rows, job % rows
    for slot in range(slots.offset[row], slots.offset[row + 1]):
        message = step * slots.tree.size + slot
        state.send_order[message] = state.totals[Total.SENT]
        state.totals[Total.SENT] += 1
        state.bounded.tree[message], state.bounded.size[message] = slots.tree[slot], costs.flits[step, slot]
        if costs.flits[step, slot] > 0:
            state.cores.unsent[job] += 1
            enqueue(tables.fabric, state.bounded, message, tables.jobs.core[row], now)
            continue
        tree, state.injected[message] = slots.tree[slot], now
        for leaf in range(tables.trees.leaf_offset[tree], tables.trees.leaf_offset[tree + 1]):
            when = now + unloaded(tables.fabric, tree, leaf)
            state.delivered[message] = max(state.delivered[message], when)
            _reach(tables, costs, state, job, leaf, (when, now))
    if state.cores.unsent[job] > 0:
        state.cores.leaving[tables.jobs.core[row]] += 1


@uncounted(error_model="numpy")
def _move_flits(tables: Tables, costs: Costs, state: State, now: int) -> None:
    """One cycle of the network with bounded queues: hand over what has arrived, free output buffers that have been sent."""
    rows, fabric, network, messages = costs.duration.shape[1], tables.fabric, state.bounded, tables.slots.tree.size
    advance(fabric, network, now)
    after = now + fabric.per_flit
    for i in range(network.totals[Place.DELIVERED]):
        message = int(network.delivered_message[i])
        job = message // messages * rows + int(tables.slots.row[message % messages])
        state.delivered[message] = max(state.delivered[message], after)
        _reach(
            tables,
            costs,
            state,
            job,
            network.delivered_leaf[i],
            (after, state.start[job] + costs.duration[job // rows, job % rows]),
        )
    for i in range(network.totals[Place.LEFT]):
        message = int(network.left[i])
        job = message // messages * rows + int(tables.slots.row[message % messages])
        state.cores.unsent[job] -= 1
        if state.cores.unsent[job] == 0:
            core = tables.jobs.core[job % rows]
            push_event(state.time, state.key, state.totals[Total.EVENTS], after, SENT + int(core))
            state.totals[Total.EVENTS] += 1


@uncounted(error_model="numpy")
def _pass_barrier(costs: Costs, state: State, job: int, now: int) -> None:
    """With the last job of a step, release the jobs of the next."""
    steps, rows = costs.duration.shape
    state.totals[Total.LEFT_IN_STEP] -= 1
    following = job // rows + 1
    if state.totals[Total.LEFT_IN_STEP] == 0 and following < steps:
        state.totals[Total.LEFT_IN_STEP] = rows
        state.released[following] = now + costs.barrier_cycles
        for waiting in range(following * rows, (following + 1) * rows):
            _settle(state, waiting, state.released[following], Cause.BARRIER, job)
