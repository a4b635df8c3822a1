"""Constants of NIR's neurons as both executions use them: rounded once, from float64, to the run's floating type."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from synaptile.conversion.graph import CubaLIFNeurons, IFNeurons, LeakyNeurons, LIFNeurons, MembraneReadOut, SpikingGraph
from synaptile.foundation.types import Array


class LeakyConstants(NamedTuple):
    """Constants of a site, shape (channels,) each; ones and zeros where an equation lacks the term.

    ``i += gain_in * (w_in x - i)``; ``v += gain * ((v_leak - v) + r i)``, or for IF ``v += r x``.
    """

    gain_in: Array
    w_in: Array
    gain: Array
    v_leak: Array
    r: Array
    v_threshold: Array
    v_reset: Array


def leaky_constants(graph: SpikingGraph, node: LeakyNeurons | MembraneReadOut, dtype: np.dtype[Any]) -> LeakyConstants:
    """Constants of one node in the run's floating type."""

    def array(field: str) -> Array:
        return graph.array(node.name, field).astype(np.float64)

    one, zero = np.ones(node.width), np.zeros(node.width)
    gain_in, w_in, gain, leak, threshold, reset = one, one, one, zero, zero, zero
    if isinstance(node, LeakyNeurons):
        threshold, reset = array("v_threshold"), array("v_reset")
    if not isinstance(node, IFNeurons):
        assert isinstance(node, LIFNeurons | CubaLIFNeurons | MembraneReadOut)
        gain, leak = node.dt / array("tau_mem" if isinstance(node, CubaLIFNeurons) else "tau"), array("v_leak")
    if isinstance(node, CubaLIFNeurons):
        gain_in, w_in = node.dt / array("tau_syn"), array("w_in")
    rounded = (value.astype(dtype) for value in (gain_in, w_in, gain, leak, array("r"), threshold, reset))
    return LeakyConstants(*rounded)
