"""How long an image is expected to take, from the loads of parts alone: what layouts are compared by, not a schedule.

A product keeps one step of its second operand: the rows of a step begin when all tokens of it have arrived, and the next step's
are sent when all rows have started. So the layers between two such gathers, a *segment*, work while their neighbours wait, and
the other way round: a step takes two phases, and a core with parts of both works in both.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph, TokenMean
from synaptile.foundation.types import Int64
from synaptile.mapper.load import Load, maker
from synaptile.mapper.program import PartTable

Floats = NDArray[np.float64]

PHASES = 2


def expected_interval(graph: SpikingGraph, parts: PartTable, load: Load, steps: int) -> float:
    """Cycles between images that follow each other: the periods of their steps."""
    return _period(graph, parts, load.first) + (steps - 1) * _period(graph, parts, load.later)


def expected_latency(graph: SpikingGraph, parts: PartTable, load: Load, steps: int) -> float:
    """Cycles of an image alone: its first step layer after layer, then the period of each later step.

    The first token leaves a node one job after it arrived, or after the last where all are needed; the last token leaves when the
    busiest core of the node has had them all.
    """
    stages = _stages(graph, parts, load.first)
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for node in graph.nodes.values():
        job = stages[node.name] / max(node.tokens, 1)
        begun = ended = 0.0
        for number, port in enumerate(node.inputs):
            if port.delay:
                continue
            needs_all = isinstance(node, TokenMean) or node.gathers(number)
            begun = max(begun, (last if needs_all else first)[port.node])
            ended = max(ended, last[port.node])
        first[node.name] = begun + job
        last[node.name] = max(begun + stages[node.name], ended + job)
    return max(last.values()) + (steps - 1) * _period(graph, parts, load.later)


def phase_loads(graph: SpikingGraph, parts: PartTable, cycles: Floats) -> Floats:
    """Cycles of each core in each phase, shape (PHASES, cores), from those of parts, shape (parts,)."""
    phase, cores = phases(graph)[parts.node], int(parts.core.max()) + 1
    counted = np.bincount(phase * cores + parts.core, cycles, PHASES * cores)
    return counted.astype(np.float64).reshape(PHASES, cores)


def phases(graph: SpikingGraph) -> Int64:
    """Phase in which each node works, shape (nodes,): segments in turn."""
    segment: dict[str, int] = {}
    for node in graph.nodes.values():
        behind = [segment[port.node] + node.gathers(number) for number, port in enumerate(node.inputs) if not port.delay]
        segment[node.name] = max(behind, default=0)
    return np.array(list(segment.values()), np.int64) % PHASES


def _period(graph: SpikingGraph, parts: PartTable, cycles: Floats) -> float:
    """Cycles from step to step once all layers work: each phase lasts as long as the core that does most in it."""
    return float(phase_loads(graph, parts, cycles).max(axis=1).sum())


def _stages(graph: SpikingGraph, parts: PartTable, cycles: Floats) -> Mapping[str, float]:
    """Cycles per step for which the busiest core of each node works for it and for the neurons it feeds; 0 for these."""
    position = {name: index for index, name in enumerate(graph.nodes)}
    stage = np.array([position[maker(node)] for node in graph.nodes.values()], np.int64)
    cores = int(parts.core.max()) + 1
    pair, at = np.unique(stage[parts.node] * cores + parts.core, return_inverse=True)
    longest = np.zeros(len(position))
    np.maximum.at(longest, pair // cores, np.bincount(at, cycles))
    return {name: float(longest[index]) if stage[index] == index else 0.0 for name, index in position.items()}
