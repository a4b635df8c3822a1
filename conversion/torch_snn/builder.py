"""Nodes of a spiking model as they are found, with arrays that BatchNorm still changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, Node, Port, Rearrange
from synaptile.foundation.errors import ModelError


class Builder:
    """A list of nodes and arrays. `planes` holds height and width of a node's channels."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.arrays: dict[str, NDArray[Any]] = {}
        self.planes: dict[str, tuple[int, int]] = {}

    def add(self, node: Node, plane: tuple[int, int] = (1, 1), **arrays: NDArray[Any]) -> str:
        """Take a node; its name, made different from all others."""
        name, number = node.name, 1
        while name in self.nodes:
            number += 1
            name = f"{node.name}.{number}"
        self.nodes[name] = replace(node, name=name)
        self.planes[name] = plane
        self.arrays |= {f"{name}.{field}": np.ascontiguousarray(array) for field, array in arrays.items()}
        return name

    def is_site(self, name: str) -> bool:
        """Whether a node spikes."""
        return isinstance(self.nodes[name], Neurons)

    def whole(self, name: str) -> Port:
        """All of a node's stream."""
        return Port(name, 0, self.nodes[name].width)

    def normalise(self, name: str, gain: NDArray[Any], offset: NDArray[Any], where: str) -> None:
        """Fold ``gain * x + offset``, (channels,) each, into the layer that makes a stream."""
        if any(port.node == name for node in self.nodes.values() for port in node.inputs):
            raise ModelError(f"{where} stands behind {name!r}, which others read as it is: it cannot be folded into it")
        node = self.nodes[name]
        owner = node.inputs[0].node if isinstance(node, Rearrange) else name
        weight = self.arrays.get(f"{owner}.weight")
        if weight is None or len(weight) != len(gain):
            raise ModelError(f"{where} stands behind {name!r} ({node.kind}): only behind a convolution or Linear is it folded")
        self.arrays[f"{owner}.weight"] = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
        self.arrays[f"{owner}.bias"] = self.arrays[f"{owner}.bias"] * gain + offset

    def change(self, name: str, **fields: Any) -> None:
        """Another value of a node's fields."""
        self.nodes[name] = replace(self.nodes[name], **fields)
