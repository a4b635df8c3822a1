"""Units of a batch from a mapped program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.ann import embedded, patches_of
from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ConstantStream,
    Convolution2d,
    CurrentSource,
    DifferentialNeurons,
    DiscreteNeurons,
    ECUnit,
    Gate,
    ImageSource,
    InputCurrent,
    IntegerConvolution2d,
    IntegerNeurons,
    IntegerReadOut,
    LeakyNeurons,
    Mask,
    MaxPool2d,
    MembraneReadOut,
    MTNeurons,
    Neurons,
    Node,
    PatchEmbedding,
    PresentedSource,
    ProductUnit,
    ReadOut,
    Rearrange,
    Reduce,
    Rotation,
    SpikeAttention,
    SpikeSource,
    STBIFNeurons,
    Synapse,
    TokenEmbedding,
    TokenMean,
    TokenSelect,
    TokenSource,
    ValueSource,
)
from synaptile.foundation.derived import derived
from synaptile.foundation.errors import GraphError
from synaptile.foundation.options import Numeric
from synaptile.mapper.program import CoreProgram
from synaptile.mapper.regions import required
from synaptile.simulator.arithmetic import Arithmetic, arithmetic_of
from synaptile.simulator.dense.rounding import rounded
from synaptile.simulator.event.buffers import Buffers
from synaptile.simulator.event.convolution_unit import ConvolutionUnit
from synaptile.simulator.event.leaky_unit import LeakyFireUnit, MembraneReadOutUnit, TrainUnit, ValuesUnit
from synaptile.simulator.event.membrane_unit import IntegerConvolutionUnit, MembraneFireUnit, MembraneWordUnit
from synaptile.simulator.event.packed import packed_weight
from synaptile.simulator.event.product_unit import ProductEventUnit
from synaptile.simulator.event.real_units import GateUnit, RearrangeUnit, RotationUnit
from synaptile.simulator.event.ternary_unit import TernaryFireUnit
from synaptile.simulator.event.trained_unit import (
    DiscreteFireUnit,
    MaskUnit,
    MaxPoolUnit,
    ReduceUnit,
    SpikeAttentionUnit,
)
from synaptile.simulator.event.unit import EventUnit
from synaptile.simulator.event.units import (
    DenseHeadUnit,
    DifferentialFireUnit,
    ExpectationUnit,
    FireUnit,
    ReadOutUnit,
    ShownUnit,
    StreamUnit,
    SynapseUnit,
    TokenMeanUnit,
)
from synaptile.simulator.fixed_point import held_membrane
from synaptile.simulator.kernels.checked import Limits
from synaptile.simulator.kernels.convolve import make_kernel
from synaptile.simulator.kernels.fire import make_thresholds
from synaptile.simulator.kernels.integer import IntegerScale
from synaptile.simulator.kernels.synapse import Tiles, multiply_dense, tile_bounds
from synaptile.simulator.number_format import quantise, stream_dtype

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class Layout:
    """What every batch of a run shares: tiles of the synapses and the channel groups in which spikes are counted.

    `rectangles` lists a synapse's distinct tiles, sorted, as (out_start, out_stop, in_start, in_stop); `bounds` the channels at
    which a site's spikes are counted apart: what its synapses and products read, and where its parts are cut. An attention map is
    counted row by row.
    """

    program: CoreProgram
    numeric: Numeric
    rectangles: dict[str, list[Rectangle]]
    bounds: dict[str, NDArray[np.int64]]

    @property
    def arithmetic(self) -> Arithmetic:
        """What is executed."""
        return arithmetic_of(self.program.chip, self.numeric)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Floating type of membranes, state and streams."""
        return stream_dtype(self.program.graph, self.numeric)

    def row_bounds(self, node: Synapse) -> NDArray[np.int64]:
        """Rows of a synapse between which the sites in front count their spikes."""
        return np.unique(np.concatenate([self.bounds[port.node] + node.first_row(i) for i, port in enumerate(node.inputs)]))


@derived
def make_layout(program: CoreProgram, numeric: Numeric) -> Layout:
    """List the tiles of every spiking synapse and the groups of every site; once for a program."""
    graph, parts = program.graph, program.parts
    rectangles: dict[str, list[Rectangle]] = {}
    for node in graph.of_type(Synapse):
        if node.spiking:
            rows = program.parts_of(node.name)
            columns = (parts.out_start[rows], parts.out_stop[rows], parts.in_start[rows], parts.in_stop[rows])
            rectangles[node.name] = sorted({(int(a), int(b), int(c), int(d)) for a, b, c, d in zip(*columns, strict=True)})
    return Layout(program, numeric, rectangles, {site.name: _group_bounds(program, site, rectangles) for site in graph.sites})


