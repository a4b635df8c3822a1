"""The event loop of one step: workers sweep, send and receive; buffers of receivers stop senders. What they do is logged.

A worker takes one thing at a time to its end: a stretch of its sweep up to the next message, which includes handing that message
out, or a message of its buffer. It sweeps first. A message without room at its receiver waits in the worker's way out; the
worker then receives, as nothing else may start, and idles where nothing has come. Room is taken when a message leaves and given
back when its receiver begins on it; who waited longest leaves first. At one instant messages arrive first, in the order of their
numbers, then workers go on, in the order of theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from synaptile.foundation.types import Int64
from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.heaps import pop_event, push_event

NONE = -1


class Net(NamedTuple):
    """Who sends what to whom, in picoseconds; neurons in the order in which their worker sweeps over them.

    `first` (workers + 1,): neurons of each. `place_ps` (neurons,): end of the neuron's compartments in a sweep without spikes;
    `sweep_ps` (workers,): of all of them. `spike_ps`, `out_ps` (workers,): what a spike takes on top, and handing out a message.
    `row` (neurons,): where a neuron's spikes stand in a step's mask. `message` (neurons + 1,): its messages; `to`, `service_ps`,
    `flight_ps` (messages,): receiving worker, time there, time on the way. `buffer` (workers,): messages on the way or waiting.
    `sweeps` (neurons,), `receives` (messages,): a number by which the log tells whose work it is.
    """

    first: Int64
    place_ps: Int64
    sweep_ps: Int64
    spike_ps: Int64
    out_ps: Int64
    row: Int64
    message: Int64
    to: Int64
    service_ps: Int64
    flight_ps: Int64
    buffer: Int64
    sweeps: Int64
    receives: Int64


class Room(NamedTuple):
    """What the loop writes to. `worker`: (17, workers), the rows below. Others hold a message or an event each.

    `log` (7, stretches): what workers did, rows below; ``logged[0]`` of them. A stretch ends where its worker waits or turns
    to work of another number. `left`, `by` (messages,): when each left in the step, and the stretch that let it leave.
    """

    worker: Int64
    queue: Int64  # next message behind each in its buffer
    time: Int64
    key: Int64
    left: Int64
    by: Int64
    log: Int64
    logged: Int64


def room_of(net: Net) -> Room:
    """Room for one step."""
    workers, messages = net.first.size - 1, net.to.size
    events, most = messages + 2 * workers + 1, 2 * messages + net.row.size + workers + 1
    queue, time, key, left, by = (np.zeros(n, np.int64) for n in (messages + 1, events, events, messages + 1, messages + 1))
    log, logged = np.zeros((7, most), np.int64), np.zeros(1, np.int64)
    return Room(np.zeros((17, workers), np.int64), queue, time, key, left, by, log, logged)


# Rows of Room.worker.
NEURON, SENT, SWEPT, DOING, OUT, LAST, HEAD, TAIL, FREE, NEXT_WAITER, FIRST_WAITER, LAST_WAITER, CURRENT, END = range(14)
WOKE, WOKE_FROM, WOKE_SINCE = 14, 15, 16
IDLE, SWEEPING, RECEIVING, WOKEN = range(4)

# Rows of Room.log: FROM is the stretch to which a stretch goes back (-1: none), SINCE the time in it, WHY how.
WORKER, LABEL, BEGIN, STOP, WHY, FROM, SINCE = range(7)
START, BEFORE, MESSAGE, ROOM = range(4)
"""WHY: the step began; the worker's own stretch before; a message that left then; room that a receiver then gave."""


