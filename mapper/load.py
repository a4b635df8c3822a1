"""How long a core is expected to work on a part: what mapping for time balances.

The cycles of one job (one token at one step) are those of the schedule (docs/decisions/0004-schedule.md), with spikes expected at
a density instead of recorded: the longest of operations / rate over the units of the core. A test holds them to the schedule's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from synaptile.conversion.graph import (
    Add,
    Convolution2d,
    ECUnit,
    Gate,
    Mask,
    MaxPool2d,
    Neurons,
    Node,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    Reduce,
    Rotation,
    SpikeAttention,
    SpikingGraph,
    Synapse,
    TokenEmbedding,
    TokenMean,
)
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip
from synaptile.hwmodels.messages import spike_bits
from synaptile.mapper.footprint import PartExtents, home_of, off_chip, part_extents, units_of
from synaptile.mapper.program import CoreKind, PartTable
from synaptile.mapper.traffic import ASSUMED_DENSITY

Cycles: TypeAlias = Any
"""A number of cycles, or an array of them, shape (parts,)."""

ASSUMED_STEPS = 12
"""Time steps per image, assumed while no run is known: the longest run of the paper's Table 1."""

_ASSUMED_BEHIND: Mapping[str, float] = MappingProxyType({"softmax": 0.28, "gelu": 0.68, "gelu_tanh": 0.68, "quick_gelu": 0.68})
"""Spikes per neuron and step of sites behind these functions, ASSUMED_DENSITY elsewhere: ViT-Ti and the digits model, T = 12."""

_FUNCTION_PASSES: Mapping[str, tuple[int, int, int, int]] = MappingProxyType(
    {
        "layer_norm": (5, 0, 2, 1),
        "rms_norm": (3, 0, 1, 1),
        "softmax": (4, 1, 0, 1),
        "gelu": (4, 1, 0, 0),
        "gelu_tanh": (6, 1, 0, 0),
        "quick_gelu": (2, 1, 0, 0),
        "silu": (1, 1, 0, 0),
        "relu": (1, 0, 0, 0),
        "sigmoid": (0, 1, 0, 0),
        "tanh": (0, 1, 0, 0),
        "relu6": (2, 0, 0, 0),
        "hard_sigmoid": (4, 0, 0, 0),
        "hard_swish": (5, 0, 0, 0),
    }
)
"""Passes through multipliers and special functions per element, then the same per row (LayerNorm and softmax)."""


@dataclass(frozen=True)
class FiringRates:
    """How much a network is expected to fire: `steps` per image, and spikes per neuron and step by name of the site.

    Sites that are not named fire as assumed. Raises InputError for a number that no run can have.
    """

    steps: int = ASSUMED_STEPS
    density: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"steps of the expected run is {self.steps}, must be at least 1")
        for site, density in self.density.items():
            if not 0.0 <= density <= 1.0:
                raise InputError(f"density of site {site!r} is {density}, must be from 0 to 1 spikes per neuron and step")

    def of(self, graph: SpikingGraph, name: str) -> float:
        """Spikes per neuron and step of one site."""
        site = graph.nodes[name]
        feeding = graph.nodes[site.inputs[0].node] if site.inputs else site
        assumed = _ASSUMED_BEHIND.get(feeding.function, ASSUMED_DENSITY) if isinstance(feeding, ECUnit) else ASSUMED_DENSITY
        return self.density.get(name, assumed)


def maker(node: Node) -> str:
    """Name of the node on whose cores a node's work is done: neurons sit with what feeds them."""
    return node.inputs[0].node if isinstance(node, Neurons) and node.inputs else node.name


class Load(NamedTuple):
    """Cycles for which a part keeps its core at an image's first step, and at each later one."""

    first: Cycles
    later: Cycles

    def image(self, steps: int) -> Cycles:
        """Cycles per image of so many steps."""
        return self.first + (steps - 1) * self.later


class Budget(NamedTuple):
    """Cycles per image that no part and no phase of a core shall exceed (`cycles`), and no core in all (`core_cycles`).

    `weights` are what a cycle of a node counts, 1 unless it is named.
    """

    rates: FiringRates
    cycles: float
    core_cycles: float
    weights: Mapping[str, float] = MappingProxyType({})

    def charge(self, node: str, load: Load) -> Cycles:
        """Cycles per image that a load of one node counts against the budget."""
        return self.weights.get(node, 1.0) * load.image(self.rates.steps)

    def charges(self, graph: SpikingGraph, parts: PartTable, load: Load) -> Cycles:
        """The same of every part, shape (parts,). Neurons count as what feeds them."""
        weights = [self.weights.get(maker(node), 1.0) for node in graph.nodes.values()]
        return np.array(weights)[parts.node] * load.image(self.rates.steps)


