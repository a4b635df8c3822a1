"""Section `step_times`: what a core of a barrier chip takes within a step, and what a barrier takes by tiles in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from synaptile.hwmodels.sourced import Count, Flag, Real, RealOrZero, Section, Text, WrittenAs

SynapseFormat: TypeAlias = Literal["sparse", "dense", "convolution"]
"""How a core stores synapses: each with its target, a row without targets, or one kernel for all positions."""


@dataclass(frozen=True, kw_only=True)
class StepTimes(Section):
    """Where it is given, time on the chip is that of its slowest core, step by step (docs/validation.md)."""

    compartment_ns: Real
    """Sweeping over one compartment, whether it fires or not."""
    spike_ns: RealOrZero
    """On top, for one that fires."""
    message_out_ns: RealOrZero
    """Sending a spike to one core."""
    message_in_ns: RealOrZero
    """Receiving it there, before its synaptic operations."""
    sparse_synop_ns: Real
    """One synaptic operation, of synapses stored one by one."""
    dense_synop_ns: Real | None = None
    """One of a row without targets."""
    convolution_synop_ns: Real | None = None
    """One of a shared kernel."""
    linear_format: SynapseFormat = "sparse"
    """How linear layers are stored."""
    convolution_format: SynapseFormat = "sparse"
    """How convolutions are stored."""
    hop_x_ns: RealOrZero
    """From router to router along a row (east-west)."""
    hop_y_ns: RealOrZero
    """From router to router along a column (north-south)."""
    buffer_messages: Count
    """Messages on their way to a core or waiting there; a sender waits while there is no room."""
    receives_beside_sweep: Flag
    """Whether a core receives while it sweeps; else it sweeps first, and receives before only where it waits for room."""
    barrier_ns: Annotated[Mapping[str, float], WrittenAs(dict[Text, Real])] = field(default_factory=dict, hash=False)
    """Tiles in use -> what a barrier takes, straight lines between, level beyond; absent, the chip's barrier_ns."""

    def synop_ns(self, stored: SynapseFormat) -> float | None:
        """One synaptic operation of a format; None where the chip states none."""
        return {"sparse": self.sparse_synop_ns, "dense": self.dense_synop_ns, "convolution": self.convolution_synop_ns}[stored]
