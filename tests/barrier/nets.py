"""Nets for the tests: drawn at random, and by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synaptile.simulator.barrier.kernel import Net, room_of, run_steps


def net_of(
    sweeps: Sequence[Sequence[int]],
    messages: Sequence[Sequence[tuple[int, int, int]]],
    *,
    spike: int = 0,
    out: int = 0,
    tail: int = 0,
    buffer: int = 16,
) -> Net:
    """Per worker the places of its neurons, `tail` ps behind the last; per neuron its messages (to, service, flight)."""
    counts = [len(places) for places in sweeps]
    flat = [message for one in messages for message in one]
    table = np.array(flat, np.int64).reshape(-1, 3)
    return Net(
        first=np.append(0, np.cumsum(counts)).astype(np.int64),
        place_ps=np.array([p for places in sweeps for p in places], np.int64),
        sweep_ps=np.array([(places[-1] if places else 0) + tail for places in sweeps], np.int64),
        spike_ps=np.full(len(sweeps), spike, np.int64),
        out_ps=np.full(len(sweeps), out, np.int64),
        row=np.arange(sum(counts), dtype=np.int64),
        message=np.append(0, np.cumsum([len(one) for one in messages])).astype(np.int64),
        to=np.ascontiguousarray(table[:, 0]),
        service_ps=np.ascontiguousarray(table[:, 1]),
        flight_ps=np.ascontiguousarray(table[:, 2]),
        buffer=np.full(len(sweeps), buffer, np.int64),
        sweeps=np.arange(sum(counts), dtype=np.int64) // 2,
        receives=np.arange(len(flat), dtype=np.int64) % 3 + 1000,
    )


def drawn(seed: int, *, workers: int, buffer: int) -> tuple[Net, np.ndarray]:
    """A net with loops and messages to oneself, times small enough to coincide often, and the spikes of three steps."""
    rng = np.random.default_rng(seed)
    sweeps = [np.cumsum(rng.integers(0, 4, rng.integers(0, 6))).tolist() for _ in range(workers)]
    messages = [
        [(int(rng.integers(workers)), int(rng.integers(0, 9)), int(rng.integers(0, 3))) for _ in range(rng.integers(0, 4))]
        for places in sweeps
        for _ in places
    ]
    net = net_of(sweeps, messages, spike=int(rng.integers(3)), out=int(rng.integers(3)), tail=int(rng.integers(3)), buffer=buffer)
    return net, (rng.random((3, net.row.size)) < 0.7).astype(np.uint8)


def ends_of(net: Net, fires: np.ndarray) -> np.ndarray:
    """What the kernel finds, (steps, workers)."""
    ends = np.zeros((len(fires), net.first.size - 1), np.int64)
    run_steps(net, fires, room_of(net), ends)
    return ends
