"""Flits on the mesh: what each message costs in links crossed, for spikes of a run and for activations of the ANN.

A job sends one message over each multicast tree of its part that holds its token: elements of spike_header_bits + ceil(log2 of
a spike's values) bits (spikes) or word_bits (real values, partial sums), at least one flit. A flit crosses each link of the tree
once; a link between two chips costs the crossing in place of a hop. Injection, ejection and delivery within a tile are
billed where the chip prices them. Where each spike is a message, a silent token sends none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import Neurons
from synaptile.energy.bill import NO_CORE
from synaptile.energy.prices import Price
from synaptile.energy.tally import Tally
from synaptile.foundation.derived import derived, shared
from synaptile.foundation.sums import distinct, sum_by
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.hwmodels.alike import CLOCK, LINKS, RATES, figures_but
from synaptile.hwmodels.messages import spike_flits
from synaptile.mapper.board import tile_of_cores
from synaptile.mapper.flows import PARTIAL_SUMS
from synaptile.mapper.program import CoreProgram, FlowTable
from synaptile.mapper.regions import elements_per_channel
from synaptile.mapper.topology import Topology, crossing, directions, distances, router_name, topology_of, trees
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.activity import Activity
from synaptile.simulator.lengths import by_length
from synaptile.simulator.schedule.replay import trees_taken
from synaptile.simulator.schedule.tables import tables_of
from synaptile.simulator.schedule.timeline import LinkKind, Timeline

HOP, CROSSING = "flit hop", "chip crossing"
"""Ops of the bill: one flit over one link between routers of a chip, and over one link between two chips."""

BY_DIRECTION = {f"{HOP} {name}": f"{name}_pj" for name in ("east", "west", "north", "south")}
"""Ops in place of a hop, where the chip prices links by direction (`mapper.topology.directions`) -> figure of its `noc.hops`."""

INJECTION, EJECTION, WITHIN_TILE = "flit injection", "flit ejection", "flit within a tile"
"""Ops of the bill, where the chip prices them: one flit from a core to its router, from a router to a core, and on top of both
for each core of the sender's own tile."""

ROLES = (Role.PARTIAL_SUMS, Role.SPIKES, Role.REAL_VALUES)
"""What a flow carries. In the ANN activations take the place of spikes, as real values."""


class Trees(NamedTuple):
    """What one flit of each multicast tree crosses, shape (groups,): `hops` all links, `crossings` those between chips.

    It is injected `copies` times, ejected at `leaves` cores, `near` of them on the sender's tile. `flow` is one flow of each
    group: they share source and region. `toward` (4, groups) are the hops by direction, None where the chip prices none.
    """

    hops: Int64
    crossings: Int64
    flow: Int64
    copies: Int64
    leaves: Int64
    near: Int64
    toward: Int64 | None

    def passed(self, chip: Chip) -> dict[str, Int64]:
        """What one flit of each tree counts as, op by op, shape (groups,)."""
        counted = {HOP: self.hops - self.crossings, CROSSING: self.crossings}
        counted |= {INJECTION: self.copies, EJECTION: self.leaves, WITHIN_TILE: self.near}
        if self.toward is not None:
            counted |= dict(zip(BY_DIRECTION, self.toward, strict=True))
        return {op: counted[op] for op in priced_ops(chip)}


_AT_CORES = {
    INJECTION: "injection_pj_per_flit",
    EJECTION: "ejection_pj_per_flit",
    WITHIN_TILE: "tile_pj_per_flit",
}
"""Figures of the chip that price what happens between a core and its router."""


def priced_ops(chip: Chip) -> tuple[str, ...]:
    """Ops of the network that a chip's bills have."""
    hops = (HOP,) if chip.noc.hops is None else tuple(BY_DIRECTION)
    return *hops, CROSSING, *(op for op, figure in _AT_CORES.items() if getattr(chip.noc, figure) is not None)


def unpriced_at_cores(chip: Chip) -> list[str]:
    """What happens between a core and its router without a price."""
    return [op.removeprefix("flit ") for op, figure in _AT_CORES.items() if getattr(chip.noc, figure) is None]


def noc_prices(chip: Chip) -> dict[str, Price]:
    """Op -> price; a chip that stands alone prices no crossing."""
    at_cores = {
        op: Price(getattr(chip.noc, figure), chip.origin(f"noc.{figure}"))
        for op, figure in _AT_CORES.items()
        if op in priced_ops(chip)
    }
    noc, crossing = chip.noc, chip.noc.chip_crossing_pj_per_flit
    stands_alone = f"unpriced: {chip.name} gives no chip crossing"
    hops = {HOP: Price(noc.energy_pj_per_flit_hop, chip.origin("noc.energy_pj_per_flit_hop"))}
    if noc.hops is not None:
        hops = {op: Price(getattr(noc.hops, key), chip.origin(f"noc.hops.{key}")) for op, key in BY_DIRECTION.items()}
    return {
        **hops,
        CROSSING: Price(crossing, stands_alone if crossing is None else chip.origin("noc.chip_crossing_pj_per_flit")),
        **at_cores,
    }


