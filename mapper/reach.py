"""Whom spikes reach, neuron by neuron: accumulates that a spike causes on each core, exact where flows name ranges."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import sparse

from synaptile.conversion.graph import Convolution2d, IntegerConvolution2d
from synaptile.conversion.graph.whole import part_fan_outs
from synaptile.conversion.graph.windows import fan_out
from synaptile.foundation.derived import derived
from synaptile.mapper.program import CoreProgram


@lru_cache(maxsize=64)
def part_reach_matrix(
    node: IntegerConvolution2d, ranges: tuple[tuple[int, int], ...]
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Accumulates, and weight rows, that a spike of each neuron of the site causes in each part: (neurons, parts) each."""
    columns = [part_fan_outs(node, start, stop) for start, stop in ranges]
    accumulates, fetches = (sparse.csr_array(np.stack([pair[i] for pair in columns], axis=1)) for i in (0, 1))
    return accumulates, fetches


@derived
def core_reach(program: CoreProgram, name: str) -> sparse.csr_array:
    """Accumulates that a spike of each neuron of its site causes on each core, for one convolution: (neurons, cores) int64.

    Neurons are in the order of the site's stream, as spikes are recorded. With spikes ``s`` of a step, (neurons,), ``s @ reach``
    are the accumulates of every core, and ``s @ (reach > 0)`` the messages that it is sent.
    """
    node, parts, chosen = program.graph.nodes[name], program.parts, program.parts_of(name)
    assert isinstance(node, Convolution2d)
    ranges = tuple(zip(parts.out_start[chosen].tolist(), parts.out_stop[chosen].tolist(), strict=True))
    if isinstance(node, IntegerConvolution2d):
        by_part = part_reach_matrix(node, ranges)[0]
    else:
        by_part = sparse.csr_array(np.stack([fan_out(node, start, stop).ravel() for start, stop in ranges], axis=1))
    cores = parts.core[chosen]
    ones = np.ones(len(ranges), np.int64)
    onto = sparse.csr_array((ones, (np.arange(len(ranges)), cores)), shape=(len(ranges), program.cores.kind.size))
    return sparse.csr_array(by_part @ onto)
