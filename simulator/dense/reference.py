"""The dense twin of execution: every unit's equation on whole arrays, one image at a time, one step after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conversion.ann import patches_of, take
from conversion.graph import (
    Add,
    Concatenate,
    ConstantStream,
    ECUnit,
    ImageSource,
    MTNeurons,
    Node,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    SpikingGraph,
    Synapse,
    TokenMean,
    TokenSelect,
)
from conversion.images import check_images, source_of
from foundation.errors import InputError
from simulator.dense.arithmetic import evaluate
from simulator.dense.units import DenseHead, ExpectationUnit, IntegerSynapse, MTSite, Product, RealSynapse, Unit, ordered_linear
from simulator.number_format import Numeric, check_numeric, quantise, real_dtype

Array = NDArray[Any]


@dataclass(frozen=True)
class Reference:
    """What the dense reference computed.

    `logits`: shape (steps, images, classes), the mean over steps so far. `spikes`: site -> emitted values
    (0 or +-theta*2^k), shape (steps, images, *site shape). `eq30` and `released`: node -> accumulates issued at that step,
    shape (steps, images), int64.
    """

    logits: Array
    spikes: Mapping[str, Array]
    eq30: Mapping[str, NDArray[np.int64]]
    released: Mapping[str, NDArray[np.int64]]


def reference(graph: SpikingGraph, images: Any, steps: int, numeric: str = "float64") -> Reference:
    """Run a SpikingGraph densely, without a chip.

    Args:
        graph: with its arrays.
        images: preprocessed, float, shape (images, channels, H, W).
        steps: time steps, at least 1.
        numeric: ``"float64"``, ``"float32"`` or ``"int8"`` (int8 weights, float32 elsewhere, in the stated order).

    Raises ImageError for unusable images, InputError for steps or number formats that do not exist.
    """
    number = check_numeric(numeric)
    check_steps(steps)
    batch = check_images(images, source_of(graph).image_shape).astype(real_dtype(number), copy=False)
    runs = [_run_image(graph, image[None], steps, number) for image in batch]
    return Reference(
        np.stack([run.logits for run in runs], axis=1),
        {site.name: np.stack([run.spikes[site.name] for run in runs], axis=1) for site in graph.sites},
        {node: np.stack([run.eq30[node] for run in runs], axis=1) for node in graph.ann_macs},
        {node: np.stack([run.released[node] for run in runs], axis=1) for node in graph.ann_macs},
    )


def check_steps(steps: int) -> None:
    """Raise InputError unless `steps` is a positive integer."""
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise InputError(f"steps is {steps!r}, needs to be an integer of at least 1")


def _run_image(graph: SpikingGraph, image: Array, steps: int, numeric: Numeric) -> Reference:
    units = {node.name: _unit(graph, node, image, numeric) for node in graph.nodes.values()}
    logits: list[Array] = []
    spikes: dict[str, list[Array]] = {site.name: [] for site in graph.sites}
    for t in range(1, steps + 1):
        streams: dict[str, Array] = {}
        for node in graph.nodes.values():
            inputs = [take(streams[port.node][None], port)[0] for port in node.inputs]
            streams[node.name] = units[node.name].step(t, inputs)
            if node.name in spikes:
                spikes[node.name].append(streams[node.name])
        logits.append(streams[graph.readout.name][0])
    return Reference(
        np.stack(logits),
        {site: np.stack(values) for site, values in spikes.items()},
        {node: np.array(units[node].eq30, np.int64) for node in graph.ann_macs},
        {node: np.array(units[node].released, np.int64) for node in graph.ann_macs},
    )


def _unit(graph: SpikingGraph, node: Node, image: Array, numeric: Numeric) -> Unit:
    """The stateful unit of one node."""
    dtype = image.dtype

    def array(field: str) -> Array:
        return graph.array(node.name, field).astype(dtype, copy=False)

    match node:
        case ImageSource():
            return Unit(lambda _t, _inputs: image.reshape(1, -1))
        case ConstantStream():
            value = array("value")
            return Unit(lambda _t, _inputs: value)
        case PatchEmbedding():
            currents = ordered_linear(patches_of(node, image)[0], array("weight"), array("bias"))
            return Unit(lambda _t, _inputs: currents)
        case Concatenate():
            return Unit(lambda _t, inputs: np.concatenate(inputs))
        case Add():
            return Unit(lambda _t, inputs: np.asarray(sum(inputs[1:], start=inputs[0])))
        case TokenSelect():
            return Unit(lambda _t, inputs: inputs[0][node.start : node.stop])
        case TokenMean():
            return Unit(lambda _t, inputs: _token_mean(inputs[0][node.start : node.stop]))
        case MTNeurons():
            return MTSite(node, dtype)
        case Synapse(spiking=False):
            return DenseHead(array("weight"), array("bias"))
        case Synapse() if numeric == "int8":
            site = graph.nodes[node.inputs[0].node]
            assert isinstance(site, MTNeurons)
            return IntegerSynapse(quantise(graph, node), array("bias"), site)
        case Synapse():
            return RealSynapse(array("weight"), array("bias"))
        case ProductUnit():
            return Product(node, ordered=numeric == "int8")
        case ECUnit():
            return ExpectationUnit(lambda x: evaluate(graph, node, x))
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


def _read_out(node: ReadOut) -> Unit:
    total: list[Array] = []

    def step(t: int, inputs: list[Array]) -> Array:
        total[:] = [total[0] + inputs[0] if total else inputs[0]]
        real = inputs[0].dtype.type
        return np.asarray(total[0] * real(node.scale / t))

    return Unit(step)