@shared(lambda program: (figures_but(program.chip, *CLOCK, *RATES, *LINKS), program.chip.noc.hops is None))
def trees_of(program: CoreProgram) -> Trees:
    """Hops and crossings of every tree: of its links, or on a chip without multicast of one path a receiving core."""
    flows, routes, size = program.flows, program.routes, len(program.cores.kind)
    groups, topology, tile = len(routes.hops), topology_of(program.chip, program.board), tile_of_cores(program).astype(np.int64)
    leaving = np.flatnonzero(flows.group >= 0)
    flow = np.zeros(groups, np.int64)
    flow[flows.group[leaving]] = leaving
    once = distinct(flows.group[leaving].astype(np.int64) * size + program.parts.core[flows.target[leaving]])
    group, target = once // size, once % size
    source = tile[routes.source_core[group]]
    leaves = np.bincount(group, minlength=groups).astype(np.int64)
    near = np.bincount(group, source == tile[target], minlength=groups).astype(np.int64)
    if program.chip.noc.multicast:
        ends, offset = (routes.link_from, routes.link_to), routes.offset
        owner = np.repeat(np.arange(groups), np.diff(offset))
        hops, copies = routes.hops, np.ones(groups, np.int64)
    else:
        links = np.empty((2, int(routes.unicast_hops.sum())), np.int32)
        offset = trees(topology, source, np.arange(group.size + 1), tile[target], links)
        ends, owner = (links[0], links[1]), np.repeat(group, np.diff(offset))
        hops, copies = routes.unicast_hops, leaves
    crosses = np.bincount(owner, crossing(topology, *ends), minlength=groups).astype(np.int64)
    toward = None if program.chip.noc.hops is None else _toward(topology, *ends, owner, groups)
    return Trees(hops.astype(np.int64), crosses, flow, copies, leaves, near, toward)


def _toward(topology: Topology, here: Int32, there: Int32, owner: Int64, owners: int) -> Int64:
    """Hops by direction, shape (4, owners), from links and whose each is; crossings of chips apart."""
    found = np.zeros((len(BY_DIRECTION), owners), np.int64)
    np.add.at(found, (directions(topology, here, there), owner), ~crossing(topology, here, there))
    return found


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
    program, laid, counts = activity.program, trees_of(activity.program), SpikeCounts(activity, activity.images)
    of_groups = (_word_flits(program, laid.flow) * activity.images)[:, None].repeat(activity.steps, axis=1)
    flows = FlowTable(*(column[laid.flow].astype(np.int64) for column in vars(program.flows).values()))
    spiking = np.flatnonzero(flows.spiking)
    regions = np.stack([program.parts.node[flows.source], flows.start, flows.stop])[:, spiking]
    each, which = np.unique(regions, axis=1, return_inverse=True)
    order = np.argsort(which, kind="stable")
    first = np.searchsorted(which[order], np.arange(each.shape[1] + 1))
    for number, (node, start, stop) in enumerate(each.T.tolist()):
        mine = spiking[order[first[number] : first[number + 1]]]
        site = program.graph.nodes[program.node_names[node]]
        assert isinstance(site, Neurons)
        spikes = counts.recorded(site.name, start, stop)
        if spikes is None:
            return f"needs a schedule: spikes of {site.name!r} were not recorded for channels {start}:{stop} apart"
        flits = spike_flits(program.chip.noc, spikes, (stop - start) * elements_per_channel(site), site.values).sum(axis=0)
        below = np.pad(flits.cumsum(axis=1), ((0, 0), (1, 0)))
        of_groups[mine] = (below[:, flows.token_stop[mine]] - below[:, flows.token_start[mine]]).T
    return _tallied(program, laid.flow, laid.passed(program.chip), of_groups, program.parts.core)


@shared(lambda program: (figures_but(program.chip, *CLOCK, *RATES), priced_ops(program.chip)))
def ann_flits(program: CoreProgram) -> Tally:
    """Flits of one dense pass of one image over the same trees: a word an activation, one set of partial sums."""
    laid = trees_of(program)
    flits = _word_flits(program, laid.flow, dense=True)[:, None]
    return _tallied(program, laid.flow, laid.passed(program.chip), flits, program.parts.core, spiking=False)


def scheduled_flits(timeline: Timeline) -> Tally:
    """Flits of all messages, summed over the images of the stream. A re-mapped program's cores are not the run's: NO_CORE."""
    program, over = timeline.program, tables_of(timeline.program).trees
    if not len(timeline.messages.job):
        return Tally(program.node_names, timeline.activity.steps)
    flow, cores = trees_of(program).flow[over.group], program.parts.core
    if timeline.remapped:
        cores = np.full_like(cores, NO_CORE)
    return _tallied(program, flow, crossed_by_trees(program), flits_by_tree(timeline), cores)


