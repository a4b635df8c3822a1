"""What every unit of event-driven execution is: its stream and traffic of all steps, at once or put together step by step.

Streams between units are C-contiguous arrays of shape (steps * rows, width), row = (step * images + image) * tokens + token;
attention maps have a row per query of a head, row = ((step * images + image) * heads + head) * tokens + token. Neuron sites hand
on `Events` instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.types import Array
from synaptile.simulator.event.buffers import Buffers
from synaptile.simulator.kernels.fire import Events


@dataclass(frozen=True)
class ProductEvents:
    """Events a product met: `a` per row, shape (steps, images * heads, rows), `b` per column.

    At the first step there is no second pass: S_A(0) = 0 leaves it nothing to do.
    """

    a: NDArray[np.int32]
    b: NDArray[np.int32]


@dataclass
class Traffic:
    """What one unit did, a leading axis of steps on all of it.

    `issued`: accumulates (steps, rows, tiles) of a synapse; `parts`: accumulates and weight rows (steps, images, parts, 2) of a
    convolution's; `events`: what a product met; `eq30`, `released`: accumulates (steps, images) in the published accountings;
    `histogram`: spikes (steps, 2n) per threshold of a site; `overflows`: membranes that left their bits (steps,);
    `departures`: sums that left their accumulators or membranes, or inputs outside the range of a table (steps,).
    """

    issued: NDArray[np.int64] | None = None
    parts: NDArray[np.int64] | None = None
    events: ProductEvents | None = None
    eq30: NDArray[np.int64] | None = None
    released: NDArray[np.int64] | None = None
    histogram: NDArray[np.int64] | None = None
    overflows: NDArray[np.int64] | None = None
    departures: NDArray[np.int64] | None = None


@dataclass
class EventUnit:
    """Base: `run(steps, inputs, starts)` gives the unit's stream; `starts` are the first channels of its ports.

    Large arrays come from `buffers`.
    """

    traffic: Traffic = field(default_factory=Traffic, init=False)
    buffers: Buffers = field(default_factory=Buffers, init=False)

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Any:
        """The stream of all steps."""
        raise AssertionError("every unit defines its run")

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Any:
        """Advance one time step: sees the rows of one step and leaves the step's traffic, without an axis of steps."""
        raise AssertionError("units that go step by step define their step")


class SteppedUnit(EventUnit):
    """A unit that goes step by step."""

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Any:
        """Step by step, each written into the stream of all."""
        whole = Collected(steps, self.buffers)
        for t in range(1, steps + 1):
            whole.add(t, self.step(t, [rows_of(read, steps, t) for read in inputs], starts), self)
        self.traffic = whole.traffic
        return whole.stream


class Collected:
    """Stream and traffic of all steps, put together step by step."""

    def __init__(self, steps: int, buffers: Buffers) -> None:
        self.stream: Any = None
        self._steps, self._buffers, self._traffic = steps, buffers, list[Traffic]()

    def add(self, t: int, out: Any, unit: EventUnit) -> None:
        """Take the stream of step t, where it is kept, and what the unit did in it."""
        if out is not None:
            self.stream = self._room(out) if self.stream is None else self.stream
            for whole, part in zip(_arrays(self.stream), _arrays(out), strict=True):
                whole[(t - 1) * len(part) : t * len(part)] = part
        self._traffic.append(unit.traffic)
        unit.traffic = Traffic()

    @property
    def traffic(self) -> Traffic:
        """What was done at all steps."""
        return stacked(self._traffic)

    def _room(self, out: Any) -> Any:
        """Room for the stream of all steps, of the kind of one step's."""
        arrays = [self._buffers.empty((self._steps * len(array), *array.shape[1:]), array.dtype) for array in _arrays(out)]
        return Events(*arrays) if isinstance(out, Events) else arrays[0]


def rows_of(stream: Any, steps: int, t: int) -> Any:
    """The rows of step t of a stream of all steps."""
    parts = [array[(t - 1) * (len(array) // steps) : t * (len(array) // steps)] for array in _arrays(stream)]
    return Events(*parts) if isinstance(stream, Events) else parts[0]


def _arrays(stream: Any) -> tuple[Array, ...]:
    return stream if isinstance(stream, Events) else (stream,)


def stacked(traffic: Sequence[Traffic]) -> Traffic:
    """What was done at each step, given step by step without an axis of steps."""
    whole = Traffic()
    for name in ("issued", "parts", "eq30", "released", "histogram", "overflows", "departures"):
        if getattr(traffic[0], name) is not None:
            setattr(whole, name, np.stack([getattr(step, name) for step in traffic]))
    products = [step.events for step in traffic if step.events is not None]
    if products:
        whole.events = ProductEvents(np.stack([step.a for step in products]), np.stack([step.b for step in products]))
    return whole
