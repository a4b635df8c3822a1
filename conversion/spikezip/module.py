"""The QANN as a PyTorch module: a graph's own nodes, with learned step sizes (LSQ: Esser et al., ICLR 2020)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ConstantStream,
    Convolution2d,
    ECUnit,
    Gate,
    ImageSource,
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
    TokenMean,
    TokenSelect,
)
from synaptile.conversion.spikezip.structure import with_steps
from synaptile.foundation.errors import GraphError

SMALLEST_STEP = 1e-6
"""Steps are kept above it: a step that crosses zero turns its quantiser over."""


def quantise(x: Tensor, step: Tensor, low: int, high: int) -> Tensor:
    """Step * clamp(floor(x / step + 0.5), low, high); gradients pass straight through inside the range.

    The step's gradient is scaled by 1 / sqrt(values per image * high), as LSQ does, so that steps learn as fast as weights.
    """
    scale = 1.0 / math.sqrt(x[0].numel() * high)
    step = (step - step * scale).detach() + step * scale
    scaled = torch.clamp(x / step, low, high)
    level = scaled + (torch.clamp(torch.floor(x.detach() / step.detach() + 0.5), low, high) - scaled).detach()
    return level * step


class QANN(nn.Module):
    """A SpikeZIP graph's QANN, trainable. `forward(images)` gives logits, shape (images, classes).

    Parameters are the graph's arrays and one step a site; names are theirs with ``/`` for dots. Raises GraphError for a graph
    without quantisers at every site.
    """

    def __init__(self, graph: SpikingGraph) -> None:
        super().__init__()
        sites = graph.of_type(STBIFNeurons)
        if not sites or len(sites) != len(graph.sites):
            raise GraphError(f"graph {graph.name!r} is no QANN: it needs an ST-BIF quantiser at every site")
        self.graph = graph
        self.values = nn.ParameterDict({_key(name): torch.from_numpy(np.array(a)) for name, a in graph.arrays.items()})
        self.steps = nn.ParameterDict({_key(site.name): torch.tensor(site.step_size) for site in sites})

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        streams: dict[str, Tensor] = {}
        for node in self.graph.nodes.values():
            inputs = [_take(streams[port.node], port) for port in node.inputs]
            streams[node.name] = images if isinstance(node, ImageSource) else self._node(node, inputs, images)
        return streams[self.graph.readout.name][:, 0]

    def keep_steps_positive(self) -> None:
        """Bound all steps from below; call after each update."""
        with torch.no_grad():
            for step in self.steps.values():
                step.clamp_(min=SMALLEST_STEP)

    def to_graph(self) -> SpikingGraph:
        """The graph with what was learned, weights in their own dtype, steps rounded to float32."""
        arrays = {
            name: self.values[_key(name)].detach().numpy().astype(array.dtype).copy() for name, array in self.graph.arrays.items()
        }
        built = SpikingGraph.build(self.graph.name, self.graph.nodes.values(), arrays, self.graph.metadata)
        return with_steps(built, {site.name: float(self.steps[_key(site.name)].detach()) for site in self.graph.sites})

    def _value(self, node: Node, field: str) -> Tensor:
        value: Tensor = self.values[_key(f"{node.name}.{field}")]
        return value

    def _node(self, node: Node, inputs: list[Tensor], images: Tensor) -> Tensor:
        match node:
            case STBIFNeurons():
                return quantise(inputs[0], self.steps[_key(node.name)], node.low, node.high)
            case Synapse():
                return functional.linear(inputs[0], self._value(node, "weight"), self._value(node, "bias"))
            case PatchEmbedding():
                shape = (node.width, node.image_channels, *node.kernel)
                weight, bias = self._value(node, "weight").reshape(shape), self._value(node, "bias")
                return functional.conv2d(_grown(node, images), weight, bias, node.stride).flatten(2).transpose(1, 2)
            case Convolution2d(pooling="none"):
                weight, bias = self._value(node, "weight"), self._value(node, "bias")
                grown = _grown(node, inputs[0].reshape(-1, *node.image))
                return functional.conv2d(grown, weight, bias, node.stride, 0, node.dilation, node.groups).flatten(1)[:, None]
            case ConstantStream():
                return self._value(node, "value").expand(len(images), -1, -1)
            case ECUnit():
                return self._function(node, inputs[0] * node.input_scale if node.input_scale != 1.0 else inputs[0])
            case ProductUnit():
                return _product(node, *inputs)
            case Add():
                return torch.stack(inputs).sum(dim=0)
            case Gate():
                return inputs[0] * inputs[1]
            case Rotation():
                return self._turn(node, inputs[0])
            case Rearrange():
                return inputs[0].flatten(1)[:, torch.from_numpy(node.places)]
            case Concatenate():
                return torch.cat(inputs, dim=1)
            case TokenSelect():
                return inputs[0][:, node.start : node.stop]
            case TokenMean():
                return inputs[0][:, node.start : node.stop].mean(dim=1, keepdim=True)
            case ReadOut():
                return inputs[0] * node.scale
            case _:
                raise GraphError(f"node {node.name!r} of kind {node.kind!r} has no place in a QANN")

    def _turn(self, node: Rotation, x: Tensor) -> Tensor:
        times = node.width // node.period
        cos, *sin = (self._value(node, name).repeat(1, times) for name in node.array_shapes())
        return x * cos + x[..., torch.from_numpy(node.partners(node.width))] * sin[0] if sin else x * cos

    def _function(self, unit: ECUnit, x: Tensor) -> Tensor:
        if unit.groups > 1:
            return self._function(dataclasses.replace(unit, groups=1), x.reshape(len(x), -1, unit.row)).reshape(x.shape)
        match unit.function:
            case "rms_norm":
                return functional.rms_norm(x, x.shape[-1:], self._value(unit, "weight"), unit.eps)
            case "layer_norm" if unit.apart or unit.spread > 1:
                normed = functional.layer_norm(x, x.shape[-1:], eps=unit.eps)
                weight, bias = (self._value(unit, name).repeat_interleave(unit.spread, -1) for name in ("weight", "bias"))
                return normed * weight + bias
            case "layer_norm":
                return functional.layer_norm(x, x.shape[-1:], self._value(unit, "weight"), self._value(unit, "bias"), unit.eps)
            case "softmax":
                return torch.softmax(x + self._value(unit, "bias") if unit.biased else x, dim=-1)
            case function if function in _KEPT:
                return torch.as_tensor(_KEPT[function](x))
            case _:
                raise GraphError(f"EC unit {unit.name!r} ({unit.function}) has no place in a QANN: a quantiser absorbs it")


_KEPT: dict[str, Any] = {
    "silu": functional.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "hard_sigmoid": functional.hardsigmoid,
    "hard_swish": functional.hardswish,
}
"""Activations that no quantiser absorbs."""


def _key(name: str) -> str:
    return name.replace(".", "/")


def _take(stream: Tensor, port: Port) -> Tensor:
    return stream[:, port.start : port.stop] if stream.ndim == 4 else stream[..., port.start : port.stop]


def _grown(node: PatchEmbedding | Convolution2d, images: Tensor) -> Tensor:
    """Images with their padding."""
    (top, left), (lower, right) = node.padding, node.surplus
    return functional.pad(images, (left, left + right, top, top + lower))


def _product(node: ProductUnit, a: Tensor, b: Tensor) -> Tensor:
    images = len(a)
    right = b.reshape(images, node.keys, node.heads, node.head_width).transpose(1, 2)
    if node.form == "qk":
        left = a.reshape(images, node.tokens, node.heads, node.head_width).transpose(1, 2)
        return left @ right.transpose(-1, -2)
    return (a @ right).transpose(1, 2).reshape(images, *node.shape)
