"""Nodes of networks that do not come from an ANN: spike trains in, neurons with one threshold and binary spikes, membranes out.

Neurons obey NIR's equations, stepped by forward Euler with spikes as currents that last one step, which is what snnTorch inverts
when it writes NIR: ``x`` is the current of the step. A neuron fires where ``v > v_threshold`` (strictly, as NIR has it) and is
then reset, within the step, to `v_reset` or (`reset` ``"subtract"``) by `v_threshold`. All state starts at 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from synaptile.conversion.graph.node import BinaryNeurons, Node, Read, Shape, Source
from synaptile.conversion.graph.streams import ReadOut
from synaptile.foundation.errors import GraphError
from synaptile.foundation.options import Reset


@dataclass(frozen=True)
class SpikeSource(BinaryNeurons, Source):
    """Spike trains, 0 or 1 per neuron and step, shape (1, neurons). `extents`: (neurons,) or (channels, H, W)."""

    extents: tuple[int, ...]

    kind = "spike_source"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """All neurons as one token."""
        return (1, math.prod(self.extents))


@dataclass(frozen=True)
class ValueSource(Source):
    """Real values per neuron and step, shape (1, neurons): direct coding, event counts. `extents` as of SpikeSource.

    The layer behind multiplies them with its weights: a MAC per value and output, where spikes cost an accumulate each.
    """

    extents: tuple[int, ...]

    kind = "value_source"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """All neurons as one token."""
        return (1, math.prod(self.extents))


@dataclass(frozen=True)
class LeakyNeurons(BinaryNeurons):
    """What sites of NIR's neurons share. Every array has shape (channels,): each neuron has its own parameters."""

    reset: Reset

    parameters: ClassVar[tuple[str, ...]]
    """Names of the arrays, which are NIR's own."""

    def array_shapes(self) -> dict[str, Shape]:
        """A value per neuron."""
        return dict.fromkeys(self.parameters, (self.width,))


@dataclass(frozen=True)
class IFNeurons(LeakyNeurons):
    """NIR's IF: ``v += r x``. Without a time constant its unit of time is the step."""

    kind = "if"
    parameters = ("r", "v_threshold", "v_reset")


@dataclass(frozen=True)
class LIFNeurons(LeakyNeurons):
    """NIR's LIF: ``v += dt/tau ((v_leak - v) + r x)``. `dt` in the unit of tau."""

    dt: float

    kind = "lif"
    parameters = ("tau", "r", "v_leak", "v_threshold", "v_reset")

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A neuron per channel of the input."""
        _check_step(self, self.dt)
        return reads[0].shape


@dataclass(frozen=True)
class CubaLIFNeurons(LeakyNeurons):
    """NIR's CubaLIF: ``i += dt/tau_syn (w_in x - i)``, then ``v += dt/tau_mem ((v_leak - v) + r i)`` with the new current."""

    dt: float

    kind = "cuba_lif"
    parameters = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in")

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A neuron per channel of the input."""
        _check_step(self, self.dt)
        return reads[0].shape


@dataclass(frozen=True)
class MembraneReadOut(ReadOut):
    """NIR's LI as a read-out off the chip: logits are membranes, ``v += dt/tau ((v_leak - v) + r x)``. Arrays: (channels,)."""

    dt: float = 1.0

    kind = "membrane_readout"
    parameters: ClassVar[tuple[str, ...]] = ("tau", "r", "v_leak")

    def array_shapes(self) -> dict[str, Shape]:
        """A value per membrane."""
        return dict.fromkeys(self.parameters, (self.width,))

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A membrane per channel of the input."""
        _check_step(self, self.dt)
        return reads[0].shape


def _check_step(node: Node, dt: float) -> None:
    if not 0 < dt < math.inf:
        raise GraphError(f"{node.name!r} has dt {dt:g}, needs a positive and finite step")
