"""How large every message is, from the spikes that a run recorded and the packet format of the chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synaptile.conversion.graph import Neurons
from synaptile.foundation.types import Int32
from synaptile.hwmodels.messages import spike_flits
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.regions import elements_per_channel
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.schedule.rates import cycles, exact_rate
from synaptile.simulator.schedule.tables import Tables


@dataclass(frozen=True)
class Loads:
    """Messages of a stream of images, shape (images * steps, messages of a step); `busy` is how long one takes a link."""

    elements: Int32
    flits: Int32
    busy: Int32


def loads_of(program: CoreProgram, tables: Tables, counts: SpikeCounts, size: tuple[int, int]) -> Loads:
    """Messages of `size` = (images, steps)."""
    flows, noc, trees, slots = program.flows, program.chip.noc, tables.trees, tables.slots
    leaving = np.flatnonzero(flows.group >= 0)
    flow_of_group = leaving[np.unique(flows.group[leaving], return_index=True)[1]]
    elements, flits = np.zeros((2, *size, slots.tree.size), np.int32)
    order = np.argsort(slots.tree, kind="stable")
    bounds = np.searchsorted(slots.tree[order], np.arange(trees.group.size + 1))
    for tree, group in enumerate(trees.group):
        mine = order[bounds[tree] : bounds[tree + 1]]
        flow = flow_of_group[group]
        source = program.graph.nodes[program.node_names[int(program.parts.node[flows.source[flow]])]]
        start, stop = int(flows.start[flow]), int(flows.stop[flow])
        if isinstance(source, Neurons):
            spikes = counts.of(source.name, start, stop)[: size[0]]
            elements[:, :, mine] = spikes[:, :, flows.token_start[flow] + slots.nth[mine]]
            neurons = (stop - start) * elements_per_channel(source)
            flits[:, :, mine] = spike_flits(noc, elements[:, :, mine], neurons, source.values)
        else:
            words = program.chip.synapse_core.accumulators if flows.input[flow] == PARTIAL_SUMS else elements_per_channel(source)
            elements[:, :, mine] = words * (stop - start)
            flits[:, :, mine] = max(1, -(-words * (stop - start) * noc.word_bits // noc.flit_bits))
    busy = cycles(flits, exact_rate(program.chip, "noc.link_flits_per_cycle", noc.link_flits_per_cycle))
    flat = (size[0] * size[1], slots.tree.size)
    return Loads(elements.reshape(flat), flits.reshape(flat), busy.astype(np.int32).reshape(flat))
