"""Synapses that feed the same neurons and look back in time, joined: one dendrite with the axons of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Add, Node, Synapse

Arrays = Mapping[str, NDArray[Any]]


def merged(nodes: Sequence[Node], arrays: Arrays) -> tuple[list[Node], dict[str, NDArray[Any]]]:
    """The same network, sums of synapses alone, one of which looks back, made one synapse; it bears the name of the first.

    What it sums up is their sum, so it needs no core for real values. Other sums stay.
    """
    by_name, read = {node.name: node for node in nodes}, Counter(port.node for node in nodes for port in node.inputs)
    joined: dict[str, Synapse] = {}
    kept = dict(arrays)
    gone: set[str] = set()
    for node in nodes:
        parts = [by_name[port.node] for port in node.inputs] if isinstance(node, Add) else []
        synapses = [part for part in parts if isinstance(part, Synapse) and part.spiking and read[part.name] == 1]
        if len(synapses) < max(len(parts), 1) or not any(port.delay for part in synapses for port in part.inputs):
            continue
        name = synapses[0].name
        every = any(part.injection == "every" for part in synapses)
        ports = tuple(port for part in synapses for port in part.inputs)
        fan_in = sum(part.fan_in for part in synapses)
        joined[node.name] = replace(synapses[0], inputs=ports, fan_in=fan_in, injection="every" if every else "once")
        kept[f"{name}.weight"] = np.concatenate([arrays[f"{part.name}.weight"] for part in synapses], axis=1)
        kept[f"{name}.bias"] = np.sum([arrays[f"{part.name}.bias"] for part in synapses], axis=0)
        gone |= {part.name for part in synapses}
        for part in synapses[1:]:
            del kept[f"{part.name}.weight"], kept[f"{part.name}.bias"]
    found: list[Node] = []
    for node in nodes:
        if node.name in joined:
            found.append(joined[node.name])
        elif node.name not in gone:
            ports = tuple(replace(port, node=joined[port.node].name) if port.node in joined else port for port in node.inputs)
            found.append(replace(node, inputs=ports))
    return found, kept
