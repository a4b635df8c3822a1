"""How long an image is expected to take, from the loads of parts alone: what layouts are compared by, not a schedule.

A product keeps one step of its second operand: rows of a step begin when all its tokens have arrived, and the next step's are sent
when all rows have started. So layers between two such gathers, a *segment*, work while their neighbours wait, and in the next phase
the other way round: a step takes two phases. Cores that hold parts of both work in both.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import ProductUnit, SpikingGraph, TokenMean
from synaptile.mapper.load import Load, maker
from synaptile.mapper.program import Int64, PartTable

Floats = NDArray[np.float64]

PHASES = 2
"""Phases of a step where products gather operands; 1 in a graph without."""


def phase_of_nodes(graph: SpikingGraph) -> Int64:
    """Phase in which each node works, shape (nodes,): segments in turn."""
    segment: dict[str, int] = {}
    for node in graph.nodes.values():
        gathers = [int(isinstance(node, ProductUnit) and number == 1) for number in range(len(node.inputs))]
        behind = (segment[port.node] + more for port, more in zip(node.inputs, gathers, strict=True))
        segment[node.name] = max(behind, default=0)
    return np.array(list(segment.values()), np.int64) % PHASES


def expected_latency(graph: SpikingGraph, parts: PartTable, load: Load, steps: int) -> float:
    """Cycles of an image alone: its first step layer after layer, then the period of a step for each later one."""
    return _first_step(graph, parts, load.first) + (steps - 1) * _period(graph, parts, load.later)


def expected_interval(graph: SpikingGraph, parts: PartTable, load: Load, steps: int) -> float:
    """Cycles between images that follow each other."""
    return _period(graph, parts, load.first) + (steps - 1) * _period(graph, parts, load.later)


def _period(graph: SpikingGraph, parts: PartTable, cycles: Floats) -> float:
    """Cycles from step to step once all layers work: each phase lasts as long as the core that does most in it."""
    phase = phase_of_nodes(graph)[parts.node]
    cores = int(parts.core.max()) + 1
    return float(np.bincount(phase * cores + parts.core, cycles, PHASES * cores).reshape(PHASES, cores).max(axis=1).sum())


def _first_step(graph: SpikingGraph, parts: PartTable, cycles: Floats) -> float:
    """Cycles until the last token of the first step has left the last node.

    The first token leaves a node one job after it arrived, or after the last where all are needed; the last token leaves when the
    busiest core has had them all.
    """
    stages = _stages(graph, parts, cycles)
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for node in graph.nodes.values():
        job = stages[node.name] / max(node.tokens, 1)
        begun = ended = 0.0
        for number, port in enumerate(node.inputs):
            needs_all = isinstance(node, TokenMean) or (isinstance(node, ProductUnit) and number == 1)
            begun = max(begun, (last if needs_all else first)[port.node])
            ended = max(ended, last[port.node])
        first[node.name] = begun + job
        last[node.name] = max(begun + stages[node.name], ended + job)
    return max(last.values())


def _stages(graph: SpikingGraph, parts: PartTable, cycles: Floats) -> Mapping[str, float]:
    """Cycles for which the busiest core of each node works for it per step, neurons that it feeds included (theirs are then 0)."""
    position = {name: index for index, name in enumerate(graph.nodes)}
    stage = np.array([position[maker(node)] for node in graph.nodes.values()], np.int64)
    cores = int(parts.core.max()) + 1
    pair, at = np.unique(stage[parts.node] * cores + parts.core, return_inverse=True)
    longest = np.zeros(len(position))
    np.maximum.at(longest, pair // cores, np.bincount(at, cycles))
    return {name: float(longest[index]) if stage[index] == index else 0.0 for name, index in position.items()}
