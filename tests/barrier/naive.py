"""One step of a barrier chip as a slow program: workers as objects that look for something to do, instant after instant."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from synaptile.simulator.barrier.kernel import Net


@dataclass
class Worker:
    """A worker, its plan of (duration, message or None) to sweep, and what waits for it."""

    plan: list[tuple[int, int | None]]
    room: int
    buffer: list[int] = field(default_factory=list)
    held: int | None = None
    waiting: list[int] = field(default_factory=list)
    busy_until: int = 0
    handing: int | None = None
    end: int = 0
    working: bool = False
    did: list[tuple[int, int, int | None]] = field(default_factory=list)
    """Begin, end and, of what was received, the message."""


def plan_of(net: Net, fires: np.ndarray, w: int) -> list[tuple[int, int | None]]:
    """Stretches of a sweep: every firing neuron, message by message, and the rest."""
    plan: list[tuple[int, int | None]] = []
    owed, at = 0, 0
    for neuron in range(net.first[w], net.first[w + 1]):
        if fires[net.row[neuron]]:
            owed += int(net.place_ps[neuron]) - at + int(net.spike_ps[w])
            at = int(net.place_ps[neuron])
            for message in range(net.message[neuron], net.message[neuron + 1]):
                plan.append((owed + int(net.out_ps[w]), message))
                owed = 0
    return [*plan, (owed + int(net.sweep_ps[w]) - at, None)]


def naive_step(net: Net, fires: np.ndarray) -> list[int]:
    """When each worker was last at work, ps."""
    return [one.end for one in naive_run(net, fires)[0]]


def stretches(net: Net, worker: Worker) -> list[tuple[int, int, int]]:
    """What a worker did without a wait: begin, end, and the number of what it received, -1 for its sweep."""
    merged: list[tuple[int, int, int]] = []
    for begin, end, message in worker.did:
        what = -1 if message is None else int(net.receives[message])
        if merged and merged[-1][1:] == (begin, what):
            begin = merged.pop()[0]
        merged.append((begin, end, what))
    return merged


def naive_run(net: Net, fires: np.ndarray) -> tuple[list[Worker], list[tuple[int, int]]]:
    """The workers after a step, and (when, message) of arrivals: instant after instant, the first thing that can happen."""
    workers = [Worker(plan_of(net, fires, w), int(net.buffer[w])) for w in range(net.first.size - 1)]
    flying: list[tuple[int, int]] = []
    arrived: list[tuple[int, int]] = []
    now = 0
    while True:
        due = min((message for when, message in flying if when == now), default=None)
        if due is not None:
            flying.remove((now, due))
            arrived.append((now, due))
            workers[net.to[due]].buffer.append(due)
        elif not any(_goes_on(net, workers, number, flying, now) for number in range(len(workers))):
            later = [one.busy_until for one in workers if one.working] + [when for when, _ in flying]
            if not later:
                assert not any(one.plan or one.buffer or one.held is not None for one in workers)
                return workers, arrived
            now = min(later)


def _goes_on(net: Net, workers: list[Worker], number: int, flying: list[tuple[int, int]], now: int) -> bool:
    """Whether a worker did something at this instant: ended what it was at, took up what comes next, or both."""
    one = workers[number]
    if one.working and one.busy_until > now:
        return False
    ended = one.working
    if ended:
        one.working, one.end = False, now
        if one.handing is not None:
            target = workers[net.to[one.handing]]
            if target.room > 0:
                target.room -= 1
                flying.append((now + int(net.flight_ps[one.handing]), one.handing))
            else:
                one.held = one.handing
                target.waiting.append(number)
            one.handing = None
    received = None
    if one.held is None and one.plan:
        took, one.handing = one.plan.pop(0)
    elif one.buffer:
        received = one.buffer.pop(0)
        took = int(net.service_ps[received])
        if one.waiting:
            waiter = workers[one.waiting.pop(0)]
            assert waiter.held is not None
            flying.append((now + int(net.flight_ps[waiter.held]), waiter.held))
            waiter.held = None
        else:
            one.room += 1
    else:
        return ended
    one.working, one.busy_until = True, now + took
    one.did.append((now, now + took, received))
    return True
