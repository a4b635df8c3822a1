"""ST-BIF+ sites of event-driven execution, and their spikes as real values for the nodes that add them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, STBIFNeurons
from synaptile.simulator.event.unit import SteppedUnit
from synaptile.simulator.kernels.fire import Events, empty_events, make_thresholds
from synaptile.simulator.kernels.ternary import TernaryLimits, fire_ternary, resting_state

ROWS_AT_ONCE = 1024


@dataclass
class TernaryFireUnit(SteppedUnit):
    """ST-BIF+ neurons of one site."""

    node: STBIFNeurons
    rows: int
    bounds: NDArray[np.int64]
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        self.state = resting_state(self.rows, self.node.shape[-1], self.dtype)
        self.limits = TernaryLimits(self.dtype.type(self.node.step_size), self.node.low, self.node.high)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Events:
        """Integrate, fire, reset, trace."""
        start = 0 if self.node.is_map else starts[0]
        events = empty_events(self.rows, self.node.shape[-1], len(self.bounds) - 1)
        self.traffic.histogram = fire_ternary(inputs[0], start, self.state, self.limits, self.bounds, events)
        return events


def spike_values(site: Neurons, events: Events, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What spikes are worth, dense, shape (rows, width): how nodes other than synapses and products read them."""
    emitted = make_thresholds(site.theta1, site.theta2, site.n, dtype).emitted
    values = np.empty(events.codes.shape, dtype)
    for top in range(0, len(values), ROWS_AT_ONCE):  # indices take eight bytes each
        rows = slice(top, top + ROWS_AT_ONCE)
        values[rows] = emitted[events.codes[rows].astype(np.int64) + site.n]
    return values
