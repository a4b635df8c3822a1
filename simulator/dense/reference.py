"""The dense twin of execution: every unit's equation on whole arrays, one image at a time, one step after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.ann import embedded, patches_of, rotated, take
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
    Port,
    ProductUnit,
    ReadOut,
    Rearrange,
    Reduce,
    Rotation,
    SpikeAttention,
    SpikeSource,
    SpikingGraph,
    STBIFNeurons,
    Synapse,
    TokenEmbedding,
    TokenMean,
    TokenSelect,
    TokenSource,
    ValueSource,
    at_length,
)
from synaptile.conversion.images import source_of
from synaptile.conversion.spikes import check_samples
from synaptile.conversion.text.tokens import Tokens, text_source
from synaptile.foundation.arguments import expect
from synaptile.foundation.errors import InputError
from synaptile.foundation.shown import Brief
from synaptile.foundation.types import Array
from synaptile.hwmodels import Chip, as_chip
from synaptile.simulator.arguments import positive_integer
from synaptile.simulator.arithmetic import Arithmetic, arithmetic_of, bare, rounds_stream
from synaptile.simulator.dense.arithmetic import evaluate, unit_rows
from synaptile.simulator.dense.formatted import FormattedUnit
from synaptile.simulator.dense.leaky import ConvolutionUnit, LeakySite, MembraneUnit
from synaptile.simulator.dense.rounding import rounded
from synaptile.simulator.dense.trained import AttentionUnit, DiscreteSite, masked, pooled, reduced
from synaptile.simulator.dense.units import (
    DenseHead,
    DifferenceUnit,
    DifferentialSite,
    ExpectationUnit,
    GateUnit,
    HeldSite,
    IntegerSynapse,
    MTSite,
    Product,
    RealSynapse,
    STBIFSite,
    TelescopingUnit,
    Unit,
    ordered_linear,
)
from synaptile.simulator.dense.whole import IntegerMembrane, IntegerSite, IntegerSynapseUnit
from synaptile.simulator.fixed_point import check_membranes, held_membrane
from synaptile.simulator.number_format import check_clock, format_of, quantise, stream_dtype


@dataclass(frozen=True, repr=False)
class Reference(Brief):
    """What the dense reference computed.

    `logits`: shape (steps, images, classes), the mean over steps so far (the sum, by the read-out's law). `spikes`: site ->
    emitted values (0 or +-theta*2^k, or +-step), shape ``(steps, images, *site shape)``. `eq30` and `released`: node ->
    accumulates issued at that step, shape (steps, images), int64. `settled`: the first step at which nothing moved anywhere, 0
    where there was none, shape (images,), int64; None where a run never rests (`SpikingGraph.settles_after`). What follows a
    settled step is the same for ever. `departures`: node -> what left its range (see `Activity`) of each image, shape (steps,
    images), int64.
    """

    logits: Array
    spikes: Mapping[str, Array]
    eq30: Mapping[str, NDArray[np.int64]]
    released: Mapping[str, NDArray[np.int64]]
    settled: NDArray[np.int64] | None = None
    departures: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


def reference(
    graph: SpikingGraph,
    images: Any,
    steps: int,
    numeric: str | None = None,
    *,
    chip: Chip | str | Path | None = None,
    keep_spikes: bool = True,
) -> Reference:
    """Run a SpikingGraph densely, without a chip. An image that has settled is not run on: nothing would change.

    Args:
        graph: with its arrays.
        images: preprocessed, float, shape (images, channels, H, W); for a graph that takes spikes, trains of 0 and 1, float,
            shape (steps or more, samples, neurons); for a graph of text `Tokens`, or a pair (ids, mask).
        steps: time steps, at least 1.
        numeric: ``"float64"`` (by default), ``"float32"`` or ``"int8"`` (int8 weights, float32 elsewhere, in the stated order);
            of networks of whole numbers int8 alone; ``"chip"`` the formats that `chip` states.
        chip: whose function tables and formats are computed with; None computes without.
        keep_spikes: False leaves `Reference.spikes` empty; they take more memory than all else.

    A sentence runs at its own length; tokens that pad it show no spikes. Raises ImageError for unusable images, InputError for
    unusable sentences and for steps or number formats that do not exist.
    """
    expect(graph, SpikingGraph, "graph", "give a SpikingGraph")
    number, steps = format_of(graph, numeric, "float64"), check_steps(steps)
    arithmetic = bare(number) if chip is None else arithmetic_of(as_chip(chip), number)
    check_clock(graph, steps, arithmetic)
    check_membranes(graph, arithmetic)
    batch = check_samples(images, graph, steps)
    if isinstance(batch, Tokens):
        runs = [
            _run_sentence(graph, ids[:length], steps, arithmetic, keep_spikes)
            for ids, length in zip(batch.ids, batch.lengths, strict=True)
        ]
    else:
        runs = [
            _run_image(graph, image[None], steps, arithmetic, keep_spikes)
            for image in batch.astype(stream_dtype(graph, number), copy=False)
        ]
    return Reference(
        np.stack([run.logits for run in runs], axis=1),
        {site: np.stack([run.spikes[site] for run in runs], axis=1) for site in runs[0].spikes},
        {node: np.stack([run.eq30[node] for run in runs], axis=1) for node in graph.ann_macs},
        {node: np.stack([run.released[node] for run in runs], axis=1) for node in graph.ann_macs},
        None if graph.settles_after is None else np.concatenate([run.settled for run in runs if run.settled is not None]),
        {node: np.stack([run.departures[node] for run in runs], axis=1) for node in runs[0].departures},
    )


def check_steps(steps: int) -> int:
    """The number of time steps as a plain integer. Raises InputError unless it is a positive integer."""
    return positive_integer("steps", steps)


def _run_sentence(
    graph: SpikingGraph, ids: NDArray[np.int64], steps: int, arithmetic: Arithmetic, keep_spikes: bool
) -> Reference:
    """One sentence on the graph of its length, spikes padded to the shapes of the whole graph's sites."""
    run = _run_image(at_length(graph, len(ids)), ids[None], steps, arithmetic, keep_spikes)
    spikes = {}
    for site in graph.sites if keep_spikes else ():
        values = run.spikes[site.name]
        extents = zip((steps, *site.shape), values.shape, strict=True)
        spikes[site.name] = np.pad(values, [(0, whole - part) for whole, part in extents])
    return replace(run, spikes=spikes)


def _run_image(graph: SpikingGraph, image: Array, steps: int, arithmetic: Arithmetic, keep_spikes: bool) -> Reference:
    units = {node.name: _unit(graph, node, image, arithmetic) for node in graph.nodes.values()}
    logits: list[Array] = []
    looked_back = {port.node for node in graph.nodes.values() for port in node.inputs if port.delay}
    silence = {name: np.zeros(graph.nodes[name].shape, stream_dtype(graph, arithmetic.numeric)) for name in looked_back}
    spikes: dict[str, list[Array]] = {site.name: [] for site in graph.sites if keep_spikes or site.name in looked_back}
    last, readout, settled = graph.settles_after, graph.readout.name, 0
    for t in range(1, steps + 1):
        streams: dict[str, Array] = {}
        may_settle, moves = last is not None and t > last, False
        for node in graph.nodes.values():
            inputs = [
                take((_past(spikes, silence, port, t) if port.delay else streams[port.node])[None], port)[0]
                for port in node.inputs
            ]
            if isinstance(node, Synapse):
                inputs = [np.concatenate(inputs, axis=1)]
            stream = units[node.name].step(t, inputs)
            streams[node.name] = rounded(stream, arithmetic.words) if rounds_stream(node) else stream
            moves = moves or (may_settle and node.name != readout and bool(streams[node.name].any()))
            if node.name in spikes:
                spikes[node.name].append(streams[node.name])
            for name in graph.read_last(node.name):
                del streams[name]
        logits.append(streams[readout][0])
        if may_settle and not moves:
            settled = t
            break
    rest = steps - len(logits)
    return Reference(
        np.stack(logits + logits[-1:] * rest),
        {site: np.stack(values + values[-1:] * rest) for site, values in spikes.items()} if keep_spikes else {},
        {node: np.array(units[node].eq30 + [0] * rest, np.int64) for node in graph.ann_macs},
        {node: np.array(units[node].released + [0] * rest, np.int64) for node in graph.ann_macs},
        np.array([settled], np.int64),
        {name: np.array(unit.departures + [0] * rest, np.int64) for name, unit in units.items() if unit.departures},
    )


def _past(spikes: Mapping[str, list[Array]], silence: Mapping[str, Array], port: Port, t: int) -> Array:
    """What a port that looks back reads at step t (from 1)."""
    return spikes[port.node][t - port.delay - 1] if t > port.delay else silence[port.node]


def _unit(graph: SpikingGraph, node: Node, image: Array, arithmetic: Arithmetic) -> Unit:
    """The stateful unit of one node."""
    dtype = stream_dtype(graph, arithmetic.numeric)

    def array(field: str) -> Array:
        return graph.array(node.name, field).astype(dtype, copy=False)

    def weight() -> Array:
        return rounded(array("weight"), arithmetic.weights)

    def site() -> Neurons:
        found = graph.nodes[node.inputs[0].node]
        assert isinstance(found, Neurons)
        return found

    match node:
        case ImageSource():
            return Unit(lambda t, _inputs: image.reshape(1, -1) * dtype.type(node.share(t)))
        case CurrentSource():
            return Unit(lambda _t, _inputs: image)
        case InputCurrent():
            return Unit(lambda _t, inputs: inputs[0][:, node.places])
        case IntegerConvolution2d():
            return IntegerSynapseUnit(node, array("weight"), array("bias"))
        case IntegerNeurons():
            return IntegerSite(node, array("threshold"))
        case IntegerReadOut():
            return IntegerMembrane(node)
        case SpikeSource() | ValueSource():
            return Unit(lambda t, _inputs: image[:, t - 1])
        case TokenSource():
            return Unit(lambda t, _inputs: np.full(node.shape, node.share(t), dtype))
        case TokenEmbedding():
            currents, sentence = embedded(graph, node, image, dtype)[0], text_source(graph)
            return Unit(lambda t, _inputs: currents if sentence.last_step is None else currents * dtype.type(sentence.share(t)))
        case Convolution2d():
            stored = quantise(graph, node, arithmetic) if arithmetic.integer else weight()
            thetas = (site().theta1, site().theta2) if arithmetic.integer and site().values > 1 else ()
            return ConvolutionUnit(node, stored, array("bias"), thetas)
        case DiscreteNeurons():
            return DiscreteSite(node, dtype)
        case MaxPool2d():
            return Unit(lambda _t, inputs: pooled(node, inputs[0]))
        case Reduce():
            return Unit(lambda _t, inputs: reduced(node, inputs))
        case Mask():
            return Unit(lambda _t, inputs: masked(node, inputs))
        case SpikeAttention():
            return AttentionUnit(node)
        case LeakyNeurons():
            return LeakySite(graph, node, dtype)
        case MembraneReadOut():
            return MembraneUnit(graph, node, dtype)
        case ConstantStream():
            value = array("value")
            return Unit(lambda t, _inputs: value if node.injection == "every" or t == 1 else np.zeros_like(value))
        case PatchEmbedding():
            return _front_end(node, source_of(graph), patches_of(node, image)[0], array("weight"), array("bias"))
        case Concatenate():
            return Unit(lambda _t, inputs: np.concatenate(inputs))
        case Add():
            return Unit(lambda _t, inputs: np.asarray(sum(inputs[1:], start=inputs[0])))
        case Gate():
            return GateUnit(node, dtype, arithmetic.halves)
        case Rotation():
            return Unit(lambda _t, inputs: rotated(graph, node, inputs[0]))
        case Rearrange():
            return Unit(lambda _t, inputs: inputs[0].reshape(-1)[node.places])
        case TokenSelect():
            return Unit(lambda _t, inputs: inputs[0][node.start : node.stop])
        case TokenMean():
            return Unit(lambda _t, inputs: _token_mean(inputs[0][node.start : node.stop]))
        case MTNeurons():
            held = held_membrane(graph, node, arithmetic)
            return MTSite(node, dtype) if held is None else HeldSite(node, held)
        case STBIFNeurons():
            return STBIFSite(node, dtype)
        case DifferentialNeurons():
            return DifferentialSite(node, array("theta"))
        case Synapse(spiking=False):
            return DenseHead(array("weight"), array("bias"), once=node.injection == "once")
        case Synapse() if arithmetic.integer:
            limits, wrap, once = arithmetic.limits, arithmetic.overflow == "wrap", node.injection == "once"
            return IntegerSynapse(quantise(graph, node, arithmetic), array("bias"), site(), once=once, limits=limits, wrap=wrap)
        case Synapse():
            return RealSynapse(weight(), array("bias"), once=node.injection == "once")
        case ProductUnit():
            gain = array("gain") if node.law == "difference" else None
            # Running means of products come back to zero, where 3/4 of a threshold is met exactly: both twins must round alike.
            return Product(node, ordered=arithmetic.numeric in ("int8", "chip") or gain is not None, gain=gain)
        case ECUnit() if not arithmetic.plain:
            return FormattedUnit(graph, node, arithmetic, dtype)
        case ECUnit():
            unit = {"mean": ExpectationUnit, "sum": TelescopingUnit, "difference": DifferenceUnit}[node.law]
            return unit(lambda x: evaluate(graph, node, x))
        case ReadOut():
            return _read_out(node)
        case _:
            raise InputError(f"node {node.name!r} of kind {node.kind!r} has no dense unit")


def _token_mean(rows: Array) -> Array:
    """Mean over tokens, first to last."""
    total = rows[0]
    for row in rows[1:]:
        total = total + row
    return np.asarray((total * rows.dtype.type(1.0 / len(rows)))[None])


def _front_end(node: PatchEmbedding, source: ImageSource, pixels: Array, weight: Array, bias: Array) -> Unit:
    """Currents of the patches, computed once; each step takes the part of them that the source shows."""
    real = pixels.dtype.type
    if source.last_step is None and node.injection == "every":
        currents = ordered_linear(pixels, weight, bias)
        return Unit(lambda _t, _inputs: currents)
    plain = ordered_linear(pixels, weight, np.zeros_like(bias))

    def step(t: int, _inputs: list[Array]) -> Array:
        shown = plain * real(source.share(t))
        return np.asarray(shown + bias if node.injection == "every" or t == 1 else shown)

    return Unit(step)


def _read_out(node: ReadOut) -> Unit:
    total: list[Array] = []

    def step(t: int, inputs: list[Array]) -> Array:
        real = inputs[0].dtype.type
        new = inputs[0] * real(1.0 / t) if node.law == "difference" else inputs[0]
        total[:] = [total[0] + new if total else new]
        logits = np.asarray(total[0] * real(node.scale / t if node.law == "mean" else node.scale))
        return unit_rows(logits) if node.normalised else logits

    return Unit(step)
