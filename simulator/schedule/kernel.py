"""The event loop: jobs start when their inputs have arrived and their receivers have room, and send messages when they end.

A job waits for a number of things (`need` of a `JOB`). Each of them, once it is known when it will happen, is taken off that
number; with the last one the job's ready time is known. So there are two events per job, `ready` and `end`, and none per message.

A job's number, ``step * jobs + row``, orders events and what a core prefers. Its records lie by place instead, ``step * jobs +
place``: what a part does for one token stands beside the next token, and flows lead from place to place by arithmetic. Memory
that an event will touch is asked for when the event is made, since a schedule walks through more than a cache holds.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from synaptile.foundation.types import Int32
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.heaps import pop_job, push_job
from synaptile.simulator.schedule.ahead import fetch
from synaptile.simulator.schedule.fabric import NEVER, UNBOUNDED, Place
from synaptile.simulator.schedule.flits import advance, enqueue, unloaded
from synaptile.simulator.schedule.links import deliver, send
from synaptile.simulator.schedule.plan import Room
from synaptile.simulator.schedule.state import IDLE, OUTPUT_BUFFERS, READY, SENT, Cores, Costs, State, Total
from synaptile.simulator.schedule.tables import Tables
from synaptile.simulator.schedule.timeline import Cause
from synaptile.simulator.schedule.wheel import At, add, take


class Status(IntEnum):
    """How `run` ends: stopped at its limit, all jobs done, or none can go on."""

    RUNNING = 0
    DONE = 1
    STUCK = 2


@uncounted(error_model="numpy")
def prepare(tables: Tables, costs: Costs, state: State) -> None:
    """Place what every job waits for, and list those that wait for nothing."""
    (steps, rows), jobs, flows, records = costs.duration.shape, tables.jobs, tables.flows, state.jobs
    for flow in range(flows.sender.size):
        tokens = flows.tokens[flow]
        for k in range(tokens):
            sender, receiver = flows.sender[flow] + k, flows.receiver[flow] + k * flows.stride[flow]
            room = flows.depth[flow] if flows.room[flow] == Room.WINDOW else tokens
            begin = (room - k + tokens - 1) // tokens * costs.hold  # the first step whose token waits for one before
            for step in range(max(begin, 0), steps):
                records[step * rows + sender]["need"] += 1
            for step in range(steps):
                records[step * rows + receiver]["need"] += 1 if step % costs.image_steps >= flows.delay[flow] else 0
    for place in range(rows):
        after_operands = jobs.operands[jobs.part[jobs.row_of[place]]] == 1 and jobs.token[jobs.row_of[place]] >= 0
        for step in range(steps):
            before = (1 if costs.barrier_cycles < 0 else 2) if step > 0 else 0
            records[step * rows + place]["need"] += before + (1 if after_operands else 0)
    state.totals[Total.LEFT_IN_STEP] = rows
    for number in range(steps * rows):
        if records[number // rows * rows + jobs.place[number % rows]]["need"] == 0:
            add(state.wheel, 0, READY + number)


@uncounted(error_model="numpy")
def run(tables: Tables, costs: Costs, state: State, limit: int) -> Status:
    """Go on until `limit` jobs have ended. Each cycle: all events, then every idle core picks a job; again while events last."""
    (steps, rows), jobs = costs.duration.shape, tables.jobs
    cores, wheel, batch, totals = state.cores, state.wheel, state.wheel.batch, state.totals
    network = state.bounded.totals
    while wheel.totals[At.NEXT] < NEVER or network[Place.NEXT] < NEVER:
        if totals[Total.FINISHED] >= limit:
            return Status.RUNNING
        now = wheel.totals[At.NEXT]
        if network[Place.NEXT] < now:
            _move_flits(tables, costs, state, network[Place.NEXT])
            continue
        count, done, touched = 0, 0, 0
        while True:
            if wheel.totals[At.NEXT] == now and (done == count or batch[done] >= READY):
                count = take(wheel, done, count)  # again where the ends of this cycle made jobs ready
            if done == count:
                break
            what = batch[done]
            done += 1
            if what >= SENT:
                core = what - SENT
                cores.leaving[core] -= 1
                cores.freed[core] = now
            elif what >= READY:
                core = jobs.packed[4 * ((what - READY) % rows) + 2]
                _queue(costs, cores, core, what - READY)
            else:
                core = jobs.packed[4 * (what % rows) + 2]
                cores.until[core] = IDLE
                _finish(tables, costs, state, what, now)
            if cores.mark[core] == 0:
                cores.mark[core] = 1
                cores.touched[touched] = core
                touched += 1
        picked = 0
        for i in range(touched):
            core = cores.touched[i]
            cores.mark[core] = 0
            if cores.until[core] == IDLE and cores.waiting[core] > 0 and cores.leaving[core] < OUTPUT_BUFFERS:
                cores.starting[picked] = _exchange(costs.job_at, pop_job(cores.queue, cores.offset[core], cores.waiting[core]))
                cores.waiting[core] -= 1
                picked += 1
        for i in range(picked):
            _start(tables, costs, state, cores.starting[i], now)
    return Status.DONE if totals[Total.FINISHED] == steps * rows else Status.STUCK


@uncounted(error_model="numpy", forceinline=True)
def _queue(costs: Costs, cores: Cores, core: int, number: int) -> None:
    """Put a job among those that its core may start."""
    push_job(cores.queue, cores.offset[core], cores.waiting[core], _exchange(costs.rank, number))
    cores.waiting[core] += 1


@uncounted(error_model="numpy", forceinline=True)
def _exchange(table: Int32, number: int) -> int:
    """The rank of a job, or the job of a rank, within its span of the stream; without a table they are equal."""
    if table.size == 0:
        return number
    within = number % table.size
    rank: int = number - within + table[within]
    return rank


@uncounted(error_model="numpy", forceinline=True)
def _settle(tables: Tables, costs: Costs, state: State, job: Any, told: Any) -> None:
    """Take one thing that a job waits for off its list. job: first job of its step, its place in it, its part.

    told: when it happens, its Cause, the job that it goes back to.
    """
    (base, place, part), (when, cause, waited_for) = job, told
    record = state.jobs[base + place]
    latest = when >= record["ready"]
    record["ready"] = when if latest else record["ready"]
    record["cause"] = cause.value if latest else record["cause"]
    record["waited_for"] = waited_for if latest else record["waited_for"]
    record["need"] -= 1
    if record["need"] == 0:
        core, row = tables.jobs.core_of[part], tables.jobs.row_of[place]
        number = base + row
        fetch(tables.jobs.packed, 4 * row)
        fetch(state.start, base + place)
        fetch(costs.duration, number)
        if record["ready"] <= state.cores.until[core]:  # it will be there when the core looks for its next job
            _queue(costs, state.cores, core, number)
        else:
            add(state.wheel, record["ready"], READY + number)


@uncounted(error_model="numpy", forceinline=True)
def _arrive(tables: Tables, costs: Costs, state: State, job: Any, told: Any) -> None:
    """As `_settle`, for an input, made by the job that it goes back to."""
    when, _, producer = told
    record = state.jobs[job[0] + job[1]]
    latest = when >= record["arrived"]
    record["arrived"] = when if latest else record["arrived"]
    record["producer"] = producer if latest else record["producer"]
    _settle(tables, costs, state, job, told)


@uncounted(error_model="numpy", forceinline=True)
def _start(tables: Tables, costs: Costs, state: State, number: int, now: int) -> None:
    """Start a job, and give room to those who send to it."""
    (steps, rows), flows, cores, packed = costs.duration.shape, tables.flows, state.cores, tables.jobs.packed
    step, row = number // rows, number % rows
    base, place, part, core = step * rows, packed[4 * row], packed[4 * row + 1], packed[4 * row + 2]
    job, total, first = base + place, steps * rows, tables.jobs.first[part]
    record = state.jobs[job]
    if now > record["ready"]:
        record["cause"] = Cause.CORE if cores.freed[core] < now else Cause.NETWORK
        record["waited_for"] = cores.last[core]
    state.start[job] = now
    cores.last[core] = job
    cores.until[core] = now + costs.duration[step, row]
    add(state.wheel, cores.until[core], number)
    _fetch_for_end(tables, costs, state, base, place, part)
    all_rows, told = False, (now, Cause.OUTPUT, job)
    if tables.jobs.operands[part] == 1 and place > first:
        held = step % costs.hold
        cores.started[part, held] += 1
        if cores.started[part, held] == tables.jobs.first[part + 1] - first - 1:
            cores.started[part, held] = 0
            all_rows = True
    for at in range(flows.arriving_offset[part], flows.arriving_offset[part + 1]):
        flow = flows.arriving[at]
        tokens, low = flows.tokens[flow], place - flows.receiver[flow]
        high = low + 1
        if flows.room[flow] == Room.ROWS:
            low, high = 0, tokens if all_rows else 0
        elif flows.stride[flow] == 0:
            low, high = 0, tokens
        elif low < 0 or low >= tokens:
            continue
        for k in range(low, high):
            ahead, then = k + (flows.depth[flow] if flows.room[flow] == Room.WINDOW else tokens), base
            while ahead >= tokens:
                ahead -= tokens
                then += costs.hold * rows
            if then < total:
                _settle(tables, costs, state, (then, flows.sender[flow] + ahead, flows.source[flow]), told)


@uncounted(error_model="numpy", forceinline=True)
def _fetch_for_end(tables: Tables, costs: Costs, state: State, base: int, place: int, part: int) -> None:
    """Ask for the memory that a job's end will touch: the jobs that it tells, and its messages."""
    rows, flows = costs.duration.shape[1], tables.flows
    fetch(state.jobs, base + rows + place)
    for at in range(flows.leaving_offset[part], flows.leaving_offset[part + 1]):
        flow = flows.leaving[at]
        reader = flows.receiver[flow] + (place - flows.sender[flow]) * flows.stride[flow]
        fetch(state.jobs, base + reader)


