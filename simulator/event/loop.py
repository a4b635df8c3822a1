"""Recurrent parts of a network: nodes of a loop go through each step together, and read their spikes of the steps before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from synaptile.conversion.graph import Neurons, Node, SpikingGraph, Synapse
from synaptile.simulator.actions.events import steps_ago
from synaptile.simulator.event.leaky_unit import LeakyFireUnit
from synaptile.simulator.event.unit import Collected, EventUnit, rows_of
from synaptile.simulator.kernels.fire import Events


def earlier(stream: Any, steps: int, delay: int) -> Any:
    """A stream of all steps as it was so many steps before, nothing before the first."""
    if not delay:
        return stream
    assert isinstance(stream, Events)  # only spikes are read later
    rows = len(stream.codes) // steps * delay
    return Events(steps_ago(stream.codes, rows), steps_ago(stream.counts, rows))


def as_read(node: Node, inputs: Sequence[Any]) -> Sequence[Any]:
    """Inputs as a unit takes them: the sites of a synapse are one, channel behind channel."""
    if len(inputs) == 1 or not isinstance(node, Synapse):
        return inputs
    codes, counts = ([read[place] for read in inputs] for place in (0, 1))
    return [Events(np.concatenate(codes, axis=1), np.concatenate(counts, axis=1))]


def silent(unit: EventUnit) -> Events:
    """A step in which a site does not spike."""
    assert isinstance(unit, LeakyFireUnit)
    rows, width, groups = unit.rows, unit.node.width, len(unit.bounds) - 1
    return Events(np.zeros((rows, width), np.int8), np.zeros((rows, groups), np.int32))


def run_loop(
    graph: SpikingGraph,
    units: Mapping[str, EventUnit],
    streams: Mapping[str, Any],
    steps: int,
    finish: Callable[[Node, Any], None],
) -> dict[str, Any]:
    """Run the nodes that `units` names, in their order, step by step. Units are left with the traffic of all steps.

    `streams` are those of nodes before the loop, `finish` what is done to each stream of a step. Returns the streams of neurons,
    and those that nodes beyond the loop read.
    """
    outside = {
        (name, number): earlier(streams[port.node], steps, port.delay)
        for name in units
        for number, port in enumerate(graph.nodes[name].inputs)
        if port.node not in units
    }
    whole = {name: Collected(steps, unit.buffers) for name, unit in units.items()}
    kept = {name for name in units if isinstance(graph.nodes[name], Neurons) or set(graph.consumers(name)) - units.keys()}
    for t in range(1, steps + 1):
        now: dict[str, Any] = {}

        def read(name: str, number: int, t: int = t, now: Mapping[str, Any] = now) -> Any:
            port = graph.nodes[name].inputs[number]
            if port.node not in units:
                return rows_of(outside[name, number], steps, t)
            if not port.delay:
                return now[port.node]
            return rows_of(whole[port.node].stream, steps, t - port.delay) if t > port.delay else silent(units[port.node])

        for name, unit in units.items():
            node = graph.nodes[name]
            inputs = as_read(node, [read(name, number) for number in range(len(node.inputs))])
            out = unit.step(t, inputs, [port.start for port in node.inputs])
            finish(node, out)
            now[name] = out
            whole[name].add(t, out if name in kept else None, unit)
    for name, unit in units.items():
        unit.traffic = whole[name].traffic
    return {name: whole[name].stream for name in kept}