class _Units(NamedTuple):
    """Passes of one job through the units of its core, and bits that come in over its ejection link for it."""

    bits: Cycles = 0.0
    accumulate: Cycles = 0.0
    multiply: Cycles = 0.0
    special: Cycles = 0.0
    neuron: Cycles = 0.0


def expected_load(
    graph: SpikingGraph, chip: Chip, rates: FiringRates, node: Node, extents: PartExtents, senders: Cycles = 0
) -> Load:
    """Load of parts of one node, the neurons that they feed apart. `senders` send partial sums to each of them."""
    kind, tokens, units = home_of(graph, node), extents.tokens, extents.outputs
    match node:
        case Synapse(spiking=True):
            first, later = _synapse(graph, chip, rates, node, extents, senders)
        case Convolution2d():
            first, later = _convolution(graph, chip, rates, node, extents)
        case SpikeAttention() | Reduce() | Mask():
            first = later = _spike_products(graph, rates, node, units)
        case ProductUnit():
            first, later, operands = _product(graph, rates, node, units * units_of(node) // node.width)
            job = _job_cycles(chip, kind, operands)
            return Load(job + tokens * _job_cycles(chip, kind, first), job + tokens * _job_cycles(chip, kind, later))
        case Neurons():
            first = later = _Units(neuron=units * (node.shape[2] if node.is_map else 1))
        case _:
            first, later = _elementwise(node, units)
    return Load(tokens * _job_cycles(chip, kind, first), tokens * _job_cycles(chip, kind, later))


def part_loads(graph: SpikingGraph, chip: Chip, rates: FiringRates, parts: PartTable) -> Load:
    """Load of every part, shape (parts,) each; neurons are parts of their own."""
    own = np.arange(parts.node.size)
    senders = np.bincount(parts.owner[parts.owner != own], minlength=own.size)
    found = Load(np.zeros(own.size), np.zeros(own.size))
    order = np.argsort(parts.node, kind="stable")
    bounds = np.searchsorted(parts.node[order], np.arange(len(graph.nodes) + 1))
    for index, node in enumerate(graph.nodes.values()):
        chosen = order[bounds[index] : bounds[index + 1]]
        if chosen.size:
            load = expected_load(graph, chip, rates, node, part_extents(parts, chosen), senders[chosen])
            found.first[chosen], found.later[chosen] = load
    return found


def stream_cycles(graph: SpikingGraph, chip: Chip, rates: FiringRates) -> float:
    """Cycles per image for which the longest stream of a step takes a link: to cut finer only adds messages."""
    bits = [0.0]
    for node in graph.nodes.values():
        spiking = isinstance(node, Neurons)
        each = _bits_per_neuron(chip, node, rates.of(graph, node.name)) if spiking else chip.noc.word_bits
        bits.append(0.0 if off_chip(node) else node.size * each)
    return rates.steps * max(bits) / chip.noc.flit_bits / chip.noc.link_flits_per_cycle


def _job_cycles(chip: Chip, kind: CoreKind, work: _Units) -> Cycles:
    """The longest of the units of a core, which work side by side, while the next token comes in."""
    noc = chip.noc
    arrival = np.ceil(work.bits / noc.flit_bits) / noc.link_flits_per_cycle
    if kind is CoreKind.SYNAPSE:
        core = chip.synapse_core
        took = [arrival, work.accumulate / core.lanes_per_cycle, work.neuron / core.neuron_updates_per_cycle]
    else:
        ec = chip.ec_core
        assert ec is not None  # nodes without a home have been refused
        took = [
            arrival,
            work.multiply / ec.multipliers_per_cycle,
            work.special / ec.special_functions_per_cycle,
            work.neuron / ec.neuron_updates_per_cycle,
        ]
    return np.ceil(np.maximum.reduce(np.broadcast_arrays(*took)))


def _synapse(
    graph: SpikingGraph, chip: Chip, rates: FiringRates, node: Synapse, extents: PartExtents, senders: Cycles
) -> tuple[_Units, _Units]:
    shifts = chip.synapse_core.graded_spikes == "shift"
    outputs, owned = extents.outputs, extents.outputs * extents.owner
    site = graph.nodes[node.inputs[0].node]
    rate = sum(rates.of(graph, port.node) * port.width for port in node.inputs) / node.fan_in
    spikes, sums = rate * extents.rows, senders * (2 if shifts else 1) * outputs
    values = site.values if isinstance(site, Neurons) else 1
    bits = spike_bits(chip.noc, spikes, extents.rows, values) + sums * chip.noc.word_bits
    neuron = owned if shifts else 0 * owned
    rows = spikes * outputs + sums
    first = _Units(bits, accumulate=rows + owned, neuron=neuron)
    return first, first if node.injection == "every" else first._replace(accumulate=rows)


def _convolution(
    graph: SpikingGraph, chip: Chip, rates: FiringRates, node: Convolution2d, extents: PartExtents
) -> tuple[_Units, _Units]:
    starts, stops = np.atleast_1d(extents.start), np.atleast_1d(extents.start + extents.outputs)
    fan_in = [node.part_fan_in(int(a), int(b)) for a, b in zip(starts, stops, strict=True)]
    rows = sum(rates.of(graph, port.node) for port in node.inputs) * np.array(fan_in, np.float64)
    neuron = extents.outputs if chip.synapse_core.graded_spikes == "shift" else 0 * extents.outputs
    first = _Units(accumulate=rows + extents.outputs, neuron=neuron)
    return first, first if node.injection == "every" else first._replace(accumulate=rows)


def _bits_per_neuron(chip: Chip, site: Node, rate: float) -> Any:
    """Expected bits on the network for each neuron, in messages of a whole row of a stream."""
    neurons = 1 if chip.noc.spike_format == "aer" else site.shape[-1]
    values = site.values if isinstance(site, Neurons) else 1
    return spike_bits(chip.noc, np.float64(rate * neurons), neurons, values) / neurons


def _product(graph: SpikingGraph, rates: FiringRates, node: ProductUnit, heads: Cycles) -> tuple[_Units, _Units, _Units]:
    """A row at the first step, at a later one, and the job that adds up the second operand."""
    a, b = (rates.of(graph, port.node) for port in node.inputs)
    columns, depth = (node.keys, node.head_width) if node.form == "qk" else (node.head_width, node.keys)
    elements, spikes_a, spikes_b = heads * columns, heads * depth * a, heads * node.keys * node.head_width * b
    sums, combined = 5 * elements if node.law == "mean" else 0, 2 * elements
    later = 0 if node.law == "mean" else elements
    if node.law == "difference":  # unit spikes: nothing to combine but the gain behind a form sv
        sums, combined = (0 if node.form == "qk" else elements), 0
    first = spikes_a * columns + spikes_a + combined + sums
    second = spikes_b + combined + later
    return _Units(multiply=first), _Units(multiply=first + second), _Units(multiply=spikes_b)


def _spike_products(graph: SpikingGraph, rates: FiringRates, node: SpikeAttention | Reduce | Mask, units: Cycles) -> _Units:
    """An accumulate, or a comparison, per spike and what it reaches; an add per real value."""
    if isinstance(node, SpikeAttention):
        spikes = sum(rates.of(graph, port.node) for port in node.inputs[:2])
        return _Units(multiply=units * spikes * node.columns)
    met = units * (node.elements // node.fewer if isinstance(node, Reduce) else 1)
    return _Units(
        multiply=met * (rates.of(graph, node.inputs[0].node) if isinstance(graph.nodes[node.inputs[0].node], Neurons) else 1)
    )


def _elementwise(node: Node, units: Cycles) -> tuple[_Units, _Units]:
    """Everything else on EC cores, one token: at the first step, at a later one."""
    match node:
        case ECUnit():
            elements = units * (node.shape[2] if node.is_map else 1)
            multiply, special, per_row, special_per_row = _FUNCTION_PASSES[node.function]
            multiply += {"mean": 4, "sum": 2, "difference": 3}[node.law] + node.biased + (node.input_scale != 1.0)
            rows = units if node.is_map else np.ceil(units / node.row)
            both = _Units(multiply=multiply * elements + per_row * rows, special=special * elements + special_per_row * rows)
        case Synapse():
            both = _Units(multiply=(node.fan_in + (node.injection == "every")) * units)
        case PatchEmbedding():
            return _Units(multiply=(node.fan_in + 1) * units), _Units(multiply=0 * units)
        case TokenEmbedding():
            return _Units(multiply=units), _Units(multiply=0 * units)
        case Add():
            both = _Units(multiply=(len(node.inputs) - 1) * units)
        case MaxPool2d():
            both = _Units(multiply=(node.kernel[0] * node.kernel[1] - 1) * units)
        case Rotation():
            both = _Units(multiply=len(node.array_shapes()) * units)
        case Gate():
            both = _Units(multiply={"mean": 7, "sum": 4, "difference": 5}[node.law] * units)
        case TokenMean():
            both = _Units(multiply=(node.stop - node.start) * units)
        case ReadOut():
            scaled = node.law == "mean" or node.scale != 1.0
            both = _Units(multiply=(1 + scaled + 2 * node.normalised) * units, special=1.0 * node.normalised)
        case _:
            both = _Units(multiply=0 * units)
    return both, both
