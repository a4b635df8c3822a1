"""Flits on the mesh: what each message costs in links crossed, for spikes of a run and for activations of the ANN.

A job sends one message over each multicast tree of its part that holds its token: elements of spike_header_bits + ceil(log2 of
a spike's values) bits (spikes) or word_bits (real values, partial sums), at least one flit. A flit crosses each link of the tree
once; a link between two chips costs the crossing in place of a hop. Injection and ejection cost nothing of their own;
a flit between cores of one tile does where the chip says so. Where each spike is a message, a silent token sends none.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import Neurons
from synaptile.energy.bill import NO_CORE, Tally
from synaptile.energy.prices import Price
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.regions import elements_per_channel
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.activity import Activity
from synaptile.simulator.lengths import by_length
from synaptile.simulator.schedule.loads import message_flits
from synaptile.simulator.schedule.timeline import LinkKind, Timeline

HOP, CROSSING, WITHIN_TILE = "flit hop", "chip crossing", "flit within a tile"
"""Ops of the bill: one flit over one link of the mesh, over one link between two chips, from core to core of one tile."""

ROLES = (Role.PARTIAL_SUMS, Role.SPIKES, Role.REAL_VALUES)
"""What a flow carries. In the ANN activations take the place of spikes, as real values."""


class Trees(NamedTuple):
    """Links that one flit of each multicast tree crosses, shape (groups,): `hops` all of them, `crossings` those between chips.

    `local` counts receiving cores on the sender's own tile. `flow` is one flow of each group: they share source and region.
    """

    hops: Int64
    crossings: Int64
    local: Int64
    flow: Int64


def noc_prices(chip: Chip) -> dict[str, Price]:
    """Op -> price; a chip that stands alone prices no crossing."""
    noc, crossing = chip.noc, chip.noc.chip_crossing_pj_per_flit
    within = noc.tile_pj_per_flit
    stands_alone = f"unpriced: {chip.name} gives no chip crossing"
    return {
        HOP: Price(noc.energy_pj_per_flit_hop, chip.origin("noc.energy_pj_per_flit_hop")),
        CROSSING: Price(crossing, stands_alone if crossing is None else chip.origin("noc.chip_crossing_pj_per_flit")),
        **({} if within is None else {WITHIN_TILE: Price(within, chip.origin("noc.tile_pj_per_flit"))}),
    }


def trees_of(program: CoreProgram) -> Trees:
    """Hops and crossings of every tree: of its links, or on a chip without multicast of one path a receiving core."""
    flows, routes, cores, mesh = program.flows, program.routes, program.cores, program.chip.mesh
    groups = len(routes.hops)
    leaving = np.flatnonzero(flows.group >= 0)
    flow = np.zeros(groups, np.int64)
    flow[flows.group[leaving]] = leaving
    size = len(cores.kind)
    once = np.unique(flows.group[leaving].astype(np.int64) * size + program.parts.core[flows.target[leaving]])
    group, target = once // size, once % size
    source = routes.source_core[group]
    here = (cores.x[source] == cores.x[target]) & (cores.y[source] == cores.y[target])
    local = np.bincount(group, here, groups).astype(np.int64)
    if program.chip.noc.multicast:
        width = program.board[0] * mesh.width
        ends = [(tile % width // mesh.width, tile // width // mesh.height) for tile in (routes.link_from, routes.link_to)]
        crosses = (ends[0][0] != ends[1][0]) | (ends[0][1] != ends[1][1])
        before = np.concatenate([[0], np.cumsum(crosses)])
        crossings = before[routes.offset[1:]] - before[routes.offset[:-1]]
        return Trees(routes.hops.astype(np.int64), crossings, local, flow)
    between = np.abs(cores.x[source] // mesh.width - cores.x[target] // mesh.width)
    between += np.abs(cores.y[source] // mesh.height - cores.y[target] // mesh.height)
    crossings = np.bincount(group, between, minlength=groups).astype(np.int64)
    return Trees(routes.unicast_hops.astype(np.int64), crossings, local, flow)


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
    flows, trees, counts = program.flows, trees_of(program), SpikeCounts(activity, activity.images)
    tally = Tally(program.node_names, activity.steps)
    for group, flow in enumerate(trees.flow):
        part = parts_of(program)[flows.source[flow]]
        tokens = slice(int(flows.token_start[flow]), int(flows.token_stop[flow]))
        start, stop = int(flows.start[flow]), int(flows.stop[flow])
        if flows.spiking[flow]:
            assert isinstance(part.node, Neurons)
            spikes = counts.recorded(part.node.name, start, stop, tokens)
            if spikes is None:
                return f"needs a schedule: spikes of {part.node.name!r} were not recorded for channels {start}:{stop} apart"
            bits = noc.spike_header_bits + ceil(log2(part.node.values))
            flits = message_flits(noc, spikes, bits, spiking=True).sum(axis=(0, 2))
        else:
            flits = _word_flits(program, int(flow), part.accumulators) * activity.images * np.ones(activity.steps, np.int64)
        _add(tally, program, trees, group, flits)
    return tally


def ann_flits(program: CoreProgram) -> Tally:
    """Flits of one dense pass of one image over the same trees: a word an activation, one set of partial sums."""
    trees, tally = trees_of(program), Tally(program.node_names, 1)
    for group, flow in enumerate(trees.flow):
        _add(tally, program, trees, group, np.array([_word_flits(program, int(flow), 1)]), spiking=False)
    return tally


def scheduled_flits(timeline: Timeline) -> Tally:
    """Flits of all messages, summed over the images of the stream. A re-mapped program's cores are not the run's: NO_CORE."""
    program, jobs, messages = timeline.program, timeline.jobs, timeline.messages
    tally = Tally(program.node_names, timeline.activity.steps)
    if not len(messages.job):
        return tally
    trees = trees_of(program)
    flow = trees.flow[messages.group]
    local = np.where(messages.target_core < 0, trees.local[messages.group], messages.hops == 0)
    nodes = len(program.node_names)
    part, step = jobs.part[messages.job], jobs.step[messages.job]
    core = np.full(len(part), NO_CORE) if timeline.remapped else program.parts.core[part]
    role = np.where(program.flows.input[flow] == PARTIAL_SUMS, 0, np.where(program.flows.spiking[flow] == 1, 1, 2))
    key = ((core.astype(np.int64) - NO_CORE) * nodes + program.parts.node[part]) * len(ROLES) + role
    unique, row = np.unique(key, return_inverse=True)
    counts = np.zeros((3, len(unique), tally.steps), np.int64)
    for i, links in enumerate((messages.hops, messages.crossings, local)):
        np.add.at(counts[i], (row, step), messages.flits.astype(np.int64) * links)
    for i, code in enumerate(unique.tolist()):
        core_and_node, role_index = divmod(code, len(ROLES))
        core_index, node = divmod(core_and_node, nodes)
        _add_links(tally, core_index + NO_CORE, node, ROLES[role_index], (counts[0, i], counts[1, i], counts[2, i]), program.chip)
    return tally


def link_energy(timeline: Timeline, pj: Mapping[str, float]) -> dict[str, float]:
    """Energy of every mesh link in pJ per image, name -> pJ, in the order of the schedule's links."""
    links, program = timeline.links, timeline.program
    mesh, width = program.chip.mesh, program.board[0] * program.chip.mesh.width
    found: dict[str, float] = {}
    for i in np.flatnonzero(links.kind == LinkKind.MESH):
        (x0, y0), (x1, y1) = (divmod(int(tile), width)[::-1] for tile in (links.source[i], links.target[i]))
        crosses = (x0 // mesh.width, y0 // mesh.height) != (x1 // mesh.width, y1 // mesh.height)
        price = pj[CROSSING if crosses else HOP]
        found[f"({x0},{y0})->({x1},{y1})"] = int(links.flits[i]) * price / timeline.images
    if WITHIN_TILE in pj:
        bill = scheduled_flits(timeline)
        found["within tiles"] = bill.total(WITHIN_TILE) * pj[WITHIN_TILE] / timeline.images
    return found


def _add_links(tally: Tally, core: int, node: int, role: Role, counts: tuple[Int64, Int64, Int64], chip: Chip) -> None:
    """Add flits times links, those of them that join two chips, and flits within a tile where they are priced; (steps,) each."""
    hops, crossings, local = counts
    tally.add(core, node, role, HOP, hops - crossings)
    tally.add(core, node, role, CROSSING, crossings)
    if chip.noc.tile_pj_per_flit is not None:
        tally.add(core, node, role, WITHIN_TILE, local)


def _add(tally: Tally, program: CoreProgram, trees: Trees, group: int, flits: Int64, *, spiking: bool = True) -> None:
    flow = int(trees.flow[group])
    part = parts_of(program)[program.flows.source[flow]]
    partial = program.flows.input[flow] == PARTIAL_SUMS
    role = ROLES[0 if partial else 1 if spiking and program.flows.spiking[flow] else 2]
    counts = flits * trees.hops[group], flits * trees.crossings[group], flits * trees.local[group]
    _add_links(tally, part.core, part.node_index, role, counts, program.chip)


def _word_flits(program: CoreProgram, flow: int, sets: int) -> int:
    """Flits of a flow's real values, all its tokens, one step and image."""
    flows, noc = program.flows, program.chip.noc
    node = parts_of(program)[flows.source[flow]].node
    words = int(flows.stop[flow] - flows.start[flow]) * elements_per_channel(node)
    if flows.input[flow] == PARTIAL_SUMS:
        words *= sets
    return int(flows.token_stop[flow] - flows.token_start[flow]) * max(1, -(-words * noc.word_bits // noc.flit_bits))
