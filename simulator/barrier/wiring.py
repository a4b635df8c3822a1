"""A program as the event loop of a step reads it: compartments in the order of their sweep, messages per neuron, picoseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from synaptile.conversion.graph import Convolution2d, Neurons, Node, SpikeSource, Synapse
from synaptile.foundation.derived import derived
from synaptile.foundation.errors import ChipError, InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.hwmodels.step_times import StepTimes
from synaptile.mapper.alike import mapping_key
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.reach import core_reach
from synaptile.simulator.barrier.kernel import NONE, Net


@dataclass(frozen=True)
class Site:
    """Neurons whose spikes stand at rows ``start:start + width`` of a step's mask; those of step t fire `lag` steps later."""

    name: str
    start: int
    width: int
    lag: int


@dataclass(frozen=True, eq=False)
class Wiring:
    """Cores of a program as workers: the first are the cores, in order, and receive; others send spikes from outside or beside.

    `lag` is how many steps the answer of a step comes later; `synops` and `messages` (rows,) are those of a spike of each row of
    the mask, whose last row never fires; `late` are the synops of ports that look back, by how many steps. `core` (workers,) is
    the core of each worker, -1 outside the chip. The net's numbers are twice that of a part, and one more for receiving; `lags`
    (2 * parts,) is how much later than its step the part does that.
    """

    net: Net
    core: Int64
    sites: tuple[Site, ...]
    lag: int
    barrier_ps: int
    tiles: int
    synops: Int64
    late: Mapping[int, Int64]
    messages: Int64
    lags: Int64


def picoseconds(ns: float) -> int:
    """Whole picoseconds of a figure of a chip file."""
    return round(ns * 1000)


def wiring_of(program: CoreProgram, chip: Chip | None = None) -> Wiring:
    """The wiring of a program with the times of `chip`, None for its own.

    Raises:
        ChipError: the chip states no `step_times`.
        InputError: the other chip would be mapped otherwise, or a node has no time on such a chip.
    """
    chip = program.chip if chip is None else chip
    if chip.step_times is None:
        raise ChipError(f"chip {chip.name!r} has no section step_times: state what cores take within a step, or use schedule")
    if mapping_key(chip) != mapping_key(program.chip):
        raise InputError(
            f"the run was mapped to {program.chip.name!r}, which {chip.name!r} is not like: map and run on that chip"
        )
    return _Wires(program, chip, chip.step_times).wiring()


@dataclass
class _Sweep:
    """What a core sweeps over, part by part: rows of neurons in a step's mask and where each ends, ps; of all compartments."""

    rows: list[Int64] = field(default_factory=list)
    places_ps: list[Int64] = field(default_factory=list)
    labels: list[Int64] = field(default_factory=list)
    all_ps: int = 0

    def add(self, rows: Int64, places_ps: Int64, label: int) -> None:
        """Neurons of one part."""
        self.rows.append(rows)
        self.places_ps.append(places_ps)
        self.labels.append(np.full(rows.size, label, np.int64))