def make_unit(layout: Layout, node: Node, images: NDArray[Any], buffers: Buffers) -> EventUnit:
    """A fresh unit, state zero, for one batch of preprocessed images, or of token numbers, shape (sentences, length)."""
    unit = _unit(layout, node, images, buffers)
    unit.buffers = buffers
    return unit


def _unit(layout: Layout, node: Node, images: NDArray[Any], buffers: Buffers) -> EventUnit:
    graph, dtype, count = layout.program.graph, layout.dtype, len(images)
    rows = count * (node.tokens * (node.shape[0] if node.is_map else 1))

    def share() -> Callable[[int], float] | None:
        source = graph.source
        return None if not isinstance(source, PresentedSource) or source.last_step is None else source.share

    def array(name: str) -> NDArray[Any]:
        return graph.array(node.name, name).astype(dtype, copy=False)

    match node:
        case SpikeSource():
            return TrainUnit(node, images, layout.bounds[node.name])
        case ValueSource():
            return ValuesUnit(images)
        case IntegerNeurons():
            return MembraneFireUnit(graph, node, rows, layout.bounds[node.name])
        case CurrentSource():
            return ShownUnit(images.reshape(count, -1))
        case InputCurrent():
            return ShownUnit(np.ascontiguousarray(images.reshape(count, -1)[:, node.places]))
        case IntegerConvolution2d():
            return IntegerConvolutionUnit(graph, node, _ranges(layout, node))
        case IntegerReadOut():
            return MembraneWordUnit(node, count)
        case DiscreteNeurons():
            return DiscreteFireUnit(node, rows, layout.bounds[node.name], dtype)
        case MaxPool2d():
            return MaxPoolUnit(node)
        case Reduce():
            return ReduceUnit(node)
        case Mask():
            return MaskUnit(node)
        case SpikeAttention():
            return SpikeAttentionUnit(node, count, dtype)
        case LeakyNeurons():
            return LeakyFireUnit(graph, node, rows, layout.bounds[node.name], dtype)
        case Convolution2d():
            return _convolution(layout, node)
        case MembraneReadOut():
            return MembraneReadOutUnit(graph, node, count, dtype)
        case STBIFNeurons():
            return TernaryFireUnit(node, rows, layout.bounds[node.name], dtype)
        case DifferentialNeurons():
            return DifferentialFireUnit(node, rows, layout.bounds[node.name], array("theta"))
        case MTNeurons():
            return FireUnit(node, rows, layout.bounds[node.name], dtype, held_membrane(graph, node, layout.arithmetic))
        case Synapse(spiking=False):
            return DenseHeadUnit(node, count, np.ascontiguousarray(array("weight").T), array("bias"))
        case Synapse():
            return _synapse(layout, node, count, buffers)
        case ECUnit():
            return ExpectationUnit(graph, node, rows, dtype, layout.arithmetic)
        case ProductUnit():
            a, b = (graph.nodes[port.node] for port in node.inputs)
            assert isinstance(a, Neurons) and isinstance(b, Neurons)
            return ProductEventUnit(node, (a, b), count, dtype, array("gain") if node.law == "difference" else None)
        case Gate():
            return GateUnit(node, dtype, layout.arithmetic.halves)
        case Rotation():
            return RotationUnit(node, array("cos"), array("sin") if node.block > 1 else None)
        case Rearrange():
            read = graph.nodes[node.inputs[0].node]
            return RearrangeUnit(node, read.shape[-1] if read.is_map else node.inputs[0].width)
        case TokenMean():
            return TokenMeanUnit(node, count)
        case ReadOut():
            return ReadOutUnit(node, count, dtype)
        case TokenSource():
            return ShownUnit(np.ones((rows, 1), dtype), share=share())
        case TokenEmbedding():
            return ShownUnit(embedded(graph, node, images, dtype).reshape(rows, -1), share=share())
        case ImageSource():
            return ShownUnit(images.reshape(count, -1), share=share())
        case ConstantStream(injection="once"):
            value = np.tile(array("value"), (count, 1))
            return ShownUnit(np.zeros_like(value), once=value)
        case ConstantStream():
            return ShownUnit(np.tile(array("value"), (count, 1)))
        case PatchEmbedding(injection="once"):
            bias = array("bias")
            return ShownUnit(_front_end(node, images, array("weight"), np.zeros_like(bias)), once=bias, share=share())
        case PatchEmbedding():
            return ShownUnit(_front_end(node, images, array("weight"), array("bias")), share=share())
        case TokenSelect():
            return StreamUnit(node.kind, count, node.width, node.start, node.stop)
        case Add() | Concatenate():
            return StreamUnit(node.kind, count, node.width)
        case _:
            raise GraphError(f"node {node.name!r} of kind {node.kind!r} cannot be executed")


