"""The event loop: jobs start when their inputs have arrived and their receivers have room, and send messages when they end.

A job waits for a number of things (`need` of a `JOB`). Each of them, once it is known when it will happen, is taken off that
number; with the last one the job's ready time is known. So there are two events per job, `ready` and `end`, and none per message.

A job's number, of step and row, orders events and what a core prefers. Its records lie by place instead, ``step * jobs + place``:
what a part does for one token stands beside the next token, and flows lead from place to place by arithmetic. Memory that an
event will touch is asked for when the event is made, since a schedule walks through more than a cache holds.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from synaptile.mapper.compiled import fetch
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.heaps import pop_job, push_job
from synaptile.simulator.natural import natural
from synaptile.simulator.schedule.fabric import NEVER, UNBOUNDED, Place
from synaptile.simulator.schedule.flits import advance, enqueue, unloaded
from synaptile.simulator.schedule.links import deliver, send
from synaptile.simulator.schedule.plan import Room
from synaptile.simulator.schedule.records import Records
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
            begin = (flows.ahead[flow] - k + tokens - 1) // tokens * costs.hold  # the first step whose token waits for one before
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
    for step in range(steps):
        for row in range(rows):
            if records[step * rows + jobs.place[row]]["need"] == 0:
                add(state.wheel, 0, READY + (step << tables.records.bits | row))


@uncounted(error_model="numpy")
def run(tables: Tables, costs: Costs, state: State, limit: int) -> Status:
    """Go on until `limit` jobs have ended. Each cycle: all events, then every idle core picks a job; again while events last."""
    records, cores, wheel, batch, totals = tables.records, state.cores, state.wheel, state.wheel.batch, state.totals
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
                core = natural(what - SENT)
                cores.leaving[core] -= 1
                cores.freed[core] = now
            else:
                core = _core_of(records, what)
                if what >= READY:
                    _queue(tables, costs, cores, core, what - READY)
                else:
                    cores.until[core] = IDLE
                    _finish(tables, costs, state, what, now)
            if cores.mark[core] == 0:
                cores.mark[core] = 1
                cores.touched[touched] = core
                touched += 1
        picked = 0
        for i in range(touched):
            core = natural(cores.touched[i])
            cores.mark[core] = 0
            if cores.until[core] == IDLE and cores.waiting[core] > 0 and cores.leaving[core] < OUTPUT_BUFFERS:
                cores.starting[picked] = pop_job(cores.queue, cores.offset[core], cores.waiting[core])
                cores.waiting[core] -= 1
                picked += 1
        for i in range(picked):
            _start(tables, costs, state, _job_of(tables, costs, cores.starting[i]), now)
    return Status.DONE if totals[Total.FINISHED] == costs.duration.size else Status.STUCK


@uncounted(error_model="numpy", forceinline=True)
def _step_and_row(records: Records, number: int) -> tuple[int, int]:
    """What a job's number is made of."""
    return number >> records.bits, natural(number & ((1 << records.bits) - 1))


@uncounted(error_model="numpy", forceinline=True)
def _core_of(records: Records, what: int) -> int:
    """The core of the job of an event."""
    _, row = _step_and_row(records, what)
    core: int = natural(records.parts[natural(records.rows[row]["part"])]["core"])
    return core


@uncounted(error_model="numpy", forceinline=True)
def _queue(tables: Tables, costs: Costs, cores: Cores, core: int, number: int) -> None:
    """Put a job among those that its core may start."""
    push_job(cores.queue, cores.offset[core], cores.waiting[core], _rank_of(tables, costs, number))
    cores.waiting[core] += 1


@uncounted(error_model="numpy", forceinline=True)
def _rank_of(tables: Tables, costs: Costs, number: int) -> int:
    """The rank of a job among all of the stream; without a table of ranks its number."""
    if costs.rank.size == 0:
        return number
    rows, (step, row) = costs.duration.shape[1], _step_and_row(tables.records, number)
    of_image = step % costs.image_steps
    rank: int = (step - of_image) * rows + costs.rank[of_image * rows + row]
    return rank


