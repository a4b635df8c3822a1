"""A lowered graph under the laws of running means: differential neurons, thresholds in the weights behind, constants once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import (
    ConstantStream,
    Convolution2d,
    DifferentialNeurons,
    ECUnit,
    Gate,
    ImageSource,
    Neurons,
    Node,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    SpikingGraph,
    Synapse,
    TokenSource,
)
from synaptile.foundation.errors import CalibrationError


def differential_structure(
    graph: SpikingGraph, n: int, thetas: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]
) -> SpikingGraph:
    """The graph with differential neurons of n thresholds at every site, and with `facts` in its metadata.

    thetas: site -> its largest thresholds, (channels,) or (heads,). The theta of a site is a factor of the columns of the weights
    that read it; of a product's operands it is the product's gain. Raises CalibrationError for a theta out of a graph's range.
    """
    nodes, arrays = [_under_law(node, n) for node in graph.nodes.values()], dict(graph.arrays)
    for site, theta in thetas.items():
        arrays[f"{site}.theta"] = theta.astype(graph.dtype)
    for product in graph.of_type(ProductUnit):
        arrays[f"{product.name}.gain"] = np.ones(product.heads * product.head_width, graph.dtype)
    _multiply_readers(graph, {site: arrays[f"{site}.theta"] for site in thetas}, arrays)
    return SpikingGraph.build(graph.name, nodes, arrays, {**graph.metadata, **facts})


def rescaled(graph: SpikingGraph, factors: Mapping[str, float], levels: int = 0) -> SpikingGraph:
    """A differential graph with the thresholds of sites times a factor, and `levels` more thresholds per sign at every site.

    The largest threshold keeps its meaning: thresholds are added below it. Raises CalibrationError for sites that do not exist or
    factors that are not positive.
    """
    known = {site.name for site in graph.of_type(DifferentialNeurons)}
    if unknown := sorted(set(factors) - known):
        raise CalibrationError(f"factors name {len(unknown)} sites without differential neurons, first {unknown[0]!r}")
    if bad := [site for site, factor in factors.items() if not 0 < factor < np.inf]:
        raise CalibrationError(f"site {bad[0]!r}: factor {factors[bad[0]]!r}, needs to be positive and finite")
    arrays = dict(graph.arrays)
    for site, factor in factors.items():
        arrays[f"{site}.theta"] = arrays[f"{site}.theta"] * graph.dtype.type(factor)
    by = {site: np.full(graph.nodes[site].width, factor, graph.dtype) for site, factor in factors.items()}
    _multiply_readers(graph, by, arrays)
    nodes = [
        dataclasses.replace(node, n=node.n + levels) if isinstance(node, DifferentialNeurons) else node
        for node in graph.nodes.values()
    ]
    return SpikingGraph.build(graph.name, nodes, arrays, graph.metadata)


def theta_of(graph: SpikingGraph, site: str, theta: Any) -> NDArray[np.float64]:
    """Thresholds of a site, one per channel (head of a map), from a number or an array that broadcasts against its shape.

    Raises CalibrationError for a site that does not exist, thresholds that differ within a channel or are not positive.
    """
    node = graph.nodes.get(site)
    if not isinstance(node, Neurons):
        sites = ", ".join(known.name for known in graph.sites[:3])
        raise CalibrationError(f"thresholds name {site!r}, which is no neuron site: sites are {sites} ...")
    array = np.asarray(theta)
    if array.dtype.kind not in "fiu" or array.size not in (1, node.width) or max(array.shape, default=1) > node.width:
        raise CalibrationError(
            f"site {site!r}: thresholds of shape {array.shape}, type {array.dtype}: give a number, or {node.width}, one per "
            + ("head" if node.is_map else "channel")
        )
    values = np.broadcast_to(array.astype(np.float64).reshape(-1), node.width).copy()
    positions = positions_of(graph, site)
    if (values.reshape(-1, positions) != values[::positions, None]).any():
        raise CalibrationError(f"site {site!r}: thresholds differ within the image of a channel, {positions} positions each")
    if not ((values > 0) & np.isfinite(values)).all():
        raise CalibrationError(
            f"site {site!r}: thresholds from {values.min():g} to {values.max():g}, must be positive and finite"
        )
    return values


def positions_of(graph: SpikingGraph, site: str) -> int:
    """Positions of an image whose neurons share a threshold, since a convolution's weights are shared over them; else 1."""
    readers = (graph.nodes[name] for name in graph.consumers(site))
    return next((reader.image[1] * reader.image[2] for reader in readers if isinstance(reader, Convolution2d)), 1)


def _multiply_readers(graph: SpikingGraph, factors: Mapping[str, NDArray[Any]], arrays: dict[str, NDArray[Any]]) -> None:
    """Multiply what reads the spikes of sites by their factors, (channels,) or (heads,): columns of weights, gains."""
    for node in graph.nodes.values():
        for port in node.inputs:
            if port.node not in factors:
                continue
            own = factors[port.node][port.start : port.stop]
            if isinstance(node, Synapse):
                arrays[f"{node.name}.weight"] = arrays[f"{node.name}.weight"] * own
            elif isinstance(node, Convolution2d):
                per_channel = own.reshape(node.groups, 1, -1, node.image[1] * node.image[2])[..., :1, None]
                weight = arrays[f"{node.name}.weight"]
                grouped = weight.reshape(node.groups, -1, *weight.shape[1:]) * per_channel
                arrays[f"{node.name}.weight"] = grouped.reshape(weight.shape)
            elif isinstance(node, ProductUnit):
                per_channel = np.repeat(own, node.head_width) if graph.nodes[port.node].is_map else own
                arrays[f"{node.name}.gain"] = arrays[f"{node.name}.gain"] * per_channel


def _under_law(node: Node, n: int) -> Node:
    """The node under the law of running means: constants and samples enter once."""
    match node:
        case Neurons():
            return DifferentialNeurons(node.name, node.inputs, node.shape, n)
        case ImageSource() | TokenSource():
            return dataclasses.replace(node, presentation="analog", rate_steps=0)
        case ECUnit() | Gate() | ProductUnit() | ReadOut():
            return dataclasses.replace(node, law="difference")
        case Synapse():
            return dataclasses.replace(node, injection="once", unit_spikes=node.spiking)
        case Convolution2d():
            return dataclasses.replace(node, injection="once", unit_spikes=True)
        case PatchEmbedding() | ConstantStream():
            return dataclasses.replace(node, injection="once")
        case _:
            return node