def _synapse(layout: Layout, node: Synapse, images: int, buffers: Buffers) -> SynapseUnit:
    graph, dtype, arithmetic = layout.program.graph, layout.dtype, layout.arithmetic
    bias, site = graph.array(node.name, "bias").astype(dtype, copy=False), graph.nodes[node.inputs[0].node]
    assert isinstance(site, Neurons)
    emitted = make_thresholds(site.theta1, site.theta2, site.n, dtype).emitted
    packed, tiles = packed_weight(graph, node, arithmetic, buffers), _tiles(layout, node.name)
    if packed.scale is None:
        return SynapseUnit(node, images, emitted, tiles._replace(weights=packed.weights), bias, None, dtype)
    scale = IntegerScale(packed.scale * np.float32(site.theta1), packed.scale * np.float32(site.theta2), bias)
    if not packed.narrow:
        return SynapseUnit(node, images, emitted, tiles._replace(weights=packed.weights), bias, scale, dtype)
    narrow = Limits(*arithmetic.limits, arithmetic.overflow == "wrap"), packed.weights
    return SynapseUnit(node, images, emitted, tiles, bias, scale, dtype, narrow)


@derived
def _tiles(layout: Layout, name: str) -> Tiles:
    """The tiles of a synapse without their weights."""
    node = layout.program.graph.nodes[name]
    assert isinstance(node, Synapse)
    return tile_bounds(layout.rectangles[name], layout.row_bounds(node))


def _convolution(layout: Layout, node: Convolution2d) -> ConvolutionUnit:
    graph, dtype, ranges = layout.program.graph, layout.dtype, _ranges(layout, node)
    bias = graph.array(node.name, "bias").astype(dtype, copy=False)
    weight, share = graph.array(node.name, "weight"), dtype.type(node.pool_scale)
    arithmetic, site = layout.arithmetic, graph.nodes[node.inputs[0].node]
    assert isinstance(site, Neurons)
    if not arithmetic.integer:
        kernel = make_kernel(node, rounded(weight.astype(dtype, copy=False), arithmetic.weights))
        worth = np.zeros(1, dtype) if site.values == 1 else make_thresholds(site.theta1, site.theta2, site.n, dtype).emitted
        return ConvolutionUnit(node, kernel, np.full((1, node.channels), share), bias, worth, ranges)
    quantised = quantise(graph, node, arithmetic)
    kernel = make_kernel(node, quantised.levels.reshape(weight.shape))
    if site.values == 1:
        return ConvolutionUnit(node, kernel, (quantised.scale * share)[None], bias, np.zeros(1, np.int32), ranges)
    powers = 1 << np.arange(site.n, dtype=np.int32)
    scale = np.stack([quantised.scale * np.float32(theta) * share for theta in (site.theta1, site.theta2)])
    return ConvolutionUnit(node, kernel, scale, bias, np.concatenate([powers[::-1], [0], powers]).astype(np.int32), ranges)


def _ranges(layout: Layout, node: Convolution2d) -> tuple[tuple[int, int], ...]:
    """Outputs of each part of a convolution."""
    parts, rows = layout.program.parts, layout.program.parts_of(node.name)
    return tuple(zip(parts.out_start[rows].tolist(), parts.out_stop[rows].tolist(), strict=True))


def _group_bounds(program: CoreProgram, site: Neurons, rectangles: dict[str, list[Rectangle]]) -> NDArray[np.int64]:
    graph, parts, chosen, width = program.graph, program.parts, program.parts_of(site.name), site.shape[-1]
    if site.is_map:
        return np.array([0, width], np.int64)
    cuts: list[NDArray[np.int64]] = [
        np.array([0, width], np.int64),
        *(c[chosen].astype(np.int64) for c in (parts.out_start, parts.out_stop)),
    ]
    for name in graph.consumers(site.name):
        reader, rows = graph.nodes[name], program.parts_of(name)
        if isinstance(reader, Synapse):
            starts = np.array([start for _, _, start, _ in rectangles.get(name, ())], np.int64)
            numbers = [number for number, port in enumerate(reader.inputs) if port.node == site.name]
            cuts += [np.clip(starts - reader.first_row(number), 0, width) for number in numbers]
        elif isinstance(reader, ProductUnit):
            cuts.append(np.arange(0, width, reader.head_width, dtype=np.int64))
        else:
            for index, port in enumerate(reader.inputs):
                if port.node == site.name:
                    needed = required(graph, reader, index, parts, rows.astype(np.int64))
                    cuts += [needed.start, needed.stop]
    return np.unique(np.concatenate(cuts))


def _front_end(node: PatchEmbedding, images: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
    """Patch currents of all images, computed once: rows of pixels times weights, the fan-in in order."""
    pixels = np.ascontiguousarray(patches_of(node, images).reshape(-1, node.fan_in))
    out = np.empty((len(pixels), node.width), images.dtype)
    multiply_dense(pixels, 0, np.ascontiguousarray(weight.T), bias, out)
    return out
