"""The SpikingGraph: typed nodes in topological order, their arrays, and a networkx view of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph.node import Neurons, Node, Port, Source
from synaptile.conversion.graph.order import Stage, stages_of
from synaptile.conversion.graph.serialise import structure_of
from synaptile.conversion.graph.streams import ReadOut
from synaptile.conversion.graph.verify import verify_arrays, verify_structure
from synaptile.conversion.graph.whole import IntegerNeurons
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import GraphError
from synaptile.foundation.shown import Shown
from synaptile.foundation.tables import Tabular, arrow, choose

if TYPE_CHECKING:
    import pyarrow as pa

N = TypeVar("N", bound=Node)


@dataclass(frozen=True, eq=False, repr=False)
class SpikingGraph(Tabular, Shown):
    """A spiking network ready to be mapped.

    `nodes` maps names to nodes in a topological order that every stage keeps; ports that look back in time are no part of
    it. `arrays` maps ``"<node>.<field>"`` to arrays; it is empty in a graph loaded without its weights. `metadata` is JSON-able:
    model name, method, preset, ANN calibration facts and versions. Build with `SpikingGraph.build`, which verifies.
    """

    name: str
    nodes: Mapping[str, Node]
    arrays: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def build(
        name: str,
        nodes: Iterable[Node],
        arrays: Mapping[str, NDArray[Any]],
        metadata: Mapping[str, Any] | None = None,
        *,
        structure_only: bool = False,
    ) -> SpikingGraph:
        """Order, verify and freeze a graph.

        `structure_only` admits a graph without arrays, which can be mapped and priced but not executed.
        Raises GraphError, or WeightsError for arrays that are missing, misshapen or not finite.
        """
        listed = list(nodes)
        by_name = {node.name: node for node in listed}
        if len(by_name) != len(listed):
            twice = sorted({node.name for node in listed if sum(n.name == node.name for n in listed) > 1})
            raise GraphError(f"graph {name!r} names nodes twice: {', '.join(twice)}: every node needs a name of its own")
        verify_structure(name, by_name)
        ordered = {node: by_name[node] for stage in stages_of(listed) for node in stage}
        if not structure_only:
            verify_arrays(name, ordered, arrays)
        return SpikingGraph(
            name, MappingProxyType(ordered), MappingProxyType(dict(arrays)), MappingProxyType(dict(metadata or {}))
        )

    @cached_property
    def digraph(self) -> nx.DiGraph[str]:
        """The graph as networkx sees it: nodes carry ``node``, edges ``ports`` (a tuple of Port)."""
        digraph: nx.DiGraph[str] = nx.DiGraph(name=self.name)
        for name, node in self.nodes.items():
            digraph.add_node(name, node=node)
        for name, node in self.nodes.items():
            for port in node.inputs:
                ports: tuple[Port, ...] = digraph.edges[port.node, name]["ports"] if digraph.has_edge(port.node, name) else ()
                digraph.add_edge(port.node, name, ports=(*ports, port))
        return digraph

    @cached_property
    def _consumers(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(self.digraph.successors(name)) for name in self.nodes}

    def consumers(self, name: str) -> tuple[str, ...]:
        """Names of the nodes that read the stream of `name`, in graph order."""
        return self._consumers[name]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Nodes in graph order: one by one, or those of a loop together, which go through each step before the next."""
        return stages_of(self.nodes.values())

    @cached_property
    def looks_back(self) -> bool:
        """Whether a port reads an earlier step."""
        return any(port.delay for node in self.nodes.values() for port in node.inputs)

    @cached_property
    def _read_last(self) -> dict[str, tuple[str, ...]]:
        last: dict[str, list[str]] = {name: [] for name in self.nodes}
        stage_of = {name: number for number, stage in enumerate(self.stages) for name in stage}
        for name, readers in self._consumers.items():
            if readers:
                last[self.stages[max(stage_of[reader] for reader in readers)][-1]].append(name)
        return {name: tuple(streams) for name, streams in last.items()}

    def read_last(self, name: str) -> tuple[str, ...]:
        """Names of the nodes whose streams nothing needs once `name` has run, and the loop that it ends; in graph order."""
        return self._read_last[name]

    def of_type(self, kind: type[N]) -> tuple[N, ...]:
        """Nodes of one type, in graph order."""
        return tuple(node for node in self.nodes.values() if isinstance(node, kind))

    @cached_property
    def sites(self) -> tuple[Neurons, ...]:
        """Neuron sites, in graph order."""
        return self.of_type(Neurons)

    @cached_property
    def source(self) -> Source:
        """Where samples enter."""
        return self.of_type(Source)[0]

    @cached_property
    def settles_after(self) -> int | None:
        """The step beyond which a step without a spike anywhere changes nothing for ever; None where there is none."""
        return self.source.last_step if all(site.rests for site in self.sites) and not self.looks_back else None

    @cached_property
    def readout(self) -> ReadOut:
        """The one read-out."""
        return self.of_type(ReadOut)[0]

    @cached_property
    def integer(self) -> bool:
        """Whether the network works in whole numbers alone."""
        return bool(self.of_type(IntegerNeurons))

    @property
    def ann_macs(self) -> dict[str, int]:
        """Dense MACs of one pass of one image per Linear, convolution and product, in graph order; no patch embedding."""
        return {node.name: node.macs for node in self.nodes.values() if node.macs}

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64 where any array is, else float32."""
        return np.dtype(np.result_type(np.float32, *(array.dtype for array in self.arrays.values())))

    @property
    def structure(self) -> dict[str, Any]:
        """What a graph file holds beside arrays, JSON-able: name, metadata and nodes."""
        return structure_of(self.name, self.metadata, self.nodes.values())

    @cached_property
    def digest(self) -> str:
        """Hex digest of structure and arrays."""
        return digest_of(self.structure, self.arrays)

    def array(self, node: str, field_name: str) -> NDArray[Any]:
        """The array ``"<node>.<field>"``. Raises GraphError in a graph loaded without arrays."""
        try:
            return self.arrays[f"{node}.{field_name}"]
        except KeyError:
            raise GraphError(
                f"graph {self.name!r} carries no array '{node}.{field_name}': it was loaded as structure only; "
                "load the full graph to execute it"
            ) from None

    def to_arrow(self, table: str | None = None) -> pa.Table:
        """Table `nodes`, in graph order: name, kind, layer, shape, inputs, neurons, MACs of the ANN (0 where a node has none)."""
        choose(table, ("nodes",), "a spiking graph")
        nodes, macs = list(self.nodes.values()), self.ann_macs
        columns = {
            "node": [node.name for node in nodes],
            "kind": [node.kind for node in nodes],
            "layer": [layer_of(node.name) for node in nodes],
            "shape": [list(node.shape) for node in nodes],
            "inputs": [[port.node for port in node.inputs] for node in nodes],
            "neurons": [node.size if isinstance(node, Neurons) else 0 for node in nodes],
            "ann_macs": [macs.get(node.name, 0) for node in nodes],
        }
        return arrow(columns, {"graph": self.name, "digest": self.digest})


def layer_of(name: str) -> str:
    """The layer that a node is reported under: ``blocks.3`` for ``blocks.3.attn.qkv``, else the first name part."""
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 1 and parts[1].isdigit() else parts[0]
