"""Forms of what elements are: numbers of a node's stream, and work that waits for the layer behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np
import torch

from synaptile.conversion.graph import Add, DiscreteNeurons, Port, Reduce
from synaptile.conversion.torch_snn.places import Origin, Places, Run, places, plain
from synaptile.foundation.types import Int64


class Pooled(NamedTuple):
    """Waiting: the mean of spikes over all positions of each channel, which the next Linear takes in."""

    positions: int


class Both(NamedTuple):
    """Waiting: spikes that come where those of `other` do, element by element."""

    other: Port


class Half(NamedTuple):
    """Waiting: the first of two products of attention; `form` "map" (Q K^T) or "state" (K^T V)."""

    form: str
    left: Port
    right: Port
    heads: int
    depth: int
    positions: int
    scale: float = 1.0


def numbers_of(value: Places) -> tuple[int, Int64]:
    """Steps (1 where nothing changes over them and they are not laid out), and the numbers of one step, flat."""
    run, origin, data = value.run, value.origin, plain(value).reshape(-1).numpy().astype(np.int64)
    steps = run.steps if origin.timed else data.size // np.unique(data).size
    if data.size % steps:
        raise run.refuse(f"a shape of {tuple(value.shape)} does not hold {steps} steps of one sample")
    rows = data.reshape(steps, -1)
    if origin.timed:
        rows = rows - np.arange(steps)[:, None] * origin.size
    if (rows != rows[:1]).any():
        raise run.refuse("mixes elements of several steps: only a mean or sum over time behind the last neurons is read")
    return steps, rows[0]


def made(value: Places, steps: int, origin: Origin, numbers: Int64, shape: Sequence[int]) -> Places:
    """Numbers of a new origin, laid out as a model expects its result."""
    step = np.arange(steps)[:, None] * (origin.size if origin.timed else 0)
    return places(value.run, torch.from_numpy((numbers.reshape(1, -1) + step).astype(np.float64)).reshape(tuple(shape)), origin)


def run_of(run: Run, node: str, numbers: Int64) -> Port:
    """The port on a node that numbers take, in any order. Raises ModelError unless they are all of a range."""
    low, high = int(numbers.min()), int(numbers.max()) + 1
    if np.unique(numbers).size != numbers.size or high - low != numbers.size:
        raise run.refuse(f"reads a part of {node!r} that is no range of its elements, or some of them twice")
    return Port(node, low, high)


def in_order(run: Run, node: str, numbers: Int64) -> Port:
    """The port on a node that numbers take in the order of the stream."""
    flat = numbers.reshape(-1)
    if (flat != flat[0] + np.arange(flat.size)).any():
        raise run.refuse(f"reads {node!r} in an order in which its elements do not lie: channels first, then positions")
    return Port(node, int(flat[0]), int(flat[0]) + flat.size)


def settled(value: Places) -> Places:
    """The value as the stream of one node: what waits is done, spikes of several sites are added."""
    run, origin = value.run, value.origin
    builder = run.builder
    if isinstance(origin.waiting, Half | Both):
        raise run.refuse("a product of spikes is used otherwise than in attention: multiply it by spikes, or sum it")
    if isinstance(origin.waiting, Pooled):
        positions = origin.waiting.positions
        node = Reduce(
            f"{run.where}.mean",
            (builder.whole(_sum(run, origin.nodes)),),
            (1, origin.size),
            1,
            origin.size,
            positions,
            "positions",
            1.0 / positions,
            len(origin.nodes) == 1,
        )
        return places(run, plain(value), replace(origin, nodes=(builder.add(node),), spikes=False, waiting=None))
    if len(origin.nodes) > 1:
        return places(run, plain(value), replace(origin, nodes=(_sum(run, origin.nodes),), spikes=False))
    return value


def _sum(run: Run, nodes: tuple[str, ...]) -> str:
    """The node that adds spikes of several sites; of one, the site itself."""
    if len(nodes) == 1:
        return nodes[0]
    builder, first = run.builder, nodes[0]
    node = Add(f"{run.where}.sum", tuple(map(builder.whole, nodes)), (1, builder.nodes[first].width))
    return builder.add(node, builder.planes[first])


def real_port(value: Places) -> Port:
    """All of what a model returns."""
    value = settled(value)
    return in_order(value.run, value.origin.nodes[0], numbers_of(value)[1])


def gate(run: Run, name: str, what: str) -> str:
    """Values 0 and 1 of a node as spikes again."""
    builder, node = run.builder, run.builder.nodes[name]
    site = DiscreteNeurons(f"{name}.{what}", (builder.whole(name),), node.shape, "value", 1.0, True, 0.5, 0.0)
    return builder.add(site, builder.planes[name])


def plane_of(run: Run, x: Places, positions: int) -> tuple[int, int]:
    """Height and width of so many positions."""
    plane = run.builder.planes[x.origin.nodes[0]]
    return plane if prod(plane) == positions else (positions, 1)
