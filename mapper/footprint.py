"""What a part takes of its core: memory, neurons and axons, by kind of node. The one place that holds these formulas.

Every formula is affine in each of its three extents (tokens, units, rows) and takes integers or arrays of one shape. A
*unit* is a channel of the node's output, a head where the node is an attention map or a product.

Synapse cores hold weights in weight memory, accumulators and membranes in state memory. On an EC core everything lives in
state memory in words of `ec_core.state_bits`: the `weight_bits` of a part on an EC core (dense weights, constants, the scale
and shift of a LayerNorm) count against `ec_core.state_memory_bits`, together with its `state_bits`.

In layer-major order membranes and running sums are kept for a block of tokens, not for all. What all tokens keep is what waits
between layers at every step of a run: spikes in front of a product, its S_B, and the streams that a residual add waits for.

Spikes wait in state memory in layer-major order (those of all steps), and in step-major order where the chip has an event buffer
(those of one): two blocks of tokens in front of a synapse, both operands in front of a product.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from synaptile.conversion.graph import (
    Add,
    ConstantStream,
    Convolution2d,
    CubaLIFNeurons,
    DifferentialNeurons,
    ECUnit,
    Gate,
    InputCurrent,
    IntegerConvolution2d,
    Mask,
    MaxPool2d,
    Neurons,
    Node,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    Rearrange,
    Reduce,
    Rotation,
    Source,
    SpikeAttention,
    SpikingGraph,
    STBIFNeurons,
    Synapse,
    TokenEmbedding,
    TokenMean,
)
from synaptile.foundation.errors import GraphError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, PartTable
from synaptile.mapper.stored import stored_synapses

Extent: TypeAlias = Any
"""An integer, or an array of integers (floats where a mean is taken)."""

DOUBLE_BUFFERS = 2
"""Accumulators come twice: one set integrates a token while the neurons read the other."""


@dataclass(frozen=True)
class Footprint:
    """Resources of one part, or of many where the fields are arrays of shape (parts,)."""

    weight_bits: Extent
    state_bits: Extent
    neurons: Extent
    axons: Extent

    def __add__(self, other: Footprint) -> Footprint:
        return Footprint(
            self.weight_bits + other.weight_bits,
            self.state_bits + other.state_bits,
            self.neurons + other.neurons,
            self.axons + other.axons,
        )

    def __mul__(self, times: Extent) -> Footprint:
        return Footprint(self.weight_bits * times, self.state_bits * times, self.neurons * times, self.axons * times)


class PartExtents(NamedTuple):
    """Sizes of parts of one node: integers or arrays of shape (parts,). `owner` is 1 where a part holds its neurons, else 0.

    `start` is the first output, which a convolution's footprint depends on: its parts must be arrays.
    """

    tokens: Extent
    outputs: Extent
    rows: Extent
    owner: Extent
    start: Extent = 0


@dataclass(frozen=True)
class Resource:
    """A limit of one core: the chip figure's dotted name, its value and its unit."""

    figure: str
    limit: int
    unit: str


def home_of(graph: SpikingGraph, node: Node) -> CoreKind:
    """Kind of core that holds a node: spiking synapses and the neurons they feed accumulate, everything else multiplies."""
    if isinstance(node, Neurons) and node.inputs:
        node = graph.nodes[node.inputs[0].node]
    spiking = isinstance(node, Convolution2d | InputCurrent) or (isinstance(node, Synapse) and node.spiking)
    return CoreKind.SYNAPSE if spiking else CoreKind.EC


def soft_reset(node: Node) -> bool:
    """Whether binary neurons are reset by subtraction."""
    return getattr(node, "reset", None) == "subtract"


def off_chip(node: Node) -> bool:
    """Whether no core holds a node: where samples enter, and what the host reads out."""
    return isinstance(node, Source) or (isinstance(node, ReadOut) and node.off_chip)


def units_of(node: Node) -> int:
    """Units that an output can be cut into: heads of maps, products and sums, groups of norms, blocks that turn, or channels."""
    match node:
        case ProductUnit() | Reduce(over="depth") | Mask(over="depth"):
            return node.heads
        case ECUnit() if node.groups > 1:
            return node.groups
        case Rotation():
            return node.width // node.block
        case _:
            return node.width


