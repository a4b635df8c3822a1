"""check_axons_out: no core sends to more places than its table of output axons has."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import Convolution2d, Neurons, Synapse
from synaptile.foundation.types import Int64
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.reach import core_reach
from synaptile.mapper.refusal import DoesNotFit, Shortfall


def axons_out(program: CoreProgram) -> Int64:
    """Entries of each core, (cores,): one per neuron and core that its spikes reach."""
    parts, graph = program.parts, program.graph
    entries = np.zeros(program.cores.kind.size, np.int64)
    for site in graph.of_type(Neurons):
        mine = program.parts_of(site.name)
        reached = np.zeros((site.width, entries.size), bool)
        for name in graph.consumers(site.name):
            node, chosen = graph.nodes[name], program.parts_of(name)
            if isinstance(node, Convolution2d) and chosen.size:
                reached |= core_reach(program, name).toarray() > 0
            elif isinstance(node, Synapse):
                for part in chosen.tolist():
                    reached[parts.in_start[part] : parts.in_stop[part], parts.core[part]] = True
        targets = reached.sum(axis=1)
        for part in mine.tolist():
            entries[parts.core[part]] += targets[parts.out_start[part] : parts.out_stop[part]].sum()
    return entries


def check_axons_out(program: CoreProgram) -> None:
    """Raise DoesNotFit where a core's table is too small; nothing where the chip states no limit."""
    limit = program.chip.synapse_core.max_axons_out
    if limit is None:
        return
    entries = axons_out(program)
    core = int(entries.argmax()) if entries.size else 0
    if not entries.size or entries[core] <= limit:
        return
    inside = program.parts.node[program.parts.core == core]
    names = ", ".join(repr(program.node_names[at]) for at in dict.fromkeys(inside.tolist()))
    levers = (
        f"raise synapse_core.max_axons_out to {int(entries[core]):,}",
        "put the layers behind it on fewer cores, or its neurons on more (a partition)",
    )
    shortfall = Shortfall(
        "synapse_core.max_axons_out", int(entries[core]), limit, "axons out", f"core {core} with {names}", levers
    )
    raise DoesNotFit(program.graph.name, program.chip.name, (shortfall,))
