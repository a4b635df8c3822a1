"""Linear: MT neurons in front, then an accumulate-only synapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synaptile.conversion.graph import MTNeurons, Port, Synapse
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.values import Stream

if TYPE_CHECKING:
    import torch


def lower_linear(b: Builder, x: Stream, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Stream:
    """Site ``<module>.in`` and synapse ``<module>``, the module that owns the weights. A pending scale moves into the weights."""
    import torch

    if not isinstance(weight, torch.Tensor) or x.bias is not None:
        raise b.fail("a Linear needs constant weights and a plain input")
    port = b.token_port(x)
    channels, fan_in = weight.shape
    name = b.unique(_owner(b) or b.where or "linear")
    site = add_site(b, f"{name}.in", port)
    bias = torch.zeros(channels, dtype=weight.dtype) if bias is None else bias
    tokens = b.nodes[site.node].tokens
    node = Synapse(name, (site,), (tokens, channels), fan_in)
    b.add(node, weight=weight * x.scale if x.scale != 1.0 else weight, bias=bias)
    shape = (*x.index.shape[:-1], channels)
    return Stream(name, torch.arange(node.size).reshape(shape))


def _owner(b: Builder) -> str:
    """The module whose ``weight`` a Linear reads: EVA and BEiT call ``linear`` on the weights of a sub-module, `qkv`."""
    parameter = b.parameters.get(getattr(b.fx.args[1], "name", ""), "")
    return parameter.removesuffix(".weight") if parameter.endswith(".weight") else ""


def add_site(b: Builder, name: str, port: Port) -> Port:
    """MT neurons on a port, thresholds 1 until calibration; returns the port of their spikes."""
    name = b.unique(name)
    source = b.nodes[port.node]
    shape = (port.width, *source.shape[1:]) if source.is_map else (source.tokens, port.width)
    b.add(MTNeurons(name, (port,), shape, 1.0, 1.0, 8))
    return b.whole(name)