def weight_copies(graph: SpikingGraph, node: Synapse | Convolution2d, chip: Chip) -> int:
    """Copies of each weight that a synapse stores: one a value of a spike without a shifter (paper, Eq. 26-29), else 1."""
    site = graph.nodes[node.inputs[0].node]
    if not isinstance(site, Neurons):
        raise GraphError(f"spiking synapse {node.name!r} must read neurons, it reads {site.name!r}")
    return site.values if chip.synapse_core.graded_spikes == "replicate" else 1


def code_bits(graph: SpikingGraph, node: Node) -> int:
    """Bits of what a neuron in front of a node does at a step, where it waits: nothing, or one of its values."""
    sites = [graph.nodes[port.node] for port in node.inputs]
    return max((ceil(log2(site.values + 1)) for site in sites if isinstance(site, Neurons)), default=0)


def held_steps(node: Node) -> int:
    """Steps for which a part holds spikes of its inputs, a bit per axon each: the delay, less the step that buffers give."""
    return max((port.delay - 1 for port in node.inputs if port.delay), default=0)


def synapse_footprint(chip: Chip, copies: int, extents: PartExtents, code: int = 0, held: int = 0) -> Footprint:
    """A rectangle of a spiking synapse: outputs by rows weights, for all tokens.

    `code` is the `code_bits` of its input, `held` its `held_steps`.

    `owner` is 1 where the part holds the bias, 0 where it only sends partial sums. A core that shifts keeps two accumulators
    an output, for positive and negative spikes (theta1 and theta2 differ); one with 2n copies has theta in the weights and
    keeps one, as one does whose spikes are binary. Without token sharing each token has neurons, axons and weights of its own.
    """
    core, flow = chip.synapse_core, chip.synapse_core.dataflow
    tokens, outputs, rows, owner, _ = extents
    stored = 1 if core.token_sharing else tokens
    waiting = (DOUBLE_BUFFERS * flow.token_block * flow.max_steps * rows * code if _spikes_wait(chip) else 0) + held * rows
    return Footprint(
        weight_bits=(outputs * rows * copies * (core.weight_bits + core.index_bits) + owner * outputs * core.weight_bits)
        * stored,
        state_bits=_accumulator_bits(chip) * outputs * stored + waiting * stored,
        neurons=outputs * stored,
        axons=rows * stored,
    )


def convolution_footprint(chip: Chip, copies: int, node: Convolution2d, start: Int64, stop: Int64, code: int = 0) -> Footprint:
    """Parts ``start:stop`` of a convolution's outputs, shape (parts,) each: whole channels, or rows of one.

    The bias is stored once a part and channel, weights as `stored_synapses` says; `code` is the `code_bits` of its input. Where
    a kernel serves all positions in turn, as a Linear's weights serve tokens, axons are the kernel's weight rows and neurons the
    output channels; else axons are the neurons in front that reach the part, neurons its outputs.
    """
    core = chip.synapse_core
    ranges = list(zip(start.tolist(), stop.tolist(), strict=True))
    channels = np.array([node.part_channels(a, b) for a, b in ranges], np.int64)
    weights = np.array([stored_synapses(node, a, b, core.convolutions) for a, b in ranges], np.int64)
    in_turn = positions_in_turn(chip, node)
    steps = (DOUBLE_BUFFERS * core.dataflow.max_steps * code if _spikes_wait(chip) else 0) + held_steps(node)
    reached = len(node.inputs) * np.array([node.part_axons(a, b) for a, b in ranges] if steps or not in_turn else 0, np.int64)
    rows = np.array([node.part_rows(a, b) for a, b in ranges], np.int64)
    return Footprint(
        weight_bits=weights * copies * (core.weight_bits + core.index_bits) + channels * core.weight_bits,
        state_bits=_accumulator_bits(chip) * (stop - start) + steps * reached,
        neurons=channels if in_turn else stop - start,
        axons=rows if in_turn else reached,
    )


def positions_in_turn(chip: Chip, node: Convolution2d) -> bool:
    """Whether a core applies one kernel at all positions of a convolution in turn; integer ones are found by address."""
    core = chip.synapse_core
    return core.token_sharing and core.convolutions == "kernel" and not isinstance(node, IntegerConvolution2d)


