"""Nodes of networks that do not come from an ANN: spike trains in, neurons with one threshold and binary spikes, membranes out.

Neurons obey NIR's equations, stepped by forward Euler with spikes as currents that last one step, which is what snnTorch inverts
when it writes NIR: ``x`` is the current of the step. A neuron fires where ``v > v_threshold`` (strictly, as NIR has it) and is
then reset, within the step, to `v_reset` or (`reset` ``"subtract"``) by `v_threshold`. All state starts at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from synaptile.conversion.graph.nodes import Neurons, ReadOut, Source

Reset: TypeAlias = Literal["value", "subtract"]
"""What a spike does to the membrane: sets it to v_reset (NIR), or takes v_threshold off it."""


@dataclass(frozen=True)
class BinaryNeurons(Neurons):
    """Sites whose spikes have one value, 1."""

    @property
    def theta1(self) -> float:
        """Value of a spike."""
        return 1.0

    @property
    def theta2(self) -> float:
        """No spike is negative; what the kernels read in its place."""
        return 1.0

    @property
    def n(self) -> int:
        """One magnitude."""
        return 1

    @property
    def values(self) -> int:
        """One value: a spike carries nothing but its address."""
        return 1


@dataclass(frozen=True)
class SpikeSource(BinaryNeurons, Source):
    """Spike trains, 0 or 1 a neuron and step, shape (1, neurons). `extents`: (neurons,) or (channels, H, W)."""

    extents: tuple[int, ...]

    kind = "spike_source"


@dataclass(frozen=True)
class LeakyNeurons(BinaryNeurons):
    """What sites of NIR's neurons share. Every array has shape (channels,): each neuron has its own parameters."""

    reset: Reset


@dataclass(frozen=True)
class IFNeurons(LeakyNeurons):
    """NIR's IF: ``v += r x``. Without a time constant its unit of time is the step."""

    kind = "if"
    arrays = ("r", "v_threshold", "v_reset")


@dataclass(frozen=True)
class LIFNeurons(LeakyNeurons):
    """NIR's LIF: ``v += dt/tau ((v_leak - v) + r x)``. `dt` in the unit of tau."""

    dt: float

    kind = "lif"
    arrays = ("tau", "r", "v_leak", "v_threshold", "v_reset")


@dataclass(frozen=True)
class CubaLIFNeurons(LeakyNeurons):
    """NIR's CubaLIF: ``i += dt/tau_syn (w_in x - i)``, then ``v += dt/tau_mem ((v_leak - v) + r i)`` with the new current."""

    dt: float

    kind = "cuba_lif"
    arrays = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in")


@dataclass(frozen=True)
class MembraneReadOut(ReadOut):
    """NIR's LI as a read-out off the chip: logits are membranes, ``v += dt/tau ((v_leak - v) + r x)``. Arrays: (channels,)."""

    dt: float = 1.0

    kind = "membrane_readout"
    arrays = ("tau", "r", "v_leak")
