"""What a run needs in memory, stated and checked before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import psutil
from numba import config

from synaptile.conversion.graph import (
    Convolution2d,
    CubaLIFNeurons,
    DifferentialNeurons,
    LeakyNeurons,
    MTNeurons,
    Neurons,
    Node,
    ProductUnit,
    ReadOut,
    SpikeAttention,
    SpikeSource,
    SpikingGraph,
    STBIFNeurons,
    Synapse,
)
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import Numeric
from synaptile.simulator.event.packed import kept_bytes
from synaptile.simulator.number_format import stream_dtype

_SPARE = 128 << 20
"""Bytes kept at most beyond what is in use: large enough for the streams of a block of a small model."""
_AMPLE = 1 << 30
"""The same where memory is ample: a stream of a large block that is let go is soon asked for again, in fresh pages."""
_KEPT = 1 << 30
"""Bytes of packed weights that a process keeps from run to run at most: those of a ViT-L in float32 nearly."""
_TRACER = 4
"""Bytes of an ST-BIF neuron's count, int32."""


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes of one run, by what they hold. `peak_node` is the node at which streams, weights and state together peak.

    `graph` is the file's arrays, mapped: pages that the system may drop and read again. `records` grow with all images of the
    run, `streams` and `state` with those in flight together. Lists of spikes that the threads make for themselves, some megabytes
    each, are not counted.
    """

    graph: int
    records: int
    streams: int
    state: int
    weights: int
    peak_node: str

    @property
    def buffers(self) -> int:
        """Bytes of streams, state and weights at the peak, and of memory kept to serve again."""
        return self._live + min(self._live, _SPARE)

    @property
    def _live(self) -> int:
        return self.streams + self.state + self.weights

    @property
    def total(self) -> int:
        """Bytes that must be there, the mapped graph included."""
        return self.graph + self.records + self.buffers

    def pool(self, free: int) -> int:
        """Bytes of memory to hold together where `free` are: more than `buffers` out of a quarter of what the run leaves."""
        more = min(self._live, _AMPLE) - min(self._live, _SPARE)
        return self.buffers + max(0, min(more, (free - self.total) // 4))

    def kept_room(self, free: int, kept: int) -> int:
        """Bytes of packed weights that a run may keep beside those kept: out of another quarter of what it leaves."""
        return max(0, min(_KEPT - kept, (free - self.total) // 4))


class Room(NamedTuple):
    """Bytes that a run may hold: of streams, state and weights together, spare ones among them; of packed weights, to stay."""

    pool: int
    kept: int


def memory_need(graph: SpikingGraph, numeric: Numeric, steps: int, images: int, at_once: int, keep_spikes: int) -> MemoryNeed:
    """Bytes that executing `images` images, `at_once` of them together, takes at its peak."""
    size = stream_dtype(graph, numeric).itemsize
    live: dict[str, int] = {}
    peak = (0, 0, 0, "")
    for stage in graph.stages:
        nodes = [graph.nodes[name] for name in stage]
        live |= {node.name: at_once * steps * _stream_bytes(node, size) for node in nodes}
        state = at_once * sum(_state_bytes(node, size) for node in nodes)
        weights = sum(_weights(node) for node in nodes) * (1 if numeric == "int8" else size)
        peak = max(peak, (sum(live.values()), state, weights, stage[-1]), key=lambda entry: sum(entry[:3]))
        for name in graph.read_last(stage[-1]):
            del live[name]
    streams, state, weights, where = peak
    mapped = sum(array.nbytes for array in graph.arrays.values())
    return MemoryNeed(mapped, _record_bytes(graph, steps, images, keep_spikes), streams, state, weights, where)


def check_memory(graph: SpikingGraph, numeric: Numeric, steps: int, images: int, at_once: int, keep_spikes: int) -> Room:
    """What a run may hold.

    Raises InputError, with what would help, where the machine has less memory free than the run needs.
    """
    need = memory_need(graph, numeric, steps, images, at_once, keep_spikes)
    free = int(psutil.virtual_memory().available)
    if need.total <= free:
        return Room(need.pool(free), need.kept_room(free, kept_bytes()))
    levers = ["fewer steps"]
    if at_once > 1:
        levers.insert(0, f"fewer images together (images_at_once below {at_once})")
    if keep_spikes:
        levers.append("keep_spikes=0")
    if images > at_once:
        levers.append(f"fewer images per run than {images:,}")
    raise InputError(
        f"executing {graph.name!r} needs {_gib(need.total)}: {_gib(need.graph)} of graph, {_gib(need.records)} of records, "
        f"and at {need.peak_node!r} {_gib(need.weights)} of packed weights, {_gib(need.state)} of state, "
        f"{_gib(need.streams)} of streams; {_gib(free)} are free: {'; or '.join(levers)}; or a machine with more memory"
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


def _stream_bytes(node: Node, size: int) -> int:
    """One image and step of a node's output."""
    return node.size * (1 if isinstance(node, Neurons) else size)  # spikes are codes of int8


def _weights(node: Node) -> int:
    match node:
        case Synapse():
            return node.fan_in * node.width
        case Convolution2d():
            return node.fan_in * node.channels
        case _:
            return 0


def _state_bytes(node: Node, size: int) -> int:
    """What a node keeps between steps, and its scratch, one image."""
    match node:
        case STBIFNeurons():
            return node.size * (size + _TRACER)
        case SpikeSource():
            return 0
        case LeakyNeurons():
            return node.size * size * (2 if isinstance(node, CubaLIFNeurons) else 1)
        case MTNeurons() | DifferentialNeurons():
            return 0  # a row's membranes live as long as the row
        case Neurons():
            return node.size * size
        case Convolution2d():
            return node.size * size
        case SpikeAttention():
            threads = int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # as below
            return min(node.heads, threads) * node.columns * node.columns * 8 + node.size * 8
        case ProductUnit():
            threads = int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # set when numba is imported
            return min(node.heads, threads) * 3 * node.tokens * node.keys * size  # a head's sums stay with its thread
        case ReadOut():
            return node.size * size
        case _:
            return 0


def _record_bytes(graph: SpikingGraph, steps: int, images: int, keep_spikes: int) -> int:
    """Spike counts (some eight channel groups per token), masks, accountings and logits."""
    groups = 8
    counts = sum(images * site.tokens * (site.shape[0] if site.is_map else groups) * 4 for site in graph.sites)
    masks = sum(min(keep_spikes, images) * int(np.prod(site.shape[:-1])) * -(-site.shape[-1] // 8) for site in graph.sites)
    accountings = 2 * 8 * images * len(graph.ann_macs)
    return steps * (counts + masks + accountings + images * graph.readout.width * 8)
