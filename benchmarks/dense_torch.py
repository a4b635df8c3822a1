"""The same spiking network in plain PyTorch: every site a dense tensor of spike values, every product a matrix product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.dense_units import Step, expectation, expectation_of_product, mean_so_far, neurons
from synaptile.conversion.graph import (
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
    TokenSelect,
)


class DenseNetwork:
    """A spiking graph without cores: `run` gives the logits of each step, (steps, images, classes)."""

    def __init__(self, graph: SpikingGraph) -> None:
        self.graph = graph
        self.arrays = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in graph.arrays.items()}

    @torch.inference_mode()
    def run(self, images: NDArray[Any], steps: int) -> Tensor:
        """Run from zero state; images: (images, channels, H, W)."""
        nodes, pixels = self.graph.nodes, torch.from_numpy(images)
        units = {name: self._unit(node, pixels) for name, node in nodes.items()}
        logits = []
        for t in range(1, steps + 1):
            streams: dict[str, Tensor] = {}
            for name, node in nodes.items():
                reads = [
                    streams[port.node] if nodes[port.node].is_map else streams[port.node][..., port.start : port.stop]
                    for port in node.inputs
                ]
                streams[name] = units[name](reads, t)
            logits.append(streams[self.graph.readout.name][:, 0])
        return torch.stack(logits)

    def _array(self, node: Node, name: str) -> Tensor:
        return self.arrays[f"{node.name}.{name}"]

    def _unit(self, node: Node, images: Tensor) -> Step:
        match node:
            case ImageSource():
                return lambda _reads, _t: images.reshape(len(images), 1, -1)
            case PatchEmbedding():
                weight = self._array(node, "weight").reshape(node.width, node.image_channels, *node.kernel)
                current = functional.conv2d(images, weight, self._array(node, "bias"), node.stride, node.padding)
                patches = current.flatten(2).transpose(1, 2)
                return lambda _reads, _t: patches
            case ConstantStream():
                value = self._array(node, "value").expand(len(images), -1, -1)
                return lambda _reads, _t: value
            case Concatenate():
                return lambda reads, _t: torch.cat(reads, dim=1)
            case Add():
                return lambda reads, _t: torch.stack(reads).sum(dim=0)
            case TokenSelect():
                return lambda reads, _t: reads[0][:, node.start : node.stop]
            case Synapse():
                weight, bias = self._array(node, "weight"), self._array(node, "bias")
                return lambda reads, _t: functional.linear(reads[0], weight, bias)
            case MTNeurons():
                return neurons(node)
            case ECUnit():
                return expectation(self._function(node))
            case ProductUnit():
                return expectation_of_product(node)
            case ReadOut():
                return mean_so_far(node.scale)
        raise ValueError(f"the dense network has no {node.kind}")

    def _function(self, node: ECUnit) -> Callable[[Tensor], Tensor]:
        match node.function:
            case "layer_norm":
                weight, bias = self._array(node, "weight"), self._array(node, "bias")
                return lambda x: functional.layer_norm(x, x.shape[-1:], weight, bias, node.eps)
            case "softmax":
                return lambda x: torch.softmax(x * node.input_scale, dim=-1)
            case "gelu":
                return functional.gelu
        raise ValueError(f"the dense network has no {node.function}")
