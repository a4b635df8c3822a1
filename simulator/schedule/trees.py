"""Static tables of the network: links with their latencies, the trees that messages take, and who sends over which."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from synaptile.foundation.errors import ChipError
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.board import tile_of_cores
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.topology import Topology, crossing, topology_of
from synaptile.simulator.schedule.plan import StepJobs
from synaptile.simulator.schedule.timeline import LinkKind

CORE_LINK_CYCLES = 1
"""Cycles that a head takes between a core and its router."""

MULTICAST = -1
"""`Trees.target_core` of a tree with several receivers."""


class Links(NamedTuple):
    """Every link that a message may take: between routers ("mesh"), then one injection link per core, one ejection link per core.

    Columns have shape (links,); `source` and `target` are those of a `LinkTable`, `latency` is in cycles, `crossing` is 1 where
    two chips are joined. `mesh` counts the mesh links, `cores` the cores.
    """

    kind: np.ndarray
    source: Int32
    target: Int32
    latency: Int64
    crossing: Int32
    mesh: int
    cores: int
    flits_per_cycle: float


class Trees(NamedTuple):
    """The trees of messages: one per flow group, or on a chip without multicast one per group and receiving core.

    Tree i takes links ``link[offset[i]:offset[i + 1]]``, parents before children; `parent` is the place in that range of the
    link before, -1 at the source's router. It ends in leaves ``leaf_offset[i]:leaf_offset[i + 1]``, each an ejection link
    (`leaf_link`) behind `leaf_parent`, with the flows ``flow[leaf_flow_offset[leaf]:leaf_flow_offset[leaf + 1]]``.
    """

    group: Int32
    target_core: Int32
    offset: Int64
    link: Int32
    parent: Int32
    leaf_offset: Int64
    leaf_link: Int32
    leaf_parent: Int32
    leaf_flow_offset: Int64
    flow: Int32
    hops: Int32
    crossings: Int32


class Slots(NamedTuple):
    """The messages of one step, tree by tree, token by token. Columns have shape (messages,).

    `nth` numbers the token within the region of its tree's group, `row` is the job that sends it. Those of tree i begin at
    ``first[i]``. `by_job` (messages,) lists messages in order of (row, tree).
    """

    tree: Int32
    nth: Int32
    row: Int32
    first: Int64
    by_job: Int64


def build_network(program: CoreProgram) -> tuple[Links, Trees]:
    """Number the links in use and lay every message's tree over them. Raises ChipError as `tables_of` does."""
    routes, parts, flows, tile_of = program.routes, program.parts, program.flows, tile_of_cores(program)
    topology = topology_of(program.chip, program.board)
    code = routes.link_from.astype(np.int64) * topology.parent.size + routes.link_to
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    links = list_links(program.chip, topology, routes.link_from[first], routes.link_to[first], tile_of)
    leaving = np.flatnonzero(flows.group >= 0)
    target = parts.core[flows.target[leaving]]
    leaving = leaving[np.lexsort((leaving, target, flows.group[leaving]))]
    group, target = flows.group[leaving], parts.core[flows.target[leaving]]
    bounds = np.searchsorted(group, np.arange(routes.source_core.size + 1))
    builder = TreeBuilder(links)
    for g in range(routes.source_core.size):
        mine = slice(int(routes.offset[g]), int(routes.offset[g + 1]))
        tree_links, ends = number[mine], routes.link_to[mine]
        before = {int(tile): at for at, tile in enumerate(ends)}
        parent = [before.get(int(tile), -1) for tile in routes.link_from[mine]]
        flows_of_group = slice(int(bounds[g]), int(bounds[g + 1]))
        receivers = [(int(core), before.get(int(tile_of[core]), -1)) for core in np.unique(target[flows_of_group])]
        flows_to = {core: leaving[flows_of_group][target[flows_of_group] == core] for core, _ in receivers}
        if program.chip.noc.multicast:
            builder.add(g, MULTICAST, tree_links, parent, receivers, flows_to)
            continue
        for core, end in receivers:
            path: list[int] = []
            while end >= 0:
                path.insert(0, end)
                end = parent[end]
            builder.add(g, core, tree_links[path], list(range(-1, len(path) - 1)), [(core, len(path) - 1)], flows_to)
    return links, builder.trees()


