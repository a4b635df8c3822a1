"""Flits on the mesh: what each message costs in links crossed, for spikes of a run and for activations of the ANN.

A job sends one message over each multicast tree of its part that holds its token: elements of spike_header_bits + ceil(log2 of
a spike's values) bits (spikes) or word_bits (real values, partial sums), at least one flit. A flit crosses each link of the tree
once; a link between two chips costs the crossing in place of a hop. Injection and ejection cost nothing of their own.
"""

from __future__ import annotations

from math import ceil, log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons
from synaptile.energy.prices import Price
from synaptile.energy.spike_counts import spikes_per_token
from synaptile.energy.tally import Tally
from synaptile.hwmodels import Chip
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.regions import elements_per_channel
from synaptile.simulator.activity import Activity
from synaptile.simulator.lengths import by_length

Int64 = NDArray[np.int64]

HOP, CROSSING = "flit hop", "chip crossing"
"""Ops of the bill: one flit over one link of the mesh, and over one link between two chips."""

ROLES = ("partial sums", "spikes", "real values")
"""What a flow carries. In the ANN activations take the place of spikes, as real values."""


class Trees(NamedTuple):
    """Links that one flit of each multicast tree crosses, shape (groups,): `hops` all of them, `crossings` those between chips.

    `flow` is one flow of each group: they share source and region.
    """

    hops: Int64
    crossings: Int64
    flow: Int64


def noc_prices(chip: Chip) -> dict[str, Price]:
    """Op -> price; a chip that stands alone prices no crossing."""
    noc, sources = chip.noc, chip.sources
    crossing = noc.chip_crossing_pj_per_flit
    return {
        HOP: Price(noc.energy_pj_per_flit_hop, sources.get("noc.energy_pj_per_flit_hop", "no origin given")),
        CROSSING: Price(crossing, sources.get("noc.chip_crossing_pj_per_flit", f"unpriced: {chip.name} gives no chip crossing")),
    }


def trees_of(program: CoreProgram) -> Trees:
    """Hops and crossings of every tree: of its links, or on a chip without multicast of one path a receiving core."""
    flows, routes, cores, mesh = program.flows, program.routes, program.cores, program.chip.mesh
    groups = len(routes.hops)
    leaving = np.flatnonzero(flows.group >= 0)
    flow = np.zeros(groups, np.int64)
    flow[flows.group[leaving]] = leaving
    if program.chip.noc.multicast:
        width = program.board[0] * mesh.width
        ends = [(tile % width // mesh.width, tile // width // mesh.height) for tile in (routes.link_from, routes.link_to)]
        crosses = (ends[0][0] != ends[1][0]) | (ends[0][1] != ends[1][1])
        before = np.concatenate([[0], np.cumsum(crosses)])
        return Trees(routes.hops.astype(np.int64), before[routes.offset[1:]] - before[routes.offset[:-1]], flow)
    size = len(cores.kind)
    once = np.unique(flows.group[leaving].astype(np.int64) * size + program.parts.core[flows.target[leaving]])
    group, target = once // size, once % size
    source = routes.source_core[group]
    between = np.abs(cores.x[source] // mesh.width - cores.x[target] // mesh.width)
    between += np.abs(cores.y[source] // mesh.height - cores.y[target] // mesh.height)
    crossings = np.bincount(group, between, minlength=groups).astype(np.int64)
    return Trees(routes.unicast_hops.astype(np.int64), crossings, flow)


def snn_flits(activity: Activity) -> Tally | str:
    """Flits of a run without its schedule, summed over images; or why they cannot be known exactly."""
    total = Tally(activity.program.node_names, activity.steps)
    for run in by_length(activity):
        found = _flits_of_run(run)
        if isinstance(found, str):
            return found
        total.extend(found)
    return total


def _flits_of_run(activity: Activity) -> Tally | str:
    program, noc = activity.program, activity.program.chip.noc
    flows, trees = program.flows, trees_of(program)
    tally = Tally(program.node_names, activity.steps)
    for group, flow in enumerate(trees.flow):
        part = int(flows.source[flow])
        node = program.graph.nodes[program.node_names[int(program.parts.node[part])]]
        tokens = slice(int(flows.token_start[flow]), int(flows.token_stop[flow]))
        start, stop = int(flows.start[flow]), int(flows.stop[flow])
        if flows.spiking[flow]:
            assert isinstance(node, Neurons)
            spikes = spikes_per_token(activity.spikes[node.name], tokens, start, stop)
            if spikes is None:
                return f"needs a schedule: spikes of {node.name!r} were not recorded for channels {start}:{stop} apart"
            bits = noc.spike_header_bits + ceil(log2(node.values))
            flits = np.maximum(1, -(-spikes * bits // noc.flit_bits)).sum(axis=(1, 2))
        else:
            sets = 2 if program.chip.synapse_core.graded_spikes == "shift" else 1
            flits = _word_flits(program, int(flow), sets) * activity.images * np.ones(activity.steps, np.int64)
        _add(tally, program, trees, group, flits)
    return tally


def ann_flits(program: CoreProgram) -> Tally:
    """Flits of one dense pass of one image over the same trees: a word an activation, one set of partial sums."""
    trees, tally = trees_of(program), Tally(program.node_names, 1)
    for group, flow in enumerate(trees.flow):
        _add(tally, program, trees, group, np.array([_word_flits(program, int(flow), 1)]), spiking=False)
    return tally


def add_flits(tally: Tally, core: int, node: int, role: str, hops: Int64, crossings: Int64) -> None:
    """Add flits times links: `hops` counts all links, `crossings` those of them that join two chips. Shape (steps,) each."""
    tally.add(core, node, role, HOP, hops - crossings)
    tally.add(core, node, role, CROSSING, crossings)


def _add(tally: Tally, program: CoreProgram, trees: Trees, group: int, flits: Int64, *, spiking: bool = True) -> None:
    flow = int(trees.flow[group])
    part = program.flows.source[flow]
    core, node = int(program.parts.core[part]), int(program.parts.node[part])
    partial = program.flows.input[flow] == PARTIAL_SUMS
    role = ROLES[0 if partial else 1 if spiking and program.flows.spiking[flow] else 2]
    add_flits(tally, core, node, role, flits * trees.hops[group], flits * trees.crossings[group])


def _word_flits(program: CoreProgram, flow: int, sets: int) -> int:
    """Flits of a flow's real values, all its tokens, one step and image."""
    flows, noc = program.flows, program.chip.noc
    node = program.graph.nodes[program.node_names[int(program.parts.node[flows.source[flow]])]]
    words = int(flows.stop[flow] - flows.start[flow]) * elements_per_channel(node)
    if flows.input[flow] == PARTIAL_SUMS:
        words *= sets
    return int(flows.token_stop[flow] - flows.token_start[flow]) * max(1, -(-words * noc.word_bits // noc.flit_bits))