@uncounted(error_model="numpy", forceinline=True)
def _finish(tables: Tables, costs: Costs, state: State, number: int, now: int) -> None:
    """End a job: hand on what stays in its core, send the rest."""
    (steps, rows), flows, trees, slots = costs.duration.shape, tables.flows, tables.trees, tables.slots
    packed = tables.jobs.packed
    step, row = number // rows, number % rows
    base, place, part, core = step * rows, packed[4 * row], packed[4 * row + 1], packed[4 * row + 2]
    job, first = base + place, tables.jobs.first[part]
    state.totals[Total.FINISHED] += 1
    told, left = (now, Cause.INPUT, job), costs.image_steps - step % costs.image_steps
    if step + 1 < steps:
        _arrive(tables, costs, state, (base + rows, place, part), told)
    if tables.jobs.operands[part] == 1 and place == first:
        for after in range(first + 1, tables.jobs.first[part + 1]):
            _arrive(tables, costs, state, (base, after, part), told)
    for at in range(flows.inside_offset[part], flows.inside_offset[part + 1]):
        flow = flows.inside[at]
        k = place - flows.sender[flow]
        if 0 <= k < flows.tokens[flow] and flows.delay[flow] < left:
            reader = flows.receiver[flow] + k * flows.stride[flow], flows.target[flow]
            _arrive(tables, costs, state, (base + flows.delay[flow] * rows, *reader), told)
    if tables.fabric.control != UNBOUNDED:
        _hand_to_network(tables, costs, state, number, now)
    else:
        for at in range(slots.sends_offset[part], slots.sends_offset[part + 1]):
            tree = slots.sends[at]
            message = slots.first[tree] + place - slots.place[tree]
            if message < slots.first[tree] or message >= slots.first[tree + 1]:
                continue
            flits, busy, last = costs.flits[step, message], costs.busy[step, message], 0
            message += step * slots.tree.size
            state.send_order[message] = state.totals[Total.SENT]
            state.totals[Total.SENT] += 1
            state.injected[message] = send(state.links, trees, tree, core, (now, flits, busy))
            for leaf in range(trees.leaf_offset[tree], trees.leaf_offset[tree + 1]):
                when = deliver(state.links, trees, leaf, flits, busy)
                last = max(last, when)
                _reach(tables, costs, state, (base, place, left), leaf, (when, Cause.NETWORK, job))
            state.delivered[message] = last
    if costs.barrier_cycles >= 0:
        _pass_barrier(tables, costs, state, job, now)


