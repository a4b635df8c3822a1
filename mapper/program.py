"""The type the mapper produces: a SpikingGraph laid out on the cores of a chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose, words
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip

if TYPE_CHECKING:
    import pyarrow as pa


WITHIN, STORED = -1, -2
"""`FlowTable.group` of flows that cross no link: within a core, or from one phase to a later one by way of a memory."""


class CoreKind(IntEnum):
    """What a core can do: accumulate (SYNAPSE) or multiply and expect (EC)."""

    SYNAPSE = 0
    EC = 1


@dataclass(frozen=True)
class PartTable:
    """The unit of mapping: one rectangle of one graph node on one core. All columns have shape (parts,).

    A part covers tokens ``token_start:token_stop`` and channels ``out_start:out_stop`` of the node's output stream
    (heads, where the stream is an attention map), and reads input rows ``in_start:in_stop`` (a proper slice of the
    fan-in only where a synapse is split over its input; else the full width of input 0).

    `replica` numbers the copies of a synapse's weights; a replica's parts together cover its own share of tokens.
    `owner` is the part that holds the neurons and receives partial sums: itself, unless the synapse is split over its input.
    `weight_bits` and `state_bits` are the memory that the part takes on its core; `neurons` and `axons` count against
    the core's limits (axons: distinct input rows).
    """

    node: Int32  # index into CoreProgram.node_names
    core: Int32
    token_start: Int32
    token_stop: Int32
    out_start: Int32
    out_stop: Int32
    in_start: Int32
    in_stop: Int32
    replica: Int32
    owner: Int32
    weight_bits: Int64
    state_bits: Int64
    neurons: Int32
    axons: Int32


@dataclass(frozen=True)
class CoreTable:
    """Cores in use, and where they sit. All columns have shape (cores,).

    `kind` is a CoreKind; `x` and `y` are tile coordinates over the whole board (chip = x // mesh width, y // mesh height);
    `slot` numbers the cores of one kind on a tile. The `*_used` columns sum the parts on the core. `phase` numbers the loads of
    weights from 0: cores of different phases may share a seat, one after the other. All are 0 where weights stay on the chip.
    """

    kind: Int32
    x: Int32
    y: Int32
    slot: Int32
    weight_bits_used: Int64
    state_bits_used: Int64
    neurons_used: Int64
    axons_used: Int64
    phase: Int32


@dataclass(frozen=True)
class FlowTable:
    """Who sends to whom: the part `source` sends its share of tokens and channels to the part `target`. Shape (flows,).

    The region is given in the source node's stream coordinates: tokens ``token_start:token_stop``, channels (or heads)
    ``start:stop``. `input` is the index of the target's port; -1 marks partial sums sent to a synapse's owner. `spiking`
    is 1 where the payload is spikes, 0 where it is one real-valued word per element. `group` numbers the multicast tree that
    carries the flow, WITHIN a core where source and target share one, STORED where the target's phase comes after the source's.
    """

    source: Int32
    target: Int32
    input: Int32
    token_start: Int32
    token_stop: Int32
    start: Int32
    stop: Int32
    spiking: Int32
    group: Int32


@dataclass(frozen=True)
class RouteTable:
    """Multicast trees over mesh links, XY order.

    Tree g is the links ``link_from[offset[g]:offset[g+1]]`` to ``link_to[...]``; tiles are numbered ``y * board_width + x``.
    `source_core` has shape (groups,). `hops` is the length of the tree in links: a flit sent over the tree crosses each
    once. `unicast_hops` is what the same message would cross if each destination were sent its own copy.
    """

    source_core: Int32
    offset: Int64
    link_from: Int32
    link_to: Int32
    hops: Int64
    unicast_hops: Int64


@dataclass(frozen=True)
class Placement:
    """How the cores were placed: traffic-weighted hops of the placement used, beside the baseline's.

    Hops are weighted by the expected messages of a flow a step (see `assumed_density`), baseline is row-major order of
    creation. Unit: expected messages times hops, a step.
    """

    method: str
    seed: int
    assumed_density: float
    weighted_hops: float
    baseline_weighted_hops: float


@dataclass(frozen=True)
class Balance:
    """What mapping for time is expected to bring, in cycles of the chip's clock.

    `expected_cycles` is the latency of an image (goal "latency") or the interval between images ("throughput"),
    `room_cycles` the same of the mapping for room, both from `steps` steps per image at expected firing rates and without the
    network: bounds to compare mappings by, where `schedule` gives times. They are equal where no faster mapping was found: the
    graph is then mapped as for room.
    """

    goal: str
    steps: int
    expected_cycles: float
    room_cycles: float

    @property
    def gains(self) -> bool:
        """Whether the graph is mapped otherwise than for room."""
        return self.expected_cycles < self.room_cycles


@dataclass(frozen=True, repr=False)
class CoreProgram(Tabular, Shown):
    """A SpikingGraph on the cores of a chip: parts, cores, flows and routes, verified.

    `node_names` is the graph's topological order, the index space of `parts.node`. `board` is the grid of chips in use
    (columns, rows). `options` are the mapping options, for provenance. `balance` is None where the goal is room.
    """

    graph: SpikingGraph
    chip: Chip
    node_names: tuple[str, ...]
    parts: PartTable
    cores: CoreTable
    flows: FlowTable
    routes: RouteTable
    placement: Placement
    board: tuple[int, int]
    options: Mapping[str, object]
    balance: Balance | None = None

    @property
    def phases(self) -> int:
        """Loads of weights that the network takes, 1 where all weights stay on the chip."""
        return int(self.cores.phase.max(initial=0)) + 1

    def seats(self, kind: CoreKind) -> int:
        """Cores of a kind that work at one time: all that are in use, or those of the phase that has most."""
        return int(np.bincount(self.cores.phase[self.cores.kind == kind], minlength=1).max())

    def parts_of(self, node: str) -> Int32:
        """Indices of the parts of one graph node, in the order of token, output and input ranges; not to be written to."""
        return self._parts_by_node[node]

    @cached_property
    def _parts_by_node(self) -> dict[str, Int32]:
        order = np.argsort(self.parts.node, kind="stable").astype(np.int32)
        order.flags.writeable = False
        cuts = np.searchsorted(self.parts.node[order], np.arange(1, len(self.node_names)))
        return dict(zip(self.node_names, np.split(order, cuts), strict=True))

    def limits(self, kind: CoreKind) -> dict[str, tuple[NDArray[np.integer], int]]:
        """Limit of a core of one kind -> what every core uses of it, shape (cores,) and meant for that kind, and the limit.

        Weights of an EC core lie in its state memory.
        """
        cores, core, ec = self.cores, self.chip.synapse_core, self.chip.ec_core
        if kind is CoreKind.SYNAPSE:
            return {
                "weight memory": (cores.weight_bits_used, core.weight_memory_bits),
                "state memory": (cores.state_bits_used, core.state_memory_bits),
                "neurons": (cores.neurons_used, core.max_neurons),
                "axons": (cores.axons_used, core.max_axons),
            }
        # The mapper never makes an EC core on a chip that has none.
        assert ec is not None
        return {
            "state memory": (cores.state_bits_used + cores.weight_bits_used, ec.state_memory_bits),
            "neurons": (cores.neurons_used, ec.max_neurons),
        }

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `cores` (place, what is used of each limit) or `parts` (which rectangle of which node lies where)."""
        name = choose(table, ("cores", "parts"), "a core program")
        source = self.cores if name == "cores" else self.parts
        columns = {field.name: getattr(source, field.name) for field in fields(source)}
        if name == "cores":
            columns["kind"] = words([kind.name.lower() for kind in CoreKind], self.cores.kind)
            columns = {"core": np.arange(len(self.cores.kind), dtype=np.int32), **columns}
        else:
            columns["node"] = words(self.node_names, self.parts.node)
        about = {"graph": self.graph.name, "graph_digest": self.graph.digest}
        return arrow(columns, {**about, "chip": self.chip.name, "chip_digest": self.chip.digest})
