"""What phases hand on through a memory: which outputs are stored, when they are read again, and how many bits that takes.

Spikes are stored as bitmaps: a bit per neuron and step, and for each spike its sign and magnitude. Real values take a word each.
"""

from __future__ import annotations

from math import ceil, log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons
from synaptile.mapper.program import STORED, CoreProgram, Int64
from synaptile.mapper.regions import elements_per_channel
from synaptile.simulator.schedule.spike_counts import SpikeCounts


class Stored(NamedTuple):
    """Outputs of parts that outlive their phase: each is written once, and read once by each later phase that needs any of it.

    `part` (outputs,) makes it in phase `written` (outputs,); `read` (outputs, phases) says which phases read it.
    """

    part: Int64
    written: Int64
    read: NDArray[np.bool_]


def stored_outputs(program: CoreProgram) -> Stored:
    """Every part that sends to a later phase."""
    flows, parts, phase = program.flows, program.parts, program.cores.phase
    rows = np.flatnonzero(flows.group == STORED)
    part, number = np.unique(flows.source[rows], return_inverse=True)
    read = np.zeros((part.size, program.phases), np.bool_)
    read[number, phase[parts.core[flows.target[rows]]]] = True
    return Stored(part.astype(np.int64), phase[parts.core[part]].astype(np.int64), read)


def stored_bits(program: CoreProgram, stored: Stored, counts: SpikeCounts) -> Int64:
    """Bits of each output over all steps of an image, shape (images, outputs)."""
    parts, steps = program.parts, counts.activity.steps
    bits = np.zeros((counts.images, stored.part.size), np.int64)
    for at, part in enumerate(stored.part.tolist()):
        node = program.graph.nodes[program.node_names[int(parts.node[part])]]
        start, stop, tokens = (
            int(parts.out_start[part]),
            int(parts.out_stop[part]),
            slice(parts.token_start[part], parts.token_stop[part]),
        )
        elements = (tokens.stop - tokens.start) * (stop - start) * elements_per_channel(node)
        if isinstance(node, Neurons):
            spikes = counts.of(node.name, start, stop)[:, :, tokens].sum(axis=(1, 2))
            bits[:, at] = steps * elements + spikes * ceil(log2(node.values))
        else:
            bits[:, at] = steps * elements * program.chip.noc.word_bits
    return bits


def most_stored_bits(stored: Stored, bits: Int64) -> int:
    """Bits that lie stored at once for one image, at most: from the phase that writes an output to the last that reads it."""
    phases = stored.read.shape[1]
    last = phases - 1 - np.argmax(stored.read[:, ::-1], axis=1)
    live = [(stored.written <= phase) & (phase <= last) for phase in range(phases)]
    return max((int(bits[:, alive].sum(axis=1).max(initial=0)) for alive in live), default=0)