@uncounted(error_model="numpy", forceinline=True)
def _reach(tables: Tables, costs: Costs, state: State, job: Any, leaf: int, told: Any) -> None:
    """A job's message is at a leaf of its tree: tell all parts behind it.

    job: first job of its step, its place in it, steps left of its image; told: as of `_arrive`.
    """
    base, place, left = job
    flows, trees, rows = tables.flows, tables.trees, costs.duration.shape[1]
    for at in range(trees.leaf_flow_offset[leaf], trees.leaf_flow_offset[leaf + 1]):
        flow = trees.flow[at]
        if flows.delay[flow] < left:
            reader = flows.receiver[flow] + (place - flows.sender[flow]) * flows.stride[flow]
            _arrive(tables, costs, state, (base + flows.delay[flow] * rows, reader, flows.target[flow]), told)


@uncounted(error_model="numpy")
def _hand_to_network(tables: Tables, costs: Costs, state: State, number: int, now: int) -> None:
    """Queue the messages of a job that ended at its core's injection link."""
    rows, slots, trees = costs.duration.shape[1], tables.slots, tables.trees
    step, row = number // rows, number % rows
    place, part, core = tables.jobs.place[row], tables.jobs.part[row], tables.jobs.core[row]
    job, left = step * rows + place, costs.image_steps - step % costs.image_steps
    for at in range(slots.sends_offset[part], slots.sends_offset[part + 1]):
        tree = slots.sends[at]
        message = slots.first[tree] + place - slots.place[tree]
        if message < slots.first[tree] or message >= slots.first[tree + 1]:
            continue
        flits = costs.flits[step, message]
        message += step * slots.tree.size
        state.send_order[message] = state.totals[Total.SENT]
        state.totals[Total.SENT] += 1
        state.bounded.tree[message], state.bounded.size[message] = tree, flits
        if flits > 0:
            state.cores.unsent[job] += 1
            enqueue(tables.fabric, state.bounded, message, core, now)
            continue
        state.injected[message] = now
        for leaf in range(trees.leaf_offset[tree], trees.leaf_offset[tree + 1]):
            when = now + unloaded(tables.fabric, tree, leaf)
            state.delivered[message] = max(state.delivered[message], when)
            _reach(tables, costs, state, (step * rows, place, left), leaf, (when, Cause.NETWORK, job))
    if state.cores.unsent[job] > 0:
        state.cores.leaving[core] += 1