def list_slots(program: CoreProgram, jobs: StepJobs, trees: Trees) -> Slots:
    """Which messages each job of a step sends."""
    flows = program.flows
    leaving = np.flatnonzero(flows.group >= 0)
    _, first = np.unique(flows.group[leaving], return_index=True)
    flow = leaving[first][trees.group]
    source = flows.source[flow].astype(np.int64)
    tokens = (flows.token_stop - flows.token_start)[flow].astype(np.int64)
    tree = np.repeat(np.arange(tokens.size), tokens)
    first = np.append(0, np.cumsum(tokens))
    nth = np.arange(tree.size) - first[tree]
    place = jobs.first[source] + jobs.operands[source] + flows.token_start[flow] - program.parts.token_start[source]
    row = jobs.row_of[place[tree] + nth]
    return Slots(tree.astype(np.int32), nth.astype(np.int32), row, first, np.lexsort((tree, row)))


def list_links(chip: Chip, topology: Topology, source: Int32, target: Int32, tile_of: Int32) -> Links:
    """Links between some routers, and those of cores, shape (cores,) of tiles. Raises ChipError as `tables_of` does."""
    noc = chip.noc
    joins = crossing(topology, source, target)
    if joins.any() and noc.chip_crossing_cycles is None:
        columns, rows = topology.width // topology.chip_width, topology.height // topology.chip_height
        raise ChipError(
            f"chip {chip.name!r} has no noc.chip_crossing_cycles, and {int(joins.sum())} links of the board of "
            f"{columns} x {rows} chips join two chips: give what a crossing takes"
        )
    core = np.arange(tile_of.size)
    fixed = np.full(core.size, CORE_LINK_CYCLES)
    return Links(
        np.repeat(np.array([LinkKind.MESH, LinkKind.INJECTION, LinkKind.EJECTION], np.int8), (source.size, core.size, core.size)),
        np.concatenate([source, core, tile_of]).astype(np.int32),
        np.concatenate([target, tile_of, core]).astype(np.int32),
        np.concatenate([np.where(joins, noc.chip_crossing_cycles or 0, noc.cycles_per_hop), fixed, fixed]).astype(np.int64),
        np.concatenate([joins, 0 * core, 0 * core]).astype(np.int32),
        source.size,
        core.size,
        noc.link_flits_per_cycle,
    )


class TreeBuilder:
    """Trees under construction, as flat lists."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self.heads: list[tuple[int, int, int, int]] = []
        self.tables: dict[str, list[np.ndarray]] = {name: [] for name in ("link", "parent", "flow")}
        self.sizes: dict[str, list[int]] = {name: [] for name in ("link", "leaf", "leaf_flow")}
        self.leaves: list[tuple[int, int]] = []

    def add(
        self,
        group: int,
        target_core: int,
        link: np.ndarray,
        parent: list[int],
        receivers: list[tuple[int, int]],
        flows_to: dict[int, np.ndarray],
    ) -> None:
        """Add one tree with its leaves: `receivers` are pairs of a core and the place of the link that ends at its tile."""
        self.heads.append((group, target_core, len(link), int(self.links.crossing[link].sum())))
        self.tables["link"].append(link)
        self.tables["parent"].append(np.array(parent, np.int64))
        self.sizes["link"].append(len(link))
        self.sizes["leaf"].append(len(receivers))
        ejection = self.links.mesh + self.links.cores
        for core, end in receivers:
            self.leaves.append((ejection + core, end))
            self.tables["flow"].append(flows_to[core])
            self.sizes["leaf_flow"].append(len(flows_to[core]))

    def trees(self) -> Trees:
        """The tables."""
        heads = np.array(self.heads, np.int32).reshape(-1, 4).T
        leaves = np.array(self.leaves, np.int32).reshape(-1, 2).T
        link, parent, flow = (np.concatenate([np.zeros(0, np.int64), *self.tables[n]]).astype(np.int32) for n in self.tables)
        offsets = [np.append(0, np.cumsum(sizes)).astype(np.int64) for sizes in self.sizes.values()]
        group, target_core, hops, crossings = (np.ascontiguousarray(column) for column in heads)
        return Trees(
            group,
            target_core,
            offsets[0],
            link,
            parent,
            offsets[1],
            np.ascontiguousarray(leaves[0]),
            np.ascontiguousarray(leaves[1]),
            offsets[2],
            flow,
            hops,
            crossings,
        )
