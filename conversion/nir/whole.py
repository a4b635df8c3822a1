"""Nodes read from NIR as nodes of whole numbers, where every weight, threshold and decay is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import (
    Convolution2d,
    CurrentSource,
    IFNeurons,
    InputCurrent,
    IntegerConvolution2d,
    IntegerNeurons,
    IntegerReadOut,
    LIFNeurons,
    MembraneReadOut,
    Node,
    ReadOut,
    SpikeSource,
    Synapse,
)
from synaptile.conversion.graph.whole import DECAY_ONE
from synaptile.foundation.errors import GraphError

Arrays = Mapping[str, NDArray[Any]]


def in_whole_numbers(nodes: Iterable[Node], arrays: Arrays) -> tuple[list[Node], dict[str, NDArray[Any]]]:
    """The same network without delay, as NIR has it. Raises GraphError, naming node and value, where it is not whole."""
    found: list[Node] = []
    kept: dict[str, NDArray[Any]] = {}
    synapses: set[str] = set()
    for node in nodes:
        name, inputs, shape = node.name, node.inputs, node.shape
        match node:
            case Convolution2d(pooling="none"):
                found.append(
                    IntegerConvolution2d(
                        name,
                        inputs,
                        shape,
                        node.image,
                        node.kernel,
                        node.stride,
                        node.padding,
                        node.dilation,
                        node.groups,
                        delay=0,
                    )
                )
                kept |= {f"{name}.{field}": arrays[f"{name}.{field}"] for field in ("weight", "bias")}
                synapses.add(name)
            case Synapse():
                image = (node.fan_in, 1, 1)
                found.append(IntegerConvolution2d(name, inputs, shape, image, (1, 1), flat=True, delay=0))
                kept |= {f"{name}.weight": arrays[f"{name}.weight"][:, :, None, None], f"{name}.bias": arrays[f"{name}.bias"]}
                synapses.add(name)
            case IFNeurons() | LIFNeurons():
                if node.reset == "value":
                    _one(node, arrays, "v_reset", 0.0)
                found.append(IntegerNeurons(name, inputs, shape, node.reset, _decay(node, arrays)))
                kept[f"{name}.threshold"] = arrays[f"{name}.v_threshold"]
            case MembraneReadOut():
                found.append(IntegerReadOut(name, inputs, shape, law="sum", off_chip=True, decay=_decay(node, arrays)))
            case ReadOut() if inputs[0].node in synapses:
                found.append(IntegerReadOut(name, inputs, shape, law="sum", off_chip=True))
            case SpikeSource() | CurrentSource() | InputCurrent() | ReadOut():
                found.append(node)
            case _:
                raise GraphError(
                    f"NIR node {name!r} ({node.kind}) has no counterpart in whole numbers: convert without --integer"
                )
    return found, kept


def _decay(node: IFNeurons | LIFNeurons | MembraneReadOut, arrays: Arrays) -> int:
    """Decay in 4096ths: ``v += dt/tau (r x - v)`` with r = tau/dt loses dt/tau of v and takes x as it is."""
    if isinstance(node, IFNeurons):
        _one(node, arrays, "r", 1.0)
        return 0
    tau = _one(node, arrays, "tau", None)
    _one(node, arrays, "v_leak", 0.0)
    _one(node, arrays, "r", tau / node.dt)
    decay = DECAY_ONE * node.dt / tau
    if abs(decay - round(decay)) > 1e-6 * max(decay, 1.0):
        raise GraphError(f"NIR node {node.name!r}: dt / tau is {decay:g} / {DECAY_ONE}, no whole number of them: change tau")
    return round(decay)


def _one(node: Node, arrays: Arrays, field: str, needed: float | None) -> float:
    """The one value that all neurons share, which must be `needed` where that is given."""
    values = np.asarray(arrays[f"{node.name}.{field}"], np.float64)
    wanted = float(values.flat[0]) if needed is None else needed
    if not np.allclose(values, wanted, rtol=1e-6, atol=0):
        wrong = values[~np.isclose(values, wanted, rtol=1e-6, atol=0)][0]
        raise GraphError(f"NIR node {node.name!r}: {field} is {wrong:g}, whole numbers need {wanted:g} throughout")
    return wanted