@dataclass(frozen=True)
class _Wires:
    program: CoreProgram
    chip: Chip
    times: StepTimes

    def wiring(self) -> Wiring:
        cores, sites = self.program.cores.kind.size, self._sites()
        reach = {site.name: self._reach(site) for site in sites}
        never = sparse.csr_array((1, cores), dtype=np.int64)
        time = sparse.csr_array(sparse.vstack([*(reach[site.name][0] for site in sites), never]))
        lags = np.zeros(2 * self.program.parts.core.size, np.int64)
        sweeps = self._sweeps({site.name: site for site in sites}, lags)
        outside = [site for site in sites if isinstance(self.program.graph.nodes[site.name], SpikeSource)]
        for site in outside:
            sweeps.append(_Sweep())
            sweeps[-1].add(site.start + np.arange(site.width), np.zeros(site.width, np.int64), NONE)
        senders = np.array([sum(len(rows) for rows in sweep.rows) for sweep in sweeps], np.int64)
        row, place_ps, labels = (
            np.concatenate([np.zeros(0, np.int64), *(part for sweep in sweeps for part in getattr(sweep, name))])
            for name in ("rows", "places_ps", "labels")
        )
        core = np.concatenate([np.arange(cores), np.full(len(outside), -1)]).astype(np.int64)
        sent = sparse.csr_array(time[row])
        sent.sort_indices()
        to = sent.indices.astype(np.int64)
        source = np.repeat(np.repeat(core, senders), np.diff(sent.indptr))
        site_of_row = np.append(np.repeat(np.arange(len(sites)), [site.width for site in sites]), -1)
        receives = self._receivers(sites, lags)[np.repeat(site_of_row[row], np.diff(sent.indptr)), to]
        # Receivers of their own come first, as messages name them by the number of their core, and have nothing to sweep.
        beside = np.zeros(cores if self.times.receives_beside_sweep else 0, np.int64)
        on_chip = np.concatenate([beside, core >= 0]).astype(np.int64)
        net = Net(
            first=np.concatenate([beside, [0], np.cumsum(senders)]).astype(np.int64),
            place_ps=place_ps,
            sweep_ps=np.concatenate([beside, [sweep.all_ps for sweep in sweeps]]).astype(np.int64),
            spike_ps=on_chip * picoseconds(self.times.spike_ns),
            out_ps=on_chip * picoseconds(self.times.message_out_ns),
            row=row,
            message=sent.indptr.astype(np.int64),
            to=to,
            service_ps=sent.data.astype(np.int64) + picoseconds(self.times.message_in_ns),
            flight_ps=self._flight(source, to),
            buffer=np.full(on_chip.size, self.times.buffer_messages, np.int64),
            sweeps=labels,
            receives=receives,
        )
        tiles = np.unique(np.stack([self.program.cores.x, self.program.cores.y]), axis=1).shape[1]
        return Wiring(
            net,
            core=np.concatenate([np.arange(beside.size), core]),
            sites=sites,
            lag=max((site.lag + self._steps_behind(site) for site in sites), default=0),
            barrier_ps=self._barrier(tiles),
            tiles=tiles,
            synops=np.concatenate([*(reach[site.name][1] for site in sites), [0]]),
            late={delay: self._late(sites, delay) for delay in self._delays() if delay},
            messages=np.diff(time.indptr).astype(np.int64),
            lags=lags,
        )

    def _receivers(self, sites: tuple[Site, ...], lags: Int64) -> Int64:
        """The number of the part that receives spikes of a site on a core, the first of several, (sites, cores); -1: none."""
        found = np.full((len(sites), self.program.cores.kind.size), NONE, np.int64)
        for at, site in enumerate(sites):
            read = [
                (part, port.delay)
                for node in self._readers(site.name)
                for port in node.inputs
                if port.node == site.name
                for part in self.program.parts_of(node.name).tolist()
            ]
            for part, delay in reversed(read):
                found[at, self.program.parts.core[part]] = 2 * part + 1
                lags[2 * part + 1] = max(lags[2 * part + 1], site.lag - delay)
        return found

    def _sites(self) -> tuple[Site, ...]:
        """Sites in graph order; a layer without a delay of its own sends a step after what it reads."""
        found: dict[str, Site] = {}
        start = 0
        lags = self._site_lags()
        for node in self.program.graph.nodes.values():
            if isinstance(node, Neurons):
                if node.shape[0] != 1 or len(node.shape) != 2:
                    raise InputError(f"site {node.name!r} has {node.shape[0]} tokens: step times are of networks of one token")
                if node.values != 1:
                    raise InputError(
                        f"site {node.name!r} sends spikes of {node.values} values: step times are of binary spikes, no figure "
                        "says what a graded one takes; schedule with synchronisation='dataflow', or on a chip without step_times"
                    )
                found[node.name] = Site(node.name, start, node.width, lags[node.name])
                start += node.width
        return tuple(found.values())

    def _site_lags(self) -> Mapping[str, int]:
        """Least lags by which all that sites read has arrived. Raises InputError where a loop is longer than its delay."""
        nodes = self.program.graph.nodes
        lags = {name: 0 for name, node in nodes.items() if isinstance(node, Neurons)}
        for _ in range(len(lags) + 1):
            before = dict(lags)
            for name in lags:
                lags[name] = max([lags[name], *(self._arrives(nodes[port.node], lags) for port in nodes[name].inputs)])
            if lags == before:
                return lags
        worst = max(lags, key=lags.__getitem__)
        raise InputError(
            f"site {worst!r} lies in a loop over more layers than the steps that it looks back: layers work side by side on such "
            "a chip and each takes a step; give the loop a Delay of as many steps, or schedule with synchronisation='dataflow'"
        )

    def _arrives(self, node: Node, lags: Mapping[str, int]) -> int:
        """How many steps later than its own a synapse has received the spikes of one."""
        own = 1 - getattr(node, "delay", 0)
        return max((lags[port.node] + own - port.delay for port in node.inputs if port.node in lags), default=0)

    def _delays(self) -> set[int]:
        return {port.delay for node in self.program.graph.nodes.values() for port in node.inputs}

    def _late(self, sites: tuple[Site, ...], delay: int) -> Int64:
        """Synaptic operations of a spike of each row through ports that look back so many steps, (rows,)."""
        found = np.zeros(sites[-1].start + sites[-1].width + 1, np.int64)
        for site in sites:
            for node in self._readers(site.name):
                for number, port in enumerate(node.inputs):
                    if port.node == site.name and port.delay == delay:
                        found[site.start : site.start + site.width] += self._port_reach(node, number).sum(axis=1).astype(np.int64)
        return found

    def _port_reach(self, node: Node, number: int) -> sparse.csr_array:
        """Accumulates that a spike of each neuron of an input causes on each core, (neurons, cores)."""
        if isinstance(node, Convolution2d):
            return core_reach(self.program, node.name)
        assert isinstance(node, Synapse)
        first = node.first_row(number)
        return sparse.csr_array(_linear_reach(self.program, node)[first : first + node.inputs[number].width])

    def _readers(self, site: str) -> Iterator[Node]:
        """What receives spikes of a site. Raises InputError for what no time is stated for."""
        for node in self.program.graph.nodes.values():
            if any(port.node == site for port in node.inputs) and len(self.program.parts_of(node.name)):
                if not isinstance(node, Convolution2d | Synapse):
                    raise InputError(
                        f"{node.name!r} ({node.kind}) has no step times: only synapses receive spikes on such a chip"
                    )
                yield node

    def _steps_behind(self, site: Site) -> int:
        return max((1 - getattr(node, "delay", 0) for node in self._readers(site.name)), default=0)

    def _reach(self, site: Site) -> tuple[sparse.csr_array, Int64]:
        """Time that a spike of each neuron takes on each core, ps, (neurons, cores); its synaptic operations, (neurons,)."""
        cores, synops = self.program.cores.kind.size, np.zeros(site.width, np.int64)
        spent = sparse.csr_array((site.width, cores), dtype=np.int64)
        for node in self._readers(site.name):
            stored = self.times.convolution_format if isinstance(node, Convolution2d) else self.times.linear_format
            unit = self.times.synop_ns(stored)
            assert unit is not None  # consistency.py
            for number, port in enumerate(node.inputs):
                if port.node == site.name:
                    reach = self._port_reach(node, number)
                    synops += reach.sum(axis=1).astype(np.int64)
                    spent = sparse.csr_array(spent + reach.astype(np.int64) * picoseconds(unit))
        return spent, synops

    def _sweeps(self, sites: Mapping[str, Site], lags: Int64) -> list[_Sweep]:
        """Compartments of every core, part after part; those beyond the neurons of a part are spread evenly among them."""
        program, parts, never = self.program, self.program.parts, sum(site.width for site in sites.values())
        fed = {one.inputs[0].node: one.name for one in program.graph.nodes.values() if isinstance(one, Neurons) and one.inputs}
        sweeps = [_Sweep() for _ in range(program.cores.kind.size)]
        for part in range(parts.core.size):
            name = program.node_names[int(parts.node[part])]
            if int(parts.owner[part]) != part:
                raise InputError(
                    f"{name!r} is cut over its fan-in: a partial sum has no message on such a chip; give a core more axons, or a "
                    "partition that cuts outputs alone"
                )
            sweep, compartments = sweeps[int(parts.core[part])], int(parts.neurons[part])
            if not compartments:
                continue
            before, unit = sweep.all_ps, picoseconds(self.times.compartment_ns)
            sweep.all_ps += compartments * unit
            if name in sites:  # what a soft reset takes more
                lags[2 * part] = sites[name].lag
                sweep.add(np.array([never]), np.array([sweep.all_ps]), 2 * part)
                continue
            if name not in fed:  # membranes that nobody fires are swept all the same
                lags[2 * part] = self._arrives(program.graph.nodes[name], {site.name: site.lag for site in sites.values()})
                sweep.add(np.array([never]), np.array([sweep.all_ps]), 2 * part)
                continue
            neurons = np.arange(int(parts.out_start[part]), int(parts.out_stop[part]))
            share = np.arange(1, neurons.size + 1) * compartments // neurons.size
            site = sites[fed[name]]
            own = program.parts_of(site.name)
            own = own[(parts.core[own] == parts.core[part]) & (parts.out_start[own] == parts.out_start[part])]
            label = 2 * int(own[0] if own.size else part)
            lags[label] = site.lag
            sweep.add(site.start + neurons, before + share * unit, label)
        return sweeps

    def _flight(self, source: Int64, target: Int64) -> Int64:
        """Picoseconds from core to core; from outside (-1) none."""
        cores, times = self.program.cores, self.times
        dx, dy = (np.abs(at[source].astype(np.int64) - at[target]) for at in (cores.x, cores.y))
        flight = dx * picoseconds(times.hop_x_ns) + dy * picoseconds(times.hop_y_ns)
        return np.where(source < 0, 0, flight).astype(np.int64)

    def _barrier(self, tiles: int) -> int:
        if not self.times.barrier_ns:
            return picoseconds(self.chip.barrier_ns)
        rows = sorted((int(number), ns) for number, ns in self.times.barrier_ns.items())
        return picoseconds(float(np.interp(tiles, [number for number, _ in rows], [ns for _, ns in rows])))


@derived
def _linear_reach(program: CoreProgram, node: Synapse) -> sparse.csr_array:
    """As `core_reach`, of a linear layer: (rows, cores)."""
    parts, chosen = program.parts, program.parts_of(node.name)
    reach = np.zeros((node.fan_in, program.cores.kind.size), np.int64)
    for part in chosen.tolist():
        outputs = parts.out_stop[part] - parts.out_start[part]
        reach[parts.in_start[part] : parts.in_stop[part], parts.core[part]] += outputs
    return sparse.csr_array(reach)
