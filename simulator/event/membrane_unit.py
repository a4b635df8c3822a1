"""Networks of whole numbers in event-driven execution: synapses whose sums arrive a step later, neurons, membranes read out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import IntegerConvolution2d, IntegerNeurons, IntegerReadOut, SpikingGraph
from synaptile.conversion.graph.whole import DECAY_ONE
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Int64
from synaptile.simulator.event.convolution_unit import ConvolutionUnit, part_counts
from synaptile.simulator.event.unit import EventUnit, SteppedUnit
from synaptile.simulator.kernels.convolve import convolve, make_kernel
from synaptile.simulator.kernels.fire import Events, empty_events
from synaptile.simulator.kernels.membrane import MembraneRules, fire_membranes
from synaptile.simulator.number_format import integer_weight


class IntegerConvolutionUnit(ConvolutionUnit):
    """A synapse of whole numbers: int32 sums of this step's spikes, handed on at the step after where it has a delay."""

    def __init__(self, graph: SpikingGraph, node: IntegerConvolution2d, ranges: tuple[tuple[int, int], ...]) -> None:
        scale = np.full((1, node.channels), 1 << node.exponent, np.int64)
        kernel = make_kernel(node, integer_weight(graph, node))
        super().__init__(node, kernel, scale, np.zeros(node.channels, np.int64), np.zeros(1, np.int32), ranges)
        bias = graph.array(node.name, "bias").astype(np.int64)
        self.node: IntegerConvolution2d = node
        self.places, self.image_places, self.delay = node.places, node.image_places, node.delay
        self.added = np.repeat(bias, node.plane[0] * node.plane[1])[self.places]

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Int64:
        """Currents of all steps and samples, in the order of the stream."""
        events: Events = inputs[0]
        samples = len(events.codes) // steps
        codes = np.take(events.codes, np.argsort(self.image_places), axis=1) if self.node.image_order else events.codes
        sums = self.buffers.empty((len(codes), self.node.width), np.int64)
        issued = convolve(events._replace(codes=codes), self.plane, self.kernel, self.scale, self.no_bias, self.worth, sums)
        self.traffic.eq30 = self.traffic.released = issued.reshape(steps, samples)
        fired = events.codes.reshape(steps, samples, -1) != 0
        self.traffic.parts = np.stack([part_counts(self.node, self.ranges, step) for step in fired])
        out = self.buffers.empty(sums.shape, np.int64)
        late = samples * self.delay
        out[:late] = self.added
        arriving = sums[: len(sums) - late]
        np.add(np.take(arriving, self.places, axis=1) if self.node.order else arriving, self.added, out=out[late:])
        return out


@dataclass
class MembraneFireUnit(EventUnit):
    """Neurons of whole numbers of one site."""

    graph: SpikingGraph
    node: IntegerNeurons
    rows: int
    bounds: NDArray[np.int64]

    def __post_init__(self) -> None:
        self.rules = MembraneRules(self.node.decay, self.node.reset == "subtract", self.node.largest)
        self.threshold = self.graph.array(self.node.name, "threshold").astype(np.int64)
        self.membrane = np.zeros((self.rows, self.node.width), np.int64)

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Events:
        """Decay, integrate, fire, reset. Raises InputError for a membrane beyond its bits where that is refused."""
        node = self.node
        events = empty_events(steps * self.rows, node.width, len(self.bounds) - 1, self.buffers.empty)
        wrapped = np.empty((steps * self.rows, 2), np.int64)
        currents = np.ascontiguousarray(inputs[0][:, starts[0] : starts[0] + node.width])
        fire_membranes(currents, self.membrane, self.threshold, self.rules, self.bounds, events, wrapped)
        self.traffic.overflows = wrapped[:, 0].reshape(steps, -1).sum(axis=1)
        if node.overflow == "refuse" and self.traffic.overflows.any():
            step = int(np.flatnonzero(self.traffic.overflows)[0])
            first = next(int(neuron) for neuron in wrapped[step * self.rows :, 1] if neuron >= 0)
            raise overflow_error(node, first, step + 1, int(self.traffic.overflows[step]))
        spikes = events.counts.reshape(steps, -1).sum(axis=1, dtype=np.int64)
        self.traffic.histogram = np.stack([spikes, np.zeros_like(spikes)], axis=1)
        return events


@dataclass
class MembraneWordUnit(SteppedUnit):
    """Membranes that never fire, read by the host."""

    node: IntegerReadOut
    images: int

    def __post_init__(self) -> None:
        self.membrane = np.zeros((self.images, self.node.width), np.int64)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Int64:
        """Membranes of this step."""
        kept = np.abs(self.membrane) * (DECAY_ONE - self.node.decay) // DECAY_ONE
        self.membrane = np.sign(self.membrane) * kept + inputs[0][:, starts[0] : starts[0] + self.node.width]
        return self.membrane


def overflow_error(node: IntegerNeurons, neuron: int, step: int, count: int) -> InputError:
    """A membrane that left its bits."""
    return InputError(
        f"neuron {neuron} of {node.name!r} leaves its membrane's {node.membrane_bits} bits at step {step} ({count - 1} more in "
        f"the batch): limit {node.largest:,}: scale weights and thresholds, raise membrane_bits, or let membranes wrap"
    )
