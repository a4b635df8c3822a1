"""Spike trains, NIR's neurons and leaky read-outs in event-driven execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import CubaLIFNeurons, IFNeurons, LeakyNeurons, MembraneReadOut, SpikeSource, SpikingGraph
from synaptile.foundation.types import Array
from synaptile.simulator.event.unit import SteppedUnit
from synaptile.simulator.kernels.fire import Events, empty_events
from synaptile.simulator.kernels.leaky import Equation, LeakyState, Manner, count_trains, fire_leaky
from synaptile.simulator.leaky import leaky_constants


@dataclass
class TrainUnit(SteppedUnit):
    """Spike trains; `trains` has shape (samples, steps, neurons)."""

    node: SpikeSource
    trains: Array
    bounds: NDArray[np.int64]

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Events:
        """The spikes of this step."""
        trains = np.ascontiguousarray(self.trains[:, t - 1])
        events = empty_events(len(trains), self.node.width, len(self.bounds) - 1)
        self.traffic.histogram = count_trains(trains, self.bounds, events)
        return events


@dataclass
class ValuesUnit(SteppedUnit):
    """Real values of each step; `values` has shape (samples, steps, neurons)."""

    values: Array

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The values of this step."""
        return np.ascontiguousarray(self.values[:, t - 1])


@dataclass
class LeakyFireUnit(SteppedUnit):
    """IF, LIF or CubaLIF neurons of one site."""

    graph: SpikingGraph
    node: LeakyNeurons
    rows: int
    bounds: NDArray[np.int64]
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        shape = (self.rows, self.node.width)
        cuba = isinstance(self.node, CubaLIFNeurons)
        equation = Equation.IF if isinstance(self.node, IFNeurons) else Equation.CUBA if cuba else Equation.LIF
        self.manner = Manner(int(equation), self.node.reset == "subtract")
        self.constants = leaky_constants(self.graph, self.node, self.dtype)
        current = np.zeros(shape if cuba else (self.rows, 0), self.dtype)
        self.state = LeakyState(np.zeros(shape, self.dtype), current)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Events:
        """Integrate, fire, reset."""
        events = empty_events(self.rows, self.node.width, len(self.bounds) - 1)
        self.traffic.histogram = fire_leaky(inputs[0], starts[0], self.state, self.constants, self.manner, self.bounds, events)
        return events


@dataclass
class MembraneReadOutUnit(SteppedUnit):
    """Leaky integrators off the chip."""

    graph: SpikingGraph
    node: MembraneReadOut
    images: int
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        self.membrane = np.zeros((self.images, self.node.width), self.dtype)
        self.constants = leaky_constants(self.graph, self.node, self.dtype)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Membranes of this step."""
        k, read = self.constants, inputs[0][:, starts[0] : starts[0] + self.node.width]
        self.membrane = self.membrane + k.gain * ((k.v_leak - self.membrane) + k.r * read)
        return self.membrane