@derived
def flits_by_tree(timeline: Timeline) -> Int64:
    """Flits of all messages over each tree of the schedule, by step, shape (trees, steps)."""
    messages, over = timeline.messages, tables_of(timeline.program).trees
    places = trees_taken(timeline), timeline.jobs.step[messages.job]
    return sum_by(places, messages.flits, (over.group.size, timeline.activity.steps))


def link_energy(timeline: Timeline, pj: Mapping[str, float]) -> dict[str, float]:
    """Energy of every mesh link in pJ per image, name -> pJ, in the order of the schedule's links."""
    links, program = timeline.links, timeline.program
    topology = topology_of(program.chip, program.board)
    found: dict[str, float] = {}
    for i in np.flatnonzero(links.kind == LinkKind.MESH):
        source, target = int(links.source[i]), int(links.target[i])
        hop = HOP if HOP in pj else list(BY_DIRECTION)[int(directions(topology, links.source[i], links.target[i]))]
        price = pj[CROSSING if topology.chip[source] != topology.chip[target] else hop]
        ends = (router_name(topology, end).removeprefix("tile ").replace(" ", "") for end in (source, target))
        found["->".join(ends)] = int(links.flits[i]) * price / timeline.images
    if at_cores := [op for op in _AT_CORES if op in pj]:
        crossed = flits_crossed(timeline)
        found["within tiles"] = sum(crossed[op] * pj[op] for op in at_cores) / timeline.images
    return found


def flits_crossed(timeline: Timeline) -> dict[str, int]:
    """What the flits of all messages count as together, op by op."""
    flits = flits_by_tree(timeline).sum(axis=1)
    return {op: int((flits * passed).sum()) for op, passed in crossed_by_trees(timeline.program).items()}


@shared(lambda program: (figures_but(program.chip, *CLOCK, *RATES, *LINKS), priced_ops(program.chip)))
def crossed_by_trees(program: CoreProgram) -> dict[str, Int64]:
    """What each flit over every tree of the schedule counts as, op by op, shape (trees,): without multicast one tree per core."""
    over, laid, tile = tables_of(program).trees, trees_of(program), tile_of_cores(program).astype(np.int64)
    alone = over.target_core >= 0
    source = tile[program.routes.source_core[over.group]]
    passed = {
        HOP: over.hops.astype(np.int64) - over.crossings,
        CROSSING: over.crossings.astype(np.int64),
        INJECTION: np.ones(alone.size, np.int64),
        EJECTION: np.where(alone, 1, laid.leaves[over.group]),
        WITHIN_TILE: np.where(alone, source == tile[over.target_core], laid.near[over.group]),
    }
    if laid.toward is not None:
        toward = laid.toward[:, over.group]
        toward[:, alone] = _toward_of_paths(program, source[alone], tile[over.target_core[alone]])
        passed |= dict(zip(BY_DIRECTION, toward, strict=True))
    return {op: passed[op] for op in priced_ops(program.chip)}


def _toward_of_paths(program: CoreProgram, source: Int64, target: Int64) -> Int64:
    """Hops by direction of the paths between pairs of tiles, shape (4, pairs)."""
    topology = topology_of(program.chip, program.board)
    links = np.empty((2, int(distances(topology, source, target).sum())), np.int32)
    offset = trees(topology, source, np.arange(source.size + 1), target, links)
    return _toward(topology, links[0], links[1], np.repeat(np.arange(source.size), np.diff(offset)), source.size)


def _tallied(
    program: CoreProgram, flow: Int64, passed: Mapping[str, Int64], flits: Int64, cores: Int32, *, spiking: bool = True
) -> Tally:
    """Flits over each tree, (trees, steps), by sender, role and op. `flow`, `passed`: of each tree; `cores`: of each part."""
    flows, source = program.flows, program.flows.source[flow]
    spikes = (flows.spiking[flow] == 1) & spiking
    role = np.where(flows.input[flow] == PARTIAL_SUMS, 0, np.where(spikes, 1, 2))
    tally = Tally(program.node_names, flits.shape[1])
    for number, name in enumerate(ROLES):
        mine = np.flatnonzero(role == number)
        core, node = cores[source[mine]], program.parts.node[source[mine]]
        for op, times in passed.items():
            tally.add_rows(core, node, name, op, flits[mine] * times[mine, None])
    return tally


def _word_flits(program: CoreProgram, flow: Int64, *, dense: bool = False) -> Int64:
    """Flits of real values of flows, all their tokens, one step and image, shape (flows,); `dense`: one set of partial sums."""
    flows, noc, source = program.flows, program.chip.noc, program.flows.source[flow]
    per_channel = np.array([elements_per_channel(program.graph.nodes[name]) for name in program.node_names], np.int64)
    words = (flows.stop[flow] - flows.start[flow]) * per_channel[program.parts.node[source]]
    if not dense:
        sets = np.array([part.accumulators for part in parts_of(program)], np.int64)
        words = np.where(flows.input[flow] == PARTIAL_SUMS, words * sets[source], words)
    flits: Int64 = np.maximum(1, -(-words * noc.word_bits // noc.flit_bits))
    return flits * (flows.token_stop[flow] - flows.token_start[flow])
