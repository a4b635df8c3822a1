"""Where the time of an event-driven run goes: by kind of node, and by recording."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import numba
from numpy.typing import NDArray

from synaptile.conversion.graph import ECUnit, Node, ProductUnit
from synaptile.mapper import CoreProgram
from synaptile.simulator.event.buffers import Buffers
from synaptile.simulator.event.build import make_layout, make_unit
from synaptile.simulator.event.record import Recorder
from synaptile.simulator.kernels.fire import Events


def profile(program: CoreProgram, images: NDArray[Any], steps: int, threads: int) -> tuple[dict[str, float], float]:
    """Seconds by kind of work over one run, after one to warm up, and the share of neurons that spiked."""
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        _run(program, images, steps, threads)
        return _run(program, images, steps, threads)
    finally:
        numba.set_num_threads(before)


def _run(program: CoreProgram, images: NDArray[Any], steps: int, threads: int) -> tuple[dict[str, float], float]:
    clock = time.thread_time if threads == 1 else time.perf_counter
    graph, layout = program.graph, make_layout(program, "float32")
    recorder, buffers = Recorder(layout, steps, len(images), 1), Buffers(1 << 30, 1 << 30)
    spent: dict[str, float] = defaultdict(float)
    streams: dict[str, Any] = {}
    spikes = neurons = 0
    for node in graph.nodes.values():
        start = clock()
        unit = make_unit(layout, node, images, buffers)
        spent["preparing weights"] += clock() - start
        start = clock()
        out = unit.run(steps, [streams[port.node] for port in node.inputs], [port.start for port in node.inputs])
        done = clock()
        events = out if isinstance(out, Events) else None
        recorder.record(node, unit.traffic, events, 0, len(images))
        spent[_kind(node)] += done - start
        spent["recording"] += clock() - done
        streams[node.name] = out
        if events is not None:
            spikes, neurons = spikes + int(events.counts.sum()), neurons + events.codes.size
        del unit, out, events  # as a run does: what is freed serves the next node
        for name in graph.read_last(node.name):
            del streams[name]
    start = clock()
    recorder.finish()
    spent["tables of the run"] += clock() - start
    return dict(spent), spikes / neurons


def _kind(node: Node) -> str:
    if isinstance(node, ECUnit):
        return f"EC {node.function}"
    if isinstance(node, ProductUnit):
        return f"product {node.form}"
    return node.kind