@uncounted
def run_step(net: Net, fires: Any, room: Room) -> None:
    """One step; writes when each worker was last at work to ``room.worker[END]``.

    `fires` (rows,) is the step's mask.
    """
    workers = net.first.size - 1
    state, events = room.worker, 0
    room.logged[0] = 0
    for w in range(workers):
        for field in (SENT, SWEPT, END, WOKE_SINCE):
            state[field, w] = 0
        for field in (LAST, WOKE_FROM, OUT, HEAD, TAIL, NEXT_WAITER, FIRST_WAITER, LAST_WAITER, CURRENT):
            state[field, w] = NONE
        state[NEURON, w] = net.first[w]
        state[FREE, w] = net.buffer[w]
        state[DOING, w], state[WOKE, w] = WOKEN, START
        push_event(room.time, room.key, events, 0, net.to.size + w)
        events += 1
    while events > 0:
        now, key = room.time[0], room.key[0]
        pop_event(room.time, room.key, events)
        events -= 1
        if key < net.to.size:  # message `key` arrives
            w = net.to[key]
            room.queue[key] = NONE
            if state[HEAD, w] == NONE:
                state[HEAD, w] = key
            else:
                room.queue[state[TAIL, w]] = key
            state[TAIL, w] = key
            if state[DOING, w] == IDLE:
                state[DOING, w] = WOKEN
                _because(state, w, MESSAGE, room.by[key], room.left[key])
                push_event(room.time, room.key, events, now, net.to.size + w)
                events += 1
            continue
        w = key - net.to.size
        if state[DOING, w] != WOKEN:
            state[END, w] = now
            _because(state, w, BEFORE, state[LAST, w], now)
        if state[DOING, w] == SWEEPING and state[CURRENT, w] != NONE:
            message = state[CURRENT, w]
            to = net.to[message]
            if state[FREE, to] > 0:
                state[FREE, to] -= 1
                room.left[message], room.by[message] = now, state[LAST, w]
                push_event(room.time, room.key, events, now + net.flight_ps[message], message)
                events += 1
            else:
                state[OUT, w] = message
                state[NEXT_WAITER, w] = NONE
                if state[FIRST_WAITER, to] == NONE:
                    state[FIRST_WAITER, to] = w
                else:
                    state[NEXT_WAITER, state[LAST_WAITER, to]] = w
                state[LAST_WAITER, to] = w
        state[DOING, w] = IDLE
        if state[OUT, w] == NONE and state[SWEPT, w] == 0:
            at = state[NEURON, w]
            label = net.sweeps[at] if at < net.first[w + 1] else NONE
            took = _sweep(net, fires, state, w)
            state[DOING, w] = SWEEPING
            _note(room, w, label, now, now + took)
            push_event(room.time, room.key, events, now + took, key)
            events += 1
        elif state[HEAD, w] != NONE:
            message = state[HEAD, w]
            state[HEAD, w] = room.queue[message]
            state[DOING, w] = RECEIVING
            _note(room, w, net.receives[message], now, now + net.service_ps[message])
            push_event(room.time, room.key, events, now + net.service_ps[message], key)
            events += 1
            waiter = state[FIRST_WAITER, w]
            if waiter == NONE:
                state[FREE, w] += 1
                continue
            state[FIRST_WAITER, w] = state[NEXT_WAITER, waiter]
            message = state[OUT, waiter]
            state[OUT, waiter] = NONE
            room.left[message], room.by[message] = now, state[LAST, w]
            push_event(room.time, room.key, events, now + net.flight_ps[message], message)
            events += 1
            if state[DOING, waiter] == IDLE:
                state[DOING, waiter] = WOKEN
                _because(state, waiter, ROOM, state[LAST, w], now)
                push_event(room.time, room.key, events, now, net.to.size + waiter)
                events += 1


@uncounted
def _because(state: Any, w: int, why: int, stretch: int, since: int) -> None:
    """Why worker `w` may go on: kept for the stretch that it begins next."""
    state[WOKE, w], state[WOKE_FROM, w], state[WOKE_SINCE, w] = why, stretch, since


@uncounted
def _note(room: Room, w: int, label: int, begin: int, stop: int) -> None:
    """Log what `w` begins: a stretch of its own, or more of the one that it was at."""
    log, state, last = room.log, room.worker, room.worker[LAST, w]
    if last != NONE and log[LABEL, last] == label and log[STOP, last] == begin:
        log[STOP, last] = stop
        return
    at = room.logged[0]
    log[WORKER, at], log[LABEL, at], log[BEGIN, at], log[STOP, at] = w, label, begin, stop
    log[WHY, at], log[FROM, at], log[SINCE, at] = state[WOKE, w], state[WOKE_FROM, w], state[WOKE_SINCE, w]
    state[LAST, w] = at
    room.logged[0] = at + 1


@uncounted
def _sweep(net: Net, fires: Any, state: Any, w: int) -> int:
    """Go on to the next message (``state[CURRENT]``), neurons of another number, or the end; the time taken."""
    took, before, sent, at = 0, 0, state[SENT, w], state[NEURON, w]  # of the present neuron, messages that were sent
    if sent == 0 and at > net.first[w]:
        before = net.place_ps[at - 1]
    state[CURRENT, w] = NONE
    for neuron in range(at, net.first[w + 1]):
        if neuron > at and net.sweeps[neuron] != net.sweeps[neuron - 1]:
            state[NEURON, w], state[SENT, w] = neuron, 0
            return took + net.place_ps[neuron - 1] - before  # type: ignore[no-any-return]
        if fires[net.row[neuron]]:
            if sent == 0:
                took += net.place_ps[neuron] - before + net.spike_ps[w]
            if sent < net.message[neuron + 1] - net.message[neuron]:
                state[CURRENT, w] = net.message[neuron] + sent
                state[NEURON, w], state[SENT, w] = neuron, sent + 1
                return took + net.out_ps[w]  # type: ignore[no-any-return]
            before, sent = net.place_ps[neuron], 0
    state[SWEPT, w] = 1
    return took + net.sweep_ps[w] - before  # type: ignore[no-any-return]


@kernel
def run_steps(net: Net, fires: Any, room: Room, ends: Any) -> None:
    """Step after step: `fires` (steps, rows), uint8; `ends` (steps, workers), int64, when each worker was last at work, ps.

    `room` is left as after the last step: its log is that of one.
    """
    for step in range(fires.shape[0]):
        run_step(net, fires[step], room)
        for w in range(ends.shape[1]):
            ends[step, w] = room.worker[END, w]