def input_footprint(chip: Chip, outputs: Extent) -> Footprint:
    """Currents of input neurons: a word of state each, beside the membrane."""
    return Footprint(0, outputs * chip.synapse_core.membrane_bits, outputs, 0)


def neuron_footprint(chip: Chip, kind: CoreKind, node: Neurons, tokens: Extent, units: Extent) -> Footprint:
    """Neurons of an MT site: a membrane for each (token, channel), or (head, token, key).

    On a synapse core they are the units whose accumulators the synapse has already counted as neurons. On an EC core each
    membrane counts as a neuron (its index is one of (token, channel)) and takes a word of state. A soft reset may take more of
    them (`soft_reset_compartments`). An ST-BIF neuron keeps its
    tracer beside the membrane, a CubaLIF neuron its current, in a word as wide. Differential neurons share a threshold per
    channel.
    """
    words = 2 if isinstance(node, STBIFNeurons | CubaLIFNeurons) else 1
    shared = units if isinstance(node, DifferentialNeurons) else 0
    row = units * (node.shape[2] if node.is_map else 1)
    kept = _tokens_in_state(chip, kind, tokens)
    if kind is CoreKind.SYNAPSE:
        more = chip.synapse_core.soft_reset_compartments - 1 if soft_reset(node) else 0
        state_bits = ((words + more) * kept * row + shared) * chip.synapse_core.membrane_bits
        return Footprint(0, state_bits, more * tokens * row, 0)
    return Footprint(0, (words * kept * row + shared) * _word_bits(chip), tokens * row, 0)


def ec_footprint(chip: Chip, node: Node, tokens: Extent, units: Extent, code: int = 0) -> Footprint:
    """A rectangle of a node on an EC core, neurons apart; `code` is the `code_bits` of its inputs.

    Forwarding nodes (concatenate, token_select) hold nothing.
    """
    weights, state = _ec_words(chip, node, tokens, units)
    bits = _word_bits(chip)
    waiting = 0
    if _spikes_wait(chip) and chip.ec_core is not None and isinstance(node, ProductUnit):
        depth = node.head_width if node.form == "qk" else node.keys
        second = 0 if chip.layer_major else node.keys * node.head_width  # in layer-major order S_B of every step stands for B
        waiting = chip.ec_core.dataflow.max_steps * units * (tokens * depth + second) * code
    return Footprint(weights * bits, state * bits + waiting, 0, 0)


