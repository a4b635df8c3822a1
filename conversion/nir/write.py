"""A SpikingGraph as a NIR graph, as far as NIR can say it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from synaptile.conversion.graph import (
    Add,
    Convolution2d,
    CubaLIFNeurons,
    IFNeurons,
    LeakyNeurons,
    LIFNeurons,
    MembraneReadOut,
    Node,
    Port,
    ReadOut,
    SpikeSource,
    SpikingGraph,
    Synapse,
)
from synaptile.conversion.nir.back import edges_back
from synaptile.conversion.nir.package import require_nir
from synaptile.conversion.nir.read import FOLDED
from synaptile.conversion.nir.time import DT
from synaptile.foundation.errors import GraphError
from synaptile.foundation.files import atomic_path
from synaptile.foundation.types import Array

_WHY = {
    "mt": "its spikes have many values",
    "stbif": "its spikes have a sign and it counts them",
    "ec": "it applies a function to sums over time",
    "product": "it multiplies two streams",
    "source": "it shows an image, NIR's input is spikes",
}


def write_nir(graph: SpikingGraph, path: str | Path) -> None:
    """Write a graph as a NIR file, atomically. Raises as `to_nir`."""
    converted = to_nir(graph)
    with atomic_path(path) as temporary:
        require_nir().write(temporary, converted)


def to_nir(graph: SpikingGraph) -> Any:
    """A `nir.NIRGraph` with the same names; `from_nir` gives the same graph back.

    Raises GraphError, naming the node, for what NIR cannot express: multi-threshold and ternary neurons, EC units, products,
    real-valued layers, reset by subtraction. Raises InputError without the package nir.
    """
    plain = _Writer(graph)
    written = plain.written()
    found = {edge for edge, steps in edges_back(written, plain.dt).items() if steps}
    return written if found == plain.looped else _Writer(graph, explicit=True).written()


class _Writer:
    """`explicit`: steps of a loop are written as a Delay, which says where they lie where the order of edges does not."""

    def __init__(self, graph: SpikingGraph, *, explicit: bool = False) -> None:
        self.graph, self.nir, self.explicit = graph, require_nir(), explicit
        self.looped: set[tuple[str, str]] = set()
        self.dendrites: dict[str, list[str]] = {}
        self.dt = float(graph.metadata.get("dt", DT))
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        said = graph.metadata.get("dt")
        self.steps: set[float] = set() if said is None else {float(said)}

    def written(self) -> Any:
        for node in self.graph.nodes.values():
            for port in node.inputs:
                if port.width != self.graph.nodes[port.node].width:
                    raise self._refusal(node, f"it reads a part of {port.node!r}")
            self._write(node)
        if len(self.steps) > 1:
            raise GraphError(f"graph {self.graph.name!r} has steps of {sorted(self.steps)}: NIR graphs are stepped by one")
        metadata: dict[str, Any] = {"dt": self.steps.pop()} if self.steps else {}
        if FOLDED in self.graph.metadata:
            metadata[FOLDED] = self.graph.metadata[FOLDED]
        return self.nir.NIRGraph(nodes=self.nodes, edges=self.edges, metadata=metadata, type_check=False)

    def _write(self, node: Node) -> None:
        nir = self.nir
        match node:
            case SpikeSource():
                self._put(node.name, nir.Input(input_type={"input": np.array(node.extents)}), (), node.extents)
            case Synapse(spiking=True):
                self._synapse(node)
            case Convolution2d():
                self._convolution(node)
            case LeakyNeurons():
                self._neurons(node)
            case Add():
                readers = [self.graph.nodes[name] for name in self.graph.consumers(node.name)]
                if not all(isinstance(reader, LeakyNeurons) for reader in readers):
                    raise self._refusal(node, "its sum is read by other than neurons")
                self.shapes[node.name] = self.shapes[node.inputs[0].node]
            case MembraneReadOut():
                self.steps.add(node.dt)
                before, shape = node.inputs[0].node, self.shapes[node.inputs[0].node]
                values = {field: self.graph.array(node.name, field).reshape(shape) for field in node.parameters}
                self._put(node.name, nir.LI(**values), (before,), shape)
                self._put(self._free("output"), nir.Output(output_type={"output": np.array(shape)}), (node.name,), shape)
            case ReadOut(law="sum", scale=1.0):
                before = node.inputs[0].node
                shape = self.shapes[before]
                self._put(node.name, nir.Output(output_type={"output": np.array(shape)}), (before,), shape)
            case _:
                raise self._refusal(node, _WHY.get(node.kind, "it has no counterpart there"))

    def _put(self, name: str, node: Any, before: tuple[str, ...], shape: tuple[int, ...]) -> str:
        self.nodes[name] = node
        self.edges += [(source, name) for source in before]
        self.shapes[name] = shape
        return name

    def _free(self, name: str) -> str:
        while name in self.nodes or name in self.graph.nodes:
            name += "_"
        return name

    def _flattened(self, reader: str, source: str) -> str:
        shape = self.shapes[source]
        if len(shape) == 1:
            return source
        flat = self.nir.Flatten(input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1)
        return self._put(self._free(f"{reader}.flatten"), flat, (source,), (int(np.prod(shape)),))

    def _synapse(self, node: Synapse) -> None:
        """A matrix for each port; those behind the first have no bias."""
        weight = self.graph.array(node.name, "weight")
        for number, port in enumerate(node.inputs):
            name = self._free(f"{node.name}.{number}") if number else node.name
            own = weight[:, node.first_row(number) :][:, : port.width]
            matrix = self.nir.Linear(weight=own) if number else self._matrix(node, own)
            self._put(name, matrix, (self._flattened(name, self._read(name, port)),), (node.width,))
            self.dendrites.setdefault(node.name, []).append(name)

    def _read(self, reader: str, port: Port) -> str:
        """What hands on the spikes that a port reads, behind a Delay where it looks back, unless a loop says that it does."""
        shape = self.shapes[port.node] = self._shape_of(port.node)
        if not port.delay:
            return port.node
        if port.delay == 1 and not self.explicit:
            self.looped.add((port.node, reader))
            return port.node
        delay = self.nir.Delay(delay=np.full(shape, port.delay * self.dt))
        return self._put(self._free(f"{reader}.delay"), delay, (port.node,), shape)

    def _shape_of(self, name: str) -> tuple[int, ...]:
        match self.graph.nodes[name]:
            case SpikeSource(extents=extents):
                return extents
            case Convolution2d(flat=False) as node:
                return (node.channels, *node.plane)
            case Synapse() | Convolution2d() as node:
                return (node.width,)
            case node:
                return self._shape_of(node.inputs[0].node)

    def _matrix(self, node: Synapse | Convolution2d, weight: Array) -> Any:
        bias = self.graph.array(node.name, "bias")
        weight = weight.reshape(len(weight), -1)
        if node.injection == "every":
            return self.nir.Affine(weight=weight, bias=bias)
        if bias.any():
            raise self._refusal(node, "its bias enters once, not at every step")
        return self.nir.Linear(weight=weight)

    def _convolution(self, node: Convolution2d) -> None:
        source = self._read(node.name, node.inputs[0])
        if self.shapes[source] != node.image:
            raise self._refusal(node, f"it reads {source!r} as an image of {node.image}, whose shape is {self.shapes[source]}")
        if node.pooling != "none":
            kind = self.nir.SumPool2d if node.pooling == "sum" else self.nir.AvgPool2d
            windows = (node.pool_kernel, node.pool_stride, node.pool_padding)
            pool = kind(*(np.array(window) for window in windows))
            source = self._put(self._free(f"{node.name}.pool"), pool, (source,), (node.image[0], *node.pooled))
        if node.flat:
            matrix = self._matrix(node, self.graph.array(node.name, "weight"))
            self._put(node.name, matrix, (self._flattened(node.name, source),), (node.width,))
            return
        if node.injection == "once":
            raise self._refusal(node, "its bias enters once, not at every step")
        weight, bias = (self.graph.array(node.name, field) for field in ("weight", "bias"))
        conv = self.nir.Conv2d(node.pooled, weight, node.stride, node.padding, node.dilation, node.groups, bias)
        self._put(node.name, conv, (source,), (node.channels, *node.plane))

    def _neurons(self, node: LeakyNeurons) -> None:
        if node.reset == "subtract":
            raise self._refusal(node, "it resets by subtraction, NIR's neurons reset to v_reset")
        before = node.inputs[0].node
        shape = self.shapes[before]
        values = {field: self.graph.array(node.name, field).reshape(shape) for field in node.parameters}
        if isinstance(node, LIFNeurons | CubaLIFNeurons):
            self.steps.add(node.dt)
        kind = {IFNeurons: self.nir.IF, LIFNeurons: self.nir.LIF, CubaLIFNeurons: self.nir.CubaLIF}[type(node)]
        source = self.graph.nodes[before]
        fed = [port.node for port in source.inputs] if isinstance(source, Add) else [before]
        sources = tuple(name for synapse in fed for name in self.dendrites.get(synapse, [synapse]))
        self._put(node.name, kind(**values), sources, shape)

    def _refusal(self, node: Node, why: str) -> GraphError:
        return GraphError(f"node {node.name!r} ({node.kind}) of graph {self.graph.name!r} cannot be written to NIR: {why}")
