"""A lowered graph to SpikeZIP's structure: quantiser sites, ReLU for GELU, telescoping units, constants injected once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import get_args

from synaptile.conversion.graph import (
    ConstantStream,
    Convolution2d,
    ECUnit,
    Gate,
    ImageSource,
    MTNeurons,
    Neurons,
    Node,
    PatchEmbedding,
    Port,
    ProductUnit,
    ReadOut,
    Rearrange,
    Rotation,
    SpikingGraph,
    STBIFNeurons,
    Synapse,
    TokenSource,
)
from synaptile.conversion.spikezip.levels import check_accumulators, check_levels, level_range
from synaptile.conversion.thresholds import head_synapses
from synaptile.foundation.errors import CalibrationError, InputError, ModelError
from synaptile.foundation.options import FinitePresentation

RECTIFIED = ("gelu", "gelu_tanh", "quick_gelu", "relu")
"""Activations that become a ReLU, which the unsigned quantiser behind them absorbs."""
UNSET_STEP = 1.0


def quantised_structure(
    lowered: SpikingGraph, levels: int = 32, presentation: FinitePresentation = "analog", *, keep_activations: bool = False
) -> SpikingGraph:
    """The QANN's graph with every step size still at 1.

    Quantisers stand where the lowered graph has MT neurons (in front of every Linear and on both operands of every product),
    behind the patch embedding and behind every Linear whose output joins the residual stream: ten per ViT block, and two.
    Unsigned are those behind a softmax or a rectified activation. `keep_activations` departs from the paper: a GELU stays what it
    is, a telescoping EC unit in front of a signed quantiser, at the price of its multiplies. Raises InputError for
    levels or presentations that do not exist, ModelError for an activation that nothing quantises.
    """
    levels = check_levels(levels)
    check_presentation(presentation)
    check_accumulators(lowered, levels)
    absorbed = set() if keep_activations else _absorbed_activations(lowered)
    quantised = _quantised_outputs(lowered, absorbed)
    nodes: list[Node] = []
    for node in lowered.nodes.values():
        if node.name in absorbed:
            continue
        if isinstance(node, Neurons):
            nodes.append(_site(lowered, node, absorbed, levels))
            continue
        ports = (_in_front(lowered, port, absorbed) for port in node.inputs)
        inputs = tuple(Port(quantised[p], 0, p.width) if p in quantised else p for p in ports)
        nodes.append(_telescoping(dataclasses.replace(node, inputs=inputs), presentation, levels))
        for port in (port for port in quantised if port.node == node.name):
            low, high = level_range(levels, signed=True)
            nodes.append(STBIFNeurons(quantised[port], (port,), (node.tokens, port.width), UNSET_STEP, low, high))
    arrays = {name: array for name, array in lowered.arrays.items() if name.rpartition(".")[0] not in absorbed}
    facts = {**lowered.metadata, "method": "spikezip", "levels": levels, "input": presentation}
    if keep_activations:
        facts["activations"] = "kept"
    return SpikingGraph.build(lowered.name, nodes, arrays, facts)


def check_presentation(presentation: str) -> None:
    """Raise InputError unless it is one of `FinitePresentation`."""
    if presentation not in get_args(FinitePresentation):
        raise InputError(f"input {presentation!r} does not exist; inputs are {', '.join(get_args(FinitePresentation))}")


def with_steps(graph: SpikingGraph, steps: Mapping[str, float]) -> SpikingGraph:
    """The graph with the step size set at every site. Raises CalibrationError for missing, unknown or unusable ones."""
    sites = [site.name for site in graph.sites]
    if unknown := sorted(set(steps) - set(sites)):
        raise CalibrationError(f"steps name {len(unknown)} sites that do not exist, first {unknown[0]!r}")
    if missing := [site for site in sites if site not in steps]:
        raise CalibrationError(f"no step size for {len(missing)} sites, first {missing[0]!r}: calibrate or load them")
    nodes: list[Node] = []
    for node in graph.nodes.values():
        if isinstance(node, STBIFNeurons):
            nodes.append(dataclasses.replace(node, step_size=checked_step(node.name, steps[node.name])))
        else:
            nodes.append(node)
    return SpikingGraph.build(graph.name, nodes, graph.arrays, graph.metadata)


def checked_step(site: str, step: float) -> float:
    """The step size as a float. Raises CalibrationError unless it is positive and finite."""
    value = float(step)
    if not 0 < value < math.inf:
        raise CalibrationError(f"site {site!r}: step size {value:g}, must be positive and finite: calibrate the site again")
    return value


def _absorbed_activations(graph: SpikingGraph) -> set[str]:
    """Rectified activations, each read by neuron sites alone; a ReLU that something else reads stays, it multiplies nothing."""
    absorbed: set[str] = set()
    for unit in graph.of_type(ECUnit):
        if unit.function not in RECTIFIED:
            continue
        readers = _readers_behind_moves(graph, unit.name)
        if (other := [reader.name for reader in readers if not isinstance(reader, Neurons)]) and unit.function == "relu":
            continue
        if other:
            raise ModelError(
                f"activation {unit.name!r} ({unit.function}) feeds {other[0]!r} without a quantiser between: SpikeZIP replaces "
                "it by the ReLU of an unsigned quantiser: keep_activations=True leaves it as it is"
            )
        absorbed.add(unit.name)
    return absorbed


def _readers_behind_moves(graph: SpikingGraph, name: str) -> list[Node]:
    """What reads a stream, through nodes that only put it in another order."""
    found: list[Node] = []
    for reader in map(graph.nodes.__getitem__, graph.consumers(name)):
        found += _readers_behind_moves(graph, reader.name) if isinstance(reader, Rearrange) else [reader]
    return found


def _quantised_outputs(graph: SpikingGraph, absorbed: set[str]) -> dict[Port, str]:
    """Channels of Linears and patch embeddings that something else than neurons reads, and the site to stand behind them.

    Spikes are read whole: channels that are read apart have a site of their own.
    """
    heads = head_synapses(graph)
    found: dict[Port, str] = {}
    for node in graph.nodes.values():
        source = (
            graph.nodes[node.inputs[0].node] if isinstance(node, Rearrange) else node
        )  # behind what only moves a Linear's output
        if not isinstance(source, Synapse | Convolution2d | PatchEmbedding) or source.name in heads:
            continue
        readers = [graph.nodes[name] for name in graph.consumers(node.name) if name not in absorbed]
        if any(not isinstance(reader, Neurons | ECUnit | Gate | Rotation | Rearrange) for reader in readers):
            apart = {
                port for reader in readers if not isinstance(reader, Neurons) for port in reader.inputs if port.node == node.name
            }
            for port in sorted(apart, key=lambda port: (port.start, port.stop)):
                part = "" if port.width == node.width else f".{port.start}-{port.stop}"
                found[port] = f"{node.name}.out{part}"
    return found


def _in_front(graph: SpikingGraph, port: Port, absorbed: set[str]) -> Port:
    """A port on an absorbed activation as one on what the activation reads; any other as it is."""
    if port.node not in absorbed:
        return port
    behind = graph.nodes[port.node].inputs[0]
    return Port(behind.node, behind.start + port.start, behind.start + port.stop)


def _site(graph: SpikingGraph, site: Neurons, absorbed: set[str], levels: int) -> STBIFNeurons:
    port = site.inputs[0]
    source = graph.nodes[port.node]
    moved = source
    while isinstance(moved, Rearrange):
        moved = graph.nodes[moved.inputs[0].node]
    rectified = moved.name in absorbed
    port = _in_front(graph, port, absorbed)
    signed = not rectified and not (isinstance(source, ECUnit) and source.function == "softmax")
    return STBIFNeurons(site.name, (port,), site.shape, UNSET_STEP, *level_range(levels, signed=signed))


def _telescoping(node: Node, presentation: FinitePresentation, levels: int) -> Node:
    """The node under the law of sums: increments telescope, constants enter once."""
    match node:
        case ImageSource() | TokenSource():
            return dataclasses.replace(node, presentation=presentation, rate_steps=levels if presentation == "rate" else 0)
        case ECUnit() | Gate() | ProductUnit() | ReadOut():
            return dataclasses.replace(node, law="sum")
        case Synapse() | Convolution2d() | PatchEmbedding() | ConstantStream():
            return dataclasses.replace(node, injection="once")
        case MTNeurons():
            raise AssertionError("neuron sites are replaced apart")
        case _:
            return node