def part_footprint(graph: SpikingGraph, chip: Chip, node: Node, extents: PartExtents) -> Footprint:
    """Footprint of parts of one node, neurons that they feed apart."""
    kind = home_of(graph, node)
    if isinstance(node, Neurons):
        return neuron_footprint(chip, kind, node, extents.tokens, extents.outputs)
    if isinstance(node, Convolution2d):
        copies = weight_copies(graph, node, chip)
        return convolution_footprint(chip, copies, node, extents.start, extents.start + extents.outputs, code_bits(graph, node))
    if isinstance(node, InputCurrent):
        return input_footprint(chip, extents.outputs)
    if isinstance(node, Synapse) and kind is CoreKind.SYNAPSE:
        copies = weight_copies(graph, node, chip)
        return synapse_footprint(chip, copies, extents, code_bits(graph, node), held_steps(node))
    return ec_footprint(chip, node, extents.tokens, extents.outputs * units_of(node) // node.width, code_bits(graph, node))


def part_extents(parts: PartTable, chosen: Int64) -> PartExtents:
    """Sizes of chosen parts of one node, shape (chosen,) each."""
    return PartExtents(
        (parts.token_stop - parts.token_start)[chosen].astype(np.int64),
        (parts.out_stop - parts.out_start)[chosen].astype(np.int64),
        (parts.in_stop - parts.in_start)[chosen].astype(np.int64),
        (parts.owner[chosen] == chosen).astype(np.int64),
        parts.out_start[chosen].astype(np.int64),
    )


def resources(chip: Chip, kind: CoreKind) -> tuple[Resource, ...]:
    """Limits of one core, in the order of `demands`."""
    if kind is CoreKind.SYNAPSE:
        core = chip.synapse_core
        return (
            Resource("synapse_core.weight_memory_bits", core.weight_memory_bits, "bits"),
            Resource("synapse_core.state_memory_bits", core.state_memory_bits, "bits"),
            Resource("synapse_core.max_neurons", core.max_neurons, "neurons"),
            Resource("synapse_core.max_axons", core.max_axons, "axons"),
        )
    if chip.ec_core is None:
        return ()
    return (
        Resource("ec_core.state_memory_bits", chip.ec_core.state_memory_bits, "bits"),
        Resource("ec_core.max_neurons", chip.ec_core.max_neurons, "neurons"),
    )


def demands(kind: CoreKind, load: Footprint) -> tuple[Extent, ...]:
    """What a footprint takes of each of a core's `resources`."""
    if kind is CoreKind.SYNAPSE:
        return load.weight_bits, load.state_bits, load.neurons, load.axons
    return load.weight_bits + load.state_bits, load.neurons


def cores_available(chip: Chip, kind: CoreKind) -> int:
    """Cores of one kind on the largest board."""
    mesh = chip.mesh
    per_tile = mesh.synapse_cores_per_tile if kind is CoreKind.SYNAPSE else mesh.ec_cores_per_tile
    if kind is CoreKind.EC and chip.ec_core is None:
        return 0
    return per_tile * mesh.width * mesh.height * mesh.max_chips


def _word_bits(chip: Chip) -> int:
    return chip.ec_core.state_bits if chip.ec_core is not None else chip.synapse_core.membrane_bits


def _spikes_wait(chip: Chip) -> bool:
    """Whether spikes take room where they wait."""
    return chip.layer_major or chip.memories.event_buffer is not None


def _accumulator_bits(chip: Chip) -> int:
    """State memory that the accumulators of one output take, of all that share a row; none where they are registers."""
    core = chip.synapse_core
    if core.dataflow.accumulators == "registers":
        return 0
    together = core.dataflow.token_block * core.dataflow.time_batch
    return DOUBLE_BUFFERS * core.accumulators * core.accumulator_bits * together


def _tokens_in_state(chip: Chip, kind: CoreKind, tokens: Extent) -> Extent:
    """Tokens whose membranes or running sums a part keeps: its own, or in layer-major order a block."""
    core = chip.synapse_core if kind is CoreKind.SYNAPSE else chip.ec_core
    return core.dataflow.token_block if core is not None and chip.layer_major else tokens


def _ec_words(chip: Chip, node: Node, tokens: Extent, units: Extent) -> tuple[Extent, Extent]:
    """Words of weights and of state."""
    kept = _tokens_in_state(chip, CoreKind.EC, tokens)
    steps = chip.ec_core.dataflow.max_steps if chip.ec_core is not None and chip.layer_major else 1
    match node:
        case ECUnit() if node.normalises:
            learnt, channels = len(node.array_shapes()) * (node.row // node.spread), units * node.width // units_of(node)
            rows = tokens * (units if node.groups > 1 else 1) if node.apart else 1
            return learnt * rows, 2 * kept * channels
        case ECUnit(function="softmax") if node.is_map:
            return units * tokens * node.shape[2] if node.biased else 0, 2 * units * kept * node.shape[2]
        case ECUnit():
            return 0, 2 * kept * units
        case SpikeAttention():  # the map or K^T V, the result, the operand that is kept
            return 0, units * (node.columns * node.columns + 2 * node.head_width)
        case Reduce() | MaxPool2d():
            return 0, units * (node.width // units_of(node))
        case Mask():
            return 0, units * (node.width // units_of(node)) * node.fewer // node.elements
        case ProductUnit():
            return units * node.head_width * (node.law == "difference"), units * (
                kept * node.head_width + steps * node.keys * node.head_width + kept * node.keys
            )
        case PatchEmbedding() | Synapse():
            return units * (node.fan_in + 1), tokens * units
        case ConstantStream():
            return tokens * units, 0
        case TokenEmbedding():  # positions, and the embedding in hand; words stay outside
            return tokens * units, tokens * units
        case Rotation():
            factors = units * node.block if node.period == node.width else node.period
            return len(node.array_shapes()) * tokens * factors, 0
        case Gate():
            return 0, 3 * kept * units
        case Add() | Rearrange():
            return 0, steps * tokens * units
        case TokenMean() | ReadOut():
            return 0, units
        case _:
            return 0, 0
