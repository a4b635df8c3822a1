"""The event loop of one step: workers sweep, send and receive; buffers of receivers stop senders.

A worker takes one thing at a time to its end: a stretch of its sweep up to the next message, which includes handing that message
out, or a message of its buffer. It sweeps first. A message without room at its receiver waits in the worker's way out; the
worker then receives, as nothing else may start, and idles where nothing has come. Room is taken when a message leaves and given
back when its receiver begins on it; who waited longest leaves first. At one instant messages arrive first, in the order of their
numbers, then workers go on, in the order of theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from synaptile.foundation.types import Int64
from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.schedule.heaps import pop_event, push_event

NONE = -1


class Net(NamedTuple):
    """Who sends what to whom, in picoseconds; neurons in the order in which their worker sweeps over them.

    `first` (workers + 1,): neurons of each. `place_ps` (neurons,): end of the neuron's compartments in a sweep without spikes;
    `sweep_ps` (workers,): of all of them. `spike_ps`, `out_ps` (workers,): what a spike takes on top, and handing out a message.
    `row` (neurons,): where a neuron's spikes stand in a step's mask. `message` (neurons + 1,): its messages; `to`, `service_ps`,
    `flight_ps` (messages,): receiving worker, time there, time on the way. `buffer` (workers,): messages on the way or waiting.
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


class Room(NamedTuple):
    """What the loop writes to. `worker`: (14, workers), the rows below. Others hold a message or an event each."""

    worker: Int64
    queue: Int64  # next message behind each in its buffer
    time: Int64
    key: Int64


# Rows of Room.worker.
NEURON, SENT, SWEPT, DOING, OUT, WAITING, HEAD, TAIL, FREE, NEXT_WAITER, FIRST_WAITER, LAST_WAITER, CURRENT, END = range(14)
IDLE, SWEEPING, RECEIVING, WOKEN = range(4)


@uncounted
def run_step(net: Net, fires: Any, room: Room) -> None:
    """One step; writes when each worker was last at work to ``room.worker[END]``.

    `fires` (rows,) is the step's mask.
    """
    workers = net.first.size - 1
    state, events = room.worker, 0
    for w in range(workers):
        for field in (SENT, SWEPT, END):
            state[field, w] = 0
        for field in (OUT, HEAD, TAIL, NEXT_WAITER, FIRST_WAITER, LAST_WAITER, CURRENT):
            state[field, w] = NONE
        state[NEURON, w] = net.first[w]
        state[FREE, w] = net.buffer[w]
        state[DOING, w] = WOKEN
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
                push_event(room.time, room.key, events, now, net.to.size + w)
                events += 1
            continue
        w = key - net.to.size
        if state[DOING, w] != WOKEN:
            state[END, w] = now
        if state[DOING, w] == SWEEPING and state[CURRENT, w] != NONE:
            message = state[CURRENT, w]
            to = net.to[message]
            if state[FREE, to] > 0:
                state[FREE, to] -= 1
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
            took = _sweep(net, fires, state, w)
            state[DOING, w] = SWEEPING
            push_event(room.time, room.key, events, now + took, key)
            events += 1
        elif state[HEAD, w] != NONE:
            message = state[HEAD, w]
            state[HEAD, w] = room.queue[message]
            state[DOING, w] = RECEIVING
            push_event(room.time, room.key, events, now + net.service_ps[message], key)
            events += 1
            waiter = state[FIRST_WAITER, w]
            if waiter == NONE:
                state[FREE, w] += 1
                continue
            state[FIRST_WAITER, w] = state[NEXT_WAITER, waiter]
            message = state[OUT, waiter]
            state[OUT, waiter] = NONE
            push_event(room.time, room.key, events, now + net.flight_ps[message], message)
            events += 1
            if state[DOING, waiter] == IDLE:
                state[DOING, waiter] = WOKEN
                push_event(room.time, room.key, events, now, net.to.size + waiter)
                events += 1


@uncounted
def _sweep(net: Net, fires: Any, state: Any, w: int) -> int:
    """Go on to the next message, which becomes ``state[CURRENT]``, or to the end; returns the time that takes."""
    took, before, sent = 0, 0, state[SENT, w]  # of the present neuron, messages that were sent
    for neuron in range(state[NEURON, w], net.first[w + 1]):
        if fires[net.row[neuron]]:
            if sent == 0:
                took += net.place_ps[neuron] - before + net.spike_ps[w]
            if sent < net.message[neuron + 1] - net.message[neuron]:
                state[CURRENT, w] = net.message[neuron] + sent
                state[NEURON, w], state[SENT, w] = neuron, sent + 1
                return took + net.out_ps[w]  # type: ignore[no-any-return]
            before, sent = net.place_ps[neuron], 0
    state[CURRENT, w], state[SWEPT, w] = NONE, 1
    return took + net.sweep_ps[w] - before  # type: ignore[no-any-return]


@kernel
def run_steps(net: Net, fires: Any, room: Room, ends: Any) -> None:
    """Step after step: `fires` (steps, rows), uint8; `ends` (steps, workers), int64, when each worker was last at work, ps."""
    for step in range(fires.shape[0]):
        run_step(net, fires[step], room)
        for w in range(ends.shape[1]):
            ends[step, w] = room.worker[END, w]