@uncounted(error_model="numpy", forceinline=True)
def _job_of(tables: Tables, costs: Costs, rank: int) -> int:
    """The number of the job of a rank."""
    if costs.rank.size == 0:
        return rank
    rows, within = costs.duration.shape[1], rank % costs.rank.size
    at = costs.job_at[within]
    number: int = ((rank - within + at) // rows << tables.records.bits) | at % rows
    return number


@uncounted(error_model="numpy", forceinline=True)
def _settle(tables: Tables, costs: Costs, state: State, job: Any, told: Any) -> None:
    """Take one thing that a job waits for off its list. job: its step, its place in it, its part.

    told: when it happens, its Cause, the job that it goes back to.
    """
    (step, place, part), (when, cause, waited_for) = job, told
    rows = costs.duration.shape[1]
    record = state.jobs[natural(step * rows + place)]
    latest = when >= record["ready"]
    record["ready"] = when if latest else record["ready"]
    record["cause"] = cause.value if latest else record["cause"]
    record["waited_for"] = waited_for if latest else record["waited_for"]
    record["need"] -= 1
    if record["need"] == 0:
        core, row = natural(tables.records.parts[natural(part)]["core"]), tables.jobs.row_of[natural(place)]
        number = step << tables.records.bits | row
        fetch(tables.records.rows, row)
        fetch(state.start, step * rows + place)
        fetch(costs.duration, step * rows + row)
        if record["ready"] <= state.cores.until[core]:  # it will be there when the core looks for its next job
            _queue(tables, costs, state.cores, core, number)
        else:
            add(state.wheel, record["ready"], READY + number)


@uncounted(error_model="numpy", forceinline=True)
def _arrive(tables: Tables, costs: Costs, state: State, job: Any, told: Any) -> None:
    """As `_settle`, for an input, made by the job that it goes back to."""
    (step, place, _), (when, _, producer) = job, told
    record = state.jobs[natural(step * costs.duration.shape[1] + place)]
    latest = when >= record["arrived"]
    record["arrived"] = when if latest else record["arrived"]
    record["producer"] = producer if latest else record["producer"]
    _settle(tables, costs, state, job, told)


@uncounted(error_model="numpy", forceinline=True)
def _start(tables: Tables, costs: Costs, state: State, number: int, now: int) -> None:
    """Start a job, and give room to those who send to it."""
    (steps, rows), records, cores = costs.duration.shape, tables.records, state.cores
    step, row = _step_and_row(records, number)
    here = records.rows[row]
    place, part_number = here["place"], here["part"]
    part = records.parts[natural(part_number)]
    job, core, first = natural(step * rows + place), natural(part["core"]), part["first"]
    record = state.jobs[job]
    if now > record["ready"]:
        record["cause"] = Cause.CORE if cores.freed[core] < now else Cause.NETWORK
        record["waited_for"] = cores.last[core]
    state.start[job] = now
    cores.last[core] = job
    cores.until[core] = now + costs.duration[natural(step), row]
    add(state.wheel, cores.until[core], number)
    _fetch_for_end(tables, costs, state, (step, place), part)
    all_rows, told = False, (now, Cause.OUTPUT, job)
    if part["operands"] == 1 and place > first:
        held = step % costs.hold
        cores.started[part_number, held] += 1
        if cores.started[part_number, held] == part["stop"] - first - 1:
            cores.started[part_number, held] = 0
            all_rows = True
    for at in range(part["arriving"], part["arriving_stop"]):
        flow = records.arriving[natural(at)]
        tokens, low = flow["tokens"], place - flow["receiver"]
        high = low + 1
        if flow["room"] == Room.ROWS:
            low, high = 0, tokens if all_rows else 0
        elif flow["stride"] == 0:
            low, high = 0, tokens
        elif low < 0 or low >= tokens:
            continue
        for k in range(low, high):
            ahead, then = k + flow["ahead"], step
            while ahead >= tokens:
                ahead -= tokens
                then += costs.hold
            if then < steps:
                _settle(tables, costs, state, (then, flow["sender"] + ahead, flow["source"]), told)


@uncounted(error_model="numpy", forceinline=True)
def _fetch_for_end(tables: Tables, costs: Costs, state: State, at: Any, part: Any) -> None:
    """Ask for the memory that the end of a job, at step and place, will touch: the jobs that it tells, and its messages."""
    (step, place), rows, records = at, costs.duration.shape[1], tables.records
    fetch(state.jobs, (step + 1) * rows + place)
    for number in range(part["leaving"], part["leaving_stop"]):
        flow = records.leaving[natural(number)]
        fetch(state.jobs, step * rows + flow["receiver"] + (place - flow["sender"]) * flow["stride"])
    for number in range(part["sends"], part["sends_stop"]):
        tree = records.sends[natural(number)]
        fetch(state.messages, step * costs.flits.shape[1] + tree["message"] + place - tree["place"])


@uncounted(error_model="numpy", forceinline=True)
def _finish(tables: Tables, costs: Costs, state: State, number: int, now: int) -> None:
    """End a job: hand on what stays in its core, send the rest."""
    (steps, rows), records = costs.duration.shape, tables.records
    step, row = _step_and_row(records, number)
    here = records.rows[row]
    place, part_number = here["place"], here["part"]
    part = records.parts[natural(part_number)]
    job = step * rows + place
    state.totals[Total.FINISHED] += 1
    told, left = (now, Cause.INPUT, job), costs.image_steps - step % costs.image_steps
    if step + 1 < steps:
        _arrive(tables, costs, state, (step + 1, place, part_number), told)
    if part["operands"] == 1 and place == part["first"]:
        for after in range(part["first"] + 1, part["stop"]):
            _arrive(tables, costs, state, (step, after, part_number), told)
    for at in range(part["inside"], part["inside_stop"]):
        flow = records.inside[natural(at)]
        k = place - flow["sender"]
        if 0 <= k < flow["tokens"] and flow["delay"] < left:
            reader = step + flow["delay"], flow["receiver"] + k * flow["stride"], flow["target"]
            _arrive(tables, costs, state, reader, told)
    bounded = tables.fabric.control != UNBOUNDED
    for at in range(part["sends"], part["sends_stop"]):
        tree = records.sends[natural(at)]
        slot = tree["message"] + place - tree["place"]
        if slot < tree["message"] or slot >= tree["message"] + tree["tokens"]:
            continue
        message, last = state.messages[natural(step * costs.flits.shape[1] + slot)], now
        message["order"] = state.totals[Total.SENT]
        state.totals[Total.SENT] += 1
        if bounded:
            _hand_to_network(tables, costs, state, (slot, step, place), now)
            continue
        flits, busy = message["flits"], message["busy"]
        message["injected"] = send(state.links, records.hops, tree, part["core"], (now, flits, busy))
        for number_of_leaf in range(tree["leaf"], tree["leaf_stop"]):
            leaf = records.leaves[natural(number_of_leaf)]
            when = deliver(state.links, leaf, flits, busy)
            last = max(last, when)
            _reach(tables, costs, state, (step, place, left), leaf, (when, Cause.NETWORK, job))
        message["delivered"] = last
    if bounded and state.cores.unsent[job] > 0:
        state.cores.leaving[part["core"]] += 1
    if costs.barrier_cycles >= 0:
        _pass_barrier(tables, costs, state, job, now)


@uncounted(error_model="numpy", forceinline=True)
def _reach(tables: Tables, costs: Costs, state: State, job: Any, leaf: Any, told: Any) -> None:
    """A job's message is at a leaf of its tree: tell all parts behind it.

    job: its step, its place in it, steps left of its image; told: as of `_arrive`.
    """
    step, place, left = job
    for at in range(leaf["flow"], leaf["flow_stop"]):
        flow = tables.records.reached[natural(at)]
        if flow["delay"] < left:
            reader = flow["receiver"] + (place - flow["sender"]) * flow["stride"]
            _arrive(tables, costs, state, (step + flow["delay"], reader, flow["target"]), told)


@uncounted(error_model="numpy")
def _hand_to_network(tables: Tables, costs: Costs, state: State, sent: Any, now: int) -> None:
    """Queue a message of a job that ended at its core's injection link. sent: its slot in a step, the job's step and place."""
    (slot, step, place), rows = sent, costs.duration.shape[1]
    number, job, left = step * tables.slots.tree.size + slot, step * rows + place, costs.image_steps - step % costs.image_steps
    tree, message = tables.slots.tree[slot], state.messages[number]
    state.bounded.tree[number], state.bounded.size[number] = tree, message["flits"]
    if message["flits"] > 0:
        state.cores.unsent[job] += 1
        enqueue(tables.fabric, state.bounded, number, tables.jobs.core[tables.jobs.row_of[place]], now)
        return
    state.bounded.injected[number] = now
    for leaf in range(tables.trees.leaf_offset[tree], tables.trees.leaf_offset[tree + 1]):
        when = now + unloaded(tables.fabric, tree, leaf)
        message["delivered"] = max(message["delivered"], when)
        _reach(tables, costs, state, (step, place, left), tables.records.leaves[leaf], (when, Cause.NETWORK, job))


@uncounted(error_model="numpy")
def _move_flits(tables: Tables, costs: Costs, state: State, now: int) -> None:
    """One cycle of the network with bounded queues: hand over what has arrived, free output buffers that have been sent."""
    rows, fabric, network, messages = costs.duration.shape[1], tables.fabric, state.bounded, tables.slots.tree.size
    advance(fabric, network, now)
    after = now + fabric.per_flit
    for i in range(network.totals[Place.DELIVERED]):
        message = int(network.delivered_message[i])
        step, place = message // messages, tables.jobs.place[tables.slots.row[message % messages]]
        record, leaf = state.messages[message], tables.records.leaves[network.delivered_leaf[i]]
        record["delivered"] = max(record["delivered"], after)
        job = step, place, costs.image_steps - step % costs.image_steps
        _reach(tables, costs, state, job, leaf, (after, Cause.NETWORK, step * rows + place))
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
            _settle(tables, costs, state, (following, tables.jobs.place[row], tables.jobs.part[row]), told)
