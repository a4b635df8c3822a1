"""How large every message is, from the spikes that a run recorded and the packet format of the chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import Neurons
from synaptile.foundation.derived import shared
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels.alike import CLOCK, LINKS, RATES, figures_but
from synaptile.hwmodels.messages import spike_flits
from synaptile.hwmodels.sections import NoC
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.regions import elements_per_channel
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.activity import Activity
from synaptile.simulator.schedule.rates import cycles, exact_rate
from synaptile.simulator.schedule.tables import Tables, tables_of
from synaptile.simulator.schedule.work import HELD_JOBS

_Kind = tuple[int, int | None]
"""Neurons that a message's spikes may come from and the values of a spike; or words, and None."""


@dataclass(frozen=True)
class Loads:
    """Messages of a stream of images, shape (images * steps, messages of a step); `busy` is how long one takes a link."""

    elements: Int32
    flits: Int32
    busy: Int32


class _Contents(NamedTuple):
    """What messages hold, whatever links are like. `elements` as in `Loads`.

    `kinds` lists kinds of message with the most spikes that one of them has. A table of sizes has a row for each number of spikes
    of each kind, from 0 to that most; `row`, shaped as `elements`, is that of each message.
    """

    elements: Int32
    row: Int32
    kinds: Mapping[_Kind, int]


def loads_of(program: CoreProgram, tables: Tables, counts: SpikeCounts, size: tuple[int, int]) -> Loads:
    """Messages of `size` = (images, steps)."""
    noc, run = program.chip.noc, counts.activity
    small = size[0] * size[1] * tables.jobs.size <= HELD_JOBS
    held = _held_contents(run, size) if program is run.program and small else _contents(program, counts, size)
    flits = np.concatenate([np.zeros(0, np.int64), *(_sizes(noc, kind, most) for kind, most in held.kinds.items())])
    busy = cycles(flits, exact_rate(program.chip, "noc.link_flits_per_cycle", noc.link_flits_per_cycle))
    return Loads(held.elements, *(table.astype(np.int32)[held.row] for table in (flits, busy)))


def _sizes(noc: NoC, kind: _Kind, most: int) -> Int64:
    """Flits of messages of a kind, with 0 to `most` spikes."""
    many, values = kind
    if values is None:
        return np.array([max(1, -(-many * noc.word_bits // noc.flit_bits))], np.int64)
    return spike_flits(noc, np.arange(most + 1), many, values)


@shared(lambda activity, size: (size, figures_but(activity.program.chip, *CLOCK, *RATES, *LINKS)))
def _held_contents(activity: Activity, size: tuple[int, int]) -> _Contents:
    return _contents(activity.program, SpikeCounts(activity, size[0]), size)


def _contents(program: CoreProgram, counts: SpikeCounts, size: tuple[int, int]) -> _Contents:
    flows, tables = program.flows, tables_of(program)
    trees, slots = tables.trees, tables.slots
    leaving = np.flatnonzero(flows.group >= 0)
    flow_of_group = leaving[np.unique(flows.group[leaving], return_index=True)[1]]
    elements = np.zeros((*size, slots.tree.size), np.int32)
    order = np.argsort(slots.tree, kind="stable")
    bounds = np.searchsorted(slots.tree[order], np.arange(trees.group.size + 1))
    kinds, of_tree = dict[_Kind, int](), list[_Kind]()
    for tree, group in enumerate(trees.group):
        mine = order[bounds[tree] : bounds[tree + 1]]
        flow = flow_of_group[group]
        source = program.graph.nodes[program.node_names[int(program.parts.node[flows.source[flow]])]]
        start, stop = int(flows.start[flow]), int(flows.stop[flow])
        kind: _Kind
        if isinstance(source, Neurons):
            spikes = counts.of(source.name, start, stop)[: size[0]]
            elements[:, :, mine] = spikes[:, :, flows.token_start[flow] + slots.nth[mine]]
            kind = ((stop - start) * elements_per_channel(source), source.values)
        else:
            words = program.chip.synapse_core.accumulators if flows.input[flow] == PARTIAL_SUMS else elements_per_channel(source)
            elements[:, :, mine] = words * (stop - start)
            kind = (words * (stop - start), None)
        of_tree.append(kind)
        kinds[kind] = max(kinds.get(kind, 0), 0 if kind[1] is None else int(elements[:, :, mine].max(initial=0)))
    first = dict(zip(kinds, np.cumsum([0, *(most + 1 for most in kinds.values())]).tolist(), strict=False))
    rows = np.array([first[kind] for kind in of_tree], np.int32)[slots.tree]
    spiking = np.array([kind[1] is not None for kind in of_tree], np.bool_)[slots.tree]
    flat = (size[0] * size[1], slots.tree.size)
    elements = elements.reshape(flat)
    return _Contents(elements, rows + elements * spiking, kinds)
