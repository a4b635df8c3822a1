"""Weights as kernels read them, packed once: kept as long as the array that they were made of lives, while there is room.

They are kept per array of weights, not per graph or program: programs of one network on many chips, the graphs of a text encoder
at every length and those that differ in thresholds alone share what they share. Arrays of a graph are never written to.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, SpikingGraph, Synapse
from synaptile.simulator.arithmetic import Arithmetic
from synaptile.simulator.dense.rounding import rounded
from synaptile.simulator.event.buffers import Buffers
from synaptile.simulator.kernels.synapse import pack, packed_size
from synaptile.simulator.number_format import quantise, real_dtype


class PackedWeight(NamedTuple):
    """`weights` of one synapse, flat as `kernels.synapse.pack` lays them; `scale` (channels,) of whole ones, before thresholds.

    Where sums may leave their accumulators (`narrow`), `weights` are levels input by input, (fan_in, channels).
    """

    weights: NDArray[Any]
    scale: NDArray[np.float32] | None = None
    narrow: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.weights.nbytes + (0 if self.scale is None else self.scale.nbytes)


_kept: dict[int, dict[Hashable, PackedWeight]] = {}
"""By the identity of the array that they were made of."""


def kept_bytes() -> int:
    """Bytes of packed weights that this process keeps."""
    return sum(packed.nbytes for held in list(_kept.values()) for packed in list(held.values()))


def packed_weight(graph: SpikingGraph, node: Synapse, arithmetic: Arithmetic, buffers: Buffers) -> PackedWeight:
    """The weights of a synapse: those kept from an earlier batch or run, else packed now, and kept where `buffers` has room.

    Raises InputError as `quantise` does.
    """
    array, site = graph.array(node.name, "weight"), graph.nodes[node.inputs[0].node]
    shifts = site.n if isinstance(site, Neurons) else 0
    key = (arithmetic.numeric, arithmetic.weights, arithmetic.accumulators, shifts)
    held = _kept.get(id(array), {})
    if key in held:
        return held[key]
    size = packed_size(*array.shape) * real_dtype(arithmetic.numeric).itemsize
    if size > buffers.kept_room:
        return _pack(graph, node, arithmetic, buffers.empty)
    packed = _pack(graph, node, arithmetic, np.empty)
    buffers.kept_room -= packed.nbytes
    if id(array) not in _kept:
        weakref.finalize(array, _kept.pop, id(array), None)
    _kept.setdefault(id(array), {})[key] = packed
    return packed


def _pack(graph: SpikingGraph, node: Synapse, arithmetic: Arithmetic, empty: Any) -> PackedWeight:
    if not arithmetic.integer:
        weight = graph.array(node.name, "weight").astype(real_dtype(arithmetic.numeric), copy=False)
        return PackedWeight(pack(rounded(weight, arithmetic.weights), empty))
    quantised = quantise(graph, node, arithmetic)
    if quantised.worst <= arithmetic.limits[1] and quantised.levels.dtype == np.int8:
        return PackedWeight(pack(quantised.levels, empty), quantised.scale)
    return PackedWeight(np.ascontiguousarray(quantised.levels.T), quantised.scale, narrow=True)
