"""Who is sent what by one multicast tree, and the links of that tree on a mesh: what placement shortens where it is asked to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.sums import distinct
from synaptile.foundation.types import Int64
from synaptile.mapper.program import FlowTable, PartTable
from synaptile.mapper.traffic import expected_messages


class Trees(NamedTuple):
    """Multicast trees between cores.

    Tree t leads from core ``source[t]`` to ``target[offset[t]:offset[t+1]]``, `weight` (trees,) messages a step. Core c is in the
    trees ``member[first[c]:first[c+1]]``, as the source or a target.
    """

    source: Int64
    offset: Int64
    target: Int64
    weight: NDArray[np.float64]
    first: Int64
    member: Int64


LOW, HIGH, CALL = range(3)
"""Rows of the scratch of `tree_links`: lowest and highest tile reached in each column, in which call; last, calls so far."""


def trees_of(graph: SpikingGraph, parts: PartTable, flows: FlowTable, cores: int) -> Trees:
    """The trees of all groups of flows, with what each is expected to carry."""
    leaving = np.flatnonzero(flows.group >= 0)
    group = flows.group[leaving].astype(np.int64)
    groups = int(group.max(initial=-1)) + 1
    source, weight = np.zeros(groups, np.int64), np.zeros(groups)
    source[group] = parts.core[flows.source[leaving]]
    weight[group] = expected_messages(graph, parts, flows)[leaving]
    pair = distinct(group * cores + parts.core[flows.target[leaving]])
    offset = np.searchsorted(pair // max(cores, 1), np.arange(groups + 1))
    return _trees(source, offset.astype(np.int64), pair % max(cores, 1), weight, cores)


def _trees(source: Int64, offset: Int64, target: Int64, weight: NDArray[np.float64], cores: int) -> Trees:
    trees = source.size
    core = np.append(source, target)
    pair = distinct(core * trees + np.append(np.arange(trees), np.repeat(np.arange(trees), np.diff(offset))))
    first = np.searchsorted(pair // max(trees, 1), np.arange(cores + 1)).astype(np.int64)
    return Trees(source, offset, target, weight, first, pair % max(trees, 1))


def trees_among(trees: Trees, cores: Int64) -> Trees:
    """The trees from some cores, given in ascending order, to none but one another, with cores numbered in that order."""
    number = np.full(trees.first.size - 1, -1, np.int64)
    number[cores] = np.arange(cores.size)
    mine = number[trees.source] >= 0
    sizes = np.diff(trees.offset)
    target = number[trees.target[np.repeat(mine, sizes)]]
    offset = np.append(0, np.cumsum(sizes[mine])).astype(np.int64)
    return _trees(number[trees.source[mine]], offset, target, trees.weight[mine], cores.size)


def scratch_of(width: int) -> Int64:
    """Scratch for a board of so many columns."""
    return np.zeros((3, width + 1), np.int64)


@njit(cache=True)
def tree_links(trees: Trees, tree: int, x: Int64, y: Int64, scratch: Int64) -> int:
    """Links of a tree of XY paths, with cores at columns `x` and rows `y`: along the row of its source, then along columns."""
    source = trees.source[tree]
    left, right, row, links = x[source], x[source], y[source], 0
    call = scratch[CALL, -1] + 1
    scratch[CALL, -1] = call
    for i in range(trees.offset[tree], trees.offset[tree + 1]):
        target = trees.target[i]
        column, reached = x[target], y[target]
        if scratch[CALL, column] != call:
            scratch[CALL, column] = call
            scratch[LOW, column] = row
            scratch[HIGH, column] = row
            left, right = min(left, column), max(right, column)
        if reached < scratch[LOW, column]:
            links += scratch[LOW, column] - reached
            scratch[LOW, column] = reached
        elif reached > scratch[HIGH, column]:
            links += reached - scratch[HIGH, column]
            scratch[HIGH, column] = reached
    return links + right - left  # type: ignore[no-any-return]


@njit(cache=True)
def all_links(trees: Trees, x: Int64, y: Int64, scratch: Int64) -> Int64:
    """Links of every tree, shape (trees,)."""
    found = np.empty(trees.source.size, np.int64)
    for tree in range(found.size):
        found[tree] = tree_links(trees, tree, x, y, scratch)
    return found


def flit_hops(trees: Trees, tile: Int64, width: int) -> float:
    """Expected messages times links of their trees, a step; `tile` of each core, shape (cores,)."""
    return float(trees.weight @ all_links(trees, tile % width, tile // width, scratch_of(width)))