@uncounted(error_model="numpy")
def _move_flits(tables: Tables, costs: Costs, state: State, now: int) -> None:
    """One cycle of the network with bounded queues: hand over what has arrived, free output buffers that have been sent."""
    rows, fabric, network, messages = costs.duration.shape[1], tables.fabric, state.bounded, tables.slots.tree.size
    advance(fabric, network, now)
    after = now + fabric.per_flit
    for i in range(network.totals[Place.DELIVERED]):
        message = int(network.delivered_message[i])
        step, place = message // messages, tables.jobs.place[tables.slots.row[message % messages]]
        state.delivered[message] = max(state.delivered[message], after)
        job = step * rows, place, costs.image_steps - step % costs.image_steps
        _reach(tables, costs, state, job, network.delivered_leaf[i], (after, Cause.NETWORK, step * rows + place))
    for i in range(network.totals[Place.LEFT]):
        message = int(network.left[i])
        row = tables.slots.row[message % messages]
        job = message // messages * rows + tables.jobs.place[row]
        state.cores.unsent[job] -= 1
        if state.cores.unsent[job] == 0:
            add(state.wheel, after, SENT + int(tables.jobs.core[row]))


@uncounted(error_model="numpy")
def _pass_barrier(tables: Tables, costs: Costs, state: State, job: int, now: int) -> None:
    """With the last job of a step, release the jobs of the next."""
    steps, rows = costs.duration.shape
    state.totals[Total.LEFT_IN_STEP] -= 1
    following = job // rows + 1
    if state.totals[Total.LEFT_IN_STEP] == 0 and following < steps:
        state.totals[Total.LEFT_IN_STEP] = rows
        state.released[following] = now + costs.barrier_cycles
        told = state.released[following], Cause.BARRIER, job
        for row in range(rows):
            _settle(tables, costs, state, (following * rows, tables.jobs.place[row], tables.jobs.part[row]), told)
